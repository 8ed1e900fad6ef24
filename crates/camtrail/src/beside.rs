//! Store and catalog as commands use them, beside a running Camtrail or without one.
//!
//! Promises: nothing of a running one's is cleared, recovered or locked; SQLite lets both write in turn. Refuses: to
//! put anything into the store.

use std::sync::Arc;

use camtrail_arrival::{Arrivals, Function};
use camtrail_catalog::SqliteCatalog;
use camtrail_model::ports::ObjectStore;
use camtrail_store::LocalStore;

use crate::{
    app::{DataDir, open_bucket},
    config::{Settings, StoreSettings},
};

/// What a command works with.
pub(crate) struct Beside {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) catalog: SqliteCatalog,
    pub(crate) arrivals: Arc<Arrivals>,
}

impl Beside {
    /// Opens both; a catalog that isn't there is made.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        let dir = DataDir::new(&settings.data_dir);
        let store = look_only(&dir, settings)?;
        let catalog = SqliteCatalog::open(&dir.catalog(), &settings.base)?;
        let arrivals =
            Arrivals::new(store.clone(), Arc::new(catalog.clone()), Arc::new(settings.zones.clone()));
        Ok(Self { store, catalog, arrivals: Arc::new(arrivals) })
    }

    /// The arrival function on them.
    pub(crate) fn function(&self, settings: &Settings) -> Function {
        Function::new(self.arrivals.clone(), settings.base.clone(), settings.store.bucket())
    }
}

/// The store, for looking only.
pub(crate) fn look_only(dir: &DataDir, settings: &Settings) -> anyhow::Result<Arc<dyn ObjectStore>> {
    Ok(match &settings.store {
        StoreSettings::Local => Arc::new(LocalStore::beside(&dir.store())),
        StoreSettings::S3(config) => Arc::new(open_bucket(dir, config)?),
    })
}
