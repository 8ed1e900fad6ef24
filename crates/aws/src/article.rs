//! Rows that the article's own function wrote: whole seconds as `event_ts`, few attributes, no object item, no day.
//!
//! They are read, listed and removed as they are, once [`find`] has seen that there are any: only then do pages ask for
//! their range of seconds. An object that is recorded anew takes its old row's place. Refuses to invent: what such a row
//! doesn't say is unknown. A row that names no capture of this base is passed over with a line in the log.

use std::{
    collections::BTreeSet,
    sync::Mutex,
    time::{Duration, Instant},
};

use camtrail_model::{
    CameraName, CaptureKind, CaptureTime, CatalogRecord, EventId, Millis, ObjectBase, ObjectKey,
    ObjectMetadata, TimeSource, ports::CatalogError,
};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{ToSpan, civil::Date};

use crate::{
    attributes::{Item, get_text, number, text},
    call::retrying,
    cameras,
    days::{Days, earliest_ms, end_ms},
    db::{Db, meta_item},
    events::{camera_key, timeline_key},
    place::Place,
    row::{self, LAYOUT, name_and_size},
    tables::{CAMERA_NAME, CAPTURE_DATE, EVENT_TS},
};

const STATE: (&str, &str) = ("article", "state");
/// How long "there are none" is believed.
const NONE_MAX: Duration = Duration::from_mins(10);
/// Days looked at together, and between two notes of how far it went.
const STRIDE: usize = 64;
const READS: usize = 16;
/// The article's function may still run: its last days are looked at again.
const AGAIN_DAYS: i64 = 3;
const HOUR_MS: i64 = 3_600_000;

/// Whether there are any, as this process knows.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Option<(bool, Instant)>>);

impl Seen {
    fn get(&self) -> Option<bool> {
        let known = *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.filter(|(any, at)| *any || at.elapsed() < NONE_MAX).map(|(any, _)| any)
    }

    fn set(&self, any: bool) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((any, Instant::now()));
    }
}

/// Whether rows of the article's were found.
pub(crate) async fn any(db: &Db) -> Result<bool, CatalogError> {
    if let Some(any) = db.article.get() {
        return Ok(any);
    }
    let state = db.meta_item(STATE.0, STATE.1).await?;
    let any = state.is_some_and(|state| state.contains_key("found"));
    db.article.set(any);
    Ok(any)
}

/// A row of the article's.
#[derive(Debug)]
pub(crate) struct ArticleRow {
    pub(crate) place: Place,
    pub(crate) record: CatalogRecord,
    /// Whether the view by day has it, too: another event of that second may have displaced it there.
    pub(crate) in_timeline: bool,
}

/// Reads a row; `None` where it isn't one of the article's that can be shown.
pub(crate) fn record(base: &ObjectBase, item: &Item) -> Option<CatalogRecord> {
    if item.contains_key(LAYOUT) {
        return None;
    }
    let place = row::place(item).ok()?;
    let read = || {
        let second = place.article_second().ok_or("event_ts isn't a whole second")?;
        let key = get_text(item, "object_key").map_err(|_| "no object_key")?;
        let key =
            ObjectKey::parse(base, key).map_err(|_| "its object_key is no capture's under this base")?;
        Ok::<_, &str>((second, key))
    };
    match read() {
        Ok((second, key)) => Some(complete(second, key, item)),
        Err(why) => {
            tracing::warn!(event_ts = %place, why, "passed over a row that isn't ours");
            None
        }
    }
}

fn complete(second: i64, key: ObjectKey, item: &Item) -> CatalogRecord {
    // Its function, and its author's tools, wrote numbers as numbers or as text.
    let whole = |name: &str| {
        let value = item.get(name)?;
        value.as_n().or_else(|_| value.as_s()).ok()?.parse::<u64>().ok()
    };
    let instant = Millis(second * 1_000);
    let size = whole(name_and_size(key.kind()).1).unwrap_or(0);
    // The key's hour is the camera's own: what it is off from UTC is the zone.
    let local = crate::days::midnight_ms(key.date()) + i64::from(key.hour()) * HOUR_MS;
    let hours = (local - instant.0.div_euclid(HOUR_MS) * HOUR_MS) / HOUR_MS;
    let offset_s = if (-12..=14).contains(&hours) { hours * 3_600 } else { 0 };
    let is_still = key.kind() == CaptureKind::Snap;
    let metadata = ObjectMetadata {
        camera: key.camera().clone(),
        time: CaptureTime {
            instant,
            offset_s: offset_s as i32,
            source: TimeSource::Arrival,
            clock_error_ms: None,
        },
        received_at: instant,
        stored_at: instant,
        sha256: None,
        original_sha256: None,
        original_size: size,
        original_name: key.file().as_str().to_owned(),
        complete: true,
        content_type: if is_still { "image/jpeg" } else { "video/mp4" }.to_owned(),
        duration_ms: None,
        width: None,
        height: None,
        video_codec: None,
        frame_rate_milli: None,
        key_frames: None,
    };
    CatalogRecord::new(key, size, metadata)
}

