//! Cameras: that they are known, when they were last seen, how many events they have.
//!
//! A camera's own item is changed outside of events' transactions (but for the first); its number of events is kept in
//! several items, so that events of one camera that come at once rarely meet in one. Cameras are spread over a fixed
//! number of partitions, which together are the list of all.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Mutex,
};

use aws_sdk_dynamodb::types::TransactWriteItem;
use camtrail_model::{
    CameraName, Digest, EventQuery, Millis, ObjectKey, PageSize,
    ports::{CameraNote, CameraSummary, CatalogError, Clock as _, SystemClock, TestUpload},
};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    attributes::{Item, get_number_opt, get_text, get_text_opt, number, text},
    call::{Failure, pause, retrying},
    db::{Db, meta_item, update},
    pages,
    sequence::{Numbers, Told},
    tables::META_KEY,
};

/// Partitions of the list.
const PARTS: u8 = 8;
/// Items that share a camera's number of events.
const COUNTS: u32 = 4;
/// Cameras whose newest event is looked up at once.
const READS: usize = 16;
/// How often a note is tried.
const TRIES_MAX: u32 = 3;
/// Names kept in memory at most.
const KNOWN_MAX: usize = 100_000;
/// Beyond every name.
const LAST_ITEM: &str = "\u{10FFFF}";

fn part(camera: &CameraName) -> String {
    format!("cameras#{}", Digest::of(camera.as_str().as_bytes()).0[0] % PARTS)
}

/// Cameras that are known for certain; what isn't here may be known, too.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashSet<CameraName>>);

impl Known {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<CameraName>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn insert(&self, camera: &CameraName) {
        let mut known = self.lock();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(camera.clone());
    }

    pub(crate) async fn contains(&self, db: &Db, camera: &CameraName) -> Result<bool, CatalogError> {
        if self.lock().contains(camera) {
            return Ok(true);
        }
        let item = db.meta_item(&part(camera), camera.as_str()).await?;
        let is_known = item.is_some_and(|item| item.contains_key("known"));
        if is_known {
            self.insert(camera);
        }
        Ok(is_known)
    }
}

/// The member of a transaction that makes a camera known; fails where it is.
pub(crate) fn introduce(db: &Db, camera: &CameraName) -> Result<TransactWriteItem, CatalogError> {
    update(
        db.meta_update(&part(camera), camera.as_str())
            .update_expression("SET known = :yes")
            .condition_expression("attribute_not_exists(known)")
            .expression_attribute_values(":yes", number(1)),
    )
}

/// Makes a camera known that others recorded, silently.
pub(crate) async fn make_known(db: &Db, camera: &CameraName) -> Result<(), CatalogError> {
    let call = db
        .client
        .update_item()
        .table_name(db.tables.meta())
        .set_key(Some(meta_item(part(camera), camera.as_str())))
        .update_expression("SET known = :yes")
        .expression_attribute_values(":yes", number(1));
    retrying(|| call.clone().send()).await?;
    Ok(())
}

/// The member of a transaction that counts an event in (1) or out (-1).
pub(crate) fn count(db: &Db, key: &ObjectKey, change: i8) -> Result<TransactWriteItem, CatalogError> {
    // A slash is in no camera's name.
    let item = format!("{}/{}", key.camera(), key.fraction() % COUNTS);
    update(
        db.meta_update(&part(key.camera()), &item)
            .update_expression("ADD events :change")
            .expression_attribute_values(":change", number(change)),
    )
}

/// What an upload says of its camera's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Clock {
    /// Nothing: it is no event.
    Unknown,
    /// That it is off by so much, or right.
    Said(Option<i64>),
}

