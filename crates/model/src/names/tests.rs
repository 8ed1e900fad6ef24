//! Names as cameras write them, row by row, and the policy for impossible and wrong clocks.

use proptest::prelude::*;

use super::*;

fn path(text: &str) -> NameReading {
    read(&text.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>())
}

fn start(text: &str) -> Option<String> {
    path(text).local_start().map(|time| time.to_string())
}

/// Every row of the table that holds a path; templates and remarks are prose.
#[test]
fn every_row_of_the_table() {
    let table = include_str!("../../tests/data/camera-names.tsv");
    let mut checked = 0;
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [number, _, name, kind, local_start, end, ..] = columns[..] else { panic!("row {row:?}") };
        if name.starts_with("TEMPLATE") {
            continue;
        }
        checked += 1;
        // Two rows have a remark behind the path.
        let name = name.split(" (").next().unwrap_or(name);
        let reading = path(name);
        let name = format!("row {number}: {name}");
        match kind {
            kind if kind.starts_with("image") => assert_eq!(reading.kind, Some(CaptureKind::Snap), "{name}"),
            "video" => assert_eq!(reading.kind, Some(CaptureKind::Record), "{name}"),
            "SIDECAR" => assert!(reading.sidecar, "{name}"),
            kind if kind.contains("in progress") => assert!(reading.in_progress, "{name}"),
            kind if kind.contains("marker") => assert!(reading.sidecar && reading.kind.is_none(), "{name}"),
            other => panic!("{name}: kind {other:?}"),
        }
        if local_start.starts_with("REJECT") {
            assert!(reading.impossible_time && reading.claim == Claim::None, "{name}: {reading:?}");
        } else if local_start.contains('T') {
            let want = local_start.split(' ').next().unwrap_or_default();
            assert_eq!(reading.local_start(), Some(want.parse().unwrap()), "{name}");
        }
        if let Some(seconds) = end.strip_suffix('s').and_then(|seconds| seconds.parse::<u64>().ok()) {
            assert_eq!(reading.duration_ms, Some(seconds * 1000), "{name}");
        } else if let Ok(end) = end.parse::<DateTime>() {
            let begin = reading.local_start().unwrap();
            let want = u64::try_from(end.duration_since(begin).as_millis()).unwrap();
            assert_eq!(reading.duration_ms, Some(want), "{name}");
        }
    }
    assert!(checked >= 30, "the table has {checked} rows with a path");
}

#[test]
fn a_recorders_begin_and_end_are_not_an_upload_and_a_time() {
    let minutes = |minutes: u64| Some(minutes * 60_000);
    for (name, begin, duration_ms) in [
        ("NVR_ch1_main_20230101120000_20230101120500.dav", "2023-01-01T12:00:00", minutes(5)),
        ("ch01_20230101-235930_20230102-000030.mp4", "2023-01-01T23:59:30", minutes(1)),
        ("NVR_ch1_main_20230101120000_20230101140000.dav", "2023-01-01T12:00:00", minutes(120)),
        // Farther apart, the same, or backwards: the last one, as ever.
        ("NVR_ch1_main_20230101120000_20230101140001.dav", "2023-01-01T14:00:01", None),
        ("cam_20230101120000_20230101120000_3.mp4", "2023-01-01T12:00:00", None),
        ("cam_20230101120500_20230101120000.mp4", "2023-01-01T12:00:00", None),
        // A still has no end.
        ("cam_20230101120000_20230101120500.jpg", "2023-01-01T12:05:00", None),
        // Numbers behind a stamp are numbers.
        ("20260814_150544_000102_000456.jpg", "2026-08-14T15:05:44", None),
        ("cam_20260814150544_150101_000001.jpg", "2026-08-14T15:05:44", None),
    ] {
        let reading = path(name);
        assert_eq!(start(name).as_deref(), Some(begin), "{name}");
        assert_eq!(reading.duration_ms, duration_ms, "{name}");
    }
    assert_eq!(path("NVR_20230101120000_20230101120500_2.mp4").sequence, Some(2), "behind both");
}

