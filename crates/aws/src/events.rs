//! One event at a time: record, remove, complete, find.
//!
//! An event is four items that change together: its row in both views, its *object* (by object key: what is compared to
//! tell a redelivery from new content, and the lock that all changes of the event go by), and the change that is told.
//! Every write is conditional on what was read; where somebody was faster, it is read again.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use camtrail_model::{
    CameraName, CaptureKind, CatalogRecord, ChangeKind, DerivedFiles, DerivedKey, EventId, MediaManifest,
    ObjectKey,
    ports::{Attached, CatalogError, Recorded},
};
use futures::{join, try_join};

use crate::{
    article::{self, ArticleRow},
    attributes::{Item, get_bool, get_number, get_text, get_text_opt, number, put_some, text},
    call::{Failure, pause},
    cameras::{self, Clock, Known},
    counts,
    days::{Days, timeline_date},
    db::{Db, delete, meta_item, put, update},
    place::Place,
    row::{self, LAYOUT},
    sequence::{Numbers, Told},
    tables::{CAMERA_NAME, CAPTURE_DATE, EVENT_TS, EXPIRES_AT},
};

/// How often a write is begun anew because somebody else was faster.
pub(crate) const ROUNDS_MAX: u32 = 12;
/// The only item of an object's partition.
pub(crate) const OBJECT: &str = "object";

/// In an object's item: that its event is counted.
const COUNTED: &str = "counted";

/// A row of a view holds nothing, or the same object's.
const FREE_OR_OWN: &str = "attribute_not_exists(object_key) OR object_key = :key";

pub(crate) fn object_part(key: &ObjectKey) -> String {
    format!("object#{key}")
}

/// What is remembered of an object: where its event stands, and what tells it from other contents.
#[derive(Debug)]
pub(crate) struct Present {
    pub(crate) id: EventId,
    pub(crate) timeline_key: String,
    sha256: Option<String>,
    size: u64,
    complete: bool,
    /// The counters have it; what was recorded before there were any isn't in them.
    counted: bool,
    pub(crate) version: u64,
}

pub(crate) async fn present(db: &Db, key: &ObjectKey) -> Result<Option<Present>, CatalogError> {
    let Some(item) = db.meta_item(&object_part(key), OBJECT).await? else { return Ok(None) };
    let id = get_text(&item, "id")?;
    Ok(Some(Present {
        id: EventId::parse(id)
            .ok_or_else(|| CatalogError::Corrupt(format!("the event id {id:?} of {key}")))?,
        timeline_key: get_text(&item, row::TIMELINE_KEY)?.to_owned(),
        sha256: get_text_opt(&item, "sha256")?.map(str::to_owned),
        size: get_number(&item, "size")?,
        complete: get_bool(&item, "complete")?,
        counted: get_bool(&item, COUNTED)?,
        version: get_number(&item, "version")?,
    }))
}

/// The key of an event's row by camera.
pub(crate) fn camera_key(camera: &CameraName, place: Place) -> Item {
    Item::from([(CAMERA_NAME.to_owned(), text(camera.as_str())), (EVENT_TS.to_owned(), place.value())])
}

/// The key of an event's row by day.
pub(crate) fn timeline_key(partition: &str, place: Place) -> Item {
    Item::from([(CAPTURE_DATE.to_owned(), text(partition)), (EVENT_TS.to_owned(), place.value())])
}

fn own(key: &ObjectKey) -> Item {
    Item::from([(":key".to_owned(), text(key.as_str()))])
}

/// The members that remove both rows of an event.
fn remove_rows(db: &Db, key: &ObjectKey, there: &Present) -> Result<[TransactWriteItem; 2], CatalogError> {
    let (kind, place) = (there.id.kind, Place::of(&there.id));
    let by_camera = camera_key(&there.id.camera, place);
    let by_day = timeline_key(&there.timeline_key, place);
    Ok([
        delete(db.tables.alarm(kind), by_camera, FREE_OR_OWN, own(key))?,
        delete(db.tables.timeline(kind), by_day, FREE_OR_OWN, own(key))?,
    ])
}

/// What a write is going to do, and in which order its members stand.
struct Plan {
    writes: Vec<TransactWriteItem>,
    told: Vec<Told>,
    /// Members with these places hold the rows of the views: where only they fail, the place is another object's.
    rows: std::ops::Range<usize>,
    outcome: Recorded,
}

