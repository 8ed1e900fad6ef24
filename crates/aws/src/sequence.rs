//! The sequence of changes across processes (docs/design/dynamodb.md).
//!
//! A number is taken first, from one counter outside of any transaction; the change is written under it in the same
//! transaction as what it tells. Numbers have no gaps but those of writers that are under way or died, so a reader
//! stops before a missing number until it is too old to come: it never steps over a change, and never waits long.
//! Promises: a change is there if and only if its event's write is.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{ReturnValue, TransactWriteItem};
use camtrail_model::{
    CameraName, Change, ChangeKind, ChangeSeq, Changes, EventId, Subject, ports::CatalogError,
};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use crate::{
    attributes::{Item, get_number, get_number_opt, get_text, number, text},
    call::retrying,
    db::{Db, meta_item, put},
    tables::{EXPIRES_AT, META_KEY},
};

const COUNTER: (&str, &str) = ("sequence", "changes");
/// Neighbouring numbers lie in different partitions: together these take more than the counter gives.
const LANES: u64 = 4;
/// How many changes are kept at most, for a client that was away.
const KEPT: u64 = 50_000;
/// How long they are kept.
const KEPT_S: i64 = 7 * 86_400;
/// DynamoDB's expiry must not take what is still promised.
const EXPIRY_S: i64 = KEPT_S + 86_400;
/// A number that isn't used this long after it was given stays unused. Longer than [`WRITE_MAX`], one call's time-out
/// and what clocks differ by, together.
const HOLE_MAX_MS: i64 = 30_000;
/// A writer uses its number within this time, or takes another.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// More writers than this aren't under way at once.
const UNDER_WAY_MAX: u64 = 256;
/// Events read at once to complete changes.
const READS: usize = 16;

const VOID: &str = "void";
const CAMERA: &str = "camera";

fn word(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::New => "new",
        ChangeKind::Changed => "changed",
        ChangeKind::Removed => "removed",
    }
}

fn parse_word(word_found: &str) -> Option<ChangeKind> {
    [ChangeKind::New, ChangeKind::Changed, ChangeKind::Removed]
        .into_iter()
        .find(|kind| word(*kind) == word_found)
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn part(seq: u64) -> String {
    format!("changes#{}", seq % LANES)
}

fn item_key(seq: u64) -> String {
    format!("{seq:020}")
}

/// A change that is going to be written.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    Event(ChangeKind, EventId),
    Camera(CameraName),
}

/// Numbers that were given to one write.
#[derive(Debug)]
pub(crate) struct Numbers {
    first: u64,
    count: u64,
    at: i64,
    given: Instant,
}

impl Numbers {
    /// Takes as many numbers as there are changes to tell.
    pub(crate) async fn take(db: &Db, count: usize) -> Result<Self, CatalogError> {
        let (given, at, count) = (Instant::now(), now(), count as u64);
        let call = db
            .client
            .update_item()
            .table_name(db.tables.meta())
            .set_key(Some(meta_item(COUNTER.0, COUNTER.1)))
            .update_expression("ADD #seq :count SET #at = :at")
            .expression_attribute_names("#seq", "seq")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":count", number(count))
            .expression_attribute_values(":at", number(at))
            .return_values(ReturnValue::UpdatedNew);
        let answer = retrying(|| call.clone().send()).await?;
        let last: u64 = get_number(&answer.attributes.unwrap_or_default(), "seq")?;
        Ok(Self { first: (last + 1).saturating_sub(count), count, at, given })
    }

    /// Until when readers wait for these for certain.
    pub(crate) fn deadline(&self) -> Instant {
        self.given + WRITE_MAX
    }

    fn item(&self, seq: u64, what: &str) -> Item {
        let mut item = meta_item(part(seq), item_key(seq));
        item.insert("what".to_owned(), text(what));
        item.insert("at".to_owned(), number(self.at));
        item.insert(EXPIRES_AT.to_owned(), number(self.at.div_euclid(1_000) + EXPIRY_S));
        item
    }

    /// The members of the transaction that tell the changes.
    pub(crate) fn tell(&self, db: &Db, told: &[Told]) -> Result<Vec<TransactWriteItem>, CatalogError> {
        let writes = told.iter().zip(self.first..self.first + self.count).map(|(told, seq)| {
            let mut item = match told {
                Told::Event(kind, _) => self.item(seq, word(*kind)),
                Told::Camera(_) => self.item(seq, CAMERA),
            };
            match told {
                Told::Event(_, id) => item.insert("id".to_owned(), text(id.to_string())),
                Told::Camera(camera) => item.insert("camera".to_owned(), text(camera.as_str())),
            };
            put(db.tables.meta(), item, "attribute_not_exists(#i)", Item::new(), &[("#i", META_KEY.1)])
        });
        writes.collect()
    }

    /// Says that these won't be used, so that nobody waits for them. Where that fails, readers wait a little.
    pub(crate) async fn give_back(&self, db: &Db) {
        for seq in self.first..self.first + self.count {
            // A write whose answer was lost may have used it.
            let call = db
                .client
                .put_item()
                .table_name(db.tables.meta())
                .set_item(Some(self.item(seq, VOID)))
                .condition_expression("attribute_not_exists(#i)")
                .expression_attribute_names("#i", META_KEY.1);
            if let Err(failure) = retrying(|| call.clone().send()).await {
                tracing::debug!(seq, ?failure, "a number of the sequence of changes stays unused");
            }
        }
    }
}

