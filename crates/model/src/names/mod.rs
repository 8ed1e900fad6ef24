//! The camera-name grammar: what a path and file name say of a capture.
//!
//! A camera writes what it knows into its file names: kind, time, duration, what it saw. The grammar knows how
//! makers write times (full stamps, times of day below dated folders, minutes below hours), not lists of makers.
//! It judges only the *name*; content has the last word on the kind. It never fails: what it can't read is [`None`],
//! and an impossible date is said to be one.

mod clock;
mod folders;
mod hints;
#[cfg(any(test, feature = "testing"))]
pub mod invariants;
mod runs;
mod stamp;

use jiff::{
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

pub use self::hints::Hint;
use self::stamp::Stamp;
use crate::{
    capture::{CaptureKind, CaptureTime, TimeSource},
    media::Container,
    time::{Millis, resolve_local},
};

/// What a name says of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Nothing that can be used.
    None,
    /// A local date and time, and where it was found.
    Full(DateTime, TimeSource),
    /// A local time of day without a date.
    TimeOfDay(Time),
    /// A folder's date alone.
    Date(Date),
}

/// What a name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameReading {
    /// Clip or still, by the extension. Folders say nothing: a maker's `record/test.txt` is no clip.
    pub kind: Option<CaptureKind>,
    /// The camera's local time.
    pub claim: Claim,
    /// The name holds what looks like a time but can't be one (month 13, hour 25).
    pub impossible_time: bool,
    /// How long the clip is, in milliseconds.
    pub duration_ms: Option<u64>,
    /// What the camera says it saw.
    pub hint: Option<Hint>,
    /// A number plate that it read.
    pub plate: Option<String>,
    /// What tells files of one moment apart.
    pub sequence: Option<u32>,
    /// The camera is still writing under this name and will rename it.
    pub in_progress: bool,
    /// A companion of a clip (an index), not a capture.
    pub sidecar: bool,
}

impl NameReading {
    /// The local begin, where date and time are known.
    pub fn local_start(&self) -> Option<DateTime> {
        match self.claim {
            Claim::Full(time, _) => Some(time),
            _ => None,
        }
    }
}

/// Names under way: the camera renames them when it is done.
const IN_PROGRESS_ENDINGS: [&str; 3] = ["_", ".tmp", ".part"];
/// Index files and the like, which some makers upload beside each clip. (A `.txt` is what "Test" buttons send.)
const SIDECAR_EXTENSIONS: [&str; 5] = ["idx", "log", "xml", "json", "ini"];

/// Marker files that recorders leave.
const MARKERS: [&str; 1] = ["DVRWorkDirectory"];

/// Reads the path of an upload below its camera's folder: `parts` are folders, the last one is the file.
pub fn read(parts: &[&str]) -> NameReading {
    let (file, folders) = parts.split_last().map_or(("", &[][..]), |(file, folders)| (*file, folders));
    let finished = finished_name(file);
    let (stem, extension) = (stem(finished), extension(finished));
    let folder = folders::read(folders);
    let kind = extension.and_then(Container::kind_of_extension);
    let full = match (kind, stamp::find(stem)) {
        // A still has no end: of its two times the last one is its own.
        (Some(CaptureKind::Snap), Stamp::Found { until: Some(time), start, end, .. }) => {
            Stamp::Found { time, until: None, start, end }
        }
        (_, full) => full,
    };
    let clock = clock::find(stem, &folder);
    let behind = match full {
        Stamp::Found { end, .. } => &stem[end..],
        _ => stem,
    };
    NameReading {
        kind,
        claim: claim(full, clock.unwrap_or(None).and_then(|clock| clock.time), &folder),
        impossible_time: full == Stamp::Impossible || clock.is_err(),
        duration_ms: match full {
            Stamp::Found { time, until: Some(until), .. } => {
                u64::try_from(until.duration_since(time).as_millis()).ok()
            }
            _ => clock.ok().flatten().and_then(|clock| clock.duration_ms),
        },
        hint: hints::hint(stem),
        plate: hints::plate(behind),
        sequence: hints::sequence(behind),
        in_progress: is_in_progress(file),
        sidecar: MARKERS.contains(&file)
            || extension
                .is_some_and(|e| SIDECAR_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(e))),
    }
}

/// The name's own time, else its time of day on the folders' date, else the folders' date and hour.
fn claim(full: Stamp, clock: Option<Time>, folder: &folders::FolderTime) -> Claim {
    match (full, clock, folder.date) {
        (Stamp::Found { time, .. }, _, _) => Claim::Full(time, TimeSource::Name),
        (_, Some(time), Some(date)) => Claim::Full(date.to_datetime(time), TimeSource::Name),
        (_, Some(time), None) => Claim::TimeOfDay(time),
        (_, None, Some(date)) => match folder.hour {
            Some(hour) => Claim::Full(date.at(hour, folder.minute.unwrap_or(0), 0, 0), TimeSource::Folder),
            None => Claim::Date(date),
        },
        (_, None, None) => Claim::None,
    }
}

