//! Owns the two spellings of time in FTP: `YYYYMMDDHHMMSS` (RFC 3659) and the
//! date column of `ls -l`, both in UTC. Plain arithmetic, no calendar library.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

const SECS_PER_DAY: i64 = 86_400;
/// Beyond this `ls -l` shows the year in place of the hour, and clients parse it so.
const HALF_YEAR_SECS: i64 = 182 * SECS_PER_DAY;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

struct Civil {
    year: i64,
    month: usize,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX / 2),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX / 2),
    }
}

/// Days since 1970 to a proleptic Gregorian date, with years that start in March
/// so that the leap day comes last (Howard Hinnant's `civil_from_days`).
fn civil(seconds: i64) -> Civil {
    let days = seconds.div_euclid(SECS_PER_DAY) + 719_468;
    let second_of_day = seconds.rem_euclid(SECS_PER_DAY);
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    Civil {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month: usize::try_from(month).unwrap_or(1),
        day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
        hour: second_of_day / 3600,
        minute: second_of_day / 60 % 60,
        second: second_of_day % 60,
    }
}

/// `YYYYMMDDHHMMSS` in UTC.
pub(crate) fn compact(time: SystemTime) -> String {
    let at = civil(unix_seconds(time));
    format!("{:04}{:02}{:02}{:02}{:02}{:02}", at.year, at.month, at.day, at.hour, at.minute, at.second)
}

/// The date column of `ls -l`, 12 characters.
pub(crate) fn ls_date(time: SystemTime, now: SystemTime) -> String {
    let seconds = unix_seconds(time);
    let at = civil(seconds);
    let mut text = format!("{} {:>2} ", MONTHS[at.month - 1], at.day);
    let age = unix_seconds(now) - seconds;
    let written = if (-SECS_PER_DAY..HALF_YEAR_SECS).contains(&age) {
        write!(text, "{:02}:{:02}", at.hour, at.minute)
    } else {
        write!(text, "{:>5}", at.year)
    };
    debug_assert!(written.is_ok(), "writing to a String can't fail");
    text
}

/// Whether this is a `YYYYMMDDHHMMSS[.sss]` of RFC 3659.
pub(crate) fn is_compact(text: &[u8]) -> bool {
    let (whole, rest) = text.split_at(text.len().min(14));
    let fraction = match rest {
        [] => true,
        [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    whole.len() == 14 && whole.iter().all(u8::is_ascii_digit) && fraction
}

#[cfg(test)]
mod tests {
    use super::{compact, is_compact, ls_date};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn known_dates() {
        assert_eq!(compact(UNIX_EPOCH), "19700101000000");
        assert_eq!(compact(UNIX_EPOCH + Duration::from_hours(264_384)), "20000229000000");
        assert_eq!(compact(UNIX_EPOCH + Duration::from_secs(1_795_507_305)), "20261124080145");
        assert_eq!(compact(UNIX_EPOCH - Duration::from_secs(1)), "19691231235959");
    }

    #[test]
    fn ls_dates_show_the_year_when_old() {
        let time = UNIX_EPOCH + Duration::from_secs(1_795_507_305);
        assert_eq!(ls_date(time, time), "Nov 24 08:01");
        assert_eq!(ls_date(time, time + Duration::from_hours(200 * 24)), "Nov 24  2026");
    }

    #[test]
    fn rfc3659_times() {
        assert!(is_compact(b"20261124080145"));
        assert!(is_compact(b"20261124080145.123"));
        assert!(!is_compact(b"20261124080145."));
        assert!(!is_compact(b"2026112408014"));
        assert!(!is_compact(b"2026112408014x"));
    }
}
