//! The local directory: object keys are paths below one root.
//!
//! An object is a hard link to the file it was put from where both are on one file system (the spool usually
//! is: a clip is written once, which a Pi's card thanks us for), else a copy. Its user metadata is a sidecar
//! under `derived/`, written *before* the object: an object that shows has its metadata. It says which bytes it means, and
//! what it said before: whatever ends a put in between, the object that is there keeps its own.

mod list;

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use camtrail_durable as durable;
use camtrail_model::{
    Digest, Millis,
    derived::DERIVED_PREFIX,
    ports::{Listing, ObjectStore, PutOutcome, PutWhen, StoreError, StoredObject, Version},
};
use serde::{Deserialize, Serialize};

/// Where files lie while they are made; cleared at every start.
const TEMPORARY_DIR: &str = ".camtrail-tmp";
/// In that folder; held while a small object is compared and replaced, by one process at a time. Stays.
const LOCK_FILE: &str = "lock";
/// A sidecar is small; more is not one.
const SIDECAR_MAX_BYTES: u64 = 64 * 1024;

/// A directory that behaves as a bucket. Clones share it.
#[derive(Debug, Clone)]
pub struct LocalStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// What tells our temporary files from those of another process that has the same store open.
    ours: u64,
    counter: AtomicU64,
    /// One put at a time for a key: the sidecar and its object belong together.
    busy: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

/// What is compared and replaced is small; more is not that.
const REPLACED_MAX_BYTES: u64 = 1024 * 1024;

/// The sidecar's format.
#[derive(Debug, Serialize, Deserialize)]
struct Sidecar {
    version: u32,
    #[serde(flatten)]
    of: Description,
    /// What it said of the object that is about to be replaced: that holds until it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Description>,
}

/// What is said of an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Description {
    /// Its bytes, by which it is told whether these are meant; `None` in version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    metadata: BTreeMap<String, String>,
}

impl Sidecar {
    const VERSION: u32 = 2;

    /// What it says of an object of so many bytes; nothing, where it means others.
    fn metadata_of(self, size: u64) -> BTreeMap<String, String> {
        let mut descriptions = [Some(self.of), self.before].into_iter().flatten();
        let meant = descriptions.find(|of| of.size.is_none_or(|meant| meant == size));
        meant.map(|of| of.metadata).unwrap_or_default()
    }
}

