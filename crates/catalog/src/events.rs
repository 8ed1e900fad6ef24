//! One event at a time: record, remove, complete, decide, find; and the cameras that they sum up to.

use camtrail_model::{
    CameraName, CatalogRecord, ChangeKind, EventId, EventState, MediaManifest, Millis, ObjectBase, ObjectKey,
    ports::{Attached, CameraNote, CameraSummary, CatalogError, Recorded, TestUpload},
};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use crate::{changes, counts, db::from_sqlite, review, row};

type Outcome<T> = Result<T, CatalogError>;

/// What is compared to tell a redelivery from new content.
struct Present {
    row_id: i64,
    id: EventId,
    sha256: Option<String>,
    size: i64,
    complete: bool,
}

fn present(db: &Connection, key: &ObjectKey) -> Outcome<Option<Present>> {
    let found = db
        .prepare_cached(
            "SELECT row_id, event_ts, fraction, kind, camera, sha256, size, complete FROM events WHERE object_key = ?1",
        )
        .and_then(|mut statement| {
            statement
                .query_row([key.as_str()], |row| {
                    let camera: String = row.get(4)?;
                    let id = row::id(row.get(1)?, row.get(2)?, row.get(3)?, &camera);
                    Ok(id.map(|id| (id, row.get(0), row.get(5), row.get(6), row.get(7))))
                })
                .optional()
        })
        .map_err(from_sqlite)?;
    let Some(found) = found else { return Ok(None) };
    let (id, row_id, sha256, size, complete) = found?;
    Ok(Some(Present {
        row_id: row_id.map_err(from_sqlite)?,
        id,
        sha256: sha256.map_err(from_sqlite)?,
        size: size.map_err(from_sqlite)?,
        complete: complete.map_err(from_sqlite)?,
    }))
}

pub(crate) fn record(db: &Connection, record: &CatalogRecord) -> Outcome<Recorded> {
    let sha256 = record.metadata.sha256.map(|digest| digest.to_string());
    match present(db, &record.object_key)? {
        Some(there)
            if (&there.sha256, there.size, there.complete)
                == (&sha256, record.size as i64, record.metadata.complete) =>
        {
            Ok(Recorded::AlreadyPresent)
        }
        Some(there) => {
            replace(db, record, &there)?;
            Ok(Recorded::Replaced)
        }
        None => {
            let known = is_known(db, record.object_key.camera())?;
            insert(db, record)?;
            changes::note(db, ChangeKind::New, &record.id())?;
            if !known {
                changes::note_camera(db, record.object_key.camera())?;
            }
            Ok(Recorded::Inserted)
        }
    }
}

