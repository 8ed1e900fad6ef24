//! The step itself: look at one object, and make the catalog say what the store says.
//!
//! Whoever calls, and in whatever order: each call looks (HEAD, never a download), writes, and looks again after a
//! write, because another call may have looked earlier and written later. What a person decided about an object shows in
//! its record from the first moment, so that nothing expires meanwhile. Refuses: to make an event of a derived object, or
//! of a cut one that gave way; to replace what the store doesn't hold.

use std::sync::Arc;

use async_trait::async_trait;
use camtrail_model::{
    CameraZones, CatalogRecord, DerivedFiles, DerivedKey, EventState, MediaManifest, ObjectKey,
    ObjectMetadata, names,
    ports::{
        ArrivalError, ArrivalSink, Attached, Catalog, CatalogError, ObjectStore, Recorded, StoreError,
        StoredObject,
    },
};

use crate::{
    ShownEvent, expiry,
    statements::{self, Decided},
};

/// Looks at one object after the first: each is one more writer that came between.
const LOOKS_MAX: usize = 4;

/// What a call did to the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// A new event.
    Recorded,
    /// The event has another content now.
    Replaced,
    /// Nothing: the catalog said it already.
    Already,
    /// The event went with its object.
    Removed,
    /// Nothing: neither object nor event is there.
    Absent,
    /// The event shows now what stands beside its object: what was derived of it, what a person decided.
    Completed,
}

impl Did {
    /// Whether the event came, went or got other content.
    fn wrote(self) -> bool {
        matches!(self, Self::Recorded | Self::Replaced | Self::Removed)
    }
}

/// What a call did, and what it saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    /// What it did.
    pub did: Did,
    /// The object's size in bytes, where it was looked at and is there.
    pub size: Option<u64>,
    /// The event as the store gives it, where there is one.
    pub record: Option<Box<CatalogRecord>>,
    /// What a person decided about it, where that stands in the store.
    pub state: Option<EventState>,
}

impl Reconciled {
    fn nothing(did: Did) -> Self {
        Self { did, size: None, record: None, state: None }
    }
}

/// What a rebuild would make of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The record, as the store alone gives it.
    pub record: CatalogRecord,
    /// Whether what a person decided stands in the store; else a rebuild keeps what the catalog knows of that.
    pub decided: bool,
}

impl Expected {
    /// The record that a rebuild leaves, where the catalog has `known`.
    #[must_use]
    pub fn beside(self, known: Option<&CatalogRecord>) -> CatalogRecord {
        match known {
            Some(known) if !self.decided => {
                CatalogRecord { protected: known.protected, note: known.note.clone(), ..self.record }
            }
            _ => self.record,
        }
    }
}

/// The arrival step, in process.
pub struct Arrivals {
    store: Arc<dyn ObjectStore>,
    catalog: Arc<dyn Catalog>,
    zones: Arc<CameraZones>,
}

impl Arrivals {
    /// Reconciles `catalog` with `store`. `zones` serves objects that others put without metadata.
    pub fn new(store: Arc<dyn ObjectStore>, catalog: Arc<dyn Catalog>, zones: Arc<CameraZones>) -> Self {
        Self { store, catalog, zones }
    }

    /// Makes the catalog say what the store says of a capture, and tells what that took.
    pub async fn reconcile(&self, key: &ObjectKey) -> Result<Reconciled, ArrivalError> {
        let mut looked = self.look(key).await?;
        let mut told = self.settle(key, looked.as_ref()).await?;
        for _ in 0..LOOKS_MAX {
            if !told.did.wrote() {
                return Ok(told);
            }
            // Between our look and our write another may have looked later and written earlier.
            let again = self.look(key).await?;
            if again == looked {
                return Ok(told);
            }
            looked = again;
            let next = self.settle(key, looked.as_ref()).await?;
            told = if next.did.wrote() { next } else { Reconciled { did: told.did, ..next } };
        }
        Err(ArrivalError::Retry(format!("{key}: the object comes and goes while it is looked at")))
    }