/// The newest number given, and when.
pub(crate) async fn newest_given(db: &Db) -> Result<(u64, i64), CatalogError> {
    let item = db.meta_item(COUNTER.0, COUNTER.1).await?.unwrap_or_default();
    Ok((get_number_opt(&item, "seq")?.unwrap_or(0), get_number_opt(&item, "at")?.unwrap_or(i64::MIN)))
}

/// What stands under the numbers `low..=high`, in order; `None` where nothing does.
async fn read(db: &Db, low: u64, high: u64) -> Result<Vec<(u64, Option<Item>)>, CatalogError> {
    let lanes = (0..LANES.min(high - low + 1)).map(|lane| {
        let part = part(low + lane);
        async move { db.meta_range(&part, &item_key(low), &item_key(high)).await }
    });
    let mut found: Vec<_> = (low..=high).map(|seq| (seq, None)).collect();
    for items in futures::future::try_join_all(lanes).await? {
        for item in items {
            let seq: u64 = get_text(&item, META_KEY.1)?.parse().unwrap_or(0);
            if let Some(slot) = seq.checked_sub(low).and_then(|at| found.get_mut(at as usize)) {
                slot.1 = Some(item);
            }
        }
    }
    Ok(found)
}

/// The first number after `place` under which something stands.
async fn next_kept(db: &Db, place: u64, newest: u64) -> Result<u64, CatalogError> {
    let mut next = newest + 1;
    for lane in 0..LANES {
        let call = db
            .client
            .query()
            .table_name(db.tables.meta())
            .consistent_read(true)
            .key_condition_expression("#p = :p AND #i > :place")
            .expression_attribute_names("#p", META_KEY.0)
            .expression_attribute_names("#i", META_KEY.1)
            .expression_attribute_values(":p", text(part(lane)))
            .expression_attribute_values(":place", text(item_key(place)))
            .limit(1);
        if let Some(item) = retrying(|| call.clone().send()).await?.items().first() {
            next = next.min(get_text(item, META_KEY.1)?.parse().unwrap_or(next));
        }
    }
    Ok(next)
}

/// How many of the numbers, from the front, are settled: used, given back, or too old to be used. `last_at` is when
/// the numbers after these were begun.
fn settled(found: &[(u64, Option<Item>)], last_at: i64, now: i64) -> Result<usize, CatalogError> {
    // A number was given before every later one.
    let (mut bound, mut end) = (last_at, found.len());
    for (at, (_, item)) in found.iter().enumerate().rev() {
        match item {
            Some(item) => bound = bound.min(get_number(item, "at")?),
            None if bound > now.saturating_sub(HOLE_MAX_MS) => end = at,
            None => {}
        }
    }
    Ok(end)
}

