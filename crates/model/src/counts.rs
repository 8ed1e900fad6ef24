//! How many captures there are, by hour, day or camera (docs/design/counts.md).
//!
//! Hours and days are the captures' own, as their object keys say them: what stood on the camera's clock. So two cameras'
//! hour 15 are one bucket, wherever they are.

use jiff::civil::{Date, DateTime};

use crate::{camera::CameraName, capture::CaptureKind, event::CatalogRecord, object_key::ObjectKey};

/// Hours in a day of the calendar.
pub const DAY_HOURS: i64 = 24;
/// Buckets of hours that one answer holds, at most: a leap year's.
pub const HOURS_MAX: usize = 366 * 24;
/// Buckets of days that one answer holds, at most: ten years.
pub const DAYS_MAX: usize = 3_660;
/// Hours times cameras that one answer is summed from, at most, where cameras are chosen: a year of a hundred.
pub const CAMERA_HOURS_MAX: i64 = 100 * 366 * DAY_HOURS;

/// An hour of a camera's own calendar: hours since 1970-01-01T00, without any zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilHour(pub i64);

impl CivilHour {
    /// The hour of a date.
    pub fn new(date: Date, hour: u8) -> Self {
        let days = date.duration_since(jiff::civil::date(1970, 1, 1)).as_hours() / DAY_HOURS;
        Self(days * DAY_HOURS + i64::from(hour))
    }

    /// The hour in which a moment of the calendar lies.
    pub fn of(at: DateTime) -> Self {
        Self::new(at.date(), at.hour().unsigned_abs())
    }

    /// The hour under which a capture is filed.
    pub fn of_key(key: &ObjectKey) -> Self {
        Self::new(key.date(), key.hour())
    }

    /// The number of its day, since 1970-01-01.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY_HOURS)
    }

    /// The hour of its day: 0 to 23.
    pub fn hour(self) -> u8 {
        self.0.rem_euclid(DAY_HOURS) as u8
    }

    /// Its date; beyond the calendar, the calendar's end.
    pub fn date(self) -> Date {
        let span = jiff::Span::new().try_days(self.day());
        let end = if self.0 < 0 { Date::MIN } else { Date::MAX };
        span.and_then(|days| jiff::civil::date(1970, 1, 1).checked_add(days)).unwrap_or(end)
    }
}

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountBy {
    /// Each hour.
    Hour,
    /// Each day.
    Day,
    /// Each camera.
    Camera,
}

/// What to count. Empty lists and `None` mean "all".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountQuery {
    /// What is counted together.
    pub by: CountBy,
    /// Only these cameras.
    pub cameras: Vec<CameraName>,
    /// Only this kind.
    pub kind: Option<CaptureKind>,
    /// From this hour on. By day or camera: from this hour's day on.
    pub from: Option<CivilHour>,
    /// Before this hour. By day or camera: before this hour's day.
    pub to: Option<CivilHour>,
}

impl CountQuery {
    /// Whether a capture is counted.
    pub fn fits(&self, record: &CatalogRecord) -> bool {
        let key = &record.object_key;
        let (hour, is_hourly) = (CivilHour::of_key(key), self.by == CountBy::Hour);
        let place = |at: CivilHour| if is_hourly { at.0 } else { at.day() };
        (self.cameras.is_empty() || self.cameras.contains(key.camera()))
            && self.kind.is_none_or(|kind| kind == key.kind())
            && self.from.is_none_or(|from| place(hour) >= place(from))
            && self.to.is_none_or(|to| place(hour) < place(to))
    }

    /// The numbers of hours (by hour) or days (else) that are asked for: from, and before.
    pub fn slots(&self) -> (i64, i64) {
        let place = |at: CivilHour| if self.by == CountBy::Hour { at.0 } else { at.day() };
        (self.from.map_or(i64::MIN, place), self.to.map_or(i64::MAX, place))
    }

    /// How many buckets an answer holds, at most; the newest ones are given.
    pub fn buckets_max(&self) -> usize {
        match self.by {
            CountBy::Hour => HOURS_MAX,
            CountBy::Day => DAYS_MAX,
            CountBy::Camera => usize::MAX,
        }
    }
}

/// How many captures, and their objects' bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many.
    pub events: u64,
    /// Bytes of their objects.
    pub bytes: u64,
}

impl Tally {
    /// Sums may come from several counters, of which one may be below zero for itself.
    pub fn of_sums(events: i64, bytes: i64) -> Self {
        Self { events: events.max(0).unsigned_abs(), bytes: bytes.max(0).unsigned_abs() }
    }
}

/// What one bucket is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketOf {
    /// An hour.
    Hour(CivilHour),
    /// A day.
    Day(Date),
    /// A camera.
    Camera(CameraName),
}

/// One bucket. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// What of.
    pub of: BucketOf,
    /// Clips and stills, as [`CaptureKind::ALL`] orders them.
    pub kinds: [Tally; 2],
}

/// Counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// Hours and days newest first, cameras by name. Without empty ones.
    pub buckets: Vec<Bucket>,
    /// There are older buckets than the answer has room for.
    pub older: bool,
}

impl Counts {
    /// From sums by the numbers of hours or days.
    pub fn of_slots(
        by: CountBy,
        sums: std::collections::BTreeMap<i64, [(i64, i64); 2]>,
        most: usize,
    ) -> Self {
        let mut buckets = Vec::new();
        for (slot, sums) in sums.into_iter().rev() {
            let kinds = sums.map(|(events, bytes)| Tally::of_sums(events, bytes));
            if kinds.iter().all(|tally| tally.events == 0) {
                continue;
            }
            if buckets.len() == most {
                return Self { buckets, older: true };
            }
            let of = match by {
                CountBy::Hour => BucketOf::Hour(CivilHour(slot)),
                _ => BucketOf::Day(CivilHour(slot.saturating_mul(DAY_HOURS)).date()),
            };
            buckets.push(Bucket { of, kinds });
        }
        Self { buckets, older: false }
    }

    /// From sums by camera.
    pub fn of_cameras(sums: impl IntoIterator<Item = (CameraName, [(i64, i64); 2])>) -> Self {
        let buckets = sums.into_iter().map(|(camera, sums)| Bucket {
            of: BucketOf::Camera(camera),
            kinds: sums.map(|(events, bytes)| Tally::of_sums(events, bytes)),
        });
        let has_some = |bucket: &Bucket| bucket.kinds.iter().any(|tally| tally.events > 0);
        Self { buckets: buckets.filter(has_some).collect(), older: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_the_calendar_read_back_before_1970_too() {
        for (text, hour, number) in [
            ("1970-01-01", 0, 0),
            ("1969-12-31", 23, -1),
            ("2016-08-30", 15, 409_047),
            ("0001-01-01", 5, -17_259_883),
        ] {
            let at = CivilHour::new(text.parse().unwrap(), hour);
            assert_eq!((at.0, at.date().to_string(), at.hour()), (number, text.to_owned(), hour));
        }
        assert_eq!(CivilHour(i64::MAX).date(), Date::MAX);
        assert_eq!(CivilHour(i64::MIN).date(), Date::MIN);
    }
}