pub(crate) async fn record(
    db: &Db,
    days: &Days,
    known: &Known,
    record: &CatalogRecord,
) -> Result<Recorded, CatalogError> {
    let key = &record.object_key;
    let sha256 = record.metadata.sha256.map(|digest| digest.to_string());
    let mut is_prepared = false;
    for round in 1..=ROUNDS_MAX {
        let (there, old_rows) = try_join!(present(db, key), article::rows_of(db, key))?;
        if there.as_ref().is_some_and(|there| {
            (&there.sha256, there.size, there.complete) == (&sha256, record.size, record.metadata.complete)
        }) {
            return Ok(Recorded::AlreadyPresent);
        }
        let plan = match &there {
            Some(there) => replace(db, record, there).await?,
            None => insert(db, known, record, &old_rows).await?,
        };
        let prepare = async |is_prepared: bool| {
            if is_prepared {
                return Ok(());
            }
            let clock = Clock::Said(record.metadata.time.clock_error_ms);
            let day = Box::pin(days.ensure(db, timeline_date(record), key.kind()));
            let camera = Box::pin(cameras::seen(db, key.camera(), record.metadata.received_at, clock));
            try_join!(day, camera).map(drop)
        };
        let (rows, outcome) = (plan.rows.clone(), plan.outcome);
        let written = commit_after(db, plan.writes, &plan.told, prepare(is_prepared)).await;
        is_prepared = true;
        match written {
            Ok(()) => {
                known.insert(key.camera());
                return Ok(outcome);
            }
            Err(Failure::Condition(failed)) if failed.iter().all(|at| rows.contains(at)) => {
                return Err(CatalogError::IdTaken { key: key.to_string() });
            }
            // With other numbers; what was prepared stays so.
            Err(Failure::Condition(_) | Failure::Late(_)) => pause(round).await,
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(crowded(key))
}

pub(crate) fn crowded(key: &ObjectKey) -> CatalogError {
    CatalogError::Unavailable(format!("too many writers at once for {key}"))
}

/// Takes numbers, writes all, and gives the numbers back where that failed.
pub(crate) async fn commit(db: &Db, writes: Vec<TransactWriteItem>, told: &[Told]) -> Result<(), Failure> {
    commit_after(db, writes, told, async { Ok(()) }).await
}

/// The same after `prepare`, which is done while the numbers are fetched.
async fn commit_after(
    db: &Db,
    mut writes: Vec<TransactWriteItem>,
    told: &[Told],
    prepare: impl Future<Output = Result<(), CatalogError>>,
) -> Result<(), Failure> {
    let passing = |error: CatalogError| Failure::Passing(error.to_string());
    let lasting = |error: CatalogError| Failure::Lasting(error.to_string());
    let (numbers, prepared) = join!(Box::pin(Numbers::take(db, told.len())), prepare);
    let numbers = numbers.map_err(passing)?;
    let outcome = match prepared {
        Ok(()) => {
            // Last, so that the members before keep their places.
            writes.extend(numbers.tell(db, told).map_err(lasting)?);
            db.transact(writes, numbers.deadline()).await
        }
        Err(error) => Err(passing(error)),
    };
    if outcome.is_err() {
        numbers.give_back(db).await;
    }
    outcome
}

/// The members that write an event: its object first, then its rows.
fn write_event(
    db: &Db,
    record: &CatalogRecord,
    there: Option<&Present>,
) -> Result<Vec<TransactWriteItem>, CatalogError> {
    let (key, id) = (&record.object_key, record.id());
    let (by_camera, by_day) = row::rows(record, db.retention_days, db.shards);
    let mut object = meta_item(object_part(key), OBJECT);
    object.insert("id".to_owned(), text(id.to_string()));
    object.insert(row::TIMELINE_KEY.to_owned(), text(row::timeline_key(record, db.shards)));
    object.insert("size".to_owned(), number(record.size));
    object.insert("complete".to_owned(), AttributeValue::Bool(record.metadata.complete));
    object.insert(COUNTED.to_owned(), AttributeValue::Bool(true));
    object.insert("version".to_owned(), number(there.map_or(1, |there| there.version + 1)));
    put_some(&mut object, "sha256", record.metadata.sha256.map(|digest| text(digest.to_string())));
    put_some(&mut object, EXPIRES_AT, row::expires_at(record, db.retention_days));
    let (condition, values) = match there {
        Some(there) => ("version = :version", Item::from([(":version".to_owned(), number(there.version))])),
        None => ("attribute_not_exists(version)", Item::new()),
    };
    Ok(vec![
        put(db.tables.meta(), object, condition, values, &[])?,
        put(db.tables.alarm(id.kind), by_camera, FREE_OR_OWN, own(key), &[])?,
        put(db.tables.timeline(id.kind), by_day, FREE_OR_OWN, own(key), &[])?,
    ])
}

/// `old_rows` are the article's own of the same object, which make room for the full ones.
async fn insert(
    db: &Db,
    known: &Known,
    record: &CatalogRecord,
    old_rows: &[ArticleRow],
) -> Result<Plan, CatalogError> {
    let key = &record.object_key;
    let mut writes = write_event(db, record, None)?;
    writes.push(cameras::count(db, key, 1)?);
    writes.extend(counts::count(db, key, 1, i128::from(record.size))?);
    let mut told = vec![Told::Event(ChangeKind::New, record.id())];
    if !known.contains(db, key.camera()).await? {
        writes.push(cameras::introduce(db, key.camera())?);
        told.push(Told::Camera(key.camera().clone()));
    }
    for row in old_rows {
        writes.extend(remove_article(db, row)?);
    }
    let outcome = if old_rows.is_empty() { Recorded::Inserted } else { Recorded::Replaced };
    Ok(Plan { writes, told, rows: 1..3, outcome })
}

/// New content under a recorded key. What a person decided stays; what was derived of the old bytes goes.
async fn replace(db: &Db, record: &CatalogRecord, there: &Present) -> Result<Plan, CatalogError> {
    let old = by_id(db, &there.id).await?;
    let (protected, note) = old.map_or((false, None), |old| (old.protected, old.note));
    let record = CatalogRecord { protected, note, ..record.clone() };
    let mut writes = write_event(db, &record, Some(there))?;
    let id = record.id();
    let new_place = (&id, row::timeline_key(&record, db.shards));
    let told = if new_place.0 == &there.id {
        vec![Told::Event(ChangeKind::Changed, there.id.clone())]
    } else {
        vec![Told::Event(ChangeKind::Removed, there.id.clone()), Told::Event(ChangeKind::New, id.clone())]
    };
    let grown = i128::from(record.size) - i128::from(there.size);
    if !there.counted {
        writes.extend(counts::count(db, &record.object_key, 1, i128::from(record.size))?);
    } else if grown != 0 {
        writes.extend(counts::count(db, &record.object_key, 0, grown)?);
    }
    // A transaction touches each item once: a row that was just put isn't removed.
    let [by_camera, by_day] = remove_rows(db, &record.object_key, there)?;
    if id != there.id {
        writes.push(by_camera);
    }
    if (&id, new_place.1.as_str()) != (&there.id, there.timeline_key.as_str()) {
        writes.push(by_day);
    }
    Ok(Plan { writes, told, rows: 1..3, outcome: Recorded::Replaced })
}

fn remove_article(db: &Db, row: &ArticleRow) -> Result<Vec<TransactWriteItem>, CatalogError> {
    let (kind, key) = (row.record.object_key.kind(), &row.record.object_key);
    let is_own = "object_key = :key";
    let mut writes =
        vec![delete(db.tables.alarm(kind), camera_key(key.camera(), row.place), is_own, own(key))?];
    if row.in_timeline {
        let by_day = timeline_key(&key.date().to_string(), row.place);
        writes.push(delete(db.tables.timeline(kind), by_day, is_own, own(key))?);
    }
    Ok(writes)
}

pub(crate) async fn remove(db: &Db, key: &ObjectKey) -> Result<bool, CatalogError> {
    for round in 1..=ROUNDS_MAX {
        let (mut writes, id) = if let Some(there) = present(db, key).await? {
            let object = meta_item(object_part(key), OBJECT);
            let version = Item::from([(":version".to_owned(), number(there.version))]);
            let mut writes = vec![delete(db.tables.meta(), object, "version = :version", version)?];
            writes.extend(remove_rows(db, key, &there)?);
            writes.push(cameras::count(db, key, -1)?);
            if there.counted {
                writes.extend(counts::count(db, key, -1, -i128::from(there.size))?);
            }
            (writes, there.id)
        } else {
            let rows = article::rows_of(db, key).await?;
            let Some(first) = rows.first() else { return Ok(false) };
            let id = first.record.id();
            let mut writes = Vec::new();
            for row in &rows {
                writes.extend(remove_article(db, row)?);
            }
            (writes, id)
        };
        match commit(db, std::mem::take(&mut writes), &[Told::Event(ChangeKind::Removed, id)]).await {
            Ok(()) => return Ok(true),
            Err(Failure::Condition(_)) => pause(round).await,
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(crowded(key))
}

pub(crate) async fn attach_media(
    db: &Db,
    key: &ObjectKey,
    manifest: &MediaManifest,
) -> Result<Attached, CatalogError> {
    for round in 1..=ROUNDS_MAX {
        let Some(there) = present(db, key).await? else { return Ok(Attached::NoRecord) };
        if there.sha256.as_ref().is_some_and(|sha256| *sha256 != manifest.sha256.to_string()) {
            return Ok(Attached::Unchanged);
        }
        let Some(record) = by_id(db, &there.id).await?.filter(|record| record.object_key == *key) else {
            return Ok(Attached::NoRecord);
        };
        let completed = record.clone().completed(manifest);
        if completed == record {
            return Ok(Attached::Unchanged);
        }
        let place = Place::of(&there.id);
        let lock = db
            .meta_update(&object_part(key), OBJECT)
            .update_expression("SET version = :next")
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(there.version))
            .expression_attribute_values(":next", number(there.version + 1));
        let writes = vec![
            update(lock)?,
            media(db.tables.alarm(there.id.kind), camera_key(&there.id.camera, place), &completed)?,
            media(db.tables.timeline(there.id.kind), timeline_key(&there.timeline_key, place), &completed)?,
        ];
        match commit(db, writes, &[Told::Event(ChangeKind::Changed, there.id)]).await {
            Ok(()) => return Ok(Attached::Updated),
            Err(Failure::Condition(_)) => pause(round).await,
            Err(failure) => return Err(failure.into()),
        }
    }
    Err(crowded(key))
}

/// The member that completes one row.
fn media(table: String, row: Item, record: &CatalogRecord) -> Result<TransactWriteItem, CatalogError> {
    let key = &record.object_key;
    let mut set = "SET poster = :poster, playable_copy = :playable".to_owned();
    let mut remove = Vec::new();
    let mut builder = Update::builder()
        .table_name(table)
        .set_key(Some(row))
        .condition_expression("object_key = :key")
        .expression_attribute_values(":key", text(key.as_str()))
        .expression_attribute_values(":poster", AttributeValue::Bool(record.poster))
        .expression_attribute_values(":playable", AttributeValue::Bool(record.playable_copy));
    let derived = |file| text(DerivedKey::new(key, file).as_str());
    for (name, value, there) in [
        ("thumbnail_key", ":thumbnail", record.poster.then(|| derived(DerivedFiles::Poster))),
        ("object_key_small", ":small", row::small_file(record).map(derived)),
        ("small_copy", ":small_copy", record.small_copy.then_some(AttributeValue::Bool(true))),
        ("original_copy", ":original_copy", record.original_copy.then_some(AttributeValue::Bool(true))),
        ("h264_copy", ":h264_copy", record.h264_copy.then_some(AttributeValue::Bool(true))),
        ("preview_frames", ":preview_frames", record.preview_frames.map(number)),
        ("blur", ":blur", record.blur.as_ref().map(text)),
    ] {
        if let Some(there) = there {
            set = format!("{set}, {name} = {value}");
            builder = builder.expression_attribute_values(value, there);
        } else {
            remove.push(name);
        }
    }
    if !remove.is_empty() {
        set = format!("{set} REMOVE {}", remove.join(", "));
    }
    update(builder.update_expression(set))
}

pub(crate) async fn by_id(db: &Db, id: &EventId) -> Result<Option<CatalogRecord>, CatalogError> {
    let found = db.item(db.tables.alarm(id.kind), camera_key(&id.camera, Place::of(id))).await?;
    match found {
        Some(item) if item.contains_key(LAYOUT) => row::record(&db.base, &item).map(Some),
        _ => article::by_id(db, id).await,
    }
}

/// The kinds in a query.
pub(crate) fn kinds(wanted: Option<CaptureKind>) -> impl Iterator<Item = CaptureKind> {
    CaptureKind::ALL.into_iter().filter(move |kind| wanted.is_none_or(|wanted| wanted == *kind))
}