pub(crate) async fn latest(db: &Db) -> Result<ChangeSeq, CatalogError> {
    let (newest, at) = newest_given(db).await?;
    if newest == 0 || at <= now().saturating_sub(HOLE_MAX_MS) {
        return Ok(newest);
    }
    let low = newest.saturating_sub(UNDER_WAY_MAX - 1).max(1);
    let found = read(db, low, newest).await?;
    Ok(low - 1 + settled(&found, at, now())? as u64)
}

pub(crate) async fn after(db: &Db, after: ChangeSeq, limit: usize) -> Result<Changes, CatalogError> {
    let (newest, at) = newest_given(db).await?;
    // A place that this catalog never gave is a gap, too.
    let mut gap = after > newest || newest - after > KEPT;
    let mut place = after.max(newest.saturating_sub(KEPT));
    let (mut told, mut is_first) = (Vec::new(), true);
    while place < newest && told.len() < limit {
        let high = newest.min(place.saturating_add((limit - told.len()) as u64));
        let mut found = read(db, place + 1, high).await?;
        if found.iter().any(|(_, item)| item.is_none()) && high < newest {
            // What comes later says how old a missing number is.
            found = read(db, place + 1, newest.min(high + UNDER_WAY_MAX)).await?;
            if found.len() as u64 > UNDER_WAY_MAX && found.iter().all(|(_, item)| item.is_none()) {
                // So many were never under way at once: these have expired.
                gap = true;
                place = next_kept(db, place, newest).await? - 1;
                continue;
            }
        }
        let count = settled(&found, at, now())?.min((high - place) as usize);
        if count == 0 {
            break;
        }
        let is_missing = |entry: &(u64, Option<Item>)| entry.1.is_none();
        if is_first && !gap && is_missing(&found[0]) {
            // Unused, or expired: where the place itself is gone, too, there may have been more.
            gap = place == 0 || db.meta_item(&part(place), &item_key(place)).await?.is_none();
        }
        is_first = false;
        told.extend(found.into_iter().take(count).filter_map(|(seq, item)| item.map(|item| (seq, item))));
        place += count as u64;
    }
    let completed: Vec<_> = told.into_iter().map(|(seq, item)| complete(db, seq, item)).collect();
    let items: Vec<Option<Change>> = stream::iter(completed).buffered(READS).try_collect().await?;
    Ok(Changes { items: items.into_iter().flatten().collect(), upto: place, gap })
}

/// The change with its event as it is now.
async fn complete(db: &Db, seq: u64, item: Item) -> Result<Option<Change>, CatalogError> {
    let corrupt = || CatalogError::Corrupt(format!("change {seq}: {item:?}"));
    let subject = match get_text(&item, "what")? {
        VOID => return Ok(None),
        CAMERA => Subject::Camera(CameraName::parse(get_text(&item, "camera")?).map_err(|_| corrupt())?),
        what => {
            let kind = parse_word(what).ok_or_else(corrupt)?;
            let id = EventId::parse(get_text(&item, "id")?).ok_or_else(corrupt)?;
            let record = crate::events::by_id(db, &id).await?.map(Box::new);
            Subject::Event { kind, id, record }
        }
    };
    Ok(Some(Change { seq, subject }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(given: &[(u64, Option<i64>)]) -> Vec<(u64, Option<Item>)> {
        let item = |at: i64| Item::from([("at".to_owned(), number(at))]);
        given.iter().map(|(seq, at)| (*seq, at.map(item))).collect()
    }

    #[test]
    fn a_reader_waits_for_a_missing_number_until_it_is_too_old() {
        let found = numbers(&[(1, Some(10)), (2, None), (3, Some(20))]);
        assert_eq!(settled(&found, 20, 21).unwrap(), 1);
        assert_eq!(settled(&found, 20, 20 + HOLE_MAX_MS).unwrap(), 3);
        // The last ones: only the counter says how old they are.
        let found = numbers(&[(1, Some(10)), (2, None)]);
        assert_eq!(settled(&found, 50, 50 + HOLE_MAX_MS - 1).unwrap(), 1);
        assert_eq!(settled(&found, 50, 50 + HOLE_MAX_MS).unwrap(), 2);
    }
}
