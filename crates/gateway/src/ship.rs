//! One upload's way from the spool into the store and the catalog. Every step may be repeated; an upload leaves
//! the spool only after the last one.

use std::{path::PathBuf, sync::Arc, time::Duration};

use camtrail_derive::{Deriver, Manifests};
use camtrail_model::{
    CameraZones, CaptureKind, CaptureTime, Completeness, DerivedFiles, DerivedKey, Digest, EventState,
    FileName, MediaFacts, MediaSource, ObjectBase, ObjectKey, ObjectMetadata, Superseded,
    metrics::VISIBLE,
    names,
    ports::{
        ArrivalError, ArrivalSink, CameraNote, Catalog, CatalogError, Clock, Ledger, MediaError, MediaTool,
        ObjectStore, Shipment, StoreError, TestUpload,
    },
};
use camtrail_spool::{EntryId, Spool, SpoolEntry, SpoolError, TransferEnd};

use crate::{
    original,
    place::{self, Parcel},
    queue::Trouble,
    small::SmallRule,
    verdict::{Verdict, judge},
};

/// What may be configured about shipping.
#[derive(Debug, Clone)]
pub struct ShipConfig {
    /// The folder in the bucket.
    pub base: ObjectBase,
    /// Whether clips in containers that browsers don't open are remuxed.
    pub remux: bool,
    /// How long a remux may hold up its clip; then the original goes as it is.
    pub remux_limit: Duration,
    /// Whether posters are made.
    pub poster: bool,
    /// Whose clips get small renditions.
    pub small: SmallRule,
    /// Whether the bytes as received are stored beside what was remuxed.
    pub keep_original: bool,
}

/// What shipping works with.
#[derive(Clone)]
pub struct Parts {
    /// Where uploads wait.
    pub spool: Spool,
    /// Where they go.
    pub store: Arc<dyn ObjectStore>,
    /// Who is told.
    pub sink: Arc<dyn ArrivalSink>,
    /// Who remembers tests and sidecars.
    pub cameras: Arc<dyn CameraBook>,
    /// What went where.
    pub ledger: Arc<dyn Ledger>,
    /// Looks into files.
    pub media: Arc<dyn MediaTool>,
    /// Manifests, which others in this process change, too.
    pub manifests: Manifests,
    /// Makes what is made later; `None`: nothing is, unasked.
    pub later: Option<Deriver>,
    /// The cameras' clocks.
    pub zones: Arc<CameraZones>,
    /// Ours.
    pub clock: Arc<dyn Clock>,
    /// The rules.
    pub config: Arc<ShipConfig>,
}

/// Remembers what cameras send that is no event.
#[async_trait::async_trait]
pub trait CameraBook: Send + Sync {
    /// Remembers; durable when Ok.
    async fn note(&self, camera: &camtrail_model::CameraName, note: &CameraNote) -> Result<(), CatalogError>;
}

/// The catalog as the book.
pub struct Book(pub Arc<dyn Catalog>);

#[async_trait::async_trait]
impl CameraBook for Book {
    async fn note(&self, camera: &camtrail_model::CameraName, note: &CameraNote) -> Result<(), CatalogError> {
        self.0.note_camera(camera, note).await
    }
}

/// Why an upload couldn't be shipped now. It stays in the spool and is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShipError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Arrival(#[from] ArrivalError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The event is recorded; only these bytes are still to be stored.
    #[error("the original of a remuxed clip could not be stored beside it: {0}")]
    Original(#[source] StoreError),
    #[error("reading the spool: {0}")]
    Io(#[from] std::io::Error),
    #[error("no free key for {key}: three different contents claim it")]
    NoKey { key: String },
}

impl ShipError {
    /// Whether other uploads will meet the same.
    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Store(_) | Self::Catalog(_) | Self::Arrival(ArrivalError::Retry(_)) => Trouble::Elsewhere,
            // A store that takes clips and no originals must not hold up others' clips.
            Self::Original(_)
            | Self::Arrival(ArrivalError::Permanent(_))
            | Self::Spool(_)
            | Self::Io(_)
            | Self::NoKey { .. } => Trouble::Own,
        }
    }
}

/// What became of an upload.
#[derive(Debug)]
pub(crate) enum Shipped {
    /// It is no event of its own; that was noted.
    Noted,
    /// Its content doesn't say that it is whole, and how its transfer ended is still to be found out.
    NotYet,
    /// It is in the store and the catalog; derived media are still to come.
    Event(Box<Stored>),
}

