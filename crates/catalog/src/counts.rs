//! Counters of events, changed with each event in its own transaction.

use std::collections::BTreeMap;

use camtrail_model::{
    CameraName, ObjectKey,
    counts::{CivilHour, CountBy, CountQuery, Counts},
    ports::CatalogError,
};
use rusqlite::{Connection, params};

use crate::{db::from_sqlite, events};

const HOURS: u8 = 0;
const DAYS: u8 = 1;
/// All cameras together; no camera has an empty name.
const ALL: &str = "";

/// Counts an event in (`events` 1) or out (-1), with its bytes.
pub(crate) fn add(db: &Connection, key: &ObjectKey, events: i64, bytes: i64) -> Result<(), CatalogError> {
    let hour = CivilHour::of_key(key);
    db.prepare_cached(
        "INSERT INTO counts (camera, grain, slot, kind, events, bytes) VALUES \
         (?1, 0, ?2, ?4, ?5, ?6), (?1, 1, ?3, ?4, ?5, ?6), ('', 0, ?2, ?4, ?5, ?6), ('', 1, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO UPDATE SET events = events + excluded.events, bytes = bytes + excluded.bytes",
    )
    .and_then(|mut statement| {
        let kind = key.kind() as u8;
        statement.execute(params![key.camera().as_str(), hour.0, hour.day(), kind, events, bytes])
    })
    .map_err(from_sqlite)?;
    if events < 0 {
        db.prepare_cached(
            "DELETE FROM counts WHERE events <= 0 AND kind = ?4 AND camera IN (?1, '') \
             AND (grain, slot) IN (VALUES (0, ?2), (1, ?3))",
        )
        .and_then(|mut statement| {
            let kind = key.kind() as u8;
            statement.execute(params![key.camera().as_str(), hour.0, hour.day(), kind])
        })
        .map_err(from_sqlite)?;
    }
    Ok(())
}

pub(crate) fn counts(db: &Connection, query: &CountQuery) -> Result<Counts, CatalogError> {
    let mut cameras = query.cameras.clone();
    cameras.sort();
    cameras.dedup();
    if query.by == CountBy::Camera {
        if cameras.is_empty() {
            cameras = events::camera_names(db)?;
        }
        let mut sums = Vec::with_capacity(cameras.len());
        for camera in cameras {
            let of_camera = of_camera(db, query, &camera)?;
            sums.push((camera, of_camera));
        }
        return Ok(Counts::of_cameras(sums));
    }
    let mut sums = BTreeMap::new();
    if cameras.is_empty() {
        add_slots(db, query, ALL, &mut sums)?;
    }
    for camera in &cameras {
        add_slots(db, query, camera.as_str(), &mut sums)?;
    }
    Ok(Counts::of_slots(query.by, sums, query.buckets_max()))
}

/// The newest slots of a camera, as many as an answer can use.
fn add_slots(
    db: &Connection,
    query: &CountQuery,
    camera: &str,
    sums: &mut BTreeMap<i64, [(i64, i64); 2]>,
) -> Result<(), CatalogError> {
    let grain = if query.by == CountBy::Hour { HOURS } else { DAYS };
    let (from, to) = query.slots();
    let rows_max = (query.buckets_max() as i64 + 1) * 2;
    let mut statement = db
        .prepare_cached(
            "SELECT slot, kind, events, bytes FROM counts WHERE camera = ?1 AND grain = ?2 AND slot >= ?3 AND slot < ?4 \
             AND (?5 IS NULL OR kind = ?5) ORDER BY slot DESC LIMIT ?6",
        )
        .map_err(from_sqlite)?;
    let kind = query.kind.map(|kind| kind as u8);
    let mut rows = statement.query(params![camera, grain, from, to, kind, rows_max]).map_err(from_sqlite)?;
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let (slot, kind, events, bytes) = read(row).map_err(from_sqlite)?;
        let Some(sum) = sums.entry(slot).or_default().get_mut(kind) else { continue };
        *sum = (sum.0.saturating_add(events), sum.1.saturating_add(bytes));
    }
    Ok(())
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, usize, i64, i64)> {
    Ok((row.get(0)?, row.get::<_, u8>(1)?.into(), row.get(2)?, row.get(3)?))
}

fn of_camera(
    db: &Connection,
    query: &CountQuery,
    camera: &CameraName,
) -> Result<[(i64, i64); 2], CatalogError> {
    let (from, to) = query.slots();
    let mut statement = db
        .prepare_cached(
            "SELECT kind, sum(events), sum(bytes) FROM counts WHERE camera = ?1 AND grain = 1 \
             AND slot >= ?2 AND slot < ?3 AND (?4 IS NULL OR kind = ?4) GROUP BY kind",
        )
        .map_err(from_sqlite)?;
    let kind = query.kind.map(|kind| kind as u8);
    let mut rows = statement.query(params![camera.as_str(), from, to, kind]).map_err(from_sqlite)?;
    let mut sums = [(0, 0); 2];
    while let Some(row) = rows.next().map_err(from_sqlite)? {
        let kind: u8 = row.get(0).map_err(from_sqlite)?;
        if let Some(sum) = sums.get_mut(usize::from(kind)) {
            *sum = (row.get(1).map_err(from_sqlite)?, row.get(2).map_err(from_sqlite)?);
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use camtrail_model::{CaptureKind, ObjectBase, ports::Catalog, testing::record};
    use rusqlite::Connection;

    use crate::{SqliteCatalog, migrations};

    fn rows(path: &std::path::Path) -> Vec<(String, i64, i64, i64, i64, i64)> {
        let db = Connection::open(path).unwrap();
        let mut statement = db.prepare("SELECT * FROM counts").unwrap();
        let rows = statement
            .query_map([], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
            })
            .unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// A catalog from before there were counters gets the ones that it would have.
    #[tokio::test]
    async fn an_old_catalog_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.db");
        let base = ObjectBase::parse("deep/base").unwrap();
        {
            let catalog = SqliteCatalog::open(&path, &base).unwrap();
            for n in 0..120_i64 {
                let camera = ["a", "Garé 1", "2016-08-30", "Hour-5"][n as usize % 4];
                let kind = CaptureKind::ALL[n as usize % 2];
                let mut event = record(camera, (n / 2 - 30) * 3_000_000, kind, &format!("{n}/Hour-7.mp4"));
                event.metadata.time.offset_s = [0, 50_400, -43_200][n as usize % 3];
                let (camera, file) = (event.object_key.camera().clone(), event.object_key.file().clone());
                event.object_key =
                    camtrail_model::ObjectKey::new(&base, &camera, &event.metadata.time, kind, file);
                event.size = 1_000 + n.unsigned_abs();
                catalog.record(&event).await.unwrap();
            }
        }
        let want = rows(&path);
        assert!(want.len() > 100, "{}", want.len());
        let db = Connection::open(&path).unwrap();
        db.execute_batch("DROP TABLE counts; DROP INDEX events_by_arrival; DROP INDEX viewed_again").unwrap();
        let before = migrations::CATALOG.iter().position(|sql| sql.contains("TABLE counts")).unwrap();
        db.pragma_update(None, "user_version", before as i64).unwrap();
        drop(db);
        drop(SqliteCatalog::open(&path, &base).unwrap());
        assert_eq!(rows(&path), want);
    }
}
