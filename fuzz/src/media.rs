//! Feeds any bytes to what reads the structure of files, as a camera (or what says it is one) could upload them.
//!
//! What must hold stands in `camtrail_media::invariants`; its test replays the kept corpus in CI.

#![no_main]

use camtrail_media::invariants;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|wire: &[u8]| invariants::hold(wire));
