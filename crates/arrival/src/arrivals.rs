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
use futures::try_join;

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
        let (mut looked, mut decided) = try_join!(self.look(key), self.decided(key))?;
        let mut did = None;
        for _ in 0..=LOOKS_MAX {
            let (told, again) = self.settle(key, looked.as_ref(), decided).await?;
            // What was written before counts, where the last write was none.
            let told = match did {
                Some(did) if !told.did.wrote() => Reconciled { did, ..told },
                _ => told,
            };
            match again {
                // Between our look and our write another may have looked later and written earlier.
                Some(again) if again != looked => looked = again,
                _ => return Ok(told),
            }
            did = Some(told.did);
            decided = self.decided(key).await?;
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
            self.catalog.correct(&right).await.map_err(from_catalog)?;
        }
        let last = self.reconcile(key).await?;
        Ok(Reconciled { did: Did::Replaced, ..last })
    }

    /// Completes the record of a capture by its manifest, and tells what that took.
    pub async fn complete(&self, key: &ObjectKey) -> Result<Reconciled, ArrivalError> {
        let did = match self.manifest(key).await? {
            Some(manifest) => self.attach(key, manifest).await?.0,
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

    /// One write, by one look; and what a second look saw after it, if anything was written.
    async fn settle(
        &self,
        key: &ObjectKey,
        object: Option<&StoredObject>,
        mut decided: Decided,
    ) -> Result<(Reconciled, Option<Option<StoredObject>>), ArrivalError> {
        let Some(object) = object else {
            if !self.catalog.remove(key).await.map_err(from_catalog)? {
                return Ok((Reconciled::nothing(Did::Absent), None));
            }
            return Ok((Reconciled::nothing(Did::Removed), Some(self.look(key).await?)));
        };
        let mut record = self.read(key, object)?;
        apply(&mut record, &decided);
        let outcome = self.catalog.record(&record).await.map_err(from_catalog)?;
        // A manifest that came before its record found none to complete; what was decided before there was a record
        // found none to show it. The writes that follow find no record where another removes it meanwhile.
        let (manifest, again) = if outcome == Recorded::AlreadyPresent {
            (self.manifest(key).await?, None)
        } else {
            let (manifest, again);
            (manifest, again, decided) = try_join!(self.manifest(key), self.look(key), self.decided(key))?;
            (manifest, Some(again))
        };
        let mut completed = false;
        if let Some(manifest) = manifest {
            let (attached, manifest) = self.attach(key, manifest).await?;
            completed = attached == Attached::Updated;
            if attached != Attached::NoRecord && record.metadata.sha256 == Some(manifest.sha256) {
                record = record.completed(&manifest);
            }
        }
        if decided.keeps() {
            self.keep(key).await?;
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
        let told = Reconciled { did, size: Some(object.size), record: Some(Box::new(record)), state };
        Ok((told, again))
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
            frame_rate_milli: None,
            key_frames: None,
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

    /// Completes the record by `manifest`, and then by whatever came in its place meanwhile; gives the last one.
    async fn attach(
        &self,
        key: &ObjectKey,
        mut manifest: MediaManifest,
    ) -> Result<(Attached, MediaManifest), ArrivalError> {
        let mut did = Attached::Unchanged;
        for _ in 0..=LOOKS_MAX {
            match self.catalog.attach_media(key, &manifest).await.map_err(from_catalog)? {
                Attached::NoRecord => return Ok((Attached::NoRecord, manifest)),
                Attached::Unchanged => return Ok((did, manifest)),
                Attached::Updated => {
                    tracing::debug!(%key, poster = manifest.poster, "event completed");
                    did = Attached::Updated;
                }
            }
            // Between our look and our write another may have looked later and written earlier.
            match self.manifest(key).await? {
                Some(again) if again != manifest => manifest = again,
                _ => return Ok((did, manifest)),
            }
        }
        Err(ArrivalError::Retry(format!("{key}: its manifest changes while it is looked at")))
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
            // Whoever removes many says how many.
            Did::Removed => tracing::debug!(%key, "event removed with its object"),
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
mod tests;
