//! Times of day in names whose date stands in the folders, or nowhere.
//!
//! | written | by |
//! |---|---|
//! | `11.50.41-11.52.11[M][0@0][0].dav` | Dahua clips: begin and end |
//! | `14.03.11[M][0@0][0].jpg` | Dahua stills |
//! | `31[M][0@0][0].jpg` below `10/35` | Dahua stills: the second alone |
//! | `00M00S60.mp4`, `E200M00S60.mp4` below an hour | yi-hack: minute, second, duration |
//! | `Snap_103130_021_1.jpg` below a date | Level1 |

use jiff::civil::Time;

use super::{
    folders::FolderTime,
    runs::{Run, all_digits, joined, runs},
    stamp,
};

/// No single clip is longer: a day, in seconds.
const DURATION_MAX_S: u64 = 86_400;

/// A time of day, and how long the clip is where the name says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Clock {
    /// `None` where the name tells only minute and second, and no folder tells the hour.
    pub(super) time: Option<Time>,
    pub(super) duration_ms: Option<u64>,
}

/// `Err`: of a clock's shape, but no time of day.
pub(super) fn find(stem: &str, folder: &FolderTime) -> Result<Option<Clock>, ()> {
    if let Some(found) = dotted(stem) {
        return found.map(Some);
    }
    if let Some(clock) = yi_hack(stem, folder) {
        return Ok(Some(clock));
    }
    Ok(six_digits(stem, folder).or_else(|| second_alone(stem, folder)))
}

/// `HH.MM.SS`, perhaps with an end behind it; at the begin of the name, so that an address isn't one.
fn dotted(stem: &str) -> Option<Result<Clock, ()>> {
    let runs = runs(stem);
    let begin = three(stem, &runs, 0).filter(|_| runs[0].start == 0)?;
    let Ok(begin) = begin else { return Some(Err(())) };
    let end = runs
        .get(3)
        .filter(|next| joined(stem, &runs[2], next, "-"))
        .and_then(|_| three(stem, &runs, 3)?.ok());
    let duration_ms = end.map(|end| {
        let ms = end.duration_since(begin).as_millis();
        // An end before its begin is on the next day.
        u64::try_from(if ms < 0 { ms + 86_400_000 } else { ms }).unwrap_or(0)
    });
    Some(Ok(Clock { time: Some(begin), duration_ms }))
}

/// `None`: no three runs of two digits with dots between. `Err`: they are no time.
fn three(stem: &str, runs: &[Run<'_>], at: usize) -> Option<Result<Time, ()>> {
    let [hour, minute, second] = runs.get(at..at + 3)? else { return None };
    let two = [hour, minute, second].iter().all(|run| run.len() == 2);
    if !two || !joined(stem, hour, minute, ".") || !joined(stem, minute, second, ".") {
        return None;
    }
    let digits = [hour.digits, minute.digits, second.digits].concat();
    Some(stamp::time(&digits).ok_or(()))
}

fn yi_hack(stem: &str, folder: &FolderTime) -> Option<Clock> {
    let (minute, rest) = stem.split_once('M')?;
    let (second, duration) = rest.split_once('S')?;
    // An event's prefix may end in a digit of its own: the minute is the last two.
    let minute = minute.get(minute.len().checked_sub(2)?..)?;
    let digits = duration.bytes().take_while(u8::is_ascii_digit).count();
    if ![minute, second, &duration[..digits]].iter().all(|text| all_digits(text)) {
        return None;
    }
    // More than fits into a number is more than a clip lasts, too.
    let seconds = duration[..digits].parse().ok().filter(|&seconds| seconds <= DURATION_MAX_S);
    let (minute, second) = (minute.parse().ok()?, second.parse().ok()?);
    let of_hour = |hour| Time::new(hour, minute, second, 0).ok();
    // Without an hour it must be a time of some hour all the same.
    of_hour(0)?;
    Some(Clock {
        time: folder.hour.and_then(of_hour),
        duration_ms: seconds.map(|seconds: u64| seconds * 1000),
    })
}

/// `HHMMSS`, perhaps with milliseconds: only below a date, for six digits are many things.
fn six_digits(stem: &str, folder: &FolderTime) -> Option<Clock> {
    folder.date?;
    let runs = runs(stem);
    let (index, time) = runs.iter().enumerate().find_map(|(index, run)| {
        if matches!(run.len(), 6 | 9) { Some((index, stamp::time(run.digits)?)) } else { None }
    })?;
    let millis =
        runs.get(index + 1).filter(|next| next.len() == 3 && joined(stem, &runs[index], next, "_-."));
    let exact = millis.and_then(|next| time.with().millisecond(next.digits.parse().ok()?).build().ok());
    Some(Clock { time: Some(exact.unwrap_or(time)), duration_ms: None })
}

/// The second alone, at the begin and closed by a bracket or the end.
fn second_alone(stem: &str, folder: &FolderTime) -> Option<Clock> {
    let (hour, minute) = folder.hour.zip(folder.minute)?;
    let runs = runs(stem);
    let first = runs.first().filter(|run| run.start == 0 && run.len() == 2)?;
    let closed = stem[first.end()..].is_empty() || stem[first.end()..].starts_with('[');
    let time = Time::new(hour, minute, first.small()?, 0).ok().filter(|_| closed)?;
    Some(Clock { time: Some(time), duration_ms: None })
}
