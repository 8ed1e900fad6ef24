//! Bearer tokens for uploads by HTTP: only their digests.

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{CameraToken, CameraTokens, CatalogError},
};
use rusqlite::{OptionalExtension, params};

use crate::{SqliteCatalog, db::from_sqlite};

#[async_trait]
impl CameraTokens for SqliteCatalog {
    async fn put_camera_token(&self, token: &CameraToken) -> Result<(), CatalogError> {
        let token = token.clone();
        self.db
            .write(move |db| {
                db.execute(
                    "INSERT OR REPLACE INTO camera_tokens (token_sha256, camera, created_at) VALUES (?1, ?2, ?3)",
                    params![token.token_sha256, token.camera, token.created_at.0],
                )
                .map(|_| ())
                .map_err(from_sqlite)
            })
            .await
    }

    async fn camera_of_token(&self, token_sha256: &[u8; 32]) -> Result<Option<String>, CatalogError> {
        let token = *token_sha256;
        self.db
            .read(move |db| {
                db.prepare_cached("SELECT camera FROM camera_tokens WHERE token_sha256 = ?1")
                    .and_then(|mut statement| statement.query_row([token], |row| row.get(0)).optional())
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn camera_tokens(&self) -> Result<Vec<CameraToken>, CatalogError> {
        self.db
            .read(|db| {
                let sql =
                    "SELECT token_sha256, camera, created_at FROM camera_tokens ORDER BY camera, created_at, token_sha256";
                let mut statement = db.prepare(sql).map_err(from_sqlite)?;
                statement
                    .query_map([], |row| {
                        Ok(CameraToken {
                            token_sha256: row.get(0)?,
                            camera: row.get(1)?,
                            created_at: Millis(row.get(2)?),
                        })
                    })
                    .and_then(Iterator::collect)
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn revoke_camera_tokens(&self, camera: &str) -> Result<u64, CatalogError> {
        let camera = camera.to_owned();
        self.db
            .write(move |db| {
                db.execute("DELETE FROM camera_tokens WHERE camera = ?1", [camera])
                    .map(|n| n as u64)
                    .map_err(from_sqlite)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use camtrail_model::{
        EventQuery, ObjectBase, PageSize,
        ports::{Accounts, Catalog},
    };

    use super::*;

    fn token(byte: u8, camera: &str) -> CameraToken {
        CameraToken { token_sha256: [byte; 32], camera: camera.to_owned(), created_at: Millis(1) }
    }

    /// `testdata/catalog-1.sql` is what a database of version 1 held, before there were tokens, and is never made anew.
    #[tokio::test]
    async fn a_database_of_version_1_migrates_with_all_that_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        let kept = include_str!("../testdata/catalog-1.sql");
        rusqlite::Connection::open(&path).unwrap().execute_batch(kept).unwrap();
        for _ in 0..2 {
            let catalog = SqliteCatalog::open(&path, &ObjectBase::default()).unwrap();
            let page = catalog.page(&EventQuery::default(), PageSize::DEFAULT, None).await.unwrap();
            assert_eq!(page.items.len(), 1);
            assert_eq!(page.items[0].metadata.original_name, "record/MDalarm_20160830_152954.mkv");
            assert!(catalog.session_user(&[7; 32], Millis(20)).await.unwrap().is_some());
            assert_eq!(catalog.ftp_accounts().await.unwrap()[0].user, "camera");
            assert_eq!(catalog.secret("links", b"other").await.unwrap(), [9; 32]);
            catalog.put_camera_token(&token(1, "backyard")).await.unwrap();
            assert_eq!(catalog.camera_tokens().await.unwrap().len(), 1);
        }
        let version: i64 = rusqlite::Connection::open(&path)
            .unwrap()
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap();
        assert_eq!(version, crate::migrations::CATALOG.len() as i64);
        let catalog = SqliteCatalog::open(&path, &ObjectBase::default()).unwrap();
        let users = catalog.users().await.unwrap();
        assert!(users.iter().all(|user| user.sight == camtrail_model::Sight::All), "nobody lost sight");
    }
}