/// What the work after the record needs.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) key: ObjectKey,
    /// Digest of the object that we put; `None` where an earlier shipment is taken as it is.
    pub(crate) sha256: Option<Digest>,
    pub(crate) facts: MediaFacts,
    pub(crate) kind: CaptureKind,
    pub(crate) time: CaptureTime,
    pub(crate) complete: bool,
    /// The file to make a poster of.
    pub(crate) source: MediaSource,
    /// The object is the original in a container that browsers don't open.
    pub(crate) wants_playable: bool,
    /// The bytes as received stand beside the object.
    pub(crate) original: bool,
}

/// Ships one entry. Idempotent. `held`: its transfer may turn out to have been cut, after all.
pub(crate) async fn ship(parts: &Parts, entry: &SpoolEntry, held: bool) -> Result<Shipped, ShipError> {
    let data = MediaSource { path: parts.spool.data_path(&entry.id), size: entry.size };
    let facts = look(parts, &data).await;
    if held && facts.container.is_some() && facts.completeness != Completeness::Whole {
        return Ok(Shipped::NotYet);
    }
    let (kind, reading, complete, file) = match judge(entry, &facts) {
        Verdict::Event { kind, reading, complete, file } => (kind, reading, complete, file),
        other => {
            note(parts, entry, &other).await?;
            return Ok(Shipped::Noted);
        }
    };
    let (zone, modified) = (parts.zones.of(&entry.start.camera), entry.start.modified_at);
    let time = names::capture_time_of_file(&reading, zone, entry.received_at, modified);
    let wants_remux = kind == CaptureKind::Record && facts.container.is_some() && !facts.plays_as_it_is();
    if let Some(key) = place::shipped_before(parts, entry, complete).await? {
        tracing::info!(%key, upload = entry.original_name(), "the same upload again: nothing new");
        parts.sink.object_changed(&key).await?;
        // An earlier try may have failed on the way: its cut ones must go all the same.
        if complete {
            for cut in place::cut_ones(parts, entry).await? {
                if cut.object_key != key {
                    remove_superseded(parts, &cut, &Successor { key: &key, entry }).await?;
                } else if cut.original_sha256 != entry.sha256 {
                    forget_upload(parts, &cut, &entry.id).await?;
                    parts.ledger.forget(&key, &cut.original_sha256).await?;
                }
            }
        }
        let original = original::keep_of_earlier(parts, entry, &key, wants_remux).await?;
        return Ok(Shipped::Event(Box::new(Stored {
            key,
            sha256: None,
            facts,
            kind,
            time,
            complete,
            source: data,
            wants_playable: wants_remux,
            original,
        })));
    }
    if !complete
        && entry.transfer != TransferEnd::Complete
        && let Some(key) = place::is_stored_whole(parts, entry).await?
    {
        let upload = entry.original_name();
        tracing::info!(%key, upload, size_bytes = entry.size, "a cut upload of what is stored whole: nothing new");
        return Ok(Shipped::Noted);
    }
    let remux_wanted = wants_remux && parts.config.remux;
    let remuxed = if remux_wanted { remux(parts, entry, &data).await } else { Remuxed::No };
    let object = Object::new(parts, entry, facts, remuxed, data).await?;
    let metadata = ObjectMetadata {
        camera: entry.start.camera.clone(),
        time,
        received_at: entry.received_at,
        stored_at: parts.clock.now(),
        sha256: Some(object.sha256),
        original_sha256: Some(entry.sha256),
        original_size: entry.size,
        original_name: entry.original_name(),
        complete,
        content_type: object.content_type(&file).to_owned(),
        duration_ms: object.facts.duration_ms,
        width: object.facts.width,
        height: object.facts.height,
        video_codec: object.facts.video_codec.clone(),
        frame_rate_milli: object.facts.frame_rate_milli,
        key_frames: object.facts.key_frames,
    };
    let wanted =
        ObjectKey::new(&parts.config.base, &entry.start.camera, &time, kind, object.file_name(&file, entry));
    let parcel = Parcel { entry, wanted, file: &object.source.path, metadata: &metadata };
    let placed = place::put(parts, &parcel).await?;
    parts.sink.object_changed(&placed.key).await?;
    tell_visible(parts, entry, kind, object.remuxed);
    for cut in &placed.superseded {
        remove_superseded(parts, cut, &Successor { key: &placed.key, entry }).await?;
    }
    for cut in &placed.overwritten {
        forget_upload(parts, cut, &entry.id).await?;
        parts.ledger.forget(&placed.key, &cut.original_sha256).await?;
    }
    let keeps = parts.config.keep_original && object.remuxed;
    let original = keeps && original::keep(parts, entry, &placed.key).await?;
    let wants_playable = wants_remux && !object.remuxed;
    Ok(Shipped::Event(Box::new(Stored {
        key: placed.key,
        sha256: Some(object.sha256),
        facts: object.facts,
        kind,
        time,
        complete,
        source: object.source,
        wants_playable,
        original,
    })))
}

