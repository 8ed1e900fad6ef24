//! The sequence of changes, bounded: a client that was away longer loads afresh.

use camtrail_model::{
    CameraName, Change, ChangeKind, ChangeSeq, Changes, EventId, ObjectBase, Subject, ports::CatalogError,
};
use rusqlite::{Connection, params};

use crate::{db::from_sqlite, events, row};

/// How many changes are kept, about.
const KEPT: i64 = 50_000;
/// Old changes go in strides, not one by one.
const TRIM_STRIDE: i64 = 1_000;

/// In the column `what`, beside the kinds: a camera, named in `camera`.
const CAMERA: u8 = 3;
const KINDS: [ChangeKind; 3] = [ChangeKind::New, ChangeKind::Changed, ChangeKind::Removed];

/// Notes an event's change, in the same transaction as the change itself.
pub(crate) fn note(db: &Connection, what: ChangeKind, id: &EventId) -> Result<(), CatalogError> {
    let key = (id.event_ts.0, id.fraction, id.kind as u8);
    insert(db, what as u8, key, &id.camera)
}

/// Notes that a camera became known, or sent something that is no event.
pub(crate) fn note_camera(db: &Connection, camera: &CameraName) -> Result<(), CatalogError> {
    insert(db, CAMERA, (0, 0, 0), camera)
}

fn insert(db: &Connection, what: u8, key: (i64, u32, u8), camera: &CameraName) -> Result<(), CatalogError> {
    db.prepare_cached(
        "INSERT INTO changes (what, event_ts, fraction, kind, camera) VALUES (?1, ?2, ?3, ?4, ?5)",
    )
    .and_then(|mut statement| statement.execute(params![what, key.0, key.1, key.2, camera.as_str()]))
    .map_err(from_sqlite)?;
    let seq = db.last_insert_rowid();
    if seq % TRIM_STRIDE == 0 {
        db.execute("DELETE FROM changes WHERE seq <= ?1", [seq - KEPT]).map_err(from_sqlite)?;
    }
    Ok(())
}

pub(crate) fn latest(db: &Connection) -> Result<ChangeSeq, CatalogError> {
    let newest: Option<i64> =
        db.query_row("SELECT max(seq) FROM changes", [], |row| row.get(0)).map_err(from_sqlite)?;
    Ok(newest.unwrap_or(0).unsigned_abs())
}

pub(crate) fn after(
    db: &Connection,
    base: &ObjectBase,
    after: ChangeSeq,
    limit: usize,
) -> Result<Changes, CatalogError> {
    let oldest: Option<i64> =
        db.query_row("SELECT min(seq) FROM changes", [], |row| row.get(0)).map_err(from_sqlite)?;
    // A place that this catalog never gave (another data dir's, or a forged one) is a gap, too.
    let gap =
        oldest.is_some_and(|oldest| after.saturating_add(1) < oldest.unsigned_abs()) || after > latest(db)?;
    let mut statement = db
        .prepare_cached(
            "SELECT seq, what, event_ts, fraction, kind, camera FROM changes WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )
        .map_err(from_sqlite)?;
    let rows = statement
        .query_map(params![i64::try_from(after).unwrap_or(i64::MAX), limit as i64], |row| {
            let camera: String = row.get(5)?;
            let what: u8 = row.get(1)?;
            let id = row::id(row.get(2)?, row.get(3)?, row.get(4)?, &camera);
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), what, id))
        })
        .map_err(from_sqlite)?;
    let mut items = Vec::new();
    for row in rows {
        let (seq, what, id) = row.map_err(from_sqlite)?;
        let id = id?;
        let subject = match KINDS.get(usize::from(what)) {
            Some(&kind) => {
                let record = events::by_id(db, base, &id)?.map(Box::new);
                Subject::Event { kind, id, record }
            }
            None if what == CAMERA => Subject::Camera(id.camera),
            None => return Err(CatalogError::Corrupt(format!("change {what}"))),
        };
        items.push(Change { seq, subject });
    }
    let upto = items.last().map_or(after, |change| change.seq);
    Ok(Changes { items, upto, gap })
}
