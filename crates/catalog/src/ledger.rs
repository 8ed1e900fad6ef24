//! The gateway's ledger, in a file of its own: a gateway without a catalog has one, too.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use camtrail_model::{
    CameraName, Digest, Millis, ObjectBase, ObjectKey,
    ports::{CatalogError, Ladder, Ledger, Shipment},
};
use rusqlite::{Row, params};

use crate::{
    db::{Database, OpenError, from_sqlite},
    migrations,
};

/// The ledger in SQLite. Clones share it.
#[derive(Debug, Clone)]
pub struct SqliteLedger {
    db: Arc<Database>,
    base: Arc<ObjectBase>,
}

impl SqliteLedger {
    /// Opens (or makes, or migrates) the ledger at `path`. Blocks.
    pub fn open(path: &Path, base: &ObjectBase) -> Result<Self, OpenError> {
        Ok(Self { db: Arc::new(Database::open(path, migrations::LEDGER)?), base: Arc::new(base.clone()) })
    }
}

const COLUMNS: &str = "object_key, camera, original_name, original_sha256, original_size, complete, shipped_at, ladder, confirmed";

/// The outer error is SQLite's; the inner one says that the row can't be read.
fn shipment(base: &ObjectBase, row: &Row<'_>) -> rusqlite::Result<Result<Shipment, CatalogError>> {
    let (key, digest): (String, String) = (row.get(0)?, row.get(3)?);
    let ladder: String = row.get(7)?;
    let (Ok(object_key), Some(original_sha256), Some(ladder)) =
        (ObjectKey::parse(base, &key), Digest::parse(&digest), Ladder::parse(&ladder))
    else {
        return Ok(Err(CatalogError::Corrupt(format!("shipment {key:?}"))));
    };
    Ok(Ok(Shipment {
        camera: object_key.camera().clone(),
        original_name: row.get(2)?,
        original_sha256,
        original_size: row.get::<_, i64>(4)?.unsigned_abs(),
        complete: row.get(5)?,
        object_key,
        shipped_at: Millis(row.get(6)?),
        ladder,
        confirmed: row.get(8)?,
    }))
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn shipments(
        &self,
        camera: &CameraName,
        original_name: &str,
    ) -> Result<Vec<Shipment>, CatalogError> {
        let (camera, name, base) = (camera.clone(), original_name.to_owned(), Arc::clone(&self.base));
        self.db
            .read(move |db| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM shipments WHERE camera = ?1 AND original_name = ?2 ORDER BY shipped_at"
                );
                let mut statement = db.prepare_cached(&sql).map_err(from_sqlite)?;
                let rows = statement
                    .query_map([camera.as_str(), &name], |row| shipment(&base, row))
                    .map_err(from_sqlite)?;
                rows.map(|row| row.map_err(from_sqlite)?).collect()
            })
            .await
    }

    async fn by_key(&self, key: &ObjectKey) -> Result<Vec<Shipment>, CatalogError> {
        let (key, base) = (key.clone(), Arc::clone(&self.base));
        self.db
            .read(move |db| {
                let sql =
                    format!("SELECT {COLUMNS} FROM shipments WHERE object_key = ?1 ORDER BY shipped_at");
                let mut statement = db.prepare_cached(&sql).map_err(from_sqlite)?;
                let rows =
                    statement.query_map([key.as_str()], |row| shipment(&base, row)).map_err(from_sqlite)?;
                rows.map(|row| row.map_err(from_sqlite)?).collect()
            })
            .await
    }

    async fn note(&self, shipment: &Shipment) -> Result<(), CatalogError> {
        let shipment = shipment.clone();
        self.db
            .write(move |db| {
                db.prepare_cached(
                    "INSERT OR REPLACE INTO shipments (object_key, camera, original_name, original_sha256, \
                     original_size, complete, shipped_at, ladder, confirmed) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )
                .and_then(|mut statement| {
                    statement.execute(params![
                        shipment.object_key.as_str(),
                        shipment.camera.as_str(),
                        shipment.original_name,
                        shipment.original_sha256.to_string(),
                        shipment.original_size as i64,
                        shipment.complete,
                        shipment.shipped_at.0,
                        shipment.ladder.to_text(),
                        shipment.confirmed,
                    ])
                })
                .map(|_| ())
                .map_err(from_sqlite)
            })
            .await
    }

    async fn forget(&self, key: &ObjectKey, original_sha256: &Digest) -> Result<(), CatalogError> {
        let (key, digest) = (key.clone(), original_sha256.to_string());
        self.db
            .write(move |db| {
                let sql = "DELETE FROM shipments WHERE object_key = ?1 AND original_sha256 = ?2";
                db.execute(sql, [key.as_str(), &digest]).map(|_| ()).map_err(from_sqlite)
            })
            .await
    }

    async fn forget_before(&self, before: Millis) -> Result<u64, CatalogError> {
        self.db
            .write(move |db| {
                db.execute("DELETE FROM shipments WHERE shipped_at < ?1", [before.0])
                    .map(|n| n as u64)
                    .map_err(from_sqlite)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn remembers_by_name_and_forgets_by_age() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(&dir.path().join("ledger.db"), &ObjectBase::default()).unwrap();
        let record = camtrail_model::testing::record("a", 1, camtrail_model::CaptureKind::Snap, "x.jpg");
        let shipment = Shipment {
            camera: record.object_key.camera().clone(),
            original_name: "snap/x.jpg".to_owned(),
            original_sha256: Digest::of(b"x"),
            original_size: 1,
            complete: true,
            object_key: record.object_key.clone(),
            shipped_at: Millis(10),
            ladder: Ladder::of_reader(&[7; 9_000][..]).unwrap(),
            confirmed: false,
        };
        ledger.note(&shipment).await.unwrap();
        let shipment = Shipment { confirmed: true, ..shipment };
        ledger.note(&shipment).await.unwrap();
        assert_eq!(ledger.shipments(&shipment.camera, "snap/x.jpg").await.unwrap(), vec![shipment.clone()]);
        assert_eq!(ledger.by_key(&shipment.object_key).await.unwrap(), vec![shipment.clone()]);
        let whole =
            Shipment { original_sha256: Digest::of(b"whole"), shipped_at: Millis(11), ..shipment.clone() };
        ledger.note(&whole).await.unwrap();
        assert_eq!(ledger.by_key(&shipment.object_key).await.unwrap(), vec![shipment.clone(), whole.clone()]);
        ledger.forget(&whole.object_key, &whole.original_sha256).await.unwrap();
        assert_eq!(ledger.shipments(&shipment.camera, "snap/y.jpg").await.unwrap(), vec![]);
        assert_eq!(ledger.forget_before(Millis(10)).await.unwrap(), 0);
        assert_eq!(ledger.forget_before(Millis(11)).await.unwrap(), 1);
        assert_eq!(ledger.shipments(&shipment.camera, "snap/x.jpg").await.unwrap(), vec![]);
    }
}
