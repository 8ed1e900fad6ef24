//! Which catalog has the events, and where people, tokens and secrets are: this machine's own database, or tables that
//! several processes share.

use std::sync::Arc;
#[cfg(feature = "aws")]
use std::time::Duration;

use anyhow::Context;
use camtrail_auth::MemoryFailures;
#[cfg(feature = "aws")]
use camtrail_aws::{DynamoAccounts, DynamoCatalog, DynamoConfig};
use camtrail_catalog::SqliteCatalog;
use camtrail_model::ports::{
    Accounts, ApiTokens, AuditLog, CameraTokens, Catalog, Groups, PushSubscriptions, ReviewState, Shares,
    SignInFailures,
};

#[cfg(feature = "aws")]
use crate::{config::CatalogSettings, ftp_accounts::FtpAccounts};
use crate::{config::Settings, data_dir::DataDir};

#[cfg(feature = "aws")]
/// How often changes that other processes made are looked for, for live pages.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// The events' catalog, people and tokens, and the machine's own database.
#[derive(Clone)]
pub(crate) struct Catalogs {
    pub(crate) events: Arc<dyn Catalog>,
    pub(crate) accounts: Arc<dyn Accounts>,
    /// The accounts as the FTP door asks for them: also while tables can't be reached.
    pub(crate) ftp_accounts: Arc<dyn Accounts>,
    pub(crate) tokens: Arc<dyn CameraTokens>,
    pub(crate) sign_in_failures: Arc<dyn SignInFailures>,
    pub(crate) review: Arc<dyn ReviewState>,
    pub(crate) groups: Arc<dyn Groups>,
    pub(crate) shares: Arc<dyn Shares>,
    pub(crate) api_tokens: Arc<dyn ApiTokens>,
    pub(crate) audit: Arc<dyn AuditLog>,
    pub(crate) pushes: Arc<dyn PushSubscriptions>,
    /// This machine's own. Its people and tokens count only with `catalog.kind = "sqlite"`.
    pub(crate) local: SqliteCatalog,
}

impl Catalogs {
    /// Opens all. A table that can't be reached now is no reason not to start: uploads wait in the spool.
    #[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "only tables are waited for"))]
    pub(crate) async fn open(dir: &DataDir, settings: &Settings) -> anyhow::Result<Self> {
        dir.make()?;
        let local = SqliteCatalog::open(&dir.catalog(), &settings.base)
            .with_context(|| format!("opening the catalog in data_dir {}", settings.data_dir.display()))?;
        #[cfg(feature = "aws")]
        if let CatalogSettings::DynamoDb { config, create_tables } = &settings.catalog {
            return Ok(Self::shared(config, *create_tables, local).await);
        }
        local.check_base()?;
        Ok(Self {
            events: Arc::new(local.clone()),
            accounts: Arc::new(local.clone()),
            ftp_accounts: Arc::new(local.clone()),
            tokens: Arc::new(local.clone()),
            sign_in_failures: Arc::new(MemoryFailures::default()),
            review: Arc::new(local.clone()),
            groups: Arc::new(local.clone()),
            shares: Arc::new(local.clone()),
            api_tokens: Arc::new(local.clone()),
            audit: Arc::new(local.clone()),
            pushes: Arc::new(local.clone()),
            local,
        })
    }

    #[cfg(feature = "aws")]
    async fn shared(config: &DynamoConfig, create_tables: bool, local: SqliteCatalog) -> Self {
        let catalog = DynamoCatalog::open(config).await;
        let accounts = DynamoAccounts::beside(&catalog);
        let ready = if create_tables {
            catalog.ensure_tables().await
        } else {
            catalog.latest_change().await.map(|_| ())
        };
        if let Err(error) = ready {
            tracing::error!(
                %error, table_prefix = config.table_prefix,
                "the catalog's tables can't be used now; uploads are taken and wait (catalog.create_tables = true \
                 makes tables that are missing)"
            );
        }
        tokio::spawn(catalog.follow(FOLLOW_EVERY));
        Self {
            events: Arc::new(catalog),
            accounts: Arc::new(accounts.clone()),
            ftp_accounts: Arc::new(FtpAccounts::new(Arc::new(accounts.clone()), Arc::new(local.clone()))),
            tokens: Arc::new(accounts.clone()),
            sign_in_failures: Arc::new(accounts.clone()),
            review: Arc::new(accounts.clone()),
            groups: Arc::new(accounts.clone()),
            shares: Arc::new(accounts.clone()),
            api_tokens: Arc::new(accounts.clone()),
            audit: Arc::new(accounts.clone()),
            pushes: Arc::new(accounts),
            local,
        }
    }
}
