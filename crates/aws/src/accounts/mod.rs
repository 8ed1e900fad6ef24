//! People, their sessions, camera accounts and tokens, and secrets, in a table of their own.
//!
//! Owns `camtrail_accounts` (docs/design/dynamodb.md): of its own, because the API writes it and may only read the
//! catalog's tables. Promises what `model::ports::{Accounts, CameraTokens, ApiTokens, Shares, AuditLog, SignInFailures,
//! ReviewState, Groups, PushSubscriptions}` say, to any number of processes at once: what ended has ended for everybody when the call returns, because every read is consistent and
//! nothing is remembered here. Refuses to scan, to store a token's text, and to make tables in normal operation.

mod api_tokens;
mod audit;
mod failures;
mod groups;
mod push;
mod review;
mod secrets;
mod sessions;
mod shares;
mod shelf;
mod tokens;
mod users;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{Accounts, AccountsError, CameraToken, CameraTokens, CatalogError, FtpAccount, SessionRow, User},
};

use crate::{DynamoCatalog, config::DynamoConfig, tables::Tables};
use shelf::Shelf;

/// Accounts, sessions, tokens and secrets. Clones share them.
#[derive(Clone)]
pub struct DynamoAccounts {
    shelf: Arc<Shelf>,
    /// How long events live, for what is kept of them; 0: for ever.
    retention_days: u32,
}

impl fmt::Debug for DynamoAccounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoAccounts").field("table", &self.shelf.table).finish_non_exhaustive()
    }
}

impl DynamoAccounts {
    /// On a table that exists. Asks the usual AWS chain for what the configuration leaves open; contacts no table.
    pub async fn open(config: &DynamoConfig) -> Self {
        let table = Tables::new(&config.table_prefix).accounts();
        let shelf = Shelf { client: config.client().await, table };
        Self { shelf: Arc::new(shelf), retention_days: config.retention_days }
    }

    /// The table of `catalog`'s prefix, over its connections.
    pub fn beside(catalog: &DynamoCatalog) -> Self {
        let (client, table) = (catalog.db.client.clone(), catalog.db.tables.accounts());
        Self { shelf: Arc::new(Shelf { client, table }), retention_days: catalog.db.retention_days }
    }

    /// Makes the table if it is missing, and waits until it can be used. For single machines and tests: a
    /// deployment's tables are its template's.
    pub async fn ensure_table(&self) -> Result<(), CatalogError> {
        Tables::ensure_accounts(&self.shelf.client, &self.shelf.table).await
    }

    /// Whether the table can be read now; else why not.
    pub async fn is_there(&self) -> Result<(), CatalogError> {
        users::get(&self.shelf, "admin").await.map(|_| ())
    }
}

#[async_trait]
impl Accounts for DynamoAccounts {
    async fn user(&self, name: &str) -> Result<Option<User>, AccountsError> {
        Ok(users::get(&self.shelf, name).await?.map(|kept| kept.user))
    }

    async fn users(&self) -> Result<Vec<User>, AccountsError> {
        users::all(&self.shelf).await
    }

    async fn put_user(&self, user: &User) -> Result<(), AccountsError> {
        users::put(&self.shelf, user).await
    }

    async fn change_user(&self, before: &User, after: &User) -> Result<bool, AccountsError> {
        users::change(&self.shelf, before, after).await
    }

    async fn add_user(&self, user: &User) -> Result<bool, AccountsError> {
        users::add(&self.shelf, user).await
    }

    async fn ftp_accounts(&self) -> Result<Vec<FtpAccount>, AccountsError> {
        users::ftp_all(&self.shelf).await
    }

    async fn put_ftp_account(&self, account: &FtpAccount) -> Result<(), AccountsError> {
        users::put_ftp(&self.shelf, account).await
    }

    async fn add_ftp_account(&self, account: &FtpAccount) -> Result<bool, AccountsError> {
        users::add_ftp(&self.shelf, account).await
    }

    async fn begin_session(&self, session: &SessionRow, password_hash: &str) -> Result<bool, AccountsError> {
        sessions::begin(&self.shelf, session, password_hash).await
    }

    async fn session_user(
        &self,
        token_sha256: &[u8; 32],
        now: Millis,
    ) -> Result<Option<User>, AccountsError> {
        sessions::user(&self.shelf, token_sha256, now).await
    }

    async fn end_session(&self, token_sha256: &[u8; 32]) -> Result<(), AccountsError> {
        sessions::end(&self.shelf, token_sha256).await
    }

    async fn secret(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, AccountsError> {
        secrets::secret(&self.shelf, name, fresh).await
    }
}

#[async_trait]
impl CameraTokens for DynamoAccounts {
    async fn put_camera_token(&self, token: &CameraToken) -> Result<(), CatalogError> {
        tokens::put(&self.shelf, token).await
    }

    async fn camera_of_token(&self, token_sha256: &[u8; 32]) -> Result<Option<String>, CatalogError> {
        tokens::camera(&self.shelf, token_sha256).await
    }

    async fn camera_tokens(&self) -> Result<Vec<CameraToken>, CatalogError> {
        tokens::all(&self.shelf).await
    }

    async fn revoke_camera_tokens(&self, camera: &str) -> Result<u64, CatalogError> {
        tokens::revoke(&self.shelf, camera).await
    }
}
