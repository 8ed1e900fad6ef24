//! The camera-name grammar: what a path and file name say of a capture.
//!
//! A camera writes what it knows into its file names: kind, time, what it saw. This module reads the article's
//! layout and the names of Foscam and its kin; it judges only the *name*; content has the last word on the kind.
//! It never fails: what it can't read is [`None`], and an impossible date is said to be one.

mod stamp;

use jiff::{civil::DateTime, tz::TimeZone};

use crate::{
    capture::{CaptureKind, CaptureTime, TimeSource},
    media::Container,
    time::{Millis, resolve_local},
};

pub use stamp::Stamp;

/// What the name says was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// Something moved.
    Motion,
    /// A person.
    Human,
    /// An alarm input or an unspecified alarm.
    Alarm,
    /// Taken by schedule.
    Scheduled,
}

/// What a name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameReading {
    /// Clip or still, by the extension. Folders say nothing: a maker's `record/test.txt` is no clip.
    pub kind: Option<CaptureKind>,
    /// The camera's local time and where it was found.
    pub local_start: Option<(DateTime, TimeSource)>,
    /// The name holds what looks like a time but can't be one (month 13, hour 25).
    pub impossible_time: bool,
    /// What the camera says it saw.
    pub hint: Option<Hint>,
    /// The camera is still writing under this name and will rename it.
    pub in_progress: bool,
    /// A companion of a clip (an index), not a capture.
    pub sidecar: bool,
}

/// Names under way: the camera renames them when it is done.
const IN_PROGRESS_ENDINGS: [&str; 3] = ["_", ".tmp", ".part"];
/// Index files and the like, which some makers upload beside each clip.
const SIDECAR_EXTENSIONS: [&str; 6] = ["idx", "txt", "log", "xml", "json", "ini"];

/// Reads the path of an upload below its camera's folder: `parts` are folders, the last one is the file.
pub fn read(parts: &[&str]) -> NameReading {
    let (file, folders) = parts.split_last().map_or(("", &[][..]), |(file, folders)| (*file, folders));
    let extension = extension(file);
    let from_name = stamp::in_file_name(stem(file));
    let from_folders = stamp::in_folders(folders);
    let local_start = match (from_name, from_folders) {
        (Stamp::Found(time), _) => Some((time, TimeSource::Name)),
        (_, Stamp::Found(time)) => Some((time, TimeSource::Folder)),
        _ => None,
    };
    NameReading {
        kind: extension.and_then(Container::kind_of_extension),
        local_start,
        impossible_time: from_name == Stamp::Impossible,
        hint: hint(file),
        in_progress: is_in_progress(file),
        sidecar: extension
            .is_some_and(|e| SIDECAR_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(e))),
    }
}

/// Whether a file of this name is still being written by its camera.
pub fn is_in_progress(file: &str) -> bool {
    let lower = file.to_ascii_lowercase();
    IN_PROGRESS_ENDINGS.iter().any(|ending| lower.len() > ending.len() && lower.ends_with(ending))
}

/// The name that an in-progress name stands for: `a.jpg_`, `a.jpg.tmp` and `a.jpg.part` are `a.jpg`.
pub fn finished_name(file: &str) -> &str {
    let lower = file.to_ascii_lowercase();
    IN_PROGRESS_ENDINGS
        .iter()
        .find(|ending| lower.len() > ending.len() && lower.ends_with(*ending))
        .map_or(file, |ending| &file[..file.len() - ending.len()])
}

/// How far a clock may be ahead of the arrival before its claim is refused, in milliseconds.
const CLOCK_AHEAD_MAX_MS: i64 = 5 * 60 * 1000;

