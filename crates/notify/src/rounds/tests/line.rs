//! A catalog behind a line that can be cut.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use camtrail_catalog::SqliteCatalog;
use camtrail_model::{
    CatalogRecord, ChangeSeq, Changes, EventId, EventQuery, EventState, MediaManifest, Millis, ObjectKey,
    Order, Page, PageSize, Position,
    camera::CameraName,
    counts::{CountQuery, Counts},
    ports::{Attached, CameraNote, CameraSummary, Catalog, CatalogError, Recorded},
};
use tokio::sync::watch;

/// The catalog, and whether nobody reaches it.
pub(super) struct Line {
    pub(super) catalog: SqliteCatalog,
    pub(super) is_cut: Arc<AtomicBool>,
}

impl Line {
    fn reach(&self) -> Result<&SqliteCatalog, CatalogError> {
        if self.is_cut.load(Ordering::SeqCst) {
            return Err(CatalogError::Unavailable("the line is cut".to_owned()));
        }
        Ok(&self.catalog)
    }
}

#[async_trait]
impl Catalog for Line {
    async fn record(&self, record: &CatalogRecord) -> Result<Recorded, CatalogError> {
        self.reach()?.record(record).await
    }
    async fn remove(&self, key: &ObjectKey) -> Result<bool, CatalogError> {
        self.reach()?.remove(key).await
    }
    async fn attach_media(
        &self,
        key: &ObjectKey,
        manifest: &MediaManifest,
    ) -> Result<Attached, CatalogError> {
        self.reach()?.attach_media(key, manifest).await
    }
    async fn set_state(&self, key: &ObjectKey, state: &EventState) -> Result<Attached, CatalogError> {
        self.reach()?.set_state(key, state).await
    }
    async fn event(&self, id: &EventId) -> Result<Option<CatalogRecord>, CatalogError> {
        self.reach()?.event(id).await
    }
    async fn page(
        &self,
        query: &EventQuery,
        limit: PageSize,
        after: Option<&Position>,
    ) -> Result<Page, CatalogError> {
        self.reach()?.page(query, limit, after).await
    }
    async fn stored_later(
        &self,
        order: Order,
        behind: Millis,
        since: Millis,
    ) -> Result<Option<Millis>, CatalogError> {
        self.reach()?.stored_later(order, behind, since).await
    }
    async fn counts(&self, query: &CountQuery) -> Result<Counts, CatalogError> {
        self.reach()?.counts(query).await
    }
    async fn cameras(&self) -> Result<Vec<CameraSummary>, CatalogError> {
        self.reach()?.cameras().await
    }
    async fn note_camera(&self, camera: &CameraName, note: &CameraNote) -> Result<(), CatalogError> {
        self.reach()?.note_camera(camera, note).await
    }
    async fn changes(&self, after: ChangeSeq, limit: usize) -> Result<Changes, CatalogError> {
        self.reach()?.changes(after, limit).await
    }
    async fn latest_change(&self) -> Result<ChangeSeq, CatalogError> {
        self.reach()?.latest_change().await
    }
    fn watch(&self) -> watch::Receiver<u64> {
        self.catalog.watch()
    }
}
