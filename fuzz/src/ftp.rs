//! Feeds any bytes to what reads control connections, as a camera or a scanner could make them.
//!
//! What must hold stands in `camtrail_ftp::invariants`; its test replays the kept corpus in CI.

#![no_main]

use camtrail_ftp::invariants;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|wire: &[u8]| invariants::hold(wire));