#[test]
fn a_time_of_day_without_a_date_takes_the_arrivals() {
    assert_eq!(
        path("22.49.40-22.49.47[F][0@0][0].mp4").claim,
        Claim::TimeOfDay(jiff::civil::time(22, 49, 40, 0))
    );
    assert_eq!(path("14H/22M37S23.mp4").claim, Claim::TimeOfDay(jiff::civil::time(14, 22, 37, 0)));
    assert_eq!(path("05H/E200M00S60.mp4").duration_ms, Some(60_000));
    let zone = TimeZone::get("America/Los_Angeles").unwrap();
    let received = Millis::from("2016-08-31T05:50:00Z".parse::<jiff::Timestamp>().unwrap());
    let got = capture_time(&path("22.49.40-22.49.47[F][0@0][0].mp4"), &zone, received);
    assert_eq!(got.instant.to_string(), "2016-08-31T05:49:40.000Z", "the evening before in Los Angeles");
    let late = capture_time(&path("23.59.58[M][0@0][0].jpg"), &zone, received.plus(2 * 3_600_000));
    assert_eq!(late.instant.to_string(), "2016-08-31T06:59:58.000Z");
}

#[test]
fn hints_plates_and_sequences() {
    for (name, hint) in [
        ("HMDAlarm_20260101-103424.jpg", Hint::Human),
        ("MDalarm_20250712_213837.mkv", Hint::Motion),
        ("record/alarm_20231127_200437.mkv", Hint::Alarm),
        ("192.168.0.6_01_20240920224359458_LINE_CROSSING_DETECTION.jpg", Hint::LineCrossing),
        ("192.168.1.64_01_20251219213552789_line_crossing_detection.jpg", Hint::LineCrossing),
        ("192.168.1.64_01_20260927140311123_TIMING.jpg", Hint::Scheduled),
        ("11.50.41-11.52.11[M][0@0][0].dav", Hint::Motion),
        ("08.20.31-08.49.43[R][0@0][0].dav", Hint::Scheduled),
    ] {
        assert_eq!(path(name).hint, Some(hint), "{name}");
    }
    assert_eq!(path("20190412080100148_1J6AG_VEHICLE_DETECTION.jpg").plate.as_deref(), Some("1J6AG"));
    assert_eq!(path("2018-07-25/001/jpg/09/50/04[M][0@0][1].jpg").sequence, Some(1));
    assert_eq!(path("Img_2010-08-10/Snap_103130_021_1.jpg").sequence, Some(1));
    assert_eq!(path("192.168.0.67_20210207230537_20210224_220227_0.mp4").sequence, Some(0));
}

/// Names like those of the table, by makers and scripts that are not in it.
#[test]
fn other_spellings() {
    for (name, want) in [
        ("garden/2024-03-01_10-20-30.mp4", "2024-03-01T10:20:30"),
        ("2024/3/1/cam_102030.jpg", "2024-03-01T10:20:30"),
        ("20240301/10/20/30.jpg", "2024-03-01T10:20:30"),
        ("snap-2024.03.01-10.20.30-07.jpg", "2024-03-01T10:20:30"),
        ("0002D1730A0B_20240301_102030_01.jpg", "2024-03-01T10:20:30"),
        ("EV1_2024-03-01-10-20-30-250_001.jpg", "2024-03-01T10:20:30.25"),
        ("2024Y03M01D10H/20M30S15.mp4", "2024-03-01T10:20:30"),
        ("Street Cam_01_20240301102030.mp4", "2024-03-01T10:20:30"),
        ("2016-10-19/Hour-16/record/clip.mp4", "2016-10-19T16:00:00"),
    ] {
        assert_eq!(start(name).as_deref(), Some(want), "{name}");
    }
    assert_eq!(
        path("2016-10-19/Hour-16/record/clip.mp4").claim,
        Claim::Full(jiff::civil::datetime(2016, 10, 19, 16, 0, 0, 0), TimeSource::Folder)
    );
    assert_eq!(path("2026-08-14/alarm_0001.jpg").claim, Claim::Date(jiff::civil::date(2026, 8, 14)));
    for name in
        ["snapshot.jpg", "img_123456.jpg", "192.168.1.64.jpg", "cam 12.34.jpg", "2024.jpg", "x/y/z.mp4"]
    {
        assert_eq!(path(name).claim, Claim::None, "{name}");
    }
}

