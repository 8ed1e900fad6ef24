//! Store and catalog as commands use them, beside a running Camtrail or without one.
//!
//! Promises: nothing of a running one's is cleared or recovered; SQLite lets both write in turn, and so does the store.
//! Refuses: to put anything into the store, but for [`writable`].

use std::sync::Arc;

use anyhow::Context;
use camtrail_arrival::{Arrivals, Function};
use camtrail_model::ports::ObjectStore;
use camtrail_store::LocalStore;

use crate::{
    catalogs::Catalogs,
    config::{Settings, StoreSettings},
    data_dir::DataDir,
    rooms::open_bucket,
};

/// What a command works with.
pub(crate) struct Beside {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) catalogs: Catalogs,
    pub(crate) arrivals: Arc<Arrivals>,
}

impl Beside {
    /// Opens both; a catalog that isn't there is made.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let dir = DataDir::new(&settings.data_dir);
        let store = look_only(&dir, settings)?;
        let catalogs = Catalogs::open(&dir, settings).await?;
        let arrivals =
            Arrivals::new(store.clone(), catalogs.events.clone(), Arc::new(settings.zones.clone()));
        Ok(Self { store, catalogs, arrivals: Arc::new(arrivals) })
    }

    /// The arrival function on them.
    pub(crate) fn function(&self, settings: &Settings) -> Function {
        Function::new(self.arrivals.clone(), settings.base.clone(), settings.store.bucket())
    }
}

/// The store, for what is derived of its objects.
pub(crate) fn writable(dir: &DataDir, settings: &Settings) -> anyhow::Result<Arc<dyn ObjectStore>> {
    match &settings.store {
        StoreSettings::Local => {
            let store = LocalStore::writing_beside(&dir.store()).context("opening the store")?;
            Ok(Arc::new(store))
        }
        StoreSettings::S3(_) => look_only(dir, settings),
    }
}

/// The store, for looking only.
pub(crate) fn look_only(dir: &DataDir, settings: &Settings) -> anyhow::Result<Arc<dyn ObjectStore>> {
    Ok(match &settings.store {
        StoreSettings::Local => Arc::new(LocalStore::beside(&dir.store())),
        StoreSettings::S3(config) => Arc::new(open_bucket(dir, config)?),
    })
}
