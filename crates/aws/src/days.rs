//! The days that hold anything: what the timeline walks, and where it stops.
//!
//! One item a day in `camtrail_meta`, made before the day's first event and repeated safely; it says into how many
//! shards each kind was written. Promises: an event that can be read has its day here. Refuses to be exact the other
//! way: a day that was emptied stays until [`Days::tidy`] is sure that nobody writes into it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Mutex,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::AttributeValue;
use camtrail_model::{
    CaptureKind, CatalogRecord, Millis, Order,
    ports::{CatalogError, Clock as _, SystemClock},
};
use jiff::{Timestamp, civil::Date, tz::Offset};

use crate::{
    attributes::{Item, get_bool, get_number_opt, get_text, number, text},
    call::{Failure, retrying},
    day_walk::DayWalk,
    db::Db,
    tables::{CAPTURE_DATE, META_KEY},
};

pub(crate) const DAY_MS: i64 = 86_400_000;
/// A day's events lie within this much around its UTC day: zones reach from -12 to +14 hours, with room for odd
/// metadata. An event further off stands under its UTC date instead ([`timeline_date`]).
pub(crate) const DAY_SLACK_MS: i64 = 26 * 3_600_000;

pub(crate) const PART: &str = "days";
/// How long a process trusts that a day it made is still there.
const TRUST: Duration = Duration::from_mins(5);
/// How long a day must have been empty, and said so, before it is forgotten: longer than [`TRUST`], the longest
/// transaction and what clocks differ by, together.
const EMPTY_MS: i64 = 15 * 60_000;
/// When a day was last made sure of.
const TOUCHED_AT: &str = "touched_at";
const TRUSTED_MAX: usize = 4_096;
/// Makes day numbers positive, so that their digits sort.
const DAY_NUMBER_SHIFT: i64 = 5_000_000;

/// Midnight UTC of a date. Dates at the ends of the calendar clamp.
pub(crate) fn midnight_ms(date: Date) -> i64 {
    let end = if date.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(end).as_millisecond()
}

/// The number of the UTC day of an instant, clamped to the calendar.
pub(crate) fn day_number(ms: i64) -> i64 {
    Millis(ms).timestamp().as_millisecond().div_euclid(DAY_MS)
}

pub(crate) fn item_key(day: i64) -> String {
    format!("{:07}", day + DAY_NUMBER_SHIFT)
}

/// The day of such a key.
pub(crate) fn day_of_key(digits: &str) -> Option<i64> {
    digits.parse::<i64>().ok().map(|number| number - DAY_NUMBER_SHIFT)
}

/// The first instant that may stand under a date.
pub(crate) fn earliest_ms(date: Date) -> i64 {
    let midnight = midnight_ms(date);
    // Instants beyond the calendar stand under its last days.
    if midnight <= Timestamp::MIN.as_millisecond() + 3 * DAY_MS { i64::MIN } else { midnight - DAY_SLACK_MS }
}

/// The instant from which on nothing stands under a date.
pub(crate) fn end_ms(date: Date) -> i64 {
    let midnight = midnight_ms(date);
    if midnight >= Timestamp::MAX.as_millisecond() - 3 * DAY_MS {
        i64::MAX
    } else {
        midnight + DAY_MS + DAY_SLACK_MS
    }
}

/// The date under which an event stands in the timeline: its key's, or, where that can't be right for its time, the
/// UTC date of its time. So every partition is a bounded stretch of time.
pub(crate) fn timeline_date(record: &CatalogRecord) -> Date {
    let (date, instant) = (record.object_key.date(), record.time().instant);
    if (earliest_ms(date)..end_ms(date)).contains(&instant.0) {
        return date;
    }
    Offset::UTC.to_datetime(instant.timestamp()).date()
}

/// One day of the index.
#[derive(Debug, Clone)]
pub(crate) struct Day {
    pub(crate) date: Date,
    /// Rows of the article's own function were found here.
    pub(crate) article: bool,
    /// When a writer last made sure of it; `None`: not known.
    touched_at: Option<i64>,
    /// Into how many shards each kind was ever written.
    shards: [BTreeSet<u16>; 2],
}

impl Day {
    /// A day as one with these shards would be.
    pub(crate) fn assumed(date: Date, shards: u16) -> Self {
        Self {
            date,
            article: false,
            touched_at: None,
            shards: [BTreeSet::from([shards]), BTreeSet::from([shards])],
        }
    }

    pub(crate) fn read(item: &Item) -> Result<Self, CatalogError> {
        let date = get_text(item, "date")?;
        let date = date.parse().map_err(|_| CatalogError::Corrupt(format!("the day {date:?}")))?;
        let shards = CaptureKind::ALL.map(|kind| {
            let numbers = item.get(shards_attribute(kind)).and_then(|value| value.as_ns().ok());
            numbers.into_iter().flatten().filter_map(|digits| digits.parse().ok()).collect()
        });
        let touched_at = get_number_opt(item, TOUCHED_AT)?;
        Ok(Self { date, article: get_bool(item, "article")?, touched_at, shards })
    }

