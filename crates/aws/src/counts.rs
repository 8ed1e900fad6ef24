//! Counters of events, changed with each event in its own transaction (docs/design/counts.md).
//!
//! One item a day, of a camera and of all together; in it a number an hour and kind, of events and of bytes. Each is split
//! into lanes by the object's hash, so that events that come at once rarely meet in one item, and the removal finds the
//! lane of its insertion. Promises: an event that was counted is marked so in its object's item, and only such a one is
//! counted out.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::TransactWriteItem;
use camtrail_model::{
    CameraName, CaptureKind, ObjectKey,
    counts::{CivilHour, CountBy, CountQuery, Counts, DAY_HOURS},
    ports::CatalogError,
};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    attributes::{Item, corrupt, get_text, number, text},
    call::retrying,
    cameras,
    days::item_key,
    db::{Db, update},
    tables::META_KEY,
};

/// Lanes of a camera's day.
const LANES: u32 = 4;
/// Partitions of what all cameras share: together they take what four shards of a day's timeline take.
const PARTS: u32 = 4;
/// Cameras that are read at once.
const READS: usize = 16;

/// A number of hours or days, and the sums of each kind: events and bytes.
type Sums = BTreeMap<i64, [(i64, i64); 2]>;

fn part_of(camera: &CameraName) -> String {
    format!("counts#{camera}")
}

/// A slash is in no camera's name.
fn part_of_all(part: u32) -> String {
    format!("counts/{part}")
}

/// The names of an hour's numbers.
fn names(hour: CivilHour, kind: CaptureKind) -> (String, String) {
    let letter = if kind == CaptureKind::Record { 'r' } else { 's' };
    (format!("{letter}{}", hour.hour()), format!("{letter}b{}", hour.hour()))
}

/// The members of a transaction that count an event in (1) or out (-1), or only its bytes (0).
pub(crate) fn count(
    db: &Db,
    key: &ObjectKey,
    events: i8,
    bytes: i128,
) -> Result<[TransactWriteItem; 2], CatalogError> {
    let (hour, hash) = (CivilHour::of_key(key), key.fraction());
    let (of_events, of_bytes) = names(hour, key.kind());
    let add = |part: &str, lane: u32| {
        update(
            db.meta_update(part, &format!("{}/{lane}", item_key(hour.day())))
                .update_expression("ADD #events :events, #bytes :bytes")
                .expression_attribute_names("#events", &of_events)
                .expression_attribute_names("#bytes", &of_bytes)
                .expression_attribute_values(":events", number(events))
                .expression_attribute_values(":bytes", number(bytes)),
        )
    };
    Ok([add(&part_of(key.camera()), hash % LANES)?, add(&part_of_all(hash % PARTS), hash / PARTS % LANES)?])
}

pub(crate) async fn counts(db: &Db, query: &CountQuery) -> Result<Counts, CatalogError> {
    let mut cameras = query.cameras.clone();
    cameras.sort();
    cameras.dedup();
    if query.by == CountBy::Camera {
        if cameras.is_empty() {
            cameras = cameras::names(db).await?;
        }
        let reads: Vec<_> = cameras
            .into_iter()
            .map(|camera| async move {
                let sums = read(db, query, &part_of(&camera)).await?;
                let total = sums.into_values().fold([(0, 0); 2], add);
                Ok::<_, CatalogError>((camera, total))
            })
            .collect();
        let sums: Vec<_> = stream::iter(reads).buffered(READS).try_collect().await?;
        return Ok(Counts::of_cameras(sums));
    }
    let parts: Vec<String> = if cameras.is_empty() {
        (0..PARTS).map(part_of_all).collect()
    } else {
        cameras.iter().map(part_of).collect()
    };
    let reads: Vec<_> = parts.iter().map(|part| read(db, query, part)).collect();
    let read: Vec<Sums> = stream::iter(reads).buffer_unordered(READS).try_collect().await?;
    let mut sums = Sums::new();
    for (slot, of_slot) in read.into_iter().flatten() {
        let sum = sums.entry(slot).or_default();
        *sum = add(*sum, of_slot);
    }
    Ok(Counts::of_slots(query.by, sums, query.buckets_max()))
}

