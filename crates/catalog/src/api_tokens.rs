//! People's tokens for programs: only their digests.

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{ApiToken, ApiTokens, CatalogError, Scopes},
};
use rusqlite::{OptionalExtension, Row, params};

use crate::{SqliteCatalog, db::from_sqlite};

const COLUMNS: &str = "token_sha256, user, name, scopes, created_at, expires_at, last_used_at";

fn token(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    Ok(ApiToken {
        token_sha256: row.get(0)?,
        user: row.get(1)?,
        name: row.get(2)?,
        scopes: Scopes::parse(&row.get::<_, String>(3)?),
        created_at: Millis(row.get(4)?),
        expires_at: row.get::<_, Option<i64>>(5)?.map(Millis),
        last_used_at: row.get::<_, Option<i64>>(6)?.map(Millis),
    })
}

#[async_trait]
impl ApiTokens for SqliteCatalog {
    async fn put_api_token(&self, token: &ApiToken) -> Result<(), CatalogError> {
        let token = token.clone();
        self.db
            .write(move |db| {
                db.execute(
                    "INSERT INTO api_tokens (id, token_sha256, user, name, scopes, created_at, expires_at, \
                     last_used_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    params![
                        token.id(),
                        token.token_sha256,
                        token.user,
                        token.name,
                        token.scopes.to_text(),
                        token.created_at.0,
                        token.expires_at.map(|at| at.0),
                        token.last_used_at.map(|at| at.0)
                    ],
                )
                .map(|_| ())
                .map_err(from_sqlite)
            })
            .await
    }

    async fn api_token(&self, id: &str) -> Result<Option<ApiToken>, CatalogError> {
        let id = id.to_owned();
        self.db
            .read(move |db| {
                let sql = format!("SELECT {COLUMNS} FROM api_tokens WHERE id = ?1");
                db.prepare_cached(&sql)
                    .and_then(|mut statement| statement.query_row([id], token).optional())
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn api_tokens(&self) -> Result<Vec<ApiToken>, CatalogError> {
        self.db
            .read(|db| {
                let sql = format!("SELECT {COLUMNS} FROM api_tokens ORDER BY user, created_at, id");
                let mut statement = db.prepare(&sql).map_err(from_sqlite)?;
                statement.query_map([], token).and_then(Iterator::collect).map_err(from_sqlite)
            })
            .await
    }

    async fn forget_api_token(&self, id: &str) -> Result<bool, CatalogError> {
        let id = id.to_owned();
        self.db
            .write(move |db| {
                db.execute("DELETE FROM api_tokens WHERE id = ?1", [id])
                    .map(|gone| gone == 1)
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn touch_api_token(&self, id: &str, at: Millis) -> Result<(), CatalogError> {
        let id = id.to_owned();
        self.db
            .write(move |db| {
                db.execute("UPDATE api_tokens SET last_used_at = ?2 WHERE id = ?1", params![id, at.0])
                    .map(|_| ())
                    .map_err(from_sqlite)
            })
            .await
    }
}
