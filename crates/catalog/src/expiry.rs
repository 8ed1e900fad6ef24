//! What retention asks.

use std::sync::Arc;

use async_trait::async_trait;
use camtrail_model::{
    Millis, ObjectKey,
    ports::{CatalogError, Expiry, Kept},
};

use crate::{SqliteCatalog, db::from_sqlite};

#[async_trait]
impl Expiry for SqliteCatalog {
    async fn oldest(&self, since: Millis, limit: usize) -> Result<Vec<Kept>, CatalogError> {
        let base = Arc::clone(&self.base);
        self.db
            .read(move |db| {
                let sql = "SELECT object_key, stored_at, size FROM events WHERE protected = 0 AND stored_at >= ?1 \
                           ORDER BY stored_at, row_id LIMIT ?2";
                let mut statement = db.prepare_cached(sql).map_err(from_sqlite)?;
                let rows = statement.query_map([since.0, limit as i64], |row| {
                    Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, i64>(2)?))
                });
                let rows = rows.map_err(from_sqlite)?;
                rows.map(|row| {
                    let (key, stored_at, size) = row.map_err(from_sqlite)?;
                    let object_key = ObjectKey::parse(&base, &key)
                        .map_err(|error| CatalogError::Corrupt(format!("{key}: {error}")))?;
                    Ok(Kept { object_key, stored_at: Millis(stored_at), size: size.unsigned_abs() })
                })
                .collect()
            })
            .await
    }

    async fn stored_bytes(&self) -> Result<u64, CatalogError> {
        self.db
            .read(|db| {
                let sum = "SELECT coalesce(sum(size), 0) FROM events";
                db.query_row(sum, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs).map_err(from_sqlite)
            })
            .await
    }

    async fn count_stored(&self, from: Millis, before: Millis) -> Result<(u64, u64), CatalogError> {
        self.db
            .read(move |db| {
                let sql = "SELECT count(*), coalesce(sum(size), 0) FROM events \
                           WHERE protected = 0 AND stored_at >= ?1 AND stored_at < ?2";
                db.query_row(sql, [from.0, before.0], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
                })
                .map(|(events, bytes)| (events.unsigned_abs(), bytes.unsigned_abs()))
                .map_err(from_sqlite)
            })
            .await
    }
}
