//! Public links to one event each: only their digests.

use async_trait::async_trait;
use camtrail_model::{
    EventId, Millis,
    ports::{CatalogError, Openings, Share, Shares},
};
use rusqlite::{OptionalExtension, Row, params};

use crate::{SqliteCatalog, db::from_sqlite};

const COLUMNS: &str =
    "token_sha256, event_id, made_by, created_at, expires_at, revoked_at, note, opened, refused, last_opened";

fn share(row: &Row<'_>) -> rusqlite::Result<Result<Share, CatalogError>> {
    let event: String = row.get(1)?;
    let Some(event) = EventId::parse(&event) else {
        return Ok(Err(CatalogError::Corrupt(format!("the event of a share: found {event:?}"))));
    };
    Ok(Ok(Share {
        token_sha256: row.get(0)?,
        event,
        by: row.get(2)?,
        created_at: Millis(row.get(3)?),
        expires_at: Millis(row.get(4)?),
        revoked_at: row.get::<_, Option<i64>>(5)?.map(Millis),
        note: row.get(6)?,
        openings: Openings {
            opened: row.get::<_, i64>(7)?.unsigned_abs(),
            refused: row.get::<_, i64>(8)?.unsigned_abs(),
            last_at: row.get::<_, Option<i64>>(9)?.map(Millis),
        },
    }))
}

#[async_trait]
impl Shares for SqliteCatalog {
    async fn put_share(&self, share: &Share) -> Result<(), CatalogError> {
        let share = share.clone();
        self.db
            .write(move |db| {
                db.execute(
                    "INSERT INTO shares (id, token_sha256, event_id, made_by, created_at, expires_at, note) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                    params![
                        share.id(),
                        share.token_sha256,
                        share.event.to_string(),
                        share.by,
                        share.created_at.0,
                        share.expires_at.0,
                        share.note
                    ],
                )
                .map(|_| ())
                .map_err(from_sqlite)
            })
            .await
    }

    async fn share(&self, id: &str) -> Result<Option<Share>, CatalogError> {
        let id = id.to_owned();
        self.db
            .read(move |db| {
                let sql = format!("SELECT {COLUMNS} FROM shares WHERE id = ?1");
                let found = db
                    .prepare_cached(&sql)
                    .and_then(|mut statement| statement.query_row([id], share).optional())
                    .map_err(from_sqlite)?;
                found.transpose()
            })
            .await
    }

    async fn shares(&self) -> Result<Vec<Share>, CatalogError> {
        self.db
            .read(|db| {
                let sql = format!("SELECT {COLUMNS} FROM shares ORDER BY created_at DESC, id");
                let mut statement = db.prepare(&sql).map_err(from_sqlite)?;
                let rows = statement.query_map([], share).map_err(from_sqlite)?;
                rows.map(|row| row.map_err(from_sqlite)?).collect()
            })
            .await
    }

    async fn revoke_share(&self, id: &str, at: Millis) -> Result<bool, CatalogError> {
        let id = id.to_owned();
        self.db
            .write(move |db| {
                db.execute(
                    "UPDATE shares SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                    params![id, at.0],
                )
                .map(|ended| ended == 1)
                .map_err(from_sqlite)
            })
            .await
    }

    async fn count_opening(&self, id: &str, at: Millis, refused: bool) -> Result<(), CatalogError> {
        let id = id.to_owned();
        let sql = if refused {
            "UPDATE shares SET refused = refused + 1 WHERE id = ?1 AND ?2 IS NOT NULL"
        } else {
            "UPDATE shares SET opened = opened + 1, last_opened = ?2 WHERE id = ?1"
        };
        self.db
            .write(move |db| {
                db.prepare_cached(sql)
                    .and_then(|mut statement| statement.execute(params![id, at.0]))
                    .map(|_| ())
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn forget_share(&self, id: &str) -> Result<(), CatalogError> {
        let id = id.to_owned();
        self.db
            .write(move |db| {
                db.execute("DELETE FROM shares WHERE id = ?1", [id]).map(|_| ()).map_err(from_sqlite)
            })
            .await
    }
}