fn add(a: [(i64, i64); 2], b: [(i64, i64); 2]) -> [(i64, i64); 2] {
    let sum = |a: (i64, i64), b: (i64, i64)| (a.0.saturating_add(b.0), a.1.saturating_add(b.1));
    [sum(a[0], b[0]), sum(a[1], b[1])]
}

/// The sums of one partition, newest days first, as many as an answer can use.
async fn read(db: &Db, query: &CountQuery, part: &str) -> Result<Sums, CatalogError> {
    let (from, to) = query.slots();
    let is_hourly = query.by == CountBy::Hour;
    let day = |slot: i64| if is_hourly { slot.div_euclid(DAY_HOURS) } else { slot };
    // Item keys have seven digits; every date of the calendar has one.
    let (first, last) =
        (day(from).max(CivilHour::new(jiff::civil::Date::MIN, 0).day()), day(to.saturating_sub(1)));
    let last = last.min(CivilHour::new(jiff::civil::Date::MAX, 0).day());
    let (mut sums, mut start) = (Sums::new(), None);
    if from >= to || first > last {
        return Ok(sums);
    }
    let mut seen = BTreeSet::new();
    loop {
        let call = db
            .client
            .query()
            .table_name(db.tables.meta())
            .consistent_read(true)
            .key_condition_expression("#p = :p AND #i BETWEEN :low AND :high")
            .expression_attribute_names("#p", META_KEY.0)
            .expression_attribute_names("#i", META_KEY.1)
            .expression_attribute_values(":p", text(part))
            .expression_attribute_values(":low", text(item_key(first)))
            .expression_attribute_values(":high", text(item_key(last.saturating_add(1))))
            .scan_index_forward(false)
            .set_exclusive_start_key(start);
        let answer = retrying(|| call.clone().send()).await?;
        for item in answer.items() {
            for (slot, kind, of_slot) in read_item(item, query)? {
                if (from..to).contains(&slot) {
                    let sum = sums.entry(slot).or_default();
                    sum[kind] = add([sum[kind], (0, 0)], [of_slot, (0, 0)])[0];
                    if of_slot.0 > 0 {
                        seen.insert(slot);
                    }
                }
            }
        }
        start = answer.last_evaluated_key;
        // A day's lanes may still be under way: its slots are one more than is needed.
        if start.is_none() || seen.len() > query.buckets_max().saturating_add(DAY_HOURS as usize) {
            return Ok(sums);
        }
    }
}

/// A number of hours or days, a kind, events and bytes.
type Found = (i64, usize, (i64, i64));

/// What one item says.
fn read_item(item: &Item, query: &CountQuery) -> Result<Vec<Found>, CatalogError> {
    let key = get_text(item, META_KEY.1)?;
    let day = key.split_once('/').and_then(|(digits, _)| crate::days::day_of_key(digits));
    let day = day.ok_or_else(|| corrupt(item, META_KEY.1))?;
    let mut found = Vec::new();
    for hour in 0..DAY_HOURS {
        let at = CivilHour(day.saturating_mul(DAY_HOURS).saturating_add(hour));
        for kind in crate::events::kinds(query.kind) {
            let (of_events, of_bytes) = names(at, kind);
            let get = |name: &str| match item.get(name) {
                None => Ok(0),
                Some(value) => {
                    let digits = value.as_n().ok().and_then(|digits| digits.parse::<i64>().ok());
                    digits.ok_or_else(|| corrupt(item, name))
                }
            };
            let sums = (get(&of_events)?, get(&of_bytes)?);
            if sums != (0, 0) {
                let slot = if query.by == CountBy::Hour { at.0 } else { day };
                found.push((slot, kind as usize, sums));
            }
        }
    }
    Ok(found)
}
