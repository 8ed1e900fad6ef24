//! Feeds any bytes to the camera-name grammar and the object keys, as an FTP client could.
//!
//! What must hold stands in `camtrail_model::names::invariants`; its test replays the kept corpus in CI.

#![no_main]

use camtrail_model::names::invariants;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|wire: &[u8]| invariants::hold(wire));
