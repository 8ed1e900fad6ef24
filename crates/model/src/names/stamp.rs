//! Times in names: `20160830_152954`, `20190926-122821`, `2016-10-19/Hour-16/`.

use jiff::civil::{Date, DateTime, Time};

/// What a text says of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// Nothing.
    Absent,
    /// Something of a stamp's shape that is no time (month 13).
    Impossible,
    /// A local time.
    Found(DateTime),
}

/// The last stamp in a file's stem: `YYYYMMDD`, an optional separator, `HHMMSS`, optional milliseconds.
///
/// The last, because names with two stamps put the upload or the recording's begin first (row 32, row 53).
pub(super) fn in_file_name(stem: &str) -> Stamp {
    let runs = digit_runs(stem);
    let mut result = Stamp::Absent;
    for (index, run) in runs.iter().enumerate() {
        let next = runs.get(index + 1);
        let found = match (run.digits.len(), next) {
            (14 | 17, _) => compact(run.digits),
            (8, Some(time)) if matches!(time.digits.len(), 6 | 9) && run.followed_closely(stem, time) => {
                pair(run.digits, time.digits)
            }
            _ => continue,
        };
        result = match (found, result) {
            (Some(time), _) | (None, Stamp::Found(time)) => Stamp::Found(time),
            (None, _) => Stamp::Impossible,
        };
    }
    result
}

/// A date folder with an hour folder somewhere below it: the article's layout.
pub(super) fn in_folders(folders: &[&str]) -> Stamp {
    let Some((index, date)) = folders.iter().enumerate().rev().find_map(|(i, f)| Some((i, dashed_date(f)?)))
    else {
        return Stamp::Absent;
    };
    let hour = folders[index + 1..].iter().find_map(|folder| hour_folder(folder)).unwrap_or(0);
    Stamp::Found(date.at(hour, 0, 0, 0))
}

/// A maximal run of ASCII digits, and where it stands.
struct DigitRun<'a> {
    start: usize,
    digits: &'a str,
}

impl DigitRun<'_> {
    /// One separator between the two.
    fn followed_closely(&self, stem: &str, next: &DigitRun<'_>) -> bool {
        matches!(&stem[self.start + self.digits.len()..next.start], "_" | "-" | "T" | "t" | " " | ".")
    }
}

fn digit_runs(text: &str) -> Vec<DigitRun<'_>> {
    let mut runs = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), '\0')]) {
        match (c.is_ascii_digit(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                runs.push(DigitRun { start: from, digits: &text[from..at] });
                start = None;
            }
            _ => {}
        }
    }
    runs
}

fn compact(digits: &str) -> Option<DateTime> {
    pair(&digits[..8], &digits[8..])
}

fn pair(date: &str, time: &str) -> Option<DateTime> {
    let number = |text: &str| text.parse::<i16>().ok();
    let small = |text: &str| text.parse::<i8>().ok();
    let date = Date::new(number(&date[..4])?, small(&date[4..6])?, small(&date[6..8])?).ok()?;
    if date.year() < 1 {
        return None;
    }
    let millis = if time.len() == 9 { number(&time[6..9])? } else { 0 };
    let nanos = i32::from(millis) * 1_000_000;
    let time = Time::new(small(&time[..2])?, small(&time[2..4])?, small(&time[4..6])?, nanos).ok()?;
    Some(date.to_datetime(time))
}

fn dashed_date(folder: &str) -> Option<Date> {
    let date: Date = folder.parse().ok()?;
    (date.to_string() == folder && date.year() >= 1).then_some(date)
}

fn hour_folder(folder: &str) -> Option<i8> {
    let digits = folder.strip_prefix("Hour-").or_else(|| folder.strip_prefix("hour-"))?;
    digits.parse().ok().filter(|hour| (0..24).contains(hour))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn printed_times_read_back(
            y in 1995_i16..2100, mo in 1_i8..13, d in 1_i8..29, h in 0_i8..24, mi in 0_i8..60, s in 0_i8..60,
            sep in "[-_T]", prefix in "[A-Za-z]{0,8}_?",
        ) {
            let want = jiff::civil::datetime(y, mo, d, h, mi, s, 0);
            let name = format!("{prefix}{}", want.strftime(&format!("%Y%m%d{sep}%H%M%S")));
            prop_assert_eq!(in_file_name(&name), Stamp::Found(want));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}") {
            let _ = in_file_name(&text);
            let _ = in_folders(&[&text]);
        }
    }

    #[test]
    fn not_every_number_is_a_time() {
        assert_eq!(in_file_name("clip_12345"), Stamp::Absent);
        assert_eq!(in_file_name("20160830"), Stamp::Absent);
        assert_eq!(in_file_name("20161330_152954"), Stamp::Impossible);
    }
}
