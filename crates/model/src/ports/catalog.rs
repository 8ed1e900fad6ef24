//! The catalog: by camera and by time, newest first.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    camera::CameraName,
    counts::{CountQuery, Counts},
    derived::MediaManifest,
    event::{CatalogRecord, EventId},
    live::{ChangeSeq, Changes},
    object_key::ObjectKey,
    page::{EventQuery, Order, Page, PageSize, Position},
    state::EventState,
    time::Millis,
};

/// What recording did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// A new event.
    Inserted,
    /// The same object was recorded before; nothing changed.
    AlreadyPresent,
    /// The key was recorded with other bytes, or as a cut upload (a whole one took its place); a person's note
    /// and protection stay.
    Replaced,
}

/// What it did to a record to hold it against what stands beside its object: derived media, a person's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attached {
    /// The record shows it now.
    Updated,
    /// It showed it already, or (a manifest) it is of other bytes.
    Unchanged,
    /// There is no such record; none was made.
    NoRecord,
}

/// A catalog failure.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Busy or out of reach: try again.
    #[error("the catalog can't be reached: {0}")]
    Unavailable(String),
    /// Two different objects meet in one id (one chance in a billion): the later one needs another key.
    #[error("the event id of {key} is taken by another object")]
    IdTaken {
        /// The key that wasn't recorded.
        key: String,
    },
    /// Stored data that this version can't read.
    #[error("the catalog holds what this version can't read: {0}")]
    Corrupt(String),
}

/// A camera's last upload that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestUpload {
    /// Its path, as sent.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it came.
    pub at: Millis,
}

/// Something worth remembering of a camera that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CameraNote {
    /// An empty file, or one that is neither clip nor still: a maker's test file.
    Test(TestUpload),
    /// An index file or other companion of a clip.
    Sidecar(TestUpload),
}

/// One camera, as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraSummary {
    /// Its name.
    pub name: CameraName,
    /// How many events it has.
    pub events: u64,
    /// When its newest upload arrived; `None` where it never sent an event.
    pub last_seen_at: Option<Millis>,
    /// The newest capture time.
    pub last_event_ts: Option<Millis>,
    /// How far its clock was off at its last upload, in milliseconds, where it was.
    pub clock_error_ms: Option<i64>,
    /// Its last test upload.
    pub last_test: Option<TestUpload>,
}

impl CameraSummary {
    /// A camera that is said to be heard of later than this was told so by a clock that runs ahead.
    pub fn future(now: Millis) -> Millis {
        const DAY_MS: i64 = 86_400_000;
        now.plus(DAY_MS)
    }

    /// When it was last heard of, unless that is a day or more from now.
    pub fn heard_at(&self, now: Millis) -> Option<Millis> {
        self.last_seen_at.filter(|at| *at <= Self::future(now))
    }

    /// Whether it is unheard for longer than `limit` (`None`: it may be silent for ever). One that was never heard of is.
    pub fn is_silent(&self, limit: Option<Duration>, now: Millis) -> bool {
        let unheard_ms = self.heard_at(now).map(|at| i128::from(now.0) - i128::from(at.0));
        limit.is_some_and(|limit| unheard_ms.is_none_or(|ms| ms > limit.as_millis() as i128))
    }
}

/// Records of events. Implementations answer alike: `testing::catalog_contract` runs on each.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// Records an object. Atomic over all views; idempotent under any number of concurrent calls. Ok:
    /// durable.
    async fn record(&self, record: &CatalogRecord) -> Result<Recorded, CatalogError>;

    /// Forgets the object's event; `false` where there was none. Atomic, idempotent, durable.
    async fn remove(&self, key: &ObjectKey) -> Result<bool, CatalogError>;

    /// Makes the record of an object say `record` of the same bytes. Whoever dies in between leaves no record, and the
    /// object is recorded at the next look; where the catalog can, it is one step, and what people viewed stays.
    async fn correct(&self, record: &CatalogRecord) -> Result<(), CatalogError> {
        self.remove(&record.object_key).await?;
        self.record(record).await.map(drop)
    }

    /// Completes an existing record by what was derived of it. Idempotent, durable.
    async fn attach_media(&self, key: &ObjectKey, manifest: &MediaManifest)
    -> Result<Attached, CatalogError>;

    /// Makes an existing record show what a person decided. Atomic over all views, idempotent, durable; told to live
    /// streams where it changed anything.
    async fn set_state(&self, key: &ObjectKey, state: &EventState) -> Result<Attached, CatalogError>;

    /// One event.
    async fn event(&self, id: &EventId) -> Result<Option<CatalogRecord>, CatalogError>;

    /// A page: events of `query` after `after`, in its order. Costs the same wherever it is. Never empty
    /// while more follows; never repeats or skips what stays in the catalog, whatever is inserted meanwhile.
    async fn page(
        &self,
        query: &EventQuery,
        limit: PageSize,
        after: Option<&Position>,
    ) -> Result<Page, CatalogError>;

    /// When the first event was taken that comes at or behind `from` in an order and was stored later than `stored_after`;
    /// `None`: none is. A catalog that doesn't know exactly may name a moment that comes earlier in the order, never a
    /// later one.
    async fn stored_later(
        &self,
        order: Order,
        from: Millis,
        stored_after: Millis,
    ) -> Result<Option<Millis>, CatalogError>;

    /// How many captures there are, by hour, day or camera: from counters that are kept with each event, so that it costs
    /// what its buckets cost, however many events there are.
    async fn counts(&self, query: &CountQuery) -> Result<Counts, CatalogError>;

    /// All cameras, by name.
    async fn cameras(&self) -> Result<Vec<CameraSummary>, CatalogError>;

    /// The names of all cameras, in order: what is cheap to know of them.
    async fn camera_names(&self) -> Result<Vec<CameraName>, CatalogError> {
        Ok(self.cameras().await?.into_iter().map(|camera| camera.name).collect())
    }

    /// Remembers a camera's test upload (the latest one counts, in whatever order they are told) or sidecar; makes the
    /// camera known.
    async fn note_camera(&self, camera: &CameraName, note: &CameraNote) -> Result<(), CatalogError>;

    /// Changes after `after`, oldest first, at most `limit`.
    async fn changes(&self, after: ChangeSeq, limit: usize) -> Result<Changes, CatalogError>;

    /// The newest change there is; 0 where there is none.
    async fn latest_change(&self) -> Result<ChangeSeq, CatalogError>;

    /// Wakes on every change of this process; its value says nothing but "look again".
    fn watch(&self) -> tokio::sync::watch::Receiver<u64>;
}