/// When an upload was taken: the camera's claim where it is possible, else its arrival (docs/design/time.md).
///
/// A claim from the future is refused: uploads come after their capture, and one camera's wrong clock must not
/// drag the timeline with it (NEVER-24). So are the moments at which a clock without a battery starts again.
pub fn capture_time(reading: &NameReading, zone: &TimeZone, received: Millis) -> CaptureTime {
    let claim = reading.local_start.and_then(|(wall, source)| {
        Some((resolve_local(wall, zone, received)?, source, is_reset_clock(wall)))
    });
    let (instant, source, clock_error_ms) = match claim {
        None => (received, TimeSource::Arrival, None),
        Some((claimed, source, reset)) => {
            let ahead_ms = claimed.0 - received.0;
            if reset || ahead_ms > CLOCK_AHEAD_MAX_MS {
                (received, TimeSource::Arrival, Some(ahead_ms))
            } else {
                (claimed, source, None)
            }
        }
    };
    let offset_s = zone.to_offset(instant.timestamp()).seconds();
    CaptureTime { instant, offset_s, source, clock_error_ms }
}

/// Clocks that lost their time restart at the first day of an epoch; no IP camera filmed before 1995.
fn is_reset_clock(wall: DateTime) -> bool {
    let date = wall.date();
    date.year() < 1995 || (date.year(), date.month(), date.day()) == (2000, 1, 1)
}

fn hint(file: &str) -> Option<Hint> {
    const PREFIXES: [(&str, Hint); 5] = [
        ("hmdalarm", Hint::Human),
        ("mdalarm", Hint::Motion),
        ("alarm", Hint::Alarm),
        ("schedule", Hint::Scheduled),
        ("timing", Hint::Scheduled),
    ];
    let lower = file.to_ascii_lowercase();
    PREFIXES.iter().find(|(prefix, _)| lower.starts_with(prefix)).map(|&(_, hint)| hint)
}

fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

fn extension(file: &str) -> Option<&str> {
    file.rsplit_once('.').map(|(_, extension)| extension).filter(|extension| !extension.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> NameReading {
        read(&text.split('/').collect::<Vec<_>>())
    }

    fn start(text: &str) -> Option<String> {
        path(text).local_start.map(|(time, _)| time.to_string())
    }

    /// Rows 1 to 7 of `tests/data/camera-names.tsv`.
    #[test]
    fn foscam_names_and_the_articles_layout() {
        for (name, kind, time, hint) in [
            (
                "FI9805W_C4D6553DECE1/snap/MDAlarm_20190926-122821.jpg",
                CaptureKind::Snap,
                "2019-09-26T12:28:21",
                Hint::Motion,
            ),
            ("HMDAlarm_20260101-103424.jpg", CaptureKind::Snap, "2026-01-01T10:34:24", Hint::Human),
            ("MDalarm_20250712_213837.mkv", CaptureKind::Record, "2025-07-12T21:38:37", Hint::Motion),
            ("record/alarm_20231127_200437.mkv", CaptureKind::Record, "2023-11-27T20:04:37", Hint::Alarm),
            (
                "patrolcams/backyard/2016-10-19/Hour-16/record/MDalarm_20161018_113706.mp4",
                CaptureKind::Record,
                "2016-10-18T11:37:06",
                Hint::Motion,
            ),
        ] {
            let reading = path(name);
            assert_eq!(reading.kind, Some(kind), "{name}");
            assert_eq!(start(name).as_deref(), Some(time), "{name}");
            assert_eq!(reading.hint, Some(hint), "{name}");
            assert!(!reading.in_progress && !reading.sidecar && !reading.impossible_time, "{name}");
        }
        let bad = path("MDAlarm_20231399-256199.jpg");
        assert_eq!((bad.local_start, bad.impossible_time), (None, true));
    }

    #[test]
    fn a_folder_tells_the_hour_where_the_name_says_nothing() {
        let reading = path("2016-10-19/Hour-16/record/clip.mp4");
        let time = jiff::civil::datetime(2016, 10, 19, 16, 0, 0, 0);
        assert_eq!(reading.local_start, Some((time, TimeSource::Folder)));
        assert_eq!(path("snap/x").kind, None);
    }

    #[test]
    fn names_under_way() {
        for name in ["a.mp4_", "a.mp4.tmp", "a.JPG.PART"] {
            assert!(is_in_progress(name), "{name}");
            assert!(finished_name(name).to_ascii_lowercase().starts_with("a."), "{name}");
            assert!(!is_in_progress(finished_name(name)), "{name}");
        }
        assert!(!is_in_progress("_"));
        assert!(!is_in_progress("party.jpg"));
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
}