#[test]
fn names_under_way() {
    for name in ["a.mp4_", "a.mp4.tmp", "a.JPG.PART", "a.jpg__", "a.jpg.tmp_", "a.mp4_.part.TMP"] {
        assert!(is_in_progress(name), "{name}");
        assert!(finished_name(name).to_ascii_lowercase().starts_with("a."), "{name}");
        assert!(!is_in_progress(finished_name(name)), "{name}");
    }
    for (name, want) in [("a.jpg.tmp_", "a.jpg"), ("__", "_"), (".tmp_", ".tmp"), ("_.part", "_")] {
        assert_eq!(finished_name(name), want, "{name}");
    }
    assert!(!is_in_progress("_"));
    assert!(!is_in_progress("party.jpg"));
}

/// Folders as long as a date's parts, in bytes, but of other letters: found by the fuzzer. The upload was told 226 and
/// then never got out of the spool.
#[test]
fn other_letters_of_a_dates_length() {
    for name in
        ["2026/ü/11/x.jpg", "2026/11/é/x.jpg", "é12/1/1/x.jpg", "2026/-1/11/x.jpg", "ab/\u{2028}1/9/9/x.jpg"]
    {
        assert_eq!(path(name).claim, Claim::None, "{name}");
    }
}

/// Seconds that no clip lasts are no duration; the time beside them is one all the same.
#[test]
fn a_duration_is_at_most_a_day() {
    let time = Claim::TimeOfDay(jiff::civil::time(5, 7, 9, 0));
    for (seconds, want) in [
        ("86400", Some(86_400_000)),
        ("86401", None),
        ("18446744073709551", None),
        ("18446744073709551615", None),
        ("99999999999999999999999", None),
    ] {
        let reading = path(&format!("05H/07M09S{seconds}.mp4"));
        assert_eq!((reading.duration_ms, reading.claim), (want, time), "{seconds}");
    }
    assert_eq!(path("05H/+7M09S60.mp4").claim, Claim::None, "a sign is no digit");
}

#[test]
fn a_clock_ahead_or_reset_files_under_the_arrival() {
    let utc = TimeZone::UTC;
    let received = Millis(1_472_596_194_000);
    let ahead = capture_time(&path("MDAlarm_20160901-000000.jpg"), &utc, received);
    assert_eq!((ahead.instant, ahead.source), (received, TimeSource::Arrival));
    assert_eq!(ahead.clock_error_ms, Some(91_806_000));
    let reset = capture_time(&path("MDAlarm_19700101-000005.jpg"), &utc, received);
    assert_eq!((reset.instant, reset.source), (received, TimeSource::Arrival));
    assert!(reset.clock_error_ms.is_some_and(|ms| ms < 0));
    let late = capture_time(&path("MDAlarm_20160801-000000.jpg"), &utc, received);
    assert_eq!((late.source, late.clock_error_ms), (TimeSource::Name, None));
}

/// What came as a file has a modification time, which is nearer to the capture than the import.
#[test]
fn a_files_own_time_stands_in_for_the_arrival() {
    let utc = TimeZone::UTC;
    let (received, modified) = (Millis(1_700_000_000_000), Millis(1_472_596_194_000));
    let of = |name: &str, modified| capture_time_of_file(&path(name), &utc, received, modified);
    let nameless = of("clip.mp4", Some(modified));
    assert_eq!(
        (nameless.instant, nameless.source, nameless.clock_error_ms),
        (modified, TimeSource::File, None)
    );
    let named = of("MDAlarm_20160801-000000.jpg", Some(modified));
    assert_eq!(named.source, TimeSource::Name, "a name goes before it");
    let clockless = of("22.49.40-22.49.47[M][0@0][0].mp4", Some(modified));
    assert_eq!(clockless.instant.to_string(), "2016-08-29T22:49:40.000Z", "the last before it was modified");
    let reset = of("MDAlarm_19700101-000005.jpg", Some(modified));
    assert_eq!((reset.instant, reset.source), (modified, TimeSource::File));
    assert!(reset.clock_error_ms.is_some_and(|ms| ms < 0));
    for wrong in [received.plus(86_400_000), Millis(5_000), Millis(946_700_000_000)] {
        assert_eq!(of("clip.mp4", Some(wrong)).source, TimeSource::Arrival, "{wrong}");
    }
}

