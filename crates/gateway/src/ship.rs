//! One upload's way from the spool into the store and the catalog. Every step may be repeated; an upload leaves
//! the spool only after the last one.

use std::{sync::Arc, time::Duration};

use camtrail_derive::{Deriver, Manifests};
use camtrail_model::{
    CameraZones, CaptureKind, CaptureTime, Completeness, Digest, MediaFacts, MediaSource, ObjectBase,
    ObjectKey, ObjectMetadata,
    metrics::VISIBLE,
    names,
    ports::{
        ArrivalError, ArrivalSink, CameraNote, Catalog, CatalogError, Clock, Ledger, MediaTool, ObjectStore,
        StoreError, TestUpload,
    },
};
use camtrail_spool::{Spool, SpoolEntry, SpoolError, TransferEnd};

use crate::{
    object::{self, Object},
    original,
    place::{self, Parcel},
    queue::Trouble,
    small::SmallRule,
    superseded::{self, Successor},
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
    let facts = object::look(parts, &data).await;
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
    let capture = Capture { entry, data, facts, kind, time, complete, file, wants_remux };
    if let Some(key) = place::shipped_before(parts, entry, complete).await? {
        return capture.again(parts, key).await.map(|stored| Shipped::Event(Box::new(stored)));
    }
    if !complete
        && entry.transfer != TransferEnd::Complete
        && let Some(key) = place::is_stored_whole(parts, entry).await?
    {
        let upload = entry.original_name();
        tracing::info!(%key, upload, size_bytes = entry.size, "a cut upload of what is stored whole: nothing new");
        return Ok(Shipped::Noted);
    }
    capture.store(parts).await.map(|stored| Shipped::Event(Box::new(stored)))
}

/// An upload that is an event, and what is known of it before it is stored.
struct Capture<'a> {
    entry: &'a SpoolEntry,
    data: MediaSource,
    facts: MediaFacts,
    kind: CaptureKind,
    time: CaptureTime,
    complete: bool,
    file: String,
    /// Browsers don't open what came.
    wants_remux: bool,
}

impl Capture<'_> {
    /// The same upload was shipped before: whatever an earlier try may have failed at is done, and nothing new is made.
    async fn again(self, parts: &Parts, key: ObjectKey) -> Result<Stored, ShipError> {
        let entry = self.entry;
        tracing::info!(%key, upload = entry.original_name(), "the same upload again: nothing new");
        parts.sink.object_changed(&key).await?;
        // An earlier try may have failed on the way: its cut ones must go all the same.
        if self.complete {
            for cut in place::cut_ones(parts, entry).await? {
                if cut.object_key != key {
                    superseded::remove(parts, &cut, &Successor { key: &key, entry }).await?;
                } else if cut.original_sha256 != entry.sha256 {
                    superseded::forget_upload(parts, &cut, &entry.id).await?;
                    parts.ledger.forget(&key, &cut.original_sha256).await?;
                }
            }
        }
        let original = original::keep_of_earlier(parts, entry, &key, self.wants_remux).await?;
        Ok(Stored {
            key,
            sha256: None,
            facts: self.facts,
            kind: self.kind,
            time: self.time,
            complete: self.complete,
            source: self.data,
            wants_playable: self.wants_remux,
            original,
        })
    }

    /// Puts it into the store and the catalog; then its cut ones give way.
    async fn store(self, parts: &Parts) -> Result<Stored, ShipError> {
        let Self { entry, data, facts, kind, time, complete, file, wants_remux } = self;
        let object = Object::of(parts, entry, facts, data, wants_remux && parts.config.remux).await?;
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
        let name = object.file_name(&file, entry);
        let wanted = ObjectKey::new(&parts.config.base, &entry.start.camera, &time, kind, name);
        let parcel = Parcel { entry, wanted, file: &object.source.path, metadata: &metadata };
        let placed = place::put(parts, &parcel).await?;
        parts.sink.object_changed(&placed.key).await?;
        tell_visible(parts, entry, kind, object.remuxed);
        for cut in &placed.superseded {
            superseded::remove(parts, cut, &Successor { key: &placed.key, entry }).await?;
        }
        for cut in &placed.overwritten {
            superseded::forget_upload(parts, cut, &entry.id).await?;
            parts.ledger.forget(&placed.key, &cut.original_sha256).await?;
        }
        let keeps = parts.config.keep_original && object.remuxed;
        let original = keeps && original::keep(parts, entry, &placed.key).await?;
        Ok(Stored {
            key: placed.key,
            sha256: Some(object.sha256),
            wants_playable: wants_remux && !object.remuxed,
            facts: object.facts,
            kind,
            time,
            complete,
            source: object.source,
            original,
        })
    }
}

/// It is listed from now on: how long that took since it was durable.
fn tell_visible(parts: &Parts, entry: &SpoolEntry, kind: CaptureKind, remuxed: bool) {
    let took_ms = parts.clock.now().0.saturating_sub(entry.received_at.0).max(0);
    let remuxed = if remuxed { "true" } else { "false" };
    metrics::histogram!(VISIBLE, "kind" => kind.as_str(), "remuxed" => remuxed)
        .record(Duration::from_millis(took_ms.unsigned_abs()));
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