/// It is listed from now on: how long that took since it was durable.
fn tell_visible(parts: &Parts, entry: &SpoolEntry, kind: CaptureKind, remuxed: bool) {
    let took_ms = parts.clock.now().0.saturating_sub(entry.received_at.0).max(0);
    let remuxed = if remuxed { "true" } else { "false" };
    metrics::histogram!(VISIBLE, "kind" => kind.as_str(), "remuxed" => remuxed)
        .record(Duration::from_millis(took_ms.unsigned_abs()));
}

/// Never fails: what can't be looked into is unknown, and kept all the same (NEVER-6).
async fn look(parts: &Parts, source: &MediaSource) -> MediaFacts {
    match parts.media.probe(source).await {
        Ok(facts) => facts,
        Err(error) => {
            tracing::warn!(file = %source.path.display(), %error, "an upload could not be looked into");
            MediaFacts::unknown()
        }
    }
}

/// With the pictures of formats that have no table of them counted; a remuxed copy has one.
async fn counted(parts: &Parts, source: &MediaSource, facts: MediaFacts) -> MediaFacts {
    match parts.media.count_pictures(source, &facts).await {
        Ok(counted) => counted,
        Err(error) => {
            tracing::debug!(file = %source.path.display(), %error, "an upload's pictures could not be counted");
            facts
        }
    }
}

async fn note(parts: &Parts, entry: &SpoolEntry, verdict: &Verdict) -> Result<(), ShipError> {
    let upload = TestUpload { name: entry.original_name(), size: entry.size, at: entry.received_at };
    let camera = &entry.start.camera;
    let note = if *verdict == Verdict::Sidecar {
        tracing::info!(%camera, upload = upload.name, "a sidecar arrived; it is no event");
        CameraNote::Sidecar(upload)
    } else {
        tracing::info!(
            %camera, upload = upload.name, size_bytes = upload.size,
            "a file arrived that is neither clip nor still; it is noted as the camera's test upload"
        );
        CameraNote::Test(upload)
    };
    Ok(parts.cameras.note(camera, &note).await?)
}

/// What became of a remux.
enum Remuxed {
    /// The file is there.
    Yes(PathBuf),
    /// None is wanted, or the content has none.
    No,
    /// The machine didn't manage: the clip has waited long enough.
    TooSlow,
}

/// The remuxed file, if it could be made in time.
async fn remux(parts: &Parts, entry: &SpoolEntry, data: &MediaSource) -> Remuxed {
    let dest = parts.spool.work_path(&entry.id, "mp4");
    // What an earlier try left (the store failed after it) is whole: remuxing makes its file durable or none.
    if dest.exists() {
        return Remuxed::Yes(dest);
    }
    match parts.media.remux(data, &dest, parts.config.remux_limit).await {
        Ok(()) => Remuxed::Yes(dest),
        // Told once, at the start.
        Err(MediaError::Missing(_)) => Remuxed::No,
        Err(error) => {
            let upload = entry.original_name();
            tracing::warn!(camera = %entry.start.camera, upload, %error, "a clip could not be remuxed; the original is stored as it came");
            if error.may_retry() { Remuxed::TooSlow } else { Remuxed::No }
        }
    }
}

/// The file that becomes the object.
struct Object {
    source: MediaSource,
    facts: MediaFacts,
    sha256: Digest,
    remuxed: bool,
}

impl Object {
    async fn new(
        parts: &Parts,
        entry: &SpoolEntry,
        facts: MediaFacts,
        remuxed: Remuxed,
        data: MediaSource,
    ) -> Result<Self, ShipError> {
        let path = match remuxed {
            Remuxed::Yes(path) => path,
            no => {
                let facts =
                    if matches!(no, Remuxed::No) { counted(parts, &data, facts).await } else { facts };
                return Ok(Self { source: data, facts, sha256: entry.sha256, remuxed: false });
            }
        };
        let (size, sha256) = measure(path.clone()).await?;
        let source = MediaSource { path, size };
        let facts = look(parts, &source).await;
        Ok(Self { source, facts, sha256, remuxed: true })
    }

