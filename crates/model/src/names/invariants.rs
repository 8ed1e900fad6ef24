//! What holds for every name that a stranger can send, said once: the fuzzer (`fuzz/`) and the tests both ask it.
//!
//! [`hold`] panics where something doesn't. It is given bytes from the wire, as the gateway is.

use std::sync::OnceLock;

use jiff::tz::TimeZone;

use super::{Claim, NameReading, capture_time, finished_name, is_in_progress, read};
use crate::{
    CameraName, CaptureKind, CaptureTime, Digest, FileName, KeyVerdict, Millis, ObjectBase, ObjectKey,
    TimeSource,
    text::{decode_wire_name, key_segment},
    time::resolve_local,
};

/// Zones with and without changes of clocks, half hours, a day that never was, and the ends of the world.
const ZONES: [&str; 7] = [
    "UTC",
    "America/Los_Angeles",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Etc/GMT+12",
];
/// Arrivals, as a gateway's clock tells them: a box without a clock, the article's clip, today, a far day.
const ARRIVALS_MS: [i64; 4] = [0, 1_472_596_194_000, 1_795_500_000_000, 4_102_444_800_000];
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The longest name that a file system takes.
const FILE_SYSTEM_NAME_MAX_BYTES: usize = 255;
/// No single clip is longer.
const DURATION_MAX_MS: u64 = DAY_MS as u64;

/// Everything that must hold for a path from the wire: parts are separated by `/`, a line break begins another path.
pub fn hold(wire: &[u8]) {
    let paths: Vec<Vec<String>> = wire
        .split(|&byte| byte == b'\n')
        .map(|path| {
            path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).map(decode_wire_name).collect()
        })
        .collect();
    for path in &paths {
        hold_for_path(&path.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let mut names: Vec<(&[u8], &str)> = Vec::new();
    let mut parts = wire.split(|byte| b"\n/".contains(byte)).filter(|part| !part.is_empty());
    for part in paths.iter().flatten() {
        names.extend(parts.next().map(|wire| (wire, part.as_str())));
    }
    for (at, one) in names.iter().enumerate() {
        for other in &names[..at] {
            hold_for_pair(*one, *other);
        }
    }
    // A key that somebody else made, such as one in a notification.
    hold_for_key(&decode_wire_name(wire));
}

fn hold_for_path(parts: &[&str]) {
    let reading = read(parts);
    assert_eq!(reading, read(parts), "{parts:?} reads differently");
    hold_for_reading(parts, &reading);
    let file = parts.last().copied().unwrap_or_default();
    let finished = finished_name(file);
    assert!(file.starts_with(finished), "{file:?} is finished as {finished:?}");
    assert_eq!(finished_name(finished), finished, "{file:?} is finished twice");
    assert!(!is_in_progress(finished), "{file:?} is finished as {finished:?}, which is under way");
    assert_eq!(is_in_progress(file), finished.len() < file.len(), "{file:?}");
    assert_eq!(reading.in_progress, is_in_progress(file), "{file:?}");
    for &(name, ref zone) in zones() {
        let mut arrivals = ARRIVALS_MS.map(Millis).to_vec();
        // About the moment that the name tells: there a fold is decided, and a clock is ahead or not.
        let told = reading.local_start().and_then(|wall| resolve_local(wall, zone, Millis(0)));
        if let Some(told) = told {
            arrivals
                .extend([-DAY_MS, -HOUR_MS, -1_000, 0, 1_000, HOUR_MS, 2 * HOUR_MS].map(|ms| told.plus(ms)));
        }
        let mut last = None;
        for received in arrivals {
            let time = capture_time(&reading, zone, received);
            hold_for_time(parts, &reading, &time, received);
            last = Some(time);
        }
        // A key depends on the name and little on the zone: one of them, and the camera's own name, will do.
        let camera = match name {
            "UTC" => parts.first().copied().unwrap_or_default(),
            "Pacific/Apia" => name,
            _ => continue,
        };
        if let Some(time) = last {
            hold_for_new_key(&CameraName::from_folder(camera), &time, finished);
        }
    }
}

/// Looked up once; one that this system's database lacks is left out.
fn zones() -> &'static [(&'static str, TimeZone)] {
    static FOUND: OnceLock<Vec<(&str, TimeZone)>> = OnceLock::new();
    FOUND.get_or_init(|| ZONES.iter().filter_map(|&name| Some((name, TimeZone::get(name).ok()?))).collect())
}

fn hold_for_reading(parts: &[&str], reading: &NameReading) {
    if let Some(start) = reading.local_start() {
        assert!((1970..=9999).contains(&start.year()), "{parts:?}: {start}");
    }
    assert!(reading.duration_ms.is_none_or(|ms| ms <= DURATION_MAX_MS), "{parts:?}: {reading:?}");
    assert!(
        reading.plate.as_ref().is_none_or(|plate| (2..=12).contains(&plate.len())),
        "{parts:?}: {reading:?}"
    );
}