    /// The same, and thoroughly: a record that has the object's bytes and says anything else of it is corrected. What a
    /// person decided stays.
    pub async fn restore(&self, key: &ObjectKey) -> Result<Reconciled, ArrivalError> {
        let mut told = self.reconcile(key).await?;
        // A manifest may have come between the two looks: what differs is looked at once more.
        for again in [true, false] {
            let Some(record) = told.record.as_deref().filter(|_| !told.did.wrote()) else { return Ok(told) };
            let known = self.catalog.event(&record.id()).await.map_err(from_catalog)?;
            let expected = Expected { record: record.clone(), decided: told.state.is_some() };
            let right = expected.beside(known.as_ref());
            if known.is_some_and(|known| ShownEvent::from(&known) == ShownEvent::from(&right)) {
                return Ok(told);
            }
            if again {
                told = self.reconcile(key).await?;
                continue;
            }
            self.catalog.remove(key).await.map_err(from_catalog)?;
            self.catalog.record(&right).await.map_err(from_catalog)?;
        }
        let last = self.reconcile(key).await?;
        Ok(Reconciled { did: Did::Replaced, ..last })
    }

    /// Completes the record of a capture by its manifest, and tells what that took.
    pub async fn complete(&self, key: &ObjectKey) -> Result<Reconciled, ArrivalError> {
        let did = match self.attach(key).await? {
            Some((did, _)) => did,
            None => match self.nothing_derived(key).await? {
                Some(did) => did,
                None => return Ok(Reconciled::nothing(Did::Absent)),
            },
        };
        // Also where the record said it before: an earlier try may have ended there.
        if self.decided(key).await?.keeps() {
            self.keep(key).await?;
        }
        Ok(Reconciled::nothing(did_of(did)))
    }

    /// Without a manifest (any more) the record must not lead to files that went with it. `None`: there is nothing to
    /// say it of.
    async fn nothing_derived(&self, key: &ObjectKey) -> Result<Option<Attached>, ArrivalError> {
        let Some(object) = self.look(key).await? else { return Ok(None) };
        let Some(sha256) = self.read(key, &object)?.metadata.sha256 else { return Ok(None) };
        let nothing = MediaManifest::new(sha256);
        let did = self.catalog.attach_media(key, &nothing).await.map_err(from_catalog)?;
        Ok((did == Attached::Updated).then_some(did))
    }

    /// Makes the record of a capture show what a person decided about it, and tells what that took.
    pub async fn decide(&self, key: &ObjectKey) -> Result<Reconciled, ArrivalError> {
        let decided = self.decided(key).await?;
        // Whoever decided may have died between the statement and the tags: nothing is shown as safe that may expire.
        if decided.keeps() {
            self.keep(key).await?;
        }
        let (did, state) = self.show(key, decided).await?;
        match did {
            // Told of before its object was, or of a row that isn't ours yet (the article's): a look makes it right.
            Attached::NoRecord => self.reconcile(key).await,
            _ if state.is_none() => Ok(Reconciled::nothing(Did::Absent)),
            did => Ok(Reconciled { state, ..Reconciled::nothing(did_of(did)) }),
        }
    }

    /// The record as the store alone gives it, with what stands beside the object; `None`: there is no such object.
    pub async fn expected(&self, key: &ObjectKey) -> Result<Option<Expected>, ArrivalError> {
        let Some(object) = self.look(key).await? else { return Ok(None) };
        let mut record = self.read(key, &object)?;
        if let Some(manifest) = self.manifest(key).await?
            && record.metadata.sha256 == Some(manifest.sha256)
        {
            record = record.completed(&manifest);
        }
        let decided = self.decided(key).await?;
        apply(&mut record, &decided);
        Ok(Some(Expected { record, decided: decided.state().is_some() }))
    }

    /// What is there. A cut upload that gave way is not, even where nobody may delete it.
    async fn look(&self, key: &ObjectKey) -> Result<Option<StoredObject>, ArrivalError> {
        let Some(object) = self.store.head(key.as_str()).await.map_err(from_store)? else { return Ok(None) };
        let is_superseded = statements::is_superseded(&*self.store, key, &object).await;
        Ok((!is_superseded.map_err(from_store)?).then_some(object))
    }

    async fn decided(&self, key: &ObjectKey) -> Result<Decided, ArrivalError> {
        statements::decided(&*self.store, key).await.map_err(from_store)
    }