/// An event's key that doesn't stand under `base`, if there is one. By the index: two lookups.
pub(crate) fn outside(db: &Connection, base: &ObjectBase) -> rusqlite::Result<Option<String>> {
    // What begins with "base/" sorts between that and "base0", the next character's.
    let (from, to) = (format!("{}/", base.as_str()), format!("{}0", base.as_str()));
    for (sql, bound) in [
        ("SELECT object_key FROM events WHERE object_key < ?1 ORDER BY object_key LIMIT 1", from),
        ("SELECT object_key FROM events WHERE object_key >= ?1 ORDER BY object_key LIMIT 1", to),
    ] {
        let found = db.query_row(sql, [bound], |row| row.get(0)).optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn is_known(db: &Connection, camera: &CameraName) -> Outcome<bool> {
    db.prepare_cached("SELECT 1 FROM cameras WHERE name = ?1")
        .and_then(|mut statement| statement.exists([camera.as_str()]))
        .map_err(from_sqlite)
}

/// New content under a recorded key. What a person decided stays; what was derived of the old bytes goes.
fn replace(db: &Connection, record: &CatalogRecord, there: &Present) -> Outcome<()> {
    let (protected, note): (bool, Option<String>) = db
        .query_row("SELECT protected, note FROM events WHERE row_id = ?1", [there.row_id], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(from_sqlite)?;
    delete(db, &record.object_key, there)?;
    insert(db, &CatalogRecord { protected, note, ..record.clone() })?;
    moved(db, &there.id, record)
}

/// The record as it should be, in one step; what was viewed stays with an event that keeps its id.
pub(crate) fn correct(db: &Connection, record: &CatalogRecord) -> Outcome<()> {
    let key = &record.object_key;
    let Some(there) = present(db, key)? else { return self::record(db, record).map(drop) };
    delete(db, key, &there)?;
    insert(db, record)?;
    moved(db, &there.id, record)
}

/// Tells that an event was replaced.
fn moved(db: &Connection, from: &EventId, record: &CatalogRecord) -> Outcome<()> {
    if *from == record.id() {
        return changes::note(db, ChangeKind::Changed, from);
    }
    review::forget(db, from)?;
    changes::note(db, ChangeKind::Removed, from)?;
    changes::note(db, ChangeKind::New, &record.id())
}

fn insert(db: &Connection, record: &CatalogRecord) -> Outcome<()> {
    let (metadata, id) = (&record.metadata, record.id());
    let inserted = db
        .prepare_cached(
            "INSERT INTO events (event_ts, fraction, kind, camera, object_key, capture_date, size, offset_s, \
             time_source, clock_error_ms, received_at, stored_at, sha256, original_sha256, original_size, \
             original_name, complete, content_type, duration_ms, width, height, video_codec, poster, playable_copy, \
             small_copy, original_copy, protected, note, frame_rate_milli, key_frames, h264_copy, preview_frames, blur) \
             VALUES (:event_ts, :fraction, :kind, :camera, :object_key, :capture_date, :size, \
             :offset_s, :time_source, :clock_error_ms, :received_at, :stored_at, :sha256, :original_sha256, \
             :original_size, :original_name, :complete, :content_type, :duration_ms, :width, :height, :video_codec, \
             :poster, :playable_copy, :small_copy, :original_copy, :protected, :note, :frame_rate_milli, :key_frames, :h264_copy, \
             :preview_frames, :blur)",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":event_ts": id.event_ts.0,
                ":fraction": id.fraction,
                ":kind": id.kind as u8,
                ":camera": id.camera.as_str(),
                ":object_key": record.object_key.as_str(),
                ":capture_date": record.object_key.date().to_string(),
                ":size": record.size as i64,
                ":offset_s": metadata.time.offset_s,
                ":time_source": metadata.time.source.as_str(),
                ":clock_error_ms": metadata.time.clock_error_ms,
                ":received_at": metadata.received_at.0,
                ":stored_at": metadata.stored_at.0,
                ":sha256": metadata.sha256.map(|digest| digest.to_string()),
                ":original_sha256": metadata.original_sha256.map(|digest| digest.to_string()),
                ":original_size": metadata.original_size as i64,
                ":original_name": metadata.original_name,
                ":complete": metadata.complete,
                ":content_type": metadata.content_type,
                ":duration_ms": metadata.duration_ms.map(|ms| ms as i64),
                ":width": metadata.width,
                ":height": metadata.height,
                ":video_codec": metadata.video_codec,
                ":poster": record.poster,
                ":playable_copy": record.playable_copy,
                ":small_copy": record.small_copy,
                ":original_copy": record.original_copy,
                ":protected": record.protected,
                ":note": record.note,
                ":frame_rate_milli": metadata.frame_rate_milli,
                ":key_frames": metadata.key_frames,
                ":h264_copy": record.h264_copy,
                ":preview_frames": record.preview_frames,
                ":blur": record.blur,
            })
        });
    match inserted {
        Ok(_) => {}
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
            return Err(CatalogError::IdTaken { key: record.object_key.to_string() });
        }
        Err(error) => return Err(from_sqlite(error)),
    }
    db.prepare_cached(
        "INSERT INTO cameras (name, events, last_seen_at, clock_error_ms) VALUES (?1, 1, ?2, ?3) \
         ON CONFLICT (name) DO UPDATE SET events = events + 1, \
         clock_error_ms = CASE WHEN ?2 >= coalesce(last_seen_at, ?2) THEN ?3 ELSE clock_error_ms END, \
         last_seen_at = CASE WHEN last_seen_at > unixepoch('now') * 1000 + 86400000 THEN ?2 \
         ELSE max(coalesce(last_seen_at, ?2), ?2) END",
    )
    .and_then(|mut s| {
        s.execute(params![id.camera.as_str(), metadata.received_at.0, metadata.time.clock_error_ms])
    })
    .map_err(from_sqlite)?;
    counts::add(db, &record.object_key, 1, record.size as i64)
}

fn delete(db: &Connection, key: &ObjectKey, there: &Present) -> Outcome<()> {
    db.prepare_cached("DELETE FROM events WHERE row_id = ?1")
        .and_then(|mut statement| statement.execute([there.row_id]))
        .and_then(|_| db.prepare_cached("UPDATE cameras SET events = events - 1 WHERE name = ?1"))
        .and_then(|mut statement| statement.execute([there.id.camera.as_str()]))
        .map_err(from_sqlite)?;
    counts::add(db, key, -1, -there.size)
}

pub(crate) fn remove(db: &Connection, key: &ObjectKey) -> Outcome<bool> {
    let Some(there) = present(db, key)? else { return Ok(false) };
    delete(db, key, &there)?;
    review::forget(db, &there.id)?;
    changes::note(db, ChangeKind::Removed, &there.id)?;
    Ok(true)
}

pub(crate) fn attach_media(db: &Connection, key: &ObjectKey, manifest: &MediaManifest) -> Outcome<Attached> {
    let Some(there) = present(db, key)? else { return Ok(Attached::NoRecord) };
    if there.sha256.is_some_and(|sha256| sha256 != manifest.sha256.to_string()) {
        return Ok(Attached::Unchanged);
    }
    let changed = db
        .prepare_cached(
            "UPDATE events SET poster = ?2, playable_copy = ?3, small_copy = ?4, original_copy = ?5, h264_copy = ?6, \
             preview_frames = ?7, blur = ?8 WHERE row_id = ?1 \
             AND ((poster, playable_copy, small_copy, original_copy, h264_copy) <> (?2, ?3, ?4, ?5, ?6) \
             OR preview_frames IS NOT ?7 OR blur IS NOT ?8)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                there.row_id,
                manifest.poster,
                manifest.playable,
                manifest.has_small(),
                manifest.original,
                manifest.has_h264(),
                manifest.preview_frames(),
                manifest.blur
            ])
        })
        .map_err(from_sqlite)?;
    if changed == 0 {
        return Ok(Attached::Unchanged);
    }
    changes::note(db, ChangeKind::Changed, &there.id)?;
    Ok(Attached::Updated)
}

