//! One product of one event, from the look at its object to the catalog's word.
//!
//! Promises: may be repeated, and run by several processes at once; the manifest comes last; what was derived of content
//! that is gone or replaced by then doesn't stay. Trouble is told apart by what helps: another try, or none.

use std::{path::Path, sync::Arc};

use camtrail_model::{
    DerivedKey, Digest, MediaFacts, MediaManifest, MediaSource, ObjectKey,
    ports::{ArrivalError, ArrivalSink, MediaError, MediaTool, ObjectStore, PutWhen, StoreError},
};

use crate::{Manifests, Product, Scratch, manifests::digest_of, product::Known, scratch::SOURCE_MAX_BYTES};

/// What the step works with.
#[derive(Clone)]
pub struct MakerParts {
    /// Where objects are.
    pub store: Arc<dyn ObjectStore>,
    /// Who is told.
    pub sink: Arc<dyn ArrivalSink>,
    /// ffmpeg.
    pub media: Arc<dyn MediaTool>,
    /// Shared with whoever else in this process changes manifests.
    pub manifests: Manifests,
    /// Room.
    pub scratch: Scratch,
}

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// It was made now.
    Now,
    /// It was there.
    There,
    /// The event is as good without.
    NotNeeded,
    /// It can't be made, and why.
    Impossible(String),
    /// The event went, or has other content now.
    Gone,
}

/// Why it wasn't made. Nothing is left of the try.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalog doesn't show it yet.
    #[error(transparent)]
    Arrival(#[from] ArrivalError),
    /// The tool: it is missing, or the machine failed it.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Our own disk.
    #[error("scratch files: {0}")]
    Disk(#[from] std::io::Error),
    /// The store gives other bytes than the object's digest says.
    #[error(
        "the store gives bytes with the SHA-256 {found}, and the object says {expected}: it may be damaged there"
    )]
    Damaged {
        /// Of what came.
        found: Digest,
        /// By the object's metadata.
        expected: Digest,
    },
}

impl MakeError {
    /// Whether the same call may succeed later.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Store(error) => !matches!(error, StoreError::Refused(_)),
            Self::Arrival(error) => matches!(error, ArrivalError::Retry(_)),
            Self::Media(error) => error.may_retry(),
            Self::Disk(_) => true,
            Self::Damaged { .. } => false,
        }
    }
}

/// A product as made, not put yet.
struct Fresh {
    bytes: Bytes,
    /// What the manifest says of it then.
    say: Say,
}

enum Bytes {
    Memory(Vec<u8>),
    /// A file of the job's folder.
    File(std::path::PathBuf),
}

enum Say {
    Poster { width: u32, height: u32, blur: Option<String> },
    Preview(u32),
    Small,
    H264,
}

impl Say {
    fn to(&self, manifest: &mut MediaManifest) {
        match self {
            Self::Poster { width, height, blur } => {
                (manifest.poster, manifest.problem, manifest.poster_of) = (true, None, None);
                (manifest.poster_width, manifest.poster_height) = (Some(*width), Some(*height));
                manifest.blur.clone_from(blur);
            }
            Self::Preview(frames) => (manifest.preview, manifest.preview_problem) = (Some(*frames), None),
            Self::Small => manifest.small = Some(true),
            Self::H264 => (manifest.h264, manifest.h264_problem) = (Some(true), None),
        }
    }
}

/// Makes products. Clones share everything.
#[derive(Clone)]
pub struct Maker {
    parts: MakerParts,
}

impl Maker {
    /// Of these parts.
    pub fn new(parts: MakerParts) -> Self {
        Self { parts }
    }

    /// What is missing of the tool, for a person.
    pub fn problem(&self) -> Option<String> {
        self.parts.media.problem()
    }