    /// Makes the record show `decided`, and then whatever was decided meanwhile.
    async fn show(
        &self,
        key: &ObjectKey,
        mut decided: Decided,
    ) -> Result<(Attached, Option<EventState>), ArrivalError> {
        let mut did = Attached::Unchanged;
        for _ in 0..=LOOKS_MAX {
            let state = match decided {
                Decided::Nothing => return Ok((did, None)),
                Decided::Unreadable(why) => return Err(ArrivalError::Permanent(why)),
                Decided::This(state) => state,
            };
            match self.catalog.set_state(key, &state).await.map_err(from_catalog)? {
                Attached::NoRecord => return Ok((Attached::NoRecord, Some(state))),
                Attached::Unchanged => return Ok((did, Some(state))),
                Attached::Updated => {
                    let (protected, has_note) = (state.protected, state.note.is_some());
                    tracing::info!(%key, protected, has_note, by = state.by, "event shows what was decided");
                    did = Attached::Updated;
                }
            }
            // Between our look and our write another may have looked later and written earlier.
            decided = self.decided(key).await?;
        }
        Err(ArrivalError::Retry(format!("{key}: it is decided about again and again while it is looked at")))
    }

    /// What was put again, or beside it later, would expire, though somebody protected it.
    async fn keep(&self, key: &ObjectKey) -> Result<(), ArrivalError> {
        match expiry::let_expire(&*self.store, key, false).await {
            Err(StoreError::Refused(why)) => {
                tracing::warn!(
                    %key, why,
                    "a protected event has new files, and they may not be exempted from expiry from here: protect it again"
                );
                Ok(())
            }
            outcome => outcome.map_err(from_store),
        }
    }

    /// One write, by one look.
    async fn settle(
        &self,
        key: &ObjectKey,
        object: Option<&StoredObject>,
    ) -> Result<Reconciled, ArrivalError> {
        let Some(object) = object else {
            if !self.catalog.remove(key).await.map_err(from_catalog)? {
                return Ok(Reconciled::nothing(Did::Absent));
            }
            return Ok(Reconciled::nothing(Did::Removed));
        };
        let mut record = self.read(key, object)?;
        let mut decided = self.decided(key).await?;
        apply(&mut record, &decided);
        let outcome = self.catalog.record(&record).await.map_err(from_catalog)?;
        // A manifest that came before its record found none to complete.
        let attached = self.attach(key).await?;
        let completed = matches!(attached, Some((Attached::Updated, _)));
        if let Some((Attached::Updated | Attached::Unchanged, manifest)) = attached
            && record.metadata.sha256 == Some(manifest.sha256)
        {
            record = record.completed(&manifest);
        }
        if decided.keeps() {
            self.keep(key).await?;
        }
        if outcome != Recorded::AlreadyPresent {
            // What was decided before there was a record found none to show it; what the record says may be older.
            decided = self.decided(key).await?;
        }
        let (shown, state) = self.show(key, decided).await?;
        if let Some(state) = &state {
            (record.protected, record.note) = (state.protected, state.note.clone());
        }
        let did = match outcome {
            Recorded::Inserted => Did::Recorded,
            Recorded::Replaced => Did::Replaced,
            Recorded::AlreadyPresent if completed || shown == Attached::Updated => Did::Completed,
            Recorded::AlreadyPresent => Did::Already,
        };
        Ok(Reconciled { did, size: Some(object.size), record: Some(Box::new(record)), state })
    }

    /// What the object says of itself.
    fn read(&self, key: &ObjectKey, object: &StoredObject) -> Result<CatalogRecord, ArrivalError> {
        let metadata = if object.metadata.keys().any(|name| ObjectMetadata::is_ours(name)) {
            let parsed = ObjectMetadata::from_map(&object.metadata);
            parsed.map_err(|error| ArrivalError::Permanent(format!("{key}: {error}")))?
        } else {
            self.guess(key, object)
        };
        if metadata.camera != *key.camera() {
            let text = format!("{key}: its metadata names the camera {}", metadata.camera);
            return Err(ArrivalError::Permanent(text));
        }
        Ok(CatalogRecord::new(key.clone(), object.size, metadata))
    }

    /// What key and store tell of an object that carries no metadata: the same at every look, or a rebuild would
    /// give other records.
    fn guess(&self, key: &ObjectKey, object: &StoredObject) -> ObjectMetadata {
        let put_at = object.modified_at;
        let parts: Vec<&str> = key.as_str().split('/').collect();
        let reading = names::read(&parts);
        let extension = key.file().extension().unwrap_or_default().to_ascii_lowercase();
        let content_type = match extension.as_str() {
            "jpg" | "jpeg" => "image/jpeg",
            "png" => "image/png",
            "mp4" | "m4v" => "video/mp4",
            _ => "application/octet-stream",
        };
        ObjectMetadata {
            camera: key.camera().clone(),
            time: names::capture_time(&reading, self.zones.of(key.camera()), put_at),
            received_at: put_at,
            stored_at: put_at,
            sha256: None,
            original_sha256: None,
            original_size: object.size,
            original_name: key.file().as_str().to_owned(),
            complete: true,
            content_type: content_type.to_owned(),
            duration_ms: None,
            width: None,
            height: None,
            video_codec: None,
        }
    }

