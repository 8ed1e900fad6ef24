//! Feeds any bytes to what reads configurations, as a person could write them.
//!
//! What must hold stands in `camtrail::invariants`; its test replays the kept corpus in CI.

#![no_main]

use camtrail::invariants;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|wire: &[u8]| invariants::hold(wire));