    /// The partitions of a kind.
    pub(crate) fn partitions(&self, kind: CaptureKind) -> Vec<String> {
        let mut partitions = BTreeSet::new();
        for &shards in &self.shards[kind as usize] {
            if shards <= 1 {
                partitions.insert(self.date.to_string());
            } else {
                partitions.extend((0..shards).map(|shard| format!("{}#{shard:02}", self.date)));
            }
        }
        partitions.into_iter().collect()
    }
}

fn shards_attribute(kind: CaptureKind) -> &'static str {
    match kind {
        CaptureKind::Record => "record_shards",
        CaptureKind::Snap => "snap_shards",
    }
}

/// The index, and which of its days this process made lately.
#[derive(Debug, Default)]
pub(crate) struct Days {
    trusted: Mutex<HashMap<(Date, CaptureKind), Instant>>,
}

fn key_of(date: Date) -> [(&'static str, AttributeValue); 2] {
    [(META_KEY.0, text(PART)), (META_KEY.1, text(item_key(day_number(midnight_ms(date)))))]
}

impl Days {
    /// Makes sure that a day is in the index. To be called before an event of it is written.
    pub(crate) async fn ensure(&self, db: &Db, date: Date, kind: CaptureKind) -> Result<(), CatalogError> {
        let now = Instant::now();
        let is_trusted = |at: &Instant| now.duration_since(*at) < TRUST;
        if self.lock().get(&(date, kind)).is_some_and(is_trusted) {
            return Ok(());
        }
        let shards = AttributeValue::Ns(vec![db.shards.to_string()]);
        self.update(
            db,
            date,
            "ADD #s :s SET #d = :d, touched_at = :now REMOVE empty_since",
            shards_attribute(kind),
            shards,
        )
        .await?;
        let mut trusted = self.lock();
        if trusted.len() >= TRUSTED_MAX {
            trusted.retain(|_, at| is_trusted(at));
            if trusted.len() >= TRUSTED_MAX {
                trusted.clear();
            }
        }
        // From before the call: what was trusted is never younger than it is thought to be.
        trusted.insert((date, kind), now);
        Ok(())
    }

    /// Notes that a day holds rows of the article's.
    pub(crate) async fn note_article(&self, db: &Db, date: Date) -> Result<(), CatalogError> {
        let update = "SET #s = :s, #d = :d, touched_at = :now REMOVE empty_since";
        self.update(db, date, update, "article", AttributeValue::Bool(true)).await
    }

    async fn update(
        &self,
        db: &Db,
        date: Date,
        update: &str,
        attribute: &str,
        value: AttributeValue,
    ) -> Result<(), CatalogError> {
        let [part, item] = key_of(date);
        let call = db
            .client
            .update_item()
            .table_name(db.tables.meta())
            .key(part.0, part.1)
            .key(item.0, item.1)
            .update_expression(update)
            .expression_attribute_names("#s", attribute)
            .expression_attribute_names("#d", "date")
            .expression_attribute_values(":s", value)
            .expression_attribute_values(":d", text(date.to_string()))
            .expression_attribute_values(":now", number(SystemClock.now().0));
        retrying(|| call.clone().send()).await?;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Date, CaptureKind), Instant>> {
        self.trusted.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// One day, if it is in the index.
    pub(crate) async fn get(db: &Db, date: Date) -> Result<Option<Day>, CatalogError> {
        db.meta_item(PART, &item_key(day_number(midnight_ms(date))))
            .await?
            .as_ref()
            .map(Day::read)
            .transpose()
    }

    /// When the first day begins (in an order, at or behind `from`) that may hold events that were stored later than that.
    /// Whoever writes into a day made sure of it less than [`EMPTY_MS`] before.
    pub(crate) async fn touched_later(
        db: &Db,
        order: Order,
        from: Millis,
        stored_after: Millis,
    ) -> Result<Option<Millis>, CatalogError> {
        let is_newest_first = order == Order::NewestFirst;
        let (low, high) = if is_newest_first { (None, Some(from.0)) } else { (Some(from.0), None) };
        let mut walk = DayWalk::new(is_newest_first, low, high);
        let mut found = None::<i64>;
        while let Some(day) = walk.pop(db).await? {
            let (first, last) = (earliest_ms(day.date), end_ms(day.date).saturating_sub(1));
            // Neighbouring days overlap: one may still begin earlier than what was found.
            let is_behind = if is_newest_first {
                found.is_some_and(|found| last <= found)
            } else {
                found.is_some_and(|found| first >= found)
            };
            if is_behind {
                break;
            }
            let is_settled = |at: i64| at.saturating_add(EMPTY_MS) <= stored_after.0;
            let reaches = if is_newest_first { first <= from.0 } else { last >= from.0 };
            if reaches && !day.touched_at.is_some_and(is_settled) {
                found = Some(if is_newest_first {
                    found.unwrap_or(i64::MIN).max(last.min(from.0))
                } else {
                    found.unwrap_or(i64::MAX).min(first.max(from.0))
                });
            }
        }
        Ok(found.map(Millis))
    }

    /// Forgets days without events, oldest first, at most `limit` looked at. Returns how many went.
    ///
    /// A day goes in two steps: it is marked, and at a later call (some quarter of an hour on) removed if it is still
    /// marked and still empty. Whoever writes into a day takes the mark away first.
    pub(crate) async fn tidy(db: &Db, now: Millis, limit: usize) -> Result<usize, CatalogError> {
        let mut walk = DayWalk::new(false, None, None);
        let mut gone = 0;
        for _ in 0..limit {
            let Some(day) = walk.pop(db).await? else { break };
            if !db.day_is_empty(&day).await? {
                // The timeline starts here; what is empty further on costs little.
                break;
            }
            let [part, item] = key_of(day.date);
            let found =
                db.meta_item(PART, &item_key(day_number(midnight_ms(day.date)))).await?.unwrap_or_default();
            let marked: Option<i64> = get_number_opt(&found, "empty_since")?;
            let done = match marked {
                None => {
                    let call = db
                        .client
                        .update_item()
                        .table_name(db.tables.meta())
                        .key(part.0, part.1)
                        .key(item.0, item.1)
                        .update_expression("SET empty_since = :now")
                        .condition_expression("attribute_exists(#d) AND attribute_not_exists(empty_since)")
                        .expression_attribute_names("#d", "date")
                        .expression_attribute_values(":now", number(now.0));
                    retrying(|| call.clone().send()).await.map(|_| false)
                }
                Some(since) if now.0.saturating_sub(since) >= EMPTY_MS => {
                    let call = db
                        .client
                        .delete_item()
                        .table_name(db.tables.meta())
                        .key(part.0, part.1)
                        .key(item.0, item.1)
                        .condition_expression("empty_since = :since")
                        .expression_attribute_values(":since", number(since));
                    retrying(|| call.clone().send()).await.map(|_| true)
                }
                Some(_) => Ok(false),
            };
            match done {
                Ok(done) => gone += usize::from(done),
                // Somebody writes into it.
                Err(Failure::Condition(_)) => break,
                Err(failure) => return Err(failure.into()),
            }
        }
        Ok(gone)
    }
}

impl Db {
    /// Whether neither kind has a row under a date.
    async fn day_is_empty(&self, day: &Day) -> Result<bool, CatalogError> {
        for kind in CaptureKind::ALL {
            let mut partitions = day.partitions(kind);
            partitions.push(day.date.to_string());
            for partition in partitions {
                let call = self
                    .client
                    .query()
                    .table_name(self.tables.timeline(kind))
                    .consistent_read(true)
                    .key_condition_expression("#p = :p")
                    .expression_attribute_names("#p", CAPTURE_DATE)
                    .expression_attribute_values(":p", text(partition))
                    .limit(1);
                if !retrying(|| call.clone().send()).await?.items().is_empty() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use camtrail_model::{CaptureKind, testing::record};

    use super::*;

    #[test]
    fn an_event_stands_under_its_date_or_where_its_time_is() {
        let clip = record("a", 1_472_596_194_000, CaptureKind::Record, "x.mp4");
        assert_eq!(timeline_date(&clip), clip.object_key.date());
        let mut odd = clip.clone();
        odd.metadata.time.instant = Millis(1_472_596_194_000 + 5 * DAY_MS);
        assert_eq!(timeline_date(&odd).to_string(), "2016-09-04");
        for ms in [i64::MIN, -1, 0, 1, i64::MAX] {
            odd.metadata.time.instant = Millis(ms);
            let date = timeline_date(&odd);
            assert!(earliest_ms(date) <= ms && (ms < end_ms(date) || ms == i64::MAX), "{ms} under {date}");
        }
    }

    #[test]
    fn a_day_keeps_its_numbers_of_shards() {
        let date = "2016-08-30".parse().unwrap();
        let mut day = Day::assumed(date, 1);
        assert_eq!(day.partitions(CaptureKind::Record), ["2016-08-30"]);
        day.shards[0].insert(2);
        assert_eq!(day.partitions(CaptureKind::Record), ["2016-08-30", "2016-08-30#00", "2016-08-30#01"]);
    }

    #[test]
    fn days_sort_by_their_numbers_before_1970_too() {
        let keys: Vec<_> = [-3_000_000, -1, 0, 1, 2_000_000].map(item_key).to_vec();
        assert!(keys.is_sorted(), "{keys:?}");
    }
}