    /// What is known of a product without making it; `None`: it is to be made.
    pub async fn known(&self, key: &ObjectKey, product: Product) -> Result<Option<Made>, MakeError> {
        let Some((sha256, size)) = self.look(key).await? else { return Ok(Some(Made::Gone)) };
        let Some(sha256) = sha256 else { return Ok(Some(no_digest())) };
        let manifest = self.parts.manifests.of(key, &sha256).await?;
        if let Some(known) = manifest.and_then(|manifest| product.known(&manifest)) {
            if known == Known::There {
                // An earlier try may have ended before the catalog knew.
                self.parts.sink.media_changed(key).await?;
            }
            return Ok(Some(known.into()));
        }
        Ok((size > SOURCE_MAX_BYTES).then(|| too_large(size)))
    }

    /// Makes products of one event, with one look and one fetch for all; one that fails costs the others nothing.
    pub async fn make(
        &self,
        key: &ObjectKey,
        products: &[Product],
    ) -> Result<Vec<(Product, Result<Made, MakeError>)>, MakeError> {
        let all = |made: Made| products.iter().map(|&product| (product, Ok(made.clone()))).collect();
        let Some((sha256, size)) = self.look(key).await? else { return Ok(all(Made::Gone)) };
        let Some(sha256) = sha256 else { return Ok(all(no_digest())) };
        let manifest = self.parts.manifests.of(key, &sha256).await?;
        let known = |product: Product| manifest.as_ref().and_then(|manifest| product.known(manifest));
        if products.iter().all(|&product| known(product).is_some()) {
            self.parts.sink.media_changed(key).await?;
        } else if size > SOURCE_MAX_BYTES {
            return Ok(all(too_large(size)));
        }
        let mut job = None;
        let mut made = Vec::new();
        for &product in products {
            if let Some(known) = known(product) {
                made.push((product, Ok(known.into())));
                continue;
            }
            if job.is_none() {
                job = self.begin(key, sha256, size).await?;
            }
            let outcome = match &job {
                Some(job) => self.one(job, product).await,
                None => Ok(Made::Gone),
            };
            made.push((product, outcome));
        }
        if let Some(job) = job {
            // Two files at most; off the async threads all the same.
            let _ = tokio::task::spawn_blocking(move || job.folder.close()).await;
        }
        Ok(made)
    }

    /// The object as it stands: its digest, where it tells one, and its size.
    async fn look(&self, key: &ObjectKey) -> Result<Option<(Option<Digest>, u64)>, StoreError> {
        let object = self.parts.store.head(key.as_str()).await?;
        Ok(object.map(|object| (digest_of(&object.metadata), object.size)))
    }

    async fn is_still(&self, job: &Job) -> Result<bool, StoreError> {
        Ok(self.look(&job.key).await?.is_some_and(|(sha256, _)| sha256 == Some(job.sha256)))
    }

    /// Brings the bytes here; `None`: they are gone, or others by now.
    async fn begin(&self, key: &ObjectKey, sha256: Digest, size: u64) -> Result<Option<Job>, MakeError> {
        let scratch = self.parts.scratch.clone();
        let folder = tokio::task::spawn_blocking(move || scratch.begin(size))
            .await
            .map_err(std::io::Error::other)??;
        let path = folder.path().join("source");
        let fetched = self.parts.store.fetch(key.as_str(), &path, SOURCE_MAX_BYTES).await?;
        let Some(size) = fetched else { return Ok(None) };
        let source = MediaSource { path: path.clone(), size };
        let measured = tokio::task::spawn_blocking(move || Digest::of_reader(std::fs::File::open(path)?));
        let (_, found) = measured.await.map_err(std::io::Error::other)??;
        let facts = self.parts.media.probe(&source).await?;
        let job = Job { key: key.clone(), sha256, source, facts, folder };
        if found == sha256 {
            return Ok(Some(job));
        }
        if self.is_still(&job).await? {
            return Err(MakeError::Damaged { found, expected: sha256 });
        }
        Ok(None)
    }

