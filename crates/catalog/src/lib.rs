//! The catalog in SQLite: the only place with SQL.
//!
//! Owns `DATA_DIR/catalog.db` (events, cameras, people, sessions, tokens), `DATA_DIR/ledger.db` (what the gateway
//! shipped), `DATA_DIR/taken.db` (what watched folders gave) and `DATA_DIR/notify.db` (what is to be told to others).
//! Promises what the ports `Catalog`, `Accounts`, `CameraTokens`, `ApiTokens`, `Shares`, `AuditLog`, `ReviewState`, `Groups`,
//! `PushSubscriptions`, `Ledger`, `TakenFiles` and `Outbox` say; a call that returned Ok is on disk (WAL, `synchronous =
//! FULL`).
//! One writer thread with group commit, so "database is locked" can't happen inside the process; other processes
//! (commands) wait at most the busy timeout.

mod accounts;
mod api_tokens;
mod audit;
mod changes;
mod copy;
mod counts;
mod db;
mod events;
mod expiry;
mod groups;
mod ledger;
mod migrations;
mod outbox;
mod pages;
mod push;
mod review;
mod row;
mod shares;
mod taken;
mod tokens;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use camtrail_model::{
    CameraName, CatalogRecord, ChangeSeq, Changes, EventId, EventQuery, EventState, MediaManifest, Millis,
    ObjectBase, ObjectKey, Order, Page, PageSize, Position,
    counts::{CountQuery, Counts},
    ports::{Attached, CameraNote, CameraSummary, Catalog, CatalogError, Recorded},
};
use tokio::sync::watch;

use crate::db::Database;
pub use crate::{
    copy::copy_database, db::OpenError, ledger::SqliteLedger, outbox::SqliteOutbox, taken::SqliteTaken,
};

/// The catalog. Clones share it.
#[derive(Debug, Clone)]
pub struct SqliteCatalog {
    db: Arc<Database>,
    base: Arc<ObjectBase>,
    changed: Arc<watch::Sender<u64>>,
}

impl SqliteCatalog {
    /// Opens (or makes, or migrates) the catalog at `path`. `base` is the object base that its keys stand under.
    /// Blocks.
    pub fn open(path: &Path, base: &ObjectBase) -> Result<Self, OpenError> {
        let db = Database::open(path, migrations::CATALOG)?;
        Ok(Self { db: Arc::new(db), base: Arc::new(base.clone()), changed: Arc::new(watch::Sender::new(0)) })
    }

