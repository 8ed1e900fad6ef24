//! Which catalog has the events. People, tokens and secrets are this machine's own (SQLite), in either shape.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use camtrail_aws::DynamoCatalog;
use camtrail_catalog::SqliteCatalog;
use camtrail_model::ports::Catalog;

use crate::{
    app::DataDir,
    config::{CatalogSettings, Settings},
};

/// How often changes that other processes made are looked for, for live pages.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// The events' catalog, and the machine's own database.
#[derive(Clone)]
pub(crate) struct Catalogs {
    pub(crate) events: Arc<dyn Catalog>,
    pub(crate) local: SqliteCatalog,
}

impl Catalogs {
    /// Opens both. A table that can't be reached now is no reason not to start: uploads wait in the spool.
    pub(crate) async fn open(dir: &DataDir, settings: &Settings) -> anyhow::Result<Self> {
        let local = SqliteCatalog::open(&dir.catalog(), &settings.base)
            .with_context(|| format!("opening the catalog in data_dir {}", settings.data_dir.display()))?;
        let events: Arc<dyn Catalog> = match &settings.catalog {
            CatalogSettings::Sqlite => Arc::new(local.clone()),
            CatalogSettings::DynamoDb { config, create_tables } => {
                let catalog = DynamoCatalog::open(config).await;
                let ready = match create_tables {
                    true => catalog.ensure_tables().await,
                    false => catalog.latest_change().await.map(|_| ()),
                };
                if let Err(error) = ready {
                    tracing::error!(
                        %error, table_prefix = config.table_prefix,
                        "the catalog's tables can't be used now; uploads are taken and wait (catalog.create_tables = true \
                         makes tables that are missing)"
                    );
                }
                tokio::spawn(catalog.follow(FOLLOW_EVERY));
                Arc::new(catalog)
            }
        };
        Ok(Self { events, local })
    }
}