    async fn manifest(&self, key: &ObjectKey) -> Result<Option<MediaManifest>, ArrivalError> {
        let manifest_key = DerivedKey::new(key, DerivedFiles::Manifest);
        let bytes = self.store.get_bytes(manifest_key.as_str(), MediaManifest::MAX_BYTES).await;
        let Some(bytes) = bytes.map_err(from_store)? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| ArrivalError::Permanent(format!("{manifest_key}: {error}")))
    }

    /// `None`: there is no manifest.
    async fn attach(&self, key: &ObjectKey) -> Result<Option<(Attached, MediaManifest)>, ArrivalError> {
        let Some(manifest) = self.manifest(key).await? else { return Ok(None) };
        let outcome = self.catalog.attach_media(key, &manifest).await.map_err(from_catalog)?;
        if outcome == Attached::Updated {
            tracing::debug!(%key, poster = manifest.poster, "event completed");
        }
        Ok(Some((outcome, manifest)))
    }
}

fn did_of(attached: Attached) -> Did {
    match attached {
        Attached::Updated => Did::Completed,
        Attached::Unchanged => Did::Already,
        Attached::NoRecord => Did::Absent,
    }
}

/// The record from its first moment as it was decided: a sweep may come at any time.
fn apply(record: &mut CatalogRecord, decided: &Decided) {
    record.protected = decided.keeps();
    record.note = decided.state().and_then(|state| state.note.clone());
}

fn from_store(error: StoreError) -> ArrivalError {
    match error {
        StoreError::Refused(_) => ArrivalError::Permanent(error.to_string()),
        StoreError::Full(_) | StoreError::Unavailable(_) => ArrivalError::Retry(error.to_string()),
    }
}

fn from_catalog(error: CatalogError) -> ArrivalError {
    match error {
        CatalogError::Unavailable(_) => ArrivalError::Retry(error.to_string()),
        CatalogError::IdTaken { .. } | CatalogError::Corrupt(_) => ArrivalError::Permanent(error.to_string()),
    }
}

#[async_trait]
impl ArrivalSink for Arrivals {
    async fn object_changed(&self, key: &ObjectKey) -> Result<(), ArrivalError> {
        let told = self.reconcile(key).await?;
        match told.did {
            Did::Recorded => tracing::info!(%key, size_bytes = told.size, "event recorded"),
            Did::Replaced => {
                tracing::info!(%key, size_bytes = told.size, "event replaced by a fuller upload");
            }
            Did::Removed => tracing::info!(%key, "event removed with its object"),
            did => tracing::debug!(%key, ?did, "nothing to change"),
        }
        Ok(())
    }

    async fn media_changed(&self, key: &ObjectKey) -> Result<(), ArrivalError> {
        self.complete(key).await.map(drop)
    }

