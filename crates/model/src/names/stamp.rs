//! Full times in names: a date and a time of day, written in any of the ways that makers use.
//!
//! | written | by |
//! |---|---|
//! | `20160830_152954`, `20190926-122821` | Foscam, Axis, Abus and most others |
//! | `20260815100739`, `20260615193146049` | Reolink; Hikvision with milliseconds |
//! | `2019-09-26_12-28-21`, `2019.09.26 12.28.21`, `2026-09-27-14-03-11-123` | GeoVision and many recorders |
//! | `2019-09-26_122821`, `20190926_12-28-21` | mixtures of the above |
//! | `100815_103130_120` | Level1: a year of two digits, milliseconds |

use jiff::civil::{Date, DateTime, Time};

use super::runs::{Run, joined, runs};

/// What a text says of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    /// Nothing.
    Absent,
    /// Something of a stamp's shape that is no time (month 13, year 1).
    Impossible,
    /// A local time, when the clip ended where the name says so, and where the text of both begins and ends, in bytes.
    Found { time: DateTime, until: Option<DateTime>, start: usize, end: usize },
}

/// No IP camera wrote an earlier year in earnest.
const FIRST_YEAR: i16 = 1970;
/// Two stamps so near to each other are a clip's begin and end: recorders begin a new file each hour, or sooner.
const CLIP_MAX_H: i64 = 2;
const DATE_SEPARATORS: &str = "-._";
const MIDDLE_SEPARATORS: &str = "-._T @";
const TIME_SEPARATORS: &str = "-._:";

/// The full stamp of `text`. Of two, the first is the begin and the second the end where they are a clip apart (recorders'
/// downloads: `NVR_ch1_20230101120000_20230101120500`); else the last one counts, for those names put the upload first
/// (rows 32, 53).
pub(super) fn find(text: &str) -> Stamp {
    let runs = runs(text);
    let mut result = Stamp::Absent;
    let mut at = 0;
    while at < runs.len() {
        let before = match result {
            Stamp::Found { time, start, .. } => Some((time, start)),
            _ => None,
        };
        match stamp_at(text, &runs[at..], before.is_none()) {
            Some((used, Some(time))) => {
                let (time, end, more) = with_millis(text, time, &runs[at..], used);
                result = match before {
                    Some((begin, start)) if is_end_of(begin, time) => {
                        Stamp::Found { time: begin, until: Some(time), start, end }
                    }
                    _ => Stamp::Found { time, until: None, start: runs[at].start, end },
                };
                at += used + more;
            }
            Some((used, None)) => {
                if before.is_none() {
                    result = Stamp::Impossible;
                }
                at += used;
            }
            None => at += 1,
        }
    }
    result
}

/// Whether a clip that began then may have ended at `time`.
fn is_end_of(begin: DateTime, time: DateTime) -> bool {
    let ms = time.duration_since(begin).as_millis();
    (1..=i128::from(CLIP_MAX_H) * 3_600_000).contains(&ms)
}

