//! Which still a clip gets, and what the memory holds at most.

use camtrail_model::{Container, MediaFacts, MediaSource, ObjectBase};

use super::*;

const SECOND: i64 = 1000;

fn camera(name: &str) -> CameraName {
    CameraName::parse(name).unwrap()
}

fn at(instant: i64) -> CaptureTime {
    CaptureTime { instant: Millis(instant), offset_s: 0, source: TimeSource::Name, clock_error_ms: None }
}

fn stored(kind: CaptureKind, container: Container, time: CaptureTime, file: &str) -> Stored {
    let key = ObjectKey::new(
        &ObjectBase::default(),
        &camera("porch"),
        &time,
        kind,
        camtrail_model::FileName::from_upload(file),
    );
    Stored {
        key,
        sha256: None,
        facts: MediaFacts { container: Some(container), duration_ms: Some(10_000), ..MediaFacts::unknown() },
        kind,
        time,
        complete: true,
        source: MediaSource { path: file.into(), size: 1 },
        wants_playable: false,
        original: false,
    }
}

fn still(time: CaptureTime) -> Stored {
    let file = format!("{}.jpg", time.instant.0);
    Stored {
        facts: MediaFacts { container: Some(Container::Jpeg), ..MediaFacts::unknown() },
        ..stored(CaptureKind::Snap, Container::Jpeg, time, &file)
    }
}

fn clip(time: CaptureTime) -> Stored {
    stored(CaptureKind::Record, Container::Mp4, time, "clip.mp4")
}

fn poster(bytes: usize) -> Poster {
    Poster { jpeg: vec![0; bytes], width: 1, height: 1, blur: None }
}

/// A memory of the porch's stills at these times.
fn stills(times: impl IntoIterator<Item = i64>) -> Stills {
    let stills = Stills::default();
    for time in times {
        stills.remember(&camera("porch"), &still(at(time)), &poster(10));
    }
    stills
}

fn chosen(stills: &Stills, clip: &Stored) -> Option<i64> {
    stills.within(&camera("porch"), clip).map(|still| still.at.0)
}

#[test]
fn the_first_after_the_start_counts() {
    let start = 100 * SECOND;
    for (times, expected) in [
        (vec![98, 105, 103, 104], Some(103)),
        (vec![99, 103], Some(103)),
        (vec![100, 99], Some(100)),
        // Whole seconds: the still before the start may be one after it.
        (vec![99, 130], Some(99)),
        (vec![111], Some(111)),
        (vec![98, 112], None),
        (vec![], None),
    ] {
        let stills = stills(times.iter().map(|second| second * SECOND));
        assert_eq!(chosen(&stills, &clip(at(start))), expected.map(|second| second * SECOND), "{times:?}");
    }
    let of_no_known_length = Stored {
        facts: MediaFacts { container: Some(Container::Mp4), ..MediaFacts::unknown() },
        ..clip(at(start))
    };
    assert_eq!(chosen(&stills([101 * SECOND]), &of_no_known_length), Some(101 * SECOND));
    assert_eq!(chosen(&stills([102 * SECOND]), &of_no_known_length), None);
}

/// NEVER-7.
#[test]
fn no_camera_gets_anothers() {
    let stills = stills([100 * SECOND]);
    assert!(stills.within(&camera("porch2"), &clip(at(100 * SECOND))).is_none());
    assert!(stills.within(&camera("porch"), &clip(at(100 * SECOND))).is_some());
}

#[test]
fn cut_stills_and_times_that_the_camera_did_not_say_count_for_nothing() {
    let time = at(100 * SECOND);
    let arrival = CaptureTime { source: TimeSource::Arrival, ..time };
    let folder = CaptureTime { source: TimeSource::Folder, ..time };
    let file = CaptureTime { source: TimeSource::File, ..time };
    let wrong = CaptureTime { clock_error_ms: Some(-7), ..time };
    let unknown = Stored { facts: MediaFacts::unknown(), ..still(time) };
    let cut = Stored { complete: false, ..still(time) };
    let refused = [still(arrival), still(folder), still(file), still(wrong), unknown, cut, clip(time)];
    for (number, refused) in refused.iter().enumerate() {
        let stills = Stills::default();
        stills.remember(&camera("porch"), refused, &poster(10));
        assert_eq!(chosen(&stills, &clip(time)), None, "{number}");
    }
    let stills = stills([100 * SECOND]);
    for time in [arrival, folder, file, wrong] {
        assert_eq!(chosen(&stills, &clip(time)), None, "{time:?}");
    }
    assert_eq!(chosen(&stills, &still(time)), None, "a still has its own");
    assert_eq!(chosen(&stills, &Stored { facts: MediaFacts::unknown(), ..clip(time) }), None);
    let of_metadata = CaptureTime { source: TimeSource::Metadata, ..time };
    assert_eq!(chosen(&stills, &clip(of_metadata)), Some(100 * SECOND));
}

#[test]
fn the_memory_is_bounded_by_camera_number_and_bytes() {
    let stills = stills((0..100).map(|second| second * SECOND));
    assert_eq!(stills.shelf().stills.len(), MAX_OF_CAMERA);
    assert_eq!(chosen(&stills, &clip(at(99 * SECOND))), Some(99 * SECOND), "the latest stay");
    for number in 0..MAX_STILLS {
        stills.remember(&camera(&format!("cam{number}")), &still(at(number as i64)), &poster(10));
    }
    assert_eq!(stills.shelf().stills.len(), MAX_STILLS);
    assert_eq!(stills.shelf().bytes, MAX_STILLS * 10);
    for number in 0..10 {
        stills.remember(
            &camera(&format!("big{number}")),
            &still(at(1_000_000 + number)),
            &poster(MAX_BYTES / 4),
        );
    }
    assert!(
        stills.shelf().bytes <= MAX_BYTES && stills.shelf().stills.len() == 4,
        "{:?}",
        stills.shelf().bytes
    );
    stills.remember(&camera("huge"), &still(at(2)), &poster(MAX_BYTES + 1));
    assert_eq!(stills.shelf().stills.len(), 4);
    // A try that is repeated is remembered once.
    for _ in 0..3 {
        stills.remember(&camera("big9"), &still(at(1_000_009)), &poster(7));
    }
    assert_eq!(stills.shelf().stills.len(), 4);
}

#[test]
fn hostile_times_are_no_trouble() {
    let stills = stills([i64::MIN, i64::MAX, 0]);
    for start in [i64::MIN, i64::MAX] {
        let endless = MediaFacts { duration_ms: Some(u64::MAX), ..clip(at(0)).facts };
        assert_eq!(chosen(&stills, &Stored { facts: endless, time: at(start), ..clip(at(0)) }), None);
        assert_eq!(chosen(&stills, &Stored { time: at(start), ..clip(at(0)) }), Some(start));
    }
}
