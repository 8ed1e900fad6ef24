//! Feeds any bytes to what reads cursors, as a client of the API could send them.
//!
//! What must hold stands in `camtrail_api::invariants`; its test replays the kept corpus in CI.

#![no_main]

use camtrail_api::invariants;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|wire: &[u8]| invariants::hold(wire));