/// A stamp that begins with the first run: how many runs it takes, and its time if it is one. `None`: not of a
/// stamp's shape. `is_first`: there was none before it; behind one, two numbers of six digits are numbers.
fn stamp_at(text: &str, runs: &[Run<'_>], is_first: bool) -> Option<(usize, Option<DateTime>)> {
    let first = runs.first()?;
    if matches!(first.len(), 14 | 17) {
        return Some((
            1,
            date(&first.digits[..8]).and_then(|d| Some(d.to_datetime(time(&first.digits[8..])?))),
        ));
    }
    let (date_runs, date) = date_at(text, runs, is_first)?;
    let rest = &runs[date_runs..];
    if !joined(text, &runs[date_runs - 1], rest.first()?, MIDDLE_SEPARATORS) {
        return None;
    }
    let (time_runs, time) = time_at(text, rest)?;
    Some((date_runs + time_runs, date.zip(time).map(|(date, time)| date.to_datetime(time))))
}

/// `YYYYMMDD`, `YYYY-MM-DD` or (only with a six-digit time behind it) `YYMMDD`.
fn date_at(text: &str, runs: &[Run<'_>], is_first: bool) -> Option<(usize, Option<Date>)> {
    let lengths: Vec<usize> = runs.iter().take(3).map(Run::len).collect();
    match lengths[..] {
        [8, ..] => Some((1, date(runs[0].digits))),
        [4, 2, 2] if separated(text, &runs[..3], DATE_SEPARATORS) => {
            let digits: String = runs[..3].iter().map(|run| run.digits).collect();
            Some((3, date(&digits)))
        }
        // Six digits are many things: only what really is a date and a time counts as one.
        [6, 6, ..] if is_first && joined(text, &runs[0], &runs[1], "_-") => {
            let date = date(&format!("20{}", runs[0].digits))?;
            time(runs[1].digits)?;
            Some((1, Some(date)))
        }
        _ => None,
    }
}

/// `HHMMSS`, `HHMMSSmmm` or `HH-MM-SS`.
fn time_at(text: &str, runs: &[Run<'_>]) -> Option<(usize, Option<Time>)> {
    let lengths: Vec<usize> = runs.iter().take(3).map(Run::len).collect();
    match lengths[..] {
        [6 | 9, ..] => Some((1, time(runs[0].digits))),
        [2, 2, 2] if separated(text, &runs[..3], TIME_SEPARATORS) => {
            let digits: String = runs[..3].iter().map(|run| run.digits).collect();
            Some((3, time(&digits)))
        }
        _ => None,
    }
}

fn separated(text: &str, runs: &[Run<'_>], separators: &str) -> bool {
    runs.windows(2).all(|pair| joined(text, &pair[0], &pair[1], separators))
}

/// Three digits behind a time are its milliseconds; an index of three digits moves it by less than a second.
fn with_millis(text: &str, time: DateTime, runs: &[Run<'_>], used: usize) -> (DateTime, usize, usize) {
    let end = runs[used - 1].end();
    if time.subsec_nanosecond() != 0 {
        return (time, end, 0);
    }
    let millis = runs.get(used).filter(|next| next.len() == 3 && joined(text, &runs[used - 1], next, "_-."));
    let exact = millis
        .and_then(|next| Some((next, time.with().millisecond(next.digits.parse().ok()?).build().ok()?)));
    exact.map_or((time, end, 0), |(next, time)| (time, next.end(), 1))
}

/// `YYYYMMDD`.
pub(super) fn date(digits: &str) -> Option<Date> {
    let date =
        Date::new(digits[..4].parse().ok()?, digits[4..6].parse().ok()?, digits[6..8].parse().ok()?).ok()?;
    (date.year() >= FIRST_YEAR).then_some(date)
}

/// `HHMMSS` or `HHMMSSmmm`.
pub(super) fn time(digits: &str) -> Option<Time> {
    let part = |range: std::ops::Range<usize>| digits[range].parse::<i8>().ok();
    let millis: i32 = if digits.len() == 9 { digits[6..].parse().ok()? } else { 0 };
    Time::new(part(0..2)?, part(2..4)?, part(4..6)?, millis * 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Option<String> {
        match find(text) {
            Stamp::Found { time, .. } => Some(time.to_string()),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn printed_times_read_back(
            y in 1995_i16..2100, mo in 1_i8..13, d in 1_i8..29, h in 0_i8..24, mi in 0_i8..60, s in 0_i8..60,
            ms in 0_i32..1000, prefix in "([A-Za-z]{1,8}[_@-])?",
            format in prop::sample::select(vec![
                "%Y%m%d_%H%M%S", "%Y%m%d-%H%M%S", "%Y%m%dT%H%M%S", "%Y%m%d%H%M%S", "%Y%m%d%H%M%S%3f",
                "%Y-%m-%d_%H-%M-%S", "%Y.%m.%d %H.%M.%S", "%Y-%m-%d-%H-%M-%S-%3f", "%Y-%m-%d_%H%M%S",
                "%Y%m%d_%H-%M-%S", "%Y_%m_%d_%H_%M_%S",
            ]),
        ) {
            let ms = if format.contains("3f") { ms } else { 0 };
            let want = jiff::civil::datetime(y, mo, d, h, mi, s, ms * 1_000_000);
            let name = format!("{prefix}{}", want.strftime(format));
            prop_assert_eq!(found(&name), Some(want.to_string()), "{}", name);
        }

        #[test]
        fn nothing_panics(text in "[0-9A-Z_.@ü -]{0,60}") {
            let _ = find(&text);
        }
    }

    #[test]
    fn not_every_number_is_a_time() {
        for text in ["clip_12345", "20160830", "10.0.0.1", "192.168.001.064_01", "123456_999999"] {
            assert_eq!(find(text), Stamp::Absent, "{text}");
        }
        for text in ["20161330_152954", "00010224210928654", "20160830_252954"] {
            assert_eq!(find(text), Stamp::Impossible, "{text}");
        }
    }
}