    async fn state_changed(&self, key: &ObjectKey) -> Result<(), ArrivalError> {
        self.decide(key).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, HashMap},
        path::{Path, PathBuf},
        pin::Pin,
    };

    use camtrail_catalog::SqliteCatalog;
    use camtrail_model::{
        CaptureKind, Digest, EventQuery, Millis, ObjectBase, PageSize,
        ports::{Listing, PutOutcome, PutWhen},
        testing,
    };
    use camtrail_store::LocalStore;
    use jiff::tz::TimeZone;

    use super::*;

    struct Bench {
        dir: tempfile::TempDir,
        store: Arc<LocalStore>,
        catalog: Arc<SqliteCatalog>,
        arrivals: Arc<Arrivals>,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let store = Arc::new(LocalStore::open(&dir.path().join("store")).unwrap());
            let catalog = Arc::new(
                SqliteCatalog::open(&dir.path().join("catalog.db"), &ObjectBase::default()).unwrap(),
            );
            let zone = TimeZone::get("America/Los_Angeles").unwrap();
            let zones = Arc::new(CameraZones::new(zone, HashMap::new()));
            let arrivals =
                Arrivals::new(Arc::<LocalStore>::clone(&store), Arc::<SqliteCatalog>::clone(&catalog), zones);
            Self { dir, store, catalog, arrivals: Arc::new(arrivals) }
        }

        fn file(&self, bytes: &[u8]) -> PathBuf {
            let path = self.dir.path().join("file");
            std::fs::write(&path, bytes).unwrap();
            path
        }

        async fn events(&self) -> Vec<CatalogRecord> {
            self.catalog.page(&EventQuery::default(), PageSize::DEFAULT, None).await.unwrap().items
        }
    }

    /// NEVER-4 and the order of notifications: whatever comes when, the catalog says what the store says.
    #[tokio::test]
    async fn any_number_of_deliveries_in_any_order_is_one_record() {
        let bench = Bench::new();
        let clip = testing::record("backyard", 1_000, CaptureKind::Record, "x.mp4");
        let key = &clip.object_key;
        bench.arrivals.object_changed(key).await.unwrap();
        bench.arrivals.media_changed(key).await.unwrap();
        assert!(bench.events().await.is_empty(), "a notification without its object makes nothing");
        let map = clip.metadata.to_map();
        bench.store.put_file(key.as_str(), &bench.file(b"clip"), Some(&map), PutWhen::Absent).await.unwrap();
        let deliveries: Vec<_> = (0..8)
            .map(|_| {
                let (arrivals, key) = (Arc::clone(&bench.arrivals), key.clone());
                tokio::spawn(async move { arrivals.object_changed(&key).await })
            })
            .collect();
        for delivery in deliveries {
            delivery.await.unwrap().unwrap();
        }
        assert_eq!(bench.events().await, vec![clip.clone()]);
        bench.store.delete(key.as_str()).await.unwrap();
        bench.arrivals.object_changed(key).await.unwrap();
        bench.arrivals.object_changed(key).await.unwrap();
        assert!(bench.events().await.is_empty());
    }

    #[tokio::test]
    async fn a_manifest_that_came_first_completes_its_record() {
        let bench = Bench::new();
        let clip = testing::record("backyard", 1_000, CaptureKind::Record, "x.mp4");
        let manifest = MediaManifest {
            version: MediaManifest::VERSION,
            sha256: clip.metadata.sha256.unwrap(),
            poster: true,
            poster_width: None,
            poster_height: None,
            playable: false,
            small: None,
            original: false,
            problem: None,
        };
        let manifest_key = DerivedKey::new(&clip.object_key, DerivedFiles::Manifest);
        bench.store.put_bytes(manifest_key.as_str(), &serde_json::to_vec(&manifest).unwrap()).await.unwrap();
        bench.arrivals.media_changed(&clip.object_key).await.unwrap();
        assert!(bench.events().await.is_empty(), "a derived file never makes an event (NEVER-14)");
        let map = clip.metadata.to_map();
        bench
            .store
            .put_file(clip.object_key.as_str(), &bench.file(b"clip"), Some(&map), PutWhen::Absent)
            .await
            .unwrap();
        bench.arrivals.object_changed(&clip.object_key).await.unwrap();
        assert!(bench.events().await[0].poster);
    }

    #[tokio::test]
    async fn an_object_without_metadata_is_read_from_its_key() {
        let bench = Bench::new();
        let text = "patrolcams/backyard/2016-08-30/Hour-15/record/MDalarm_20160830_152954.mp4";
        let key = ObjectKey::parse(&ObjectBase::default(), text).unwrap();
        bench.store.put_file(text, &bench.file(b"clip"), None, PutWhen::Absent).await.unwrap();
        bench.arrivals.object_changed(&key).await.unwrap();
        let event = &bench.events().await[0];
        assert_eq!(event.time().instant, Millis(1_472_596_194_000));
        assert_eq!((event.size, event.metadata.content_type.as_str()), (4, "video/mp4"));
    }

    /// A row that has the object's bytes and another time, as an older version or another program may have written it.
    #[tokio::test]
    async fn a_record_that_says_something_else_is_restored() {
        let bench = Bench::new();
        let right = testing::record("backyard", 1_000, CaptureKind::Record, "x.mp4");
        let map = right.metadata.to_map();
        let key = &right.object_key;
        let right = CatalogRecord { size: 4, ..right.clone() };
        bench.store.put_file(key.as_str(), &bench.file(b"clip"), Some(&map), PutWhen::Absent).await.unwrap();
        for ts in [1_000, 2_000] {
            let mut wrong =
                CatalogRecord { note: Some("kept?".to_owned()), protected: true, ..right.clone() };
            wrong.metadata.time.instant = Millis(ts);
            wrong.metadata.original_name = "wrong".to_owned();
            bench.catalog.record(&wrong).await.unwrap();
            assert_eq!(bench.arrivals.reconcile(key).await.unwrap().did, Did::Already);
            assert_eq!(bench.arrivals.restore(key).await.unwrap().did, Did::Replaced);
            assert_eq!(bench.arrivals.restore(key).await.unwrap().did, Did::Already);
            let events = bench.events().await;
            assert_eq!((events.len(), &events[0].metadata), (1, &right.metadata));
            assert_eq!(events[0].protected, ts == 1_000, "found by its id");
            bench.catalog.remove(key).await.unwrap();
        }
    }

    /// A store in which something happens between a look and what comes of it.
    struct Crossed {
        store: Arc<LocalStore>,
        between: tokio::sync::Mutex<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    }

    #[async_trait]
    impl ObjectStore for Crossed {
        async fn put_file(
            &self,
            key: &str,
            source: &Path,
            metadata: Option<&BTreeMap<String, String>>,
            when: PutWhen,
        ) -> Result<PutOutcome, StoreError> {
            self.store.put_file(key, source, metadata, when).await
        }
        async fn put_bytes(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
            self.store.put_bytes(key, bytes).await
        }
        async fn head(&self, key: &str) -> Result<Option<StoredObject>, StoreError> {
            let seen = self.store.head(key).await;
            let next = self.between.lock().await.pop();
            if let Some(between) = next {
                between.await;
            }
            seen
        }
        async fn get_bytes(&self, key: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, StoreError> {
            self.store.get_bytes(key, max_bytes).await
        }
        async fn list(&self, folder: &str, after: Option<&str>) -> Result<Listing, StoreError> {
            self.store.list(folder, after).await
        }
        async fn delete(&self, key: &str) -> Result<(), StoreError> {
            self.store.delete(key).await
        }
    }

    /// Two calls that cross: one looks, the store changes and the other call is done, then the first writes what it
    /// saw. The last word is the store's, in both directions.
    #[tokio::test]
    async fn calls_that_cross_end_in_the_state_of_the_store() {
        for there_first in [true, false] {
            let bench = Bench::new();
            let clip = testing::record("backyard", 1_000, CaptureKind::Record, "x.mp4");
            let (key, map, file) = (clip.object_key.clone(), clip.metadata.to_map(), bench.file(b"clip"));
            let (store, arrivals) = (Arc::clone(&bench.store), Arc::clone(&bench.arrivals));
            let put = store.put_file(key.as_str(), &file, Some(&map), PutWhen::Always);
            put.await.unwrap();
            arrivals.object_changed(&key).await.unwrap();
            if there_first {
                bench.catalog.remove(&key).await.unwrap();
            } else {
                store.delete(key.as_str()).await.unwrap();
            }
            let between = {
                let (store, key, map, file) = (Arc::clone(&store), key.clone(), map.clone(), file.clone());
                async move {
                    if there_first {
                        store.delete(key.as_str()).await.unwrap();
                    } else {
                        store.put_file(key.as_str(), &file, Some(&map), PutWhen::Always).await.unwrap();
                    }
                    arrivals.object_changed(&key).await.unwrap();
                }
            };
            let crossed = Crossed { store, between: tokio::sync::Mutex::new(vec![Box::pin(between)]) };
            let zones = Arc::new(CameraZones::new(TimeZone::UTC, HashMap::new()));
            let first = Arrivals::new(Arc::new(crossed), Arc::<SqliteCatalog>::clone(&bench.catalog), zones);
            first.reconcile(&key).await.unwrap();
            assert_eq!(bench.events().await.len(), usize::from(!there_first), "there first: {there_first}");
        }
    }

    #[test]
    fn a_manifest_of_the_first_release_is_read() {
        let digest = "ab".repeat(32);
        let old = format!(r#"{{"version": 1, "sha256": "{digest}", "poster": true, "playable": false}}"#);
        let manifest: MediaManifest = serde_json::from_str(&old).unwrap();
        assert!(manifest.poster && !manifest.original && !manifest.has_small());
        assert_eq!(manifest.small, None, "nobody tried");
    }

    #[test]
    fn what_is_written_reads_back_and_old_programs_find_what_they_know() {
        let empty = MediaManifest::new(Digest([7; 32]));
        let full = MediaManifest { small: Some(true), original: true, poster: true, ..empty.clone() };
        for manifest in [empty, full] {
            let text = serde_json::to_string(&manifest).unwrap();
            assert_eq!(serde_json::from_str::<MediaManifest>(&text).unwrap(), manifest);
            assert!(text.contains("\"version\":1,") && text.contains("\"playable\":false"), "{text}");
        }
    }
}
