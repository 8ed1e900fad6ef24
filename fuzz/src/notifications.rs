//! Feeds any bytes to what reads notifications of stores, as a webhook or a queue could carry them.
//!
//! What must hold stands in `camtrail_arrival::invariants`; its test replays the kept corpus in CI.

#![no_main]

use camtrail_arrival::invariants;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|wire: &[u8]| invariants::hold(wire));