    /// Fails where it holds events under another base: one of them would spoil every page, every sweep and every camera
    /// that reuses a name. Blocks.
    pub fn check_base(&self) -> Result<(), OpenError> {
        let found = self.db.find(|connection| events::outside(connection, &self.base))?;
        found.map_or(Ok(()), |key| {
            let (path, base) = (self.db.path().to_owned(), self.base.as_str().to_owned());
            Err(OpenError::OtherBase { path, key, base })
        })
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&rusqlite::Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let outcome = self.db.write(work).await?;
        self.changed.send_modify(|count| *count += 1);
        Ok(outcome)
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    async fn record(&self, record: &CatalogRecord) -> Result<Recorded, CatalogError> {
        let record = record.clone();
        self.write(move |db| events::record(db, &record)).await
    }

    async fn remove(&self, key: &ObjectKey) -> Result<bool, CatalogError> {
        let key = key.clone();
        self.write(move |db| events::remove(db, &key)).await
    }

    async fn correct(&self, record: &CatalogRecord) -> Result<(), CatalogError> {
        let record = record.clone();
        self.write(move |db| events::correct(db, &record)).await
    }

    async fn attach_media(
        &self,
        key: &ObjectKey,
        manifest: &MediaManifest,
    ) -> Result<Attached, CatalogError> {
        let (key, manifest) = (key.clone(), manifest.clone());
        self.write(move |db| events::attach_media(db, &key, &manifest)).await
    }

    async fn set_state(&self, key: &ObjectKey, state: &EventState) -> Result<Attached, CatalogError> {
        let (key, state) = (key.clone(), state.clone());
        self.write(move |db| events::set_state(db, &key, &state)).await
    }

    async fn event(&self, id: &EventId) -> Result<Option<CatalogRecord>, CatalogError> {
        let (id, base) = (id.clone(), Arc::clone(&self.base));
        self.db.read(move |db| events::by_id(db, &base, &id)).await
    }

    async fn page(
        &self,
        query: &EventQuery,
        limit: PageSize,
        after: Option<&Position>,
    ) -> Result<Page, CatalogError> {
        let (query, after, base) = (query.clone(), after.cloned(), Arc::clone(&self.base));
        self.db.read(move |db| pages::page(db, &base, &query, limit, after.as_ref())).await
    }

    async fn stored_later(
        &self,
        order: Order,
        from: Millis,
        stored_after: Millis,
    ) -> Result<Option<Millis>, CatalogError> {
        self.db.read(move |db| pages::stored_later(db, order, from, stored_after)).await
    }

    async fn counts(&self, query: &CountQuery) -> Result<Counts, CatalogError> {
        let query = query.clone();
        self.db.read(move |db| counts::counts(db, &query)).await
    }

    async fn cameras(&self) -> Result<Vec<CameraSummary>, CatalogError> {
        self.db.read(events::cameras).await
    }

    async fn camera_names(&self) -> Result<Vec<CameraName>, CatalogError> {
        self.db.read(events::camera_names).await
    }

    async fn note_camera(&self, camera: &CameraName, note: &CameraNote) -> Result<(), CatalogError> {
        let (camera, note) = (camera.clone(), note.clone());
        self.write(move |db| events::note_camera(db, &camera, &note)).await
    }

    async fn changes(&self, after: ChangeSeq, limit: usize) -> Result<Changes, CatalogError> {
        let base = Arc::clone(&self.base);
        self.db.read(move |db| changes::after(db, &base, after, limit)).await
    }

    async fn latest_change(&self) -> Result<ChangeSeq, CatalogError> {
        self.db.read(changes::latest).await
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use camtrail_model::ports::ReviewState;

    use super::*;

    fn fresh(dir: &Path, number: &mut u32) -> SqliteCatalog {
        *number += 1;
        SqliteCatalog::open(&dir.join(format!("{number}.db")), &ObjectBase::default()).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keeps_the_catalog_contract() {
        let dir = tempfile::tempdir().unwrap();
        let mut number = 0;
        camtrail_model::testing::catalog_contract(|| Arc::new(fresh(dir.path(), &mut number))).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keeps_the_contract_of_incidents() {
        let dir = tempfile::tempdir().unwrap();
        let mut number = 0;
        let fresh = || {
            let catalog = fresh(dir.path(), &mut number);
            (Arc::new(catalog.clone()) as Arc<dyn Catalog>, Arc::new(catalog) as Arc<dyn ReviewState>)
        };
        camtrail_model::testing::incidents_contract(120, fresh).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn pages_are_strict_while_others_write() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = fresh(dir.path(), &mut 0);
        let busy = camtrail_model::testing::busy_contract(Arc::new(catalog.clone()), Arc::new(catalog)).await;
        eprintln!("{busy:?}");
        assert!(busy.writes > 50, "{busy:?}");
    }

    #[tokio::test]
    async fn survives_a_restart_and_remembers_its_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        let clip = camtrail_model::testing::record("a", 1, camtrail_model::CaptureKind::Record, "x.mp4");
        let seq = {
            let catalog = SqliteCatalog::open(&path, &ObjectBase::default()).unwrap();
            catalog.record(&clip).await.unwrap();
            catalog.latest_change().await.unwrap()
        };
        let catalog = SqliteCatalog::open(&path, &ObjectBase::default()).unwrap();
        assert_eq!(catalog.event(&clip.id()).await.unwrap(), Some(clip));
        assert_eq!(catalog.latest_change().await.unwrap(), seq);
    }

    #[test]
    fn a_file_from_a_later_version_is_refused_with_both_numbers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        drop(SqliteCatalog::open(&path, &ObjectBase::default()).unwrap());
        rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = SqliteCatalog::open(&path, &ObjectBase::default()).unwrap_err().to_string();
        assert!(error.contains("99") && error.contains("newer"), "{error}");
    }
}