fn hold_for_time(parts: &[&str], reading: &NameReading, time: &CaptureTime, received: Millis) {
    const AHEAD_MAX_MS: i64 = 5 * 60 * 1000;
    const YEAR_1994_MS: i64 = 757_382_400_000;
    let told = || format!("{parts:?} at {received}: {time:?}");
    assert!(time.instant.0 <= received.plus(AHEAD_MAX_MS).0, "{}", told());
    assert!(time.offset_s.abs() <= 26 * 3600, "{}", told());
    if time.source == TimeSource::Arrival {
        assert_eq!(time.instant, received, "{}", told());
    } else {
        assert!(reading.claim != Claim::None && time.clock_error_ms.is_none(), "{}", told());
        assert!(time.instant.0 > YEAR_1994_MS, "{}", told());
    }
    if matches!(reading.claim, Claim::TimeOfDay(_)) && time.source == TimeSource::Name {
        // A day of 25 hours, and one that a zone left out.
        assert!(received.0 - time.instant.0 <= 2 * DAY_MS + HOUR_MS, "{}", told());
    }
    assert!(time.local_date_hour().1 < 24, "{}", told());
}

/// A key made for an upload parses back to itself, whatever the shipper makes of the name.
fn hold_for_new_key(camera: &CameraName, time: &CaptureTime, file: &str) {
    let base = ObjectBase::default();
    let digest = Digest([0xAB; 32]);
    let uploaded = FileName::from_upload(file);
    for remuxed in [false, true] {
        let named = if remuxed { uploaded.with_extension("mp4") } else { uploaded.clone() };
        let named = if named.looks_derived() { named.with_digest(&digest) } else { named };
        assert!(!named.looks_derived(), "{named:?} of {file:?}");
        let hashed = named.with_digest(&digest);
        let twice = hashed.with_digest(&digest);
        let known = [&named, &hashed, &twice]
            .map(|name| ObjectKey::new(&base, camera, time, CaptureKind::Snap, name.clone()));
        assert!(known[0] != known[1] && known[1] != known[2] && known[0] != known[2], "{known:?}");
        for key in known {
            let name = key.file().as_str();
            assert!(name.len() <= FILE_SYSTEM_NAME_MAX_BYTES && !name.contains(['/', '\0']), "{name:?}");
            assert!(!matches!(name, "" | "." | ".."), "{name:?}");
            assert_eq!(ObjectKey::parse(&base, key.as_str()).as_ref(), Ok(&key), "of {file:?}");
            assert_eq!(key.with_file(key.file().clone()), key);
            let manifest = format!("derived/{key}/media.json");
            assert_eq!(ObjectKey::judge(&base, &manifest), KeyVerdict::Manifest(key));
        }
    }
}

/// A text that parses as a key prints back to itself, and its parts make it again.
fn hold_for_key(text: &str) {
    let bases = [Ok(ObjectBase::default()), ObjectBase::parse(text.split('/').next().unwrap_or_default())];
    for base in bases.into_iter().flatten() {
        assert_eq!(ObjectBase::parse(base.as_str()).as_ref(), Ok(&base));
        match ObjectKey::judge(&base, text) {
            KeyVerdict::Capture(key) => {
                assert_eq!(key.as_str(), text);
                assert_eq!(key.with_file(key.file().clone()).as_str(), text);
                assert!(key.fraction() < 1_000_000_000);
            }
            KeyVerdict::Manifest(key) => assert_eq!(format!("derived/{key}/media.json"), text),
            KeyVerdict::State(key) => assert_eq!(format!("derived/{key}/state.json"), text),
            KeyVerdict::Superseded(key) => assert_eq!(format!("derived/{key}/superseded.json"), text),
            KeyVerdict::Skip(reason) => assert!(!reason.to_string().is_empty()),
        }
    }
}

/// Two names, from the wire and as text.
fn hold_for_pair(one: (&[u8], &str), other: (&[u8], &str)) {
    let readable = |wire| std::str::from_utf8(wire).is_ok();
    // Names of one encoding stay apart; é of one and é of the other are the same name.
    if readable(one.0) == readable(other.0) {
        assert_eq!(one.0 == other.0, one.1 == other.1, "{one:?} and {other:?}");
    }
    for max_bytes in [64, 220] {
        let segments = [one.1, other.1].map(|name| key_segment(name, max_bytes));
        for segment in &segments {
            assert!(!segment.is_empty() && segment.len() <= max_bytes, "{segment:?} of {one:?}, {other:?}");
            assert_eq!(&key_segment(segment, max_bytes), segment, "of {one:?}, {other:?}");
            assert_eq!(segment.trim(), segment, "of {one:?}, {other:?}");
        }
        // Names that hold nothing forbidden stay apart, however long they are.
        let allowed = |name: &str| key_segment(name, name.len().max(32)) == name;
        // Who writes another name's eight digits himself may meet it: then the content decides.
        let hashed = [one.1, other.1].iter().any(|name| name.contains('~'));
        if one.1 != other.1 && allowed(one.1) && allowed(other.1) && !hashed {
            assert_ne!(segments[0], segments[1], "of {one:?} and {other:?}");
        }
    }
}