/// The last changes of clocks of four zones, both ways, and one that changes by half an hour.
#[test]
fn changes_of_clocks_in_five_zones() {
    for (zone, gap, moved, fold, first, second) in [
        (
            "America/Los_Angeles",
            "20260308-023000",
            "2026-03-08T10:30:00Z",
            "20261101-013000",
            "2026-11-01T08:30:00Z",
            "2026-11-01T09:30:00Z",
        ),
        (
            "Europe/Berlin",
            "20260329-023000",
            "2026-03-29T01:30:00Z",
            "20261025-023000",
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:30:00Z",
        ),
        (
            "Australia/Lord_Howe",
            "20261004-021500",
            "2026-10-03T15:45:00Z",
            "20260405-014500",
            "2026-04-04T14:45:00Z",
            "2026-04-04T15:15:00Z",
        ),
        (
            "America/Santiago",
            "20260906-003000",
            "2026-09-06T04:30:00Z",
            "20260404-233000",
            "2026-04-05T02:30:00Z",
            "2026-04-05T03:30:00Z",
        ),
        (
            "Asia/Beirut",
            "20260329-003000",
            "2026-03-28T22:30:00Z",
            "20261024-233000",
            "2026-10-24T20:30:00Z",
            "2026-10-24T21:30:00Z",
        ),
    ] {
        let zone_named = TimeZone::get(zone).unwrap();
        let instant = |text: &str| Millis::from(text.parse::<jiff::Timestamp>().unwrap());
        let at = |name: &str, received: Millis| {
            capture_time(&path(&format!("MDAlarm_{name}.jpg")), &zone_named, received).instant
        };
        assert_eq!(at(gap, instant(moved).plus(86_400_000)), instant(moved), "{zone}: a gap moves forward");
        assert_eq!(at(fold, instant(first).plus(3_000)), instant(first), "{zone}: the first of two");
        assert_eq!(at(fold, instant(second).plus(3_000)), instant(second), "{zone}: the second of two");
        assert_eq!(
            at(fold, instant(second).plus(86_400_000)),
            instant(first),
            "{zone}: long after, the first"
        );
    }
}

/// Everything that `make fuzz` kept: what it reaches and what it once found.
#[test]
fn invariants_hold_for_the_kept_corpus() {
    for wire in crate::corpus::inputs(include_str!("../../../../fuzz/corpus/names.txt"), 60) {
        invariants::hold(&wire);
    }
}

/// Pieces that names are made of, and letters that are more than one byte.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,9}",
        "[0-9]{14}|[0-9]{17}",
        "(19|20)[0-9]{2}[01][0-9][0-3][0-9]",
        "[012][0-9][0-5][0-9][0-5][0-9]",
        "[-_.:T @\\[\\]]{1,2}",
        "MDAlarm_|Hour-|_VEHICLE|Y|M|D|H|S|-small|/|/|/|\n",
        "\\.(mp4|jpg|dav|idx|tmp|part)|_",
        "\\PC{1,3}",
    ]
}

proptest! {
    #[test]
    fn invariants_hold_for_made_up_names(pieces in prop::collection::vec(piece(), 0..24)) {
        invariants::hold(pieces.concat().as_bytes());
    }

    #[test]
    fn invariants_hold_for_any_bytes(wire in prop::collection::vec(any::<u8>(), 0..300)) {
        invariants::hold(&wire);
    }
}