    fn content_type(&self, file: &str) -> &'static str {
        let by_name = match file.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).as_deref() {
            Some("jpg" | "jpeg") => "image/jpeg",
            Some("png") => "image/png",
            Some("mp4" | "m4v") => "video/mp4",
            _ => "application/octet-stream",
        };
        self.facts.container.map_or(by_name, camtrail_model::Container::content_type)
    }

    fn file_name(&self, file: &str, entry: &SpoolEntry) -> FileName {
        let name = FileName::from_upload(file);
        let name = if self.remuxed { name.with_extension("mp4") } else { name };
        // A camera's own "-small.mp4" would be taken for a derived file for ever after (NEVER-14).
        if name.looks_derived() { name.with_digest(&entry.sha256) } else { name }
    }
}

/// Size and digest of a file.
pub(crate) async fn measure(path: PathBuf) -> Result<(u64, Digest), ShipError> {
    let measured = tokio::task::spawn_blocking(move || Digest::of_reader(std::fs::File::open(path)?));
    Ok(measured.await.map_err(std::io::Error::other)??)
}

/// The cut upload itself may still be in the spool, waiting for its poster: shipped again after a restart it would be an
/// event beside its whole one. `whole` is that one, which may have the very same bytes, and still needs them.
async fn forget_upload(parts: &Parts, cut: &Shipment, whole: &EntryId) -> Result<(), ShipError> {
    let spool = parts.spool.clone();
    let (cut, whole) = (cut.clone(), whole.clone());
    let forgotten = tokio::task::spawn_blocking(move || {
        let is_it = |entry: &SpoolEntry| {
            entry.id != whole
                && entry.sha256 == cut.original_sha256
                && entry.start.camera == cut.camera
                && entry.original_name() == cut.original_name
        };
        for entry in spool.entries().iter().filter(|entry| is_it(entry)) {
            spool.remove(&entry.id)?;
        }
        Ok::<_, SpoolError>(())
    });
    Ok(forgotten.await.map_err(std::io::Error::other)??)
}

/// What takes a cut upload's place.
struct Successor<'a> {
    key: &'a ObjectKey,
    entry: &'a SpoolEntry,
}

/// A cut upload whose whole one is stored and recorded: its object, what was derived of it, its event, its line
/// in the ledger; in this order, so that a crash in between is repaired by the next try. Where nothing may be deleted, a
/// tombstone says the same to all who look.
async fn remove_superseded(parts: &Parts, cut: &Shipment, by: &Successor<'_>) -> Result<(), ShipError> {
    let old = &cut.object_key;
    forget_upload(parts, cut, &by.entry.id).await?;
    if matters(parts, old).await? {
        parts.ledger.forget(old, &cut.original_sha256).await?;
        tracing::info!(key = %old, by = %by.key, "a cut upload stays beside its whole one: somebody protected it, or wrote a note");
        return Ok(());
    }
    match delete(parts, old).await {
        Err(StoreError::Refused(why)) => {
            bury(parts, cut, by).await?;
            tracing::debug!(key = %old, why, "the cut upload's object may not be deleted from here; its tombstone stands");
        }
        deleted => deleted?,
    }
    parts.sink.object_changed(old).await?;
    parts.ledger.forget(old, &cut.original_sha256).await?;
    tracing::info!(key = %old, by = %by.key, "a cut upload gave way to its whole one");
    Ok(())
}

/// Whether a person said anything of it, or may have. Where that may not be read from here, a tombstone leaves it to those
/// who may.
async fn matters(parts: &Parts, key: &ObjectKey) -> Result<bool, StoreError> {
    let state_key = DerivedKey::new(key, DerivedFiles::State);
    match parts.store.get_bytes(state_key.as_str(), EventState::MAX_BYTES).await {
        Ok(None) | Err(StoreError::Refused(_)) => Ok(false),
        Ok(Some(bytes)) => Ok(serde_json::from_slice::<EventState>(&bytes)
            .map_or(true, |state| state.protected || state.note.is_some())),
        Err(error) => Err(error),
    }
}

async fn delete(parts: &Parts, key: &ObjectKey) -> Result<(), StoreError> {
    parts.store.delete(key.as_str()).await?;
    for file in DerivedFiles::ALL {
        parts.store.delete(DerivedKey::new(key, file).as_str()).await?;
    }
    Ok(())
}

async fn bury(parts: &Parts, cut: &Shipment, by: &Successor<'_>) -> Result<(), ShipError> {
    let tombstone = Superseded {
        version: Superseded::VERSION,
        by: by.key.to_string(),
        by_original_sha256: by.entry.sha256,
        original_sha256: cut.original_sha256,
        at: parts.clock.now(),
    };
    let bytes = serde_json::to_vec_pretty(&tombstone).map_err(std::io::Error::other)?;
    let key = DerivedKey::new(&cut.object_key, DerivedFiles::Superseded);
    Ok(parts.store.put_bytes(key.as_str(), &bytes).await?)
}