impl LocalStore {
    /// Opens (or makes) the store at `root`. Blocks.
    pub fn open(root: &Path) -> io::Result<Self> {
        let temporary = root.join(TEMPORARY_DIR);
        durable::create_dirs(&temporary)?;
        for left in fs::read_dir(&temporary)? {
            let left = left?;
            if left.file_name() == LOCK_FILE {
                continue;
            }
            // What a command beside us put away a moment ago.
            match fs::remove_file(left.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(Self::beside(root))
    }

    /// The store at `root` as another process has it open: for looking only. Makes and clears nothing.
    pub fn beside(root: &Path) -> Self {
        let inner = Inner {
            root: root.to_owned(),
            ours: RandomState::new().build_hasher().finish(),
            counter: AtomicU64::new(0),
            busy: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The same, for putting, too. Blocks.
    pub fn writing_beside(root: &Path) -> io::Result<Self> {
        durable::create_dirs(&root.join(TEMPORARY_DIR))?;
        Ok(Self::beside(root))
    }

    /// Where an object's file is, whether or not it exists.
    pub fn path_of(&self, key: &str) -> Result<PathBuf, StoreError> {
        let good =
            |segment: &str| !matches!(segment, "" | "." | ".." | TEMPORARY_DIR) && !segment.contains('\0');
        if key.split('/').all(good) {
            Ok(self.inner.root.join(key))
        } else {
            Err(StoreError::Refused(format!("{key:?} is not an object key")))
        }
    }

    fn sidecar_path(&self, key: &str) -> Result<PathBuf, StoreError> {
        self.path_of(&format!("{DERIVED_PREFIX}{key}/object.json"))
    }

    fn temporary(&self) -> PathBuf {
        let number = self.inner.counter.fetch_add(1, Ordering::Relaxed);
        self.inner.root.join(TEMPORARY_DIR).join(format!("{:016x}-{number:x}", self.inner.ours))
    }

    async fn lock(&self, key: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut busy = self.inner.busy.lock().unwrap_or_else(PoisonError::into_inner);
            busy.retain(|_, lock| lock.strong_count() > 0);
            if let Some(lock) = busy.get(key).and_then(Weak::upgrade) {
                lock
            } else {
                let lock = Arc::default();
                busy.insert(key.to_owned(), Arc::downgrade(&lock));
                lock
            }
        };
        lock.lock_owned().await
    }

    /// A file of `source`'s bytes in the temporary folder, durable but for its name.
    fn stage(&self, source: &Path) -> io::Result<PathBuf> {
        let temporary = self.temporary();
        match fs::hard_link(source, &temporary) {
            Ok(()) => {}
            // Another file system, or one without hard links.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                durable::copy_synced(source, &temporary)?;
            }
            Err(error) => return Err(error),
        }
        Ok(temporary)
    }

    fn put_file_now(
        &self,
        key: &str,
        source: &Path,
        metadata: Option<&BTreeMap<String, String>>,
        when: PutWhen,
    ) -> Result<PutOutcome, StoreError> {
        let name = self.path_of(key)?;
        if when == PutWhen::Absent && name.exists() {
            return Ok(PutOutcome::Exists);
        }
        let staged = durable::create_dirs(durable::parent_of(&name)).and_then(|()| self.stage(source));
        let staged = staged.map_err(|error| problem(&error))?;
        let placed = self.place(key, &name, &staged, metadata, when);
        // A rename onto another link of the same file does nothing, and would leave this one.
        let _ = fs::remove_file(&staged);
        placed
    }

    /// The sidecar, then the object: an object that shows has its metadata. Where the second is never done, the sidecar
    /// says the same of the old object as before.
    fn place(
        &self,
        key: &str,
        name: &Path,
        staged: &Path,
        metadata: Option<&BTreeMap<String, String>>,
        when: PutWhen,
    ) -> Result<PutOutcome, StoreError> {
        if let Some(metadata) = metadata {
            self.describe(key, staged, metadata)?;
        }
        let published = match when {
            PutWhen::Always => durable::publish(staged, name).map(|()| true),
            PutWhen::Absent => durable::publish_new(staged, name),
        };
        let is_new = published.map_err(|error| problem(&error))?;
        Ok(if is_new { PutOutcome::Stored } else { PutOutcome::Exists })
    }

    fn describe(
        &self,
        key: &str,
        staged: &Path,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let size = fs::metadata(staged).map_err(|error| problem(&error))?.len();
        let before = self.head_now(key)?.filter(|there| there.size != size);
        let sidecar = Sidecar {
            version: Sidecar::VERSION,
            of: Description { size: Some(size), metadata: metadata.clone() },
            before: before.map(|there| Description { size: Some(there.size), metadata: there.metadata }),
        };
        let bytes = serde_json::to_vec_pretty(&sidecar).map_err(|e| StoreError::Refused(e.to_string()))?;
        self.replace(&self.sidecar_path(key)?, &bytes).map_err(|error| problem(&error))
    }

    fn replace(&self, name: &Path, bytes: &[u8]) -> io::Result<()> {
        durable::create_dirs(durable::parent_of(name))?;
        let temporary = self.temporary();
        let outcome =
            durable::write_synced(&temporary, bytes).and_then(|()| durable::publish(&temporary, name));
        if outcome.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        outcome
    }

    fn replace_if(&self, key: &str, bytes: &[u8], was: Option<&Version>) -> Result<bool, StoreError> {
        let name = self.path_of(key)?;
        let replace = || {
            // The kernel takes it back from a process that died.
            let lock = fs::File::create(self.inner.root.join(TEMPORARY_DIR).join(LOCK_FILE))?;
            lock.lock()?;
            let there = read_small(&name, REPLACED_MAX_BYTES)?.map(|bytes| version(&bytes));
            if there.as_ref() != was {
                return Ok(false);
            }
            self.replace(&name, bytes).map(|()| true)
        };
        replace().map_err(|error| problem(&error))
    }

    fn fetch_now(&self, key: &str, dest: &Path, max_bytes: u64) -> Result<Option<u64>, StoreError> {
        let name = self.path_of(key)?;
        match fs::hard_link(&name, dest) {
            Ok(()) => {}
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(problem(&error)),
            // Another file system, or one without hard links.
            Err(_) => {
                let size = fs::metadata(&name).map_err(|error| problem(&error))?.len();
                if size > max_bytes {
                    return Err(too_large(key, size, max_bytes));
                }
                copy(&name, dest).map_err(|error| problem(&error))?;
            }
        }
        let size = fs::metadata(dest).map_err(|error| problem(&error))?.len();
        if size > max_bytes {
            fs::remove_file(dest).map_err(|error| problem(&error))?;
            return Err(too_large(key, size, max_bytes));
        }
        Ok(Some(size))
    }

    fn head_now(&self, key: &str) -> Result<Option<StoredObject>, StoreError> {
        let file = match fs::metadata(self.path_of(key)?) {
            Ok(file) if file.is_file() => file,
            Ok(_) => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(problem(&error)),
        };
        let sidecar = self.sidecar_path(key)?;
        let metadata = match read_small(&sidecar, SIDECAR_MAX_BYTES) {
            Ok(Some(bytes)) => {
                let sidecar: Sidecar = serde_json::from_slice(&bytes)
                    .map_err(|error| StoreError::Refused(format!("{}: {error}", sidecar.display())))?;
                sidecar.metadata_of(file.len())
            }
            Ok(None) => BTreeMap::new(),
            Err(error) => return Err(problem(&error)),
        };
        let modified_at = modified_at(&file).map_err(|error| problem(&error))?;
        Ok(Some(StoredObject { size: file.len(), modified_at, metadata }))
    }

    fn delete_now(&self, key: &str) -> io::Result<()> {
        let name = self.path_of(key).map_err(io::Error::other)?;
        match fs::remove_file(&name) {
            Ok(()) => {}
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        durable::sync_dir(durable::parent_of(&name))?;
        self.prune(durable::parent_of(&name));
        Ok(())
    }

    /// Takes empty folders away, from `dir` upwards; a bucket has none.
    fn prune(&self, dir: &Path) {
        let mut at = Some(dir);
        while let Some(dir) = at.filter(|dir| *dir != self.inner.root) {
            // A folder that a put has just made may go here: the put makes it again (its error is retried).
            if fs::remove_dir(dir).is_err() {
                return;
            }
            at = dir.parent();
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || work(&this))
            .await
            .map_err(|error| StoreError::Unavailable(error.to_string()))?
    }
}

/// A name that no file can have is one that nothing has: buckets take longer ones.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}

fn modified_at(file: &fs::Metadata) -> io::Result<Millis> {
    let at = jiff::Timestamp::try_from(file.modified()?).map_err(io::Error::other)?;
    Ok(Millis(at.as_millisecond()))
}

fn read_small(path: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > max_bytes => Err(io::Error::other("larger than it may be")),
        Ok(_) => fs::read(path).map(Some),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A small object's content is its version.
fn version(bytes: &[u8]) -> Version {
    Version(Digest::of(bytes).to_string())
}

/// A new file of the same bytes, or none.
fn copy(source: &Path, dest: &Path) -> io::Result<()> {
    let mut from = fs::File::open(source)?;
    let mut to = fs::File::create_new(dest)?;
    let copied = io::copy(&mut from, &mut to);
    if copied.is_err() {
        fs::remove_file(dest)?;
    }
    copied.map(drop)
}

pub(crate) fn too_large(key: &str, size: u64, max_bytes: u64) -> StoreError {
    StoreError::Refused(format!("{key} holds {size} bytes, expected at most {max_bytes}"))
}

pub(crate) fn problem(error: &io::Error) -> StoreError {
    match error.kind() {
        _ if durable::is_full(error) => StoreError::Full(error.to_string()),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::Refused(error.to_string())
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn put_file(
        &self,
        key: &str,
        source: &Path,
        metadata: Option<&BTreeMap<String, String>>,
        when: PutWhen,
    ) -> Result<PutOutcome, StoreError> {
        let _one_at_a_time = self.lock(key).await;
        let (key, source, metadata) = (key.to_owned(), source.to_owned(), metadata.cloned());
        self.blocking(move |store| store.put_file_now(&key, &source, metadata.as_ref(), when)).await
    }

    async fn put_bytes(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let (key, bytes) = (key.to_owned(), bytes.to_vec());
        self.blocking(move |store| {
            store.replace(&store.path_of(&key)?, &bytes).map_err(|error| problem(&error))
        })
        .await
    }

    async fn head(&self, key: &str) -> Result<Option<StoredObject>, StoreError> {
        let key = key.to_owned();
        self.blocking(move |store| store.head_now(&key)).await
    }

    async fn get_bytes(&self, key: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.to_owned();
        self.blocking(move |store| {
            read_small(&store.path_of(&key)?, max_bytes).map_err(|error| problem(&error))
        })
        .await
    }

    async fn get_versioned(
        &self,
        key: &str,
        max_bytes: u64,
    ) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let read = self.get_bytes(key, max_bytes).await?;
        Ok(read.map(|bytes| {
            let version = version(&bytes);
            (bytes, version)
        }))
    }

    async fn replace_bytes(
        &self,
        key: &str,
        bytes: &[u8],
        was: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let _one_at_a_time = self.lock(key).await;
        let (key, bytes, was) = (key.to_owned(), bytes.to_vec(), was.cloned());
        self.blocking(move |store| store.replace_if(&key, &bytes, was.as_ref())).await
    }

    async fn fetch(&self, key: &str, dest: &Path, max_bytes: u64) -> Result<Option<u64>, StoreError> {
        let (key, dest) = (key.to_owned(), dest.to_owned());
        self.blocking(move |store| store.fetch_now(&key, &dest, max_bytes)).await
    }

    fn local_path(&self, key: &str) -> Option<PathBuf> {
        self.path_of(key).ok()
    }

    async fn list(&self, folder: &str, after: Option<&str>) -> Result<Listing, StoreError> {
        let root = self.path_of(folder)?;
        let (folder, after) = (folder.to_owned(), after.unwrap_or_default().to_owned());
        self.blocking(move |_| list::list(&root, &folder, &after).map_err(|error| problem(&error))).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        let _one_at_a_time = self.lock(key).await;
        let key = key.to_owned();
        self.blocking(move |store| store.delete_now(&key).map_err(|error| problem(&error))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "patrolcams/O'Brien 50% #1/2016-08-30/Hour-15/snap/a+b (ü).JPG";

    struct Bench {
        dir: tempfile::TempDir,
        store: LocalStore,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let store = LocalStore::open(&dir.path().join("store")).unwrap();
            Self { dir, store }
        }

        fn source(&self, bytes: &[u8]) -> PathBuf {
            let path = self.dir.path().join(format!("source-{}", bytes.len()));
            fs::write(&path, bytes).unwrap();
            path
        }
    }

    fn words(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// A full disk or a power cut between the two: a cut clip must not be taken for the whole one that was to come.
    #[tokio::test]
    async fn a_put_that_ends_before_its_object_changes_nothing() {
        let bench = Bench::new();
        let (cut, whole) = (words(&[("complete", "false")]), words(&[("complete", "true")]));
        bench.store.put_file(KEY, &bench.source(b"half"), Some(&cut), PutWhen::Absent).await.unwrap();
        let before = bench.store.head(KEY).await.unwrap().unwrap();
        for _ in 0..2 {
            bench.store.describe(KEY, &bench.source(b"all of it"), &whole).unwrap();
            assert_eq!(bench.store.head(KEY).await.unwrap().as_ref(), Some(&before));
        }
        let name = bench.store.path_of(KEY).unwrap();
        bench.store.put_file(KEY, &bench.source(b"all of it"), Some(&whole), PutWhen::Always).await.unwrap();
        let after = bench.store.head(KEY).await.unwrap().unwrap();
        assert_eq!((after.size, after.metadata), (9, whole));
        // Other bytes, by somebody's hand: nothing is claimed of them.
        fs::write(name, b"something else").unwrap();
        assert_eq!(bench.store.head(KEY).await.unwrap().unwrap().metadata, BTreeMap::new());
    }

    #[tokio::test]
    async fn the_same_file_put_again_leaves_nothing_behind() {
        let bench = Bench::new();
        let source = bench.source(b"the same");
        for when in [PutWhen::Absent, PutWhen::Absent, PutWhen::Always, PutWhen::Always] {
            bench.store.put_file(KEY, &source, Some(&words(&[("a", "b")])), when).await.unwrap();
        }
        let left = fs::read_dir(bench.dir.path().join("store").join(TEMPORARY_DIR)).unwrap().count();
        assert_eq!(left, 0);
    }

    #[tokio::test]
    async fn sidecars_of_version_1_mean_whatever_is_there() {
        let bench = Bench::new();
        bench.store.put_file(KEY, &bench.source(b"x"), None, PutWhen::Absent).await.unwrap();
        let sidecar = bench.store.sidecar_path(KEY).unwrap();
        fs::create_dir_all(sidecar.parent().unwrap()).unwrap();
        fs::write(sidecar, br#"{ "version": 1, "metadata": { "complete": "true" } }"#).unwrap();
        let metadata = bench.store.head(KEY).await.unwrap().unwrap().metadata;
        assert_eq!(metadata, words(&[("complete", "true")]));
    }

    #[tokio::test]
    async fn a_delete_leaves_no_empty_folders() {
        let bench = Bench::new();
        bench.store.put_file(KEY, &bench.source(b"x"), None, PutWhen::Absent).await.unwrap();
        bench.store.delete(KEY).await.unwrap();
        bench.store.delete(KEY).await.unwrap();
        assert_eq!(bench.store.head(KEY).await.unwrap(), None);
        assert!(!bench.store.path_of("patrolcams").unwrap().exists());
    }
}