/// The article's record of an event.
pub(crate) async fn by_id(db: &Db, id: &EventId) -> Result<Option<CatalogRecord>, CatalogError> {
    if id.event_ts.0.rem_euclid(1_000) != 0 || !any(db).await? {
        return Ok(None);
    }
    let place = Place::start_of(id.event_ts.0.div_euclid(1_000));
    let item = db.item(db.tables.alarm(id.kind), camera_key(&id.camera, place)).await?;
    Ok(item.and_then(|item| record(&db.base, &item)).filter(|record| record.id() == *id))
}

/// The article's rows of an object: usually one or none.
pub(crate) async fn rows_of(db: &Db, key: &ObjectKey) -> Result<Vec<ArticleRow>, CatalogError> {
    if !any(db).await? {
        return Ok(Vec::new());
    }
    let range = Place::article_range(Some(earliest_ms(key.date())), Some(end_ms(key.date())));
    let items = seconds(db, db.tables.alarm(key.kind()), (CAMERA_NAME, key.camera().as_str()), range).await?;
    let mut rows = Vec::new();
    for item in items {
        let Some(record) = record(&db.base, &item).filter(|record| record.object_key == *key) else {
            continue;
        };
        let place = row::place(&item)?;
        let by_day = timeline_key(&key.date().to_string(), place);
        let beside = db.item(db.tables.timeline(key.kind()), by_day).await?.unwrap_or_default();
        let in_timeline = get_text(&beside, "object_key").is_ok_and(|there| there == key.as_str());
        rows.push(ArticleRow { place, record, in_timeline });
        // More than a person's doing: the transaction has room for so many.
        if rows.len() == ROWS_MAX {
            break;
        }
    }
    Ok(rows)
}

/// Old rows of one object that one write removes.
const ROWS_MAX: usize = 20;

/// All items of a partition in a range of places.
async fn seconds(
    db: &Db,
    table: String,
    (key_name, key): (&str, &str),
    (low, high): (Place, Place),
) -> Result<Vec<Item>, CatalogError> {
    let (mut items, mut start) = (Vec::new(), None);
    if low > high {
        return Ok(items);
    }
    loop {
        let call = db
            .client
            .query()
            .table_name(&table)
            .consistent_read(true)
            .key_condition_expression("#p = :p AND #s BETWEEN :low AND :high")
            .expression_attribute_names("#p", key_name)
            .expression_attribute_names("#s", EVENT_TS)
            .expression_attribute_values(":p", text(key))
            .expression_attribute_values(":low", low.value())
            .expression_attribute_values(":high", high.value())
            .set_exclusive_start_key(start);
        let answer = retrying(|| call.clone().send()).await?;
        items.extend(answer.items.unwrap_or_default());
        start = answer.last_evaluated_key;
        if start.is_none() {
            return Ok(items);
        }
    }
}

/// Looks through the days `since..=until` for rows of the article's, without a scan, and remembers days and cameras.
/// Goes on where an earlier call stopped. Returns the number of rows seen this time.
pub(crate) async fn find(db: &Db, days: &Days, since: Date, until: Date) -> Result<u64, CatalogError> {
    let state = db.meta_item(STATE.0, STATE.1).await?.unwrap_or_default();
    let noted = |name| get_text(&state, name).ok().and_then(|date| date.parse::<Date>().ok());
    let first = match (noted("since"), noted("until")) {
        (Some(from), Some(to)) if from <= since => to.saturating_sub(AGAIN_DAYS.days()).max(since),
        _ => since,
    };
    let mut found = state.contains_key("found");
    let (mut rows, mut date) = (0, first);
    while date <= until {
        let stride: Vec<Date> = date.series(1.day()).take(STRIDE).take_while(|date| *date <= until).collect();
        let Some(&last) = stride.last() else { break };
        let looks: Vec<_> = stride.into_iter().map(|date| look(db, days, date)).collect();
        let seen: Vec<u64> = stream::iter(looks).buffered(READS).try_collect().await?;
        let seen: u64 = seen.into_iter().sum();
        rows += seen;
        found |= seen > 0;
        let mut state = meta_item(STATE.0, STATE.1);
        state.insert("since".to_owned(), text(since.to_string()));
        state.insert("until".to_owned(), text(last.to_string()));
        if found {
            state.insert("found".to_owned(), number(1));
        }
        let call = db.client.put_item().table_name(db.tables.meta()).set_item(Some(state));
        retrying(|| call.clone().send()).await?;
        let Ok(next) = last.tomorrow() else { break };
        date = next;
    }
    db.article.set(found);
    Ok(rows)
}

async fn look(db: &Db, days: &Days, date: Date) -> Result<u64, CatalogError> {
    let (mut rows, mut names) = (0, BTreeSet::<CameraName>::new());
    for kind in CaptureKind::ALL {
        let range = Place::article_range(None, None);
        let items = seconds(db, db.tables.timeline(kind), (CAPTURE_DATE, &date.to_string()), range).await?;
        for record in items.iter().filter_map(|item| record(&db.base, item)) {
            rows += 1;
            names.insert(record.object_key.camera().clone());
        }
    }
    if rows > 0 {
        days.note_article(db, date).await?;
        for camera in names {
            cameras::make_known(db, &camera).await?;
        }
    }
    Ok(rows)
}