    async fn one(&self, job: &Job, product: Product) -> Result<Made, MakeError> {
        let say = match self.run(job, product).await {
            Ok(Some(fresh)) => {
                // It took a while.
                if !self.is_still(job).await? {
                    return Ok(Made::Gone);
                }
                self.put(job, product, &fresh.bytes).await?;
                Ok(fresh.say)
            }
            Ok(None) => Err(Made::NotNeeded),
            Err(MediaError::Unusable(why)) => Err(Made::Impossible(why)),
            Err(error) => return Err(error.into()),
        };
        let told = self
            .parts
            .manifests
            .change(&job.key, job.sha256, |manifest| match &say {
                Ok(say) => say.to(manifest),
                Err(Made::Impossible(why)) => product.is_impossible(manifest, why),
                // The one product that may not be needed.
                Err(_) => manifest.small = Some(false),
            })
            .await?;
        if told.is_none() || !self.is_still(job).await? {
            self.undo(job, product).await?;
            return Ok(Made::Gone);
        }
        self.parts.sink.media_changed(&job.key).await?;
        Ok(match say {
            Ok(_) => Made::Now,
            Err(other) => other,
        })
    }

    /// `None`: none is needed.
    async fn run(&self, job: &Job, product: Product) -> Result<Option<Fresh>, MediaError> {
        let (media, Job { source, facts, .. }) = (&self.parts.media, job);
        let dest = job.folder.path().join(product.file().file_name());
        Ok(match product {
            Product::Poster => {
                let poster = media.poster(source, facts).await?;
                let say = Say::Poster { width: poster.width, height: poster.height, blur: poster.blur };
                Some(Fresh { bytes: Bytes::Memory(poster.jpeg), say })
            }
            Product::Preview => {
                let preview = media.preview(source, facts).await?;
                Some(Fresh { bytes: Bytes::Memory(preview.jpeg), say: Say::Preview(preview.frames) })
            }
            Product::Small => {
                let made = media.small(source, facts, &dest).await?;
                made.map(|_| Fresh { bytes: Bytes::File(dest), say: Say::Small })
            }
            Product::H264 => {
                media.h264(source, facts, &dest).await?;
                Some(Fresh { bytes: Bytes::File(dest), say: Say::H264 })
            }
        })
    }

    async fn put(&self, job: &Job, product: Product, bytes: &Bytes) -> Result<(), StoreError> {
        let key = DerivedKey::new(&job.key, product.file());
        match bytes {
            Bytes::Memory(bytes) => self.parts.store.put_bytes(key.as_str(), bytes).await,
            Bytes::File(path) => self.put_file(key.as_str(), path).await,
        }
    }

    async fn put_file(&self, key: &str, path: &Path) -> Result<(), StoreError> {
        self.parts.store.put_file(key, path, None, PutWhen::Always).await.map(drop)
    }

    /// The event went, or has other content, between our looks: nothing of ours stays, and nothing that stays says that
    /// ours is its own.
    async fn undo(&self, job: &Job, product: Product) -> Result<(), MakeError> {
        let now = self.look(&job.key).await?;
        self.parts.store.delete(DerivedKey::new(&job.key, product.file()).as_str()).await?;
        match now {
            None => self.parts.manifests.remove(&job.key, job.sha256).await?,
            Some((Some(other), _)) => {
                let of_other = self.parts.manifests.of(&job.key, &other).await?;
                if of_other.is_some() {
                    self.parts.manifests.change(&job.key, other, |manifest| product.forget(manifest)).await?;
                    self.parts.sink.media_changed(&job.key).await?;
                }
            }
            Some((None, _)) => {}
        }
        tracing::info!(key = %job.key, product = product.name(), "an event went or changed while something was made of it");
        Ok(())
    }
}

/// One object's bytes here.
struct Job {
    key: ObjectKey,
    sha256: Digest,
    source: MediaSource,
    facts: MediaFacts,
    folder: tempfile::TempDir,
}

impl From<Known> for Made {
    fn from(known: Known) -> Self {
        match known {
            Known::There => Self::There,
            Known::NotNeeded => Self::NotNeeded,
            Known::Impossible(why) => Self::Impossible(why),
        }
    }
}

fn no_digest() -> Made {
    Made::Impossible(
        "another program put its object, without a digest: nothing can be attached to it".to_owned(),
    )
}

fn too_large(size: u64) -> Made {
    Made::Impossible(format!("it holds {size} bytes; nothing is made here of more than {SOURCE_MAX_BYTES}"))
}