/// Notes that a camera sent something.
pub(crate) async fn seen(db: &Db, camera: &CameraName, at: Millis, clock: Clock) -> Result<(), CatalogError> {
    let (change, error_ms) = match clock {
        Clock::Unknown => ("SET last_seen_at = :at", None),
        Clock::Said(None) => ("SET last_seen_at = :at REMOVE clock_error_ms", None),
        Clock::Said(Some(error_ms)) => ("SET last_seen_at = :at, clock_error_ms = :clock", Some(error_ms)),
    };
    let mut call = db
        .client
        .update_item()
        .table_name(db.tables.meta())
        .set_key(Some(meta_item(part(camera), camera.as_str())))
        .update_expression(change)
        // What a clock said that ran days ahead doesn't count for long.
        .condition_expression(
            "attribute_not_exists(last_seen_at) OR last_seen_at <= :at OR last_seen_at > :future",
        )
        .expression_attribute_values(":at", number(at.0))
        .expression_attribute_values(":future", number(CameraSummary::future(SystemClock.now()).0));
    if let Some(error_ms) = error_ms {
        call = call.expression_attribute_values(":clock", number(error_ms));
    }
    match retrying(|| call.clone().send()).await {
        // Seen later already.
        Ok(_) | Err(Failure::Condition(_)) => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

pub(crate) async fn note(
    db: &Db,
    known: &Known,
    camera: &CameraName,
    note: &CameraNote,
) -> Result<(), CatalogError> {
    let (CameraNote::Test(upload) | CameraNote::Sidecar(upload)) = note;
    seen(db, camera, upload.at, Clock::Unknown).await?;
    let mut change =
        db.meta_update(&part(camera), camera.as_str()).expression_attribute_values(":yes", number(1));
    change = if matches!(note, CameraNote::Test(_)) {
        change
            .update_expression("SET known = :yes, test_name = :name, test_size = :size, test_at = :at")
            .condition_expression("attribute_not_exists(test_at) OR test_at <= :at")
            .expression_attribute_values(":name", text(&upload.name))
            .expression_attribute_values(":size", number(upload.size))
            .expression_attribute_values(":at", number(upload.at.0))
    } else {
        change.update_expression("SET known = :yes")
    };
    let change = update(change)?;
    for tried in 1..=TRIES_MAX {
        let numbers = Numbers::take(db, 1).await?;
        let mut writes = numbers.tell(db, &[Told::Camera(camera.clone())])?;
        writes.push(change.clone());
        match db.transact(writes, numbers.deadline()).await {
            Ok(()) => {
                known.insert(camera);
                return Ok(());
            }
            Err(failure) => {
                numbers.give_back(db).await;
                match failure {
                    Failure::Passing(_) => pause(tried).await,
                    // A later test is known, and with it the camera.
                    Failure::Condition(_) => return Ok(()),
                    failure => return Err(failure.into()),
                }
            }
        }
    }
    Err(CatalogError::Unavailable(format!("too many writers at once for the camera {camera}")))
}

/// The names of all known cameras, in order.
pub(crate) async fn names(db: &Db) -> Result<Vec<CameraName>, CatalogError> {
    let (summaries, _) = kept(db).await?;
    Ok(summaries.into_keys().collect())
}

/// All known cameras, by name.
pub(crate) async fn all(db: &Db) -> Result<Vec<CameraSummary>, CatalogError> {
    let (summaries, counts) = kept(db).await?;
    let summaries: Vec<_> = summaries
        .into_values()
        .map(|summary| {
            let events = counts.get(summary.name.as_str()).copied().unwrap_or(0);
            CameraSummary { events: events.max(0).unsigned_abs(), ..summary }
        })
        .map(|summary| newest(db, summary))
        .collect();
    stream::iter(summaries).buffered(READS).try_collect().await
}

/// What stands of cameras by themselves, and their counts of events.
async fn kept(db: &Db) -> Result<(BTreeMap<CameraName, CameraSummary>, BTreeMap<String, i64>), CatalogError> {
    let parts: Vec<_> = (0..PARTS).map(|part| format!("cameras#{part}")).collect();
    // The empty key is none: names begin after it.
    let lists = parts.iter().map(|part| db.meta_range(part, " ", LAST_ITEM));
    let (mut summaries, mut counts) = (BTreeMap::new(), BTreeMap::<String, i64>::new());
    for item in futures::future::try_join_all(lists).await?.into_iter().flatten() {
        let name = get_text(&item, META_KEY.1)?;
        if let Some((camera, _)) = name.split_once('/') {
            *counts.entry(camera.to_owned()).or_default() += get_number_opt(&item, "events")?.unwrap_or(0);
        } else if item.contains_key("known") {
            let summary = summary(name, &item)?;
            summaries.insert(summary.name.clone(), summary);
        }
    }
    Ok((summaries, counts))
}

fn summary(name: &str, item: &Item) -> Result<CameraSummary, CatalogError> {
    let last_test = match get_text_opt(item, "test_name")? {
        Some(name) => Some(TestUpload {
            name: name.to_owned(),
            size: get_number_opt(item, "test_size")?.unwrap_or(0),
            at: Millis(get_number_opt(item, "test_at")?.unwrap_or(0)),
        }),
        None => None,
    };
    Ok(CameraSummary {
        name: CameraName::parse(name).map_err(|error| CatalogError::Corrupt(error.to_string()))?,
        events: 0,
        last_seen_at: get_number_opt(item, "last_seen_at")?.map(Millis),
        last_event_ts: None,
        clock_error_ms: get_number_opt(item, "clock_error_ms")?,
        last_test,
    })
}

async fn newest(db: &Db, summary: CameraSummary) -> Result<CameraSummary, CatalogError> {
    let query = EventQuery { cameras: vec![summary.name.clone()], ..EventQuery::default() };
    let one = PageSize::new(1).unwrap_or(PageSize::DEFAULT);
    let page = pages::page(db, &query, one, None).await?;
    Ok(CameraSummary { last_event_ts: page.items.first().map(|event| event.time().instant), ..summary })
}