/// Whether a file of this name is still being written by its camera.
pub fn is_in_progress(file: &str) -> bool {
    let lower = file.to_ascii_lowercase();
    IN_PROGRESS_ENDINGS.iter().any(|ending| lower.len() > ending.len() && lower.ends_with(ending))
}

/// The name that an in-progress name stands for: `a.jpg_`, `a.jpg.tmp`, `a.jpg.part` and `a.jpg.tmp_` are `a.jpg`.
pub fn finished_name(file: &str) -> &str {
    let lower = file.to_ascii_lowercase();
    let mut length = file.len();
    while let Some(ending) =
        IN_PROGRESS_ENDINGS.iter().find(|ending| length > ending.len() && lower[..length].ends_with(*ending))
    {
        length -= ending.len();
    }
    &file[..length]
}

/// How far a clock may be ahead of the arrival before its claim is refused, in milliseconds.
const CLOCK_AHEAD_MAX_MS: i64 = 5 * 60 * 1000;

/// When an upload was taken: the camera's claim where it is possible, else its arrival (docs/design/time.md).
///
/// A claim from the future is refused: uploads come after their capture, and one camera's wrong clock must not
/// drag the timeline with it (NEVER-24). So are the moments at which a clock without a battery starts again.
pub fn capture_time(reading: &NameReading, zone: &TimeZone, received: Millis) -> CaptureTime {
    capture_time_of_file(reading, zone, received, None)
}

/// The same of an upload that came as a file of another computer's or of long ago, which was last `modified` then.
/// That is nearer to the capture than the moment at which we took it, and stands in its place: as what is taken
/// where no claim can be, and as what decides a claim without a date or in a repeated hour. A modification time
/// that can't be right itself (the future, a clock without a battery) is as none.
pub fn capture_time_of_file(
    reading: &NameReading,
    zone: &TimeZone,
    received: Millis,
    modified: Option<Millis>,
) -> CaptureTime {
    let plausible = |modified: &Millis| {
        modified.0 - received.0 <= CLOCK_AHEAD_MAX_MS
            && !is_reset_clock(zone.to_datetime(modified.timestamp()))
    };
    let (nearest, nearest_source) = match modified.filter(plausible) {
        Some(modified) => (modified, TimeSource::File),
        None => (received, TimeSource::Arrival),
    };
    let local = match reading.claim {
        Claim::None => None,
        Claim::Full(wall, source) => Some((wall, source)),
        Claim::TimeOfDay(time) => latest_before(time, zone, nearest).map(|wall| (wall, TimeSource::Name)),
        Claim::Date(date) => within(date, zone, nearest).map(|wall| (wall, TimeSource::Folder)),
    };
    let claim = local
        .and_then(|(wall, source)| Some((resolve_local(wall, zone, nearest)?, source, is_reset_clock(wall))));
    let (instant, source, clock_error_ms) = match claim {
        None => (nearest, nearest_source, None),
        Some((claimed, source, reset)) => {
            if reset || claimed.0 - received.0 > CLOCK_AHEAD_MAX_MS {
                (nearest, nearest_source, Some(claimed.0 - nearest.0))
            } else {
                (claimed, source, None)
            }
        }
    };
    let offset_s = zone.to_offset(instant.timestamp()).seconds();
    CaptureTime { instant, offset_s, source, clock_error_ms }
}

/// The last moment before the arrival at which a clock in `zone` showed `time`.
fn latest_before(time: Time, zone: &TimeZone, received: Millis) -> Option<DateTime> {
    let latest = zone.to_datetime(received.plus(CLOCK_AHEAD_MAX_MS).timestamp());
    let today = latest.date().to_datetime(time);
    if today <= latest { Some(today) } else { Some(latest.date().yesterday().ok()?.to_datetime(time)) }
}

/// A clip that ran past midnight is still filed under the day that it began on, so long after.
const FILED_LATE_MAX_H: i64 = 6;

/// When on `date` it was, if only the folder tells: `None` where `nearest` is on that day, and says it better; the day's
/// last second where it came soon after it; else its beginning.
fn within(date: Date, zone: &TimeZone, nearest: Millis) -> Option<DateTime> {
    let there = zone.to_datetime(nearest.timestamp());
    if there.date() == date {
        return None;
    }
    let is_next = date.tomorrow().is_ok_and(|next| next == there.date());
    let soon = is_next && i64::from(there.hour()) < FILED_LATE_MAX_H;
    Some(if soon { date.at(23, 59, 59, 0) } else { date.at(0, 0, 0, 0) })
}

/// Clocks that lost their time restart at the first day of an epoch; no IP camera filmed before 1995.
fn is_reset_clock(wall: DateTime) -> bool {
    let date = wall.date();
    date.year() < 1995 || (date.year(), date.month(), date.day()) == (2000, 1, 1)
}

fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

fn extension(file: &str) -> Option<&str> {
    file.rsplit_once('.').map(|(_, extension)| extension).filter(|extension| !extension.is_empty())
}

#[cfg(test)]
mod tests;
