//! Times in folders: a date somewhere above the file, then perhaps an hour, then perhaps a minute.
//!
//! | folders | by |
//! |---|---|
//! | `2016-10-19/Hour-16` | the article |
//! | `2018-02-24/001/jpg/10/35` | Dahua, Amcrest: channel, kind, hour, minute |
//! | `2026/08/14` | Reolink |
//! | `2020Y12M31D00H`, `05H` | yi-hack |
//! | `Img_2010-08-10`, `20190510/08`, `20190510_09` | Level1, Axis |

use jiff::civil::Date;

use super::{
    runs::{Run, all_digits, joined, runs},
    stamp,
};

/// What the folders say; each only with what stands before it, but an hour may stand alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FolderTime {
    pub(super) date: Option<Date>,
    pub(super) hour: Option<i8>,
    pub(super) minute: Option<i8>,
}

/// Reads folders from the outermost in; an inner date starts afresh.
pub(super) fn read(folders: &[&str]) -> FolderTime {
    let mut found = FolderTime::default();
    let mut at = 0;
    while at < folders.len() {
        let folder = folders[at];
        if let Some(date) = split_date(&folders[at..]) {
            found = FolderTime { date: Some(date), hour: None, minute: None };
            at += 3;
            continue;
        }
        if let Some((date, hour)) = date_in(folder) {
            found = FolderTime { date: Some(date), hour, minute: None };
        } else if let Some(hour) = named_hour(folder) {
            (found.hour, found.minute) = (Some(hour), None);
        } else if let Some(number) = two_digits(folder).filter(|_| found.date.is_some()) {
            match (found.hour, found.minute) {
                (None, _) if number < 24 => found.hour = Some(number),
                (Some(_), None) if number < 60 => found.minute = Some(number),
                _ => {}
            }
        }
        at += 1;
    }
    found
}

/// `2026`, `08`, `14`.
fn split_date(folders: &[&str]) -> Option<Date> {
    let [year, month, day, ..] = folders else { return None };
    let short = |text: &str| matches!(text.len(), 1 | 2);
    if year.len() != 4 || !short(month) || !short(day) {
        return None;
    }
    // Lengths are bytes: other letters must be out before anything is cut by them.
    let digits = [year, month, day].iter().all(|text| all_digits(text));
    digits.then(|| stamp::date(&format!("{year}{month:0>2}{day:0>2}")))?
}

/// A date within one folder's name, and the hour where that is written there, too.
fn date_in(folder: &str) -> Option<(Date, Option<i8>)> {
    if let Some(found) = yi_hack(folder) {
        return Some(found);
    }
    let runs = runs(folder);
    for (index, run) in runs.iter().enumerate() {
        if run.len() == 8
            && let Some(date) = stamp::date(run.digits)
        {
            let hour = runs.get(index + 1).filter(|next| next.len() == 2 && joined(folder, run, next, "_-"));
            return Some((date, hour.and_then(Run::small).filter(|hour| *hour < 24)));
        }
        if let [year, month, day, ..] = runs[index..]
            && (year.len(), month.len(), day.len()) == (4, 2, 2)
            && joined(folder, &year, &month, "-_.")
            && joined(folder, &month, &day, "-_.")
            && let Some(date) = stamp::date(&format!("{}{}{}", year.digits, month.digits, day.digits))
        {
            return Some((date, None));
        }
    }
    None
}

/// `2020Y12M31D00H`.
fn yi_hack(folder: &str) -> Option<(Date, Option<i8>)> {
    let (year, rest) = folder.split_once('Y')?;
    let (month, rest) = rest.split_once('M')?;
    let (day, rest) = rest.split_once('D')?;
    let hour = rest.strip_suffix('H')?;
    if ![year, month, day, hour].iter().all(|text| all_digits(text))
        || (year.len(), month.len(), day.len()) != (4, 2, 2)
    {
        return None;
    }
    let date = stamp::date(&format!("{year}{month}{day}"))?;
    Some((date, hour.parse().ok().filter(|hour| *hour < 24)))
}

/// `Hour-9`, `05H`.
fn named_hour(folder: &str) -> Option<i8> {
    let digits = match folder.get(..5) {
        Some(prefix) if prefix.eq_ignore_ascii_case("hour-") => &folder[5..],
        _ => folder.strip_suffix('H')?,
    };
    digits.parse().ok().filter(|hour| all_digits(digits) && *hour < 24)
}

fn two_digits(folder: &str) -> Option<i8> {
    if folder.len() == 2 && all_digits(folder) { folder.parse().ok() } else { None }
}
