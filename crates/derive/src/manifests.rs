//! Changing `media.json`, by several at once.
//!
//! Promises: each change is made to what is there then, and nobody's is lost (NEVER-18), within a process and between
//! processes; a manifest of other content gives way only where the object is of ours. Refuses: to write where the object
//! is of other content.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use camtrail_model::{
    DerivedKey, Digest, MediaManifest, ObjectKey,
    derived::DerivedFiles,
    ports::{ObjectStore, StoreError, Version},
};

/// Reads of one manifest for one change: each after the first is one more writer in another process that came between.
const TRIES_MAX: u32 = 8;
/// After the first; twice as long each time.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

type Lock = tokio::sync::Mutex<()>;

/// The manifests of one store. Clones share its locks.
#[derive(Clone)]
pub struct Manifests {
    store: Arc<dyn ObjectStore>,
    busy: Arc<Mutex<HashMap<ObjectKey, Weak<Lock>>>>,
}

/// What a read gave.
struct Read {
    manifest: Option<MediaManifest>,
    version: Option<Version>,
}

impl Manifests {
    /// Of `store`.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, busy: Arc::default() }
    }

    /// What is there of the object of this digest; `None`: nothing, or of other content.
    pub async fn of(&self, key: &ObjectKey, sha256: &Digest) -> Result<Option<MediaManifest>, StoreError> {
        Ok(self.read(key).await?.manifest.filter(|manifest| manifest.sha256 == *sha256))
    }

    /// Changes what is said of the object of this digest, and gives what is there then; `change` may run several times.
    /// `None`: the object is gone or of other content, and nothing was written. Ok: durable.
    ///
    /// Where nothing may be read, what `change` makes of an empty manifest is put: then nobody else writes any.
    pub async fn change(
        &self,
        key: &ObjectKey,
        sha256: Digest,
        change: impl Fn(&mut MediaManifest) + Send + Sync,
    ) -> Result<Option<MediaManifest>, StoreError> {
        let lock = self.lock(key);
        let _one_at_a_time = lock.lock().await;
        let name = DerivedKey::new(key, DerivedFiles::Manifest);
        let mut pause = AGAIN_AFTER;
        for _ in 0..TRIES_MAX {
            let read = match self.read(key).await {
                Ok(read) => read,
                Err(StoreError::Refused(_)) => {
                    let mut manifest = MediaManifest::new(sha256);
                    change(&mut manifest);
                    self.store.put_bytes(name.as_str(), &bytes_of(&manifest)?).await?;
                    return Ok(Some(manifest));
                }
                Err(error) => return Err(error),
            };
            let (known, other) = match read.manifest {
                Some(manifest) if manifest.sha256 == sha256 => (Some(manifest), None),
                other => (None, other),
            };
            if other.is_some() && !self.is_of(key, sha256).await? {
                return Ok(None);
            }
            let mut manifest = known.clone().unwrap_or_else(|| MediaManifest::new(sha256));
            change(&mut manifest);
            if known.as_ref() == Some(&manifest) {
                return Ok(Some(manifest));
            }
            let bytes = bytes_of(&manifest)?;
            if self.store.replace_bytes(name.as_str(), &bytes, read.version.as_ref()).await? {
                if let Some(other) = other {
                    self.clear(key, &other, &manifest).await;
                }
                return Ok(Some(manifest));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(StoreError::Unavailable(format!("{name} is changed again and again by others")))
    }

    /// Removes the manifest of an object that is gone, if it is of this digest.
    pub(crate) async fn remove(&self, key: &ObjectKey, sha256: Digest) -> Result<(), StoreError> {
        let lock = self.lock(key);
        let _one_at_a_time = lock.lock().await;
        if self.of(key, &sha256).await?.is_some() {
            self.store.delete(DerivedKey::new(key, DerivedFiles::Manifest).as_str()).await?;
        }
        Ok(())
    }

    /// What is no manifest counts as none, and is replaced.
    async fn read(&self, key: &ObjectKey) -> Result<Read, StoreError> {
        let key = DerivedKey::new(key, DerivedFiles::Manifest);
        let Some((bytes, version)) = self.store.get_versioned(key.as_str(), MediaManifest::MAX_BYTES).await?
        else {
            return Ok(Read { manifest: None, version: None });
        };
        let manifest = serde_json::from_slice::<MediaManifest>(&bytes);
        if let Err(error) = &manifest {
            tracing::warn!(%key, %error, "a manifest can't be read: it is made anew");
        }
        Ok(Read { manifest: manifest.ok(), version: Some(version) })
    }

    async fn is_of(&self, key: &ObjectKey, sha256: Digest) -> Result<bool, StoreError> {
        match self.store.head(key.as_str()).await {
            Ok(object) => Ok(object.is_some_and(|object| digest_of(&object.metadata) == Some(sha256))),
            // A role that may not look at objects: then the caller's word counts.
            Err(StoreError::Refused(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// What was derived of content that is no more, and wasn't made anew. Nothing leads to it: trouble is no failure.
    async fn clear(&self, key: &ObjectKey, old: &MediaManifest, new: &MediaManifest) {
        let still = new.files();
        for file in old.files().into_iter().filter(|file| !still.contains(file)) {
            let name = DerivedKey::new(key, file);
            if let Err(error) = self.store.delete(name.as_str()).await {
                tracing::debug!(key = %name, %error, "what was derived of replaced content stays until its event goes");
            }
        }
    }

    fn lock(&self, key: &ObjectKey) -> Arc<Lock> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = busy.get(key).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        busy.insert(key.clone(), Arc::downgrade(&lock));
        lock
    }
}

fn bytes_of(manifest: &MediaManifest) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec_pretty(manifest).map_err(|error| StoreError::Refused(format!("a manifest: {error}")))
}

/// The digest that an object's metadata tells.
pub(crate) fn digest_of(metadata: &std::collections::BTreeMap<String, String>) -> Option<Digest> {
    metadata.get("sha256").and_then(|text| Digest::parse(text))
}