pub(crate) fn set_state(db: &Connection, key: &ObjectKey, state: &EventState) -> Outcome<Attached> {
    let Some(there) = present(db, key)? else { return Ok(Attached::NoRecord) };
    let changed = db
        .prepare_cached(
            "UPDATE events SET protected = ?2, note = ?3 \
             WHERE row_id = ?1 AND (protected <> ?2 OR note IS NOT ?3)",
        )
        .and_then(|mut statement| statement.execute(params![there.row_id, state.protected, state.note]))
        .map_err(from_sqlite)?;
    if changed == 0 {
        return Ok(Attached::Unchanged);
    }
    changes::note(db, ChangeKind::Changed, &there.id)?;
    Ok(Attached::Updated)
}

pub(crate) fn by_id(db: &Connection, base: &ObjectBase, id: &EventId) -> Outcome<Option<CatalogRecord>> {
    let sql = format!(
        "SELECT {} FROM events WHERE kind = ?1 AND event_ts = ?2 AND fraction = ?3 AND camera = ?4",
        row::COLUMNS
    );
    db.prepare_cached(&sql)
        .and_then(|mut statement| {
            statement
                .query_row(params![id.kind as u8, id.event_ts.0, id.fraction, id.camera.as_str()], |r| {
                    row::record(base, r)
                })
                .optional()
        })
        .map_err(from_sqlite)?
        .transpose()
}

pub(crate) fn note_camera(db: &Connection, camera: &CameraName, note: &CameraNote) -> Outcome<()> {
    let (CameraNote::Test(upload) | CameraNote::Sidecar(upload)) = note;
    let is_test = matches!(note, CameraNote::Test(_));
    db.execute(
        "INSERT INTO cameras (name, last_seen_at) VALUES (?1, ?2) \
         ON CONFLICT (name) DO UPDATE SET \
         last_seen_at = CASE WHEN last_seen_at > unixepoch('now') * 1000 + 86400000 THEN ?2 \
         ELSE max(coalesce(last_seen_at, ?2), ?2) END",
        params![camera.as_str(), upload.at.0],
    )
    .map_err(from_sqlite)?;
    if is_test {
        db.execute(
            "UPDATE cameras SET test_name = ?2, test_size = ?3, test_at = ?4 \
             WHERE name = ?1 AND coalesce(test_at, ?4) <= ?4",
            params![camera.as_str(), upload.name, upload.size as i64, upload.at.0],
        )
        .map_err(from_sqlite)?;
    }
    changes::note_camera(db, camera)
}

pub(crate) fn camera_names(db: &Connection) -> Outcome<Vec<CameraName>> {
    let mut statement = db.prepare_cached("SELECT name FROM cameras ORDER BY name").map_err(from_sqlite)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0)).map_err(from_sqlite)?;
    names.map(|name| name.map(|name| CameraName::from_folder(&name)).map_err(from_sqlite)).collect()
}

pub(crate) fn cameras(db: &Connection) -> Outcome<Vec<CameraSummary>> {
    let sql = "SELECT name, events, last_seen_at, clock_error_ms, test_name, test_size, test_at, \
               (SELECT max(newest) FROM (SELECT max(event_ts) AS newest FROM events WHERE camera = name AND kind = 0 \
                UNION ALL SELECT max(event_ts) FROM events WHERE camera = name AND kind = 1)) \
               FROM cameras ORDER BY name";
    let mut statement = db.prepare_cached(sql).map_err(from_sqlite)?;
    let rows = statement
        .query_map([], |row| {
            let test: Option<String> = row.get(4)?;
            let last_test = match test {
                Some(name) => Some(TestUpload {
                    name,
                    size: row.get::<_, i64>(5)?.unsigned_abs(),
                    at: Millis(row.get(6)?),
                }),
                None => None,
            };
            Ok((
                row.get::<_, String>(0)?,
                CameraSummary {
                    name: CameraName::from_folder(&row.get::<_, String>(0)?),
                    events: row.get::<_, i64>(1)?.unsigned_abs(),
                    last_seen_at: row.get::<_, Option<i64>>(2)?.map(Millis),
                    last_event_ts: row.get::<_, Option<i64>>(7)?.map(Millis),
                    clock_error_ms: row.get(3)?,
                    last_test,
                },
            ))
        })
        .map_err(from_sqlite)?;
    rows.map(|row| row.map(|(_, summary)| summary).map_err(from_sqlite)).collect()
}
