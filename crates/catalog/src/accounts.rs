//! People, their sessions, and camera accounts.

use async_trait::async_trait;
use camtrail_model::{
    Millis, Sight,
    ports::{Accounts, AccountsError, FtpAccount, Role, SessionRow, User},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{SqliteCatalog, db::from_sqlite};

const USER_COLUMNS: &str = "name, password_hash, role, disabled, cameras";

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let role: String = row.get(2)?;
    Ok(User {
        name: row.get(0)?,
        password_hash: row.get(1)?,
        // What isn't known grants the least.
        role: Role::parse(&role).unwrap_or(Role::Viewer),
        disabled: row.get(3)?,
        sight: Sight::parse(row.get::<_, Option<String>>(4)?.as_deref()),
    })
}

fn find_user(db: &Connection, name: &str) -> rusqlite::Result<Option<User>> {
    db.query_row(&format!("SELECT {USER_COLUMNS} FROM users WHERE name = ?1"), [name], user).optional()
}

fn put_user(db: &Connection, user: &User) -> rusqlite::Result<()> {
    let before: Option<(String, bool)> = db
        .query_row("SELECT password_hash, disabled FROM users WHERE name = ?1", [&user.name], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    db.execute(
        "INSERT INTO users (name, password_hash, role, disabled, cameras) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (name) DO UPDATE SET password_hash = ?2, role = ?3, disabled = ?4, cameras = ?5",
        params![user.name, user.password_hash, user.role.as_str(), user.disabled, user.sight.to_text()],
    )?;
    if before.is_some_and(|(hash, _)| hash != user.password_hash) || user.disabled {
        db.execute("DELETE FROM sessions WHERE user = ?1", [&user.name])?;
    }
    Ok(())
}

impl SqliteCatalog {
    /// How many sessions are good at `now`.
    pub async fn open_sessions(&self, now: Millis) -> Result<u64, AccountsError> {
        self.db
            .read(move |db| {
                db.query_row("SELECT count(*) FROM sessions WHERE expires_at > ?1", [now.0], |row| row.get(0))
                    .map(i64::unsigned_abs)
                    .map_err(from_sqlite)
            })
            .await
    }
}

#[async_trait]
impl Accounts for SqliteCatalog {
    async fn user(&self, name: &str) -> Result<Option<User>, AccountsError> {
        let name = name.to_owned();
        self.db.read(move |db| find_user(db, &name).map_err(from_sqlite)).await
    }

    async fn users(&self) -> Result<Vec<User>, AccountsError> {
        self.db
            .read(|db| {
                let sql = format!("SELECT {USER_COLUMNS} FROM users ORDER BY name");
                let mut statement = db.prepare(&sql).map_err(from_sqlite)?;
                statement.query_map([], user).and_then(Iterator::collect).map_err(from_sqlite)
            })
            .await
    }

    async fn put_user(&self, user: &User) -> Result<(), AccountsError> {
        let user = user.clone();
        self.db.write(move |db| put_user(db, &user).map_err(from_sqlite)).await
    }

    async fn change_user(&self, before: &User, after: &User) -> Result<bool, AccountsError> {
        let (before, after) = (before.clone(), after.clone());
        self.db
            .write(move |db| {
                let there = find_user(db, &before.name).map_err(from_sqlite)?;
                let is_still = there.as_ref() == Some(&before);
                if is_still {
                    put_user(db, &after).map_err(from_sqlite)?;
                }
                Ok(is_still)
            })
            .await
    }

    async fn add_user(&self, user: &User) -> Result<bool, AccountsError> {
        let user = user.clone();
        self.db
            .write(move |db| {
                db.execute(
                    "INSERT INTO users (name, password_hash, role, disabled, cameras) VALUES (?1, ?2, ?3, ?4, ?5) \
                     ON CONFLICT (name) DO NOTHING",
                    params![
                        user.name,
                        user.password_hash,
                        user.role.as_str(),
                        user.disabled,
                        user.sight.to_text()
                    ],
                )
                .map(|made| made == 1)
                .map_err(from_sqlite)
            })
            .await
    }

    async fn ftp_accounts(&self) -> Result<Vec<FtpAccount>, AccountsError> {
        self.db
            .read(|db| {
                let sql = "SELECT user, password_hash, camera FROM ftp_accounts ORDER BY user";
                let mut statement = db.prepare(sql).map_err(from_sqlite)?;
                statement
                    .query_map([], |row| {
                        Ok(FtpAccount { user: row.get(0)?, password_hash: row.get(1)?, camera: row.get(2)? })
                    })
                    .and_then(Iterator::collect)
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn put_ftp_account(&self, account: &FtpAccount) -> Result<(), AccountsError> {
        let account = account.clone();
        self.db
            .write(move |db| {
                db.execute(
                    "INSERT INTO ftp_accounts (user, password_hash, camera) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (user) DO UPDATE SET password_hash = ?2, camera = ?3",
                    params![account.user, account.password_hash, account.camera],
                )
                .map(|_| ())
                .map_err(from_sqlite)
            })
            .await
    }

    async fn add_ftp_account(&self, account: &FtpAccount) -> Result<bool, AccountsError> {
        let account = account.clone();
        self.db
            .write(move |db| {
                db.execute(
                    "INSERT INTO ftp_accounts (user, password_hash, camera) VALUES (?1, ?2, ?3) \
                     ON CONFLICT (user) DO NOTHING",
                    params![account.user, account.password_hash, account.camera],
                )
                .map(|made| made == 1)
                .map_err(from_sqlite)
            })
            .await
    }

    async fn begin_session(&self, session: &SessionRow, password_hash: &str) -> Result<bool, AccountsError> {
        let (session, password_hash) = (session.clone(), password_hash.to_owned());
        self.db
            .write(move |db| {
                db.execute("DELETE FROM sessions WHERE expires_at <= ?1", [session.created_at.0])
                    .and_then(|_| {
                        db.execute(
                            "INSERT INTO sessions (token_sha256, user, created_at, expires_at) \
                             SELECT ?1, name, ?3, ?4 FROM users \
                             WHERE name = ?2 AND password_hash = ?5 AND NOT disabled",
                            params![
                                session.token_sha256,
                                session.user,
                                session.created_at.0,
                                session.expires_at.0,
                                password_hash
                            ],
                        )
                    })
                    .map(|begun| begun == 1)
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn session_user(
        &self,
        token_sha256: &[u8; 32],
        now: Millis,
    ) -> Result<Option<User>, AccountsError> {
        let token = *token_sha256;
        self.db
            .read(move |db| {
                let sql = format!(
                    "SELECT {USER_COLUMNS} FROM sessions JOIN users ON name = user \
                     WHERE token_sha256 = ?1 AND expires_at > ?2 AND NOT disabled"
                );
                db.prepare_cached(&sql)
                    .and_then(|mut statement| statement.query_row(params![token, now.0], user).optional())
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn end_session(&self, token_sha256: &[u8; 32]) -> Result<(), AccountsError> {
        let token = *token_sha256;
        self.db
            .write(move |db| {
                db.execute("DELETE FROM sessions WHERE token_sha256 = ?1", [token])
                    .map(|_| ())
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn secret(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, AccountsError> {
        let (name, fresh) = (name.to_owned(), fresh.to_vec());
        self.db
            .write(move |db| {
                db.execute(
                    "INSERT OR IGNORE INTO secrets (name, value) VALUES (?1, ?2)",
                    params![name, fresh],
                )
                .and_then(|_| {
                    db.query_row("SELECT value FROM secrets WHERE name = ?1", [name], |row| row.get(0))
                })
                .map_err(from_sqlite)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use camtrail_model::{ObjectBase, testing};

    use super::*;

    fn fresh(dir: &Path, number: &mut u32) -> Arc<SqliteCatalog> {
        *number += 1;
        let path = dir.join(format!("{number}.db"));
        Arc::new(SqliteCatalog::open(&path, &ObjectBase::default()).unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keeps_the_accounts_contract() {
        let (dir, mut number) = (tempfile::tempdir().unwrap(), 0);
        testing::accounts_contract(|| fresh(dir.path(), &mut number)).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keeps_the_tokens_contract() {
        let (dir, mut number) = (tempfile::tempdir().unwrap(), 0);
        testing::tokens_contract(|| fresh(dir.path(), &mut number)).await;
    }
}
