//! The spool: the durable queue on disk between a camera's upload and the store.
//!
//! Owns `DATA_DIR/spool`. Promises: what [`SpoolWriter::commit`] said Ok to survives SIGKILL and power cut, is
//! listed by [`Spool::entries`] until [`Spool::remove`], and is never changed meanwhile. An upload that the
//! process died under comes back at the next start as a cut one. Refuses: more than `max_bytes`.
//!
//! Files of one upload (docs/design/spool.md):
//!
//! | file | is |
//! |---|---|
//! | `ID.open` | who sends what, while an upload is under way that doesn't fit in memory; never trusted for anything but a cut upload |
//! | `ID.data` | the bytes, as received |
//! | `ID.json` | the header: its presence *is* the entry |

mod entry;
mod error;
mod recovery;
mod writer;

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use camtrail_durable::DirSync;
use camtrail_model::Millis;
use tokio::sync::Notify;

pub use entry::{EntryId, SpoolEntry, TransferEnd, UploadStart};
pub use error::SpoolError;
pub use recovery::Recovery;
pub use writer::SpoolWriter;

/// The files that are made from an entry while it is shipped, by extension.
const WORK_EXTENSIONS: [&str; 2] = ["mp4", "small.mp4"];

/// A receiver that keeps an entry back for longer has forgotten it.
const HELD_MAX: Duration = Duration::from_mins(1);

/// Bounds of a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolConfig {
    /// All bytes in the spool, uploads under way included. Above it, uploads are refused with `452`.
    pub max_bytes: u64,
}

/// How full a spool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Entries that wait to be shipped.
    pub entries: u64,
    /// Their bytes and those of uploads under way.
    pub bytes: u64,
    /// When the oldest entry was received.
    pub oldest: Option<Millis>,
}

/// The spool. Clones share it.
#[derive(Debug, Clone)]
pub struct Spool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    config: SpoolConfig,
    sync: DirSync,
    entries: Mutex<BTreeMap<EntryId, Arc<SpoolEntry>>>,
    bytes: AtomicU64,
    counter: AtomicU32,
    /// Held while a header is changed or removed: a changed header must not outlive its bytes.
    edit: Mutex<()>,
    /// Ids that were committed or changed since the shipper last asked.
    fresh: Mutex<Vec<EntryId>>,
    /// Ids whose receiver hasn't finished with them, and since when.
    held: Mutex<HashMap<EntryId, Instant>>,
    committed: Notify,
    committing: AtomicUsize,
    closing: AtomicBool,
}

impl Spool {
    /// Opens (or makes) the spool at `dir` and recovers what an earlier process left. Blocks.
    pub fn open(dir: &Path, config: SpoolConfig) -> Result<(Self, Recovery), SpoolError> {
        camtrail_durable::create_dirs(dir)?;
        let inner = Inner {
            dir: dir.to_owned(),
            config,
            sync: DirSync::new(dir),
            entries: Mutex::default(),
            bytes: AtomicU64::new(0),
            counter: AtomicU32::new(0),
            edit: Mutex::default(),
            fresh: Mutex::default(),
            held: Mutex::default(),
            committed: Notify::new(),
            committing: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
        };
        let spool = Self { inner: Arc::new(inner) };
        let recovery = recovery::recover(&spool)?;
        Ok((spool, recovery))
    }

    /// The program stops: what is dropped from now on without a commit stays, as if the process had been killed, and the next
    /// start finds it as a cut upload. Half a clip may be the evidence.
    pub fn close(&self) {
        self.inner.closing.store(true, Ordering::Relaxed);
    }

    fn is_closing(&self) -> bool {
        self.inner.closing.load(Ordering::Relaxed)
    }

    /// Begins an upload. Nothing is promised for it before [`SpoolWriter::commit`].
    pub fn begin(&self, start: UploadStart) -> Result<SpoolWriter, SpoolError> {
        let is_full = self.inner.bytes.load(Ordering::Relaxed) >= self.inner.config.max_bytes;
        let begun = if is_full { Err(self.full()) } else { Ok(SpoolWriter::new(self.clone(), start)) };
        begun.inspect_err(writer::count_failure)
    }

    /// A copy of all entries, oldest upload first.
    pub fn entries(&self) -> Vec<Arc<SpoolEntry>> {
        self.lock().values().cloned().collect()
    }

    /// One entry.
    pub fn entry(&self, id: &EntryId) -> Option<Arc<SpoolEntry>> {
        self.lock().get(id).cloned()
    }

    /// Where an entry's bytes are.
    pub fn data_path(&self, id: &EntryId) -> PathBuf {
        self.path(id, "data")
    }

    /// A place for files made from an entry while it is shipped; removed with it, and at every start.
    pub fn work_path(&self, id: &EntryId, extension: &str) -> PathBuf {
        self.path(id, &format!("work.{extension}"))
    }

    /// Changes an entry's header (a camera renamed its file). Atomic and durable. `false`: the entry has gone
    /// meanwhile, and nothing was changed. Blocks.
    pub fn update(&self, id: &EntryId, change: impl FnOnce(&mut SpoolEntry)) -> Result<bool, SpoolError> {
        let _edit = self.inner.edit.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = self.entry(id) else { return Ok(false) };
        let mut changed = SpoolEntry::clone(&entry);
        change(&mut changed);
        self.write_header(&changed)?;
        self.list(changed);
        Ok(true)
    }

    /// Forgets an entry: only after the store and the arrival step said Ok. Blocks. Not synced: an entry that a
    /// power cut brings back is shipped again, which changes nothing.
    pub fn remove(&self, id: &EntryId) -> Result<(), SpoolError> {
        let _edit = self.inner.edit.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = self.lock().remove(id) else { return Ok(()) };
        // The header first: bytes without a header are garbage, a header without bytes is an entry lost.
        remove_if_there(&self.path(id, "json"))?;
        remove_if_there(&self.path(id, "data"))?;
        for work in WORK_EXTENSIONS {
            remove_if_there(&self.work_path(id, work))?;
        }
        self.release(entry.size);
        Ok(())
    }

    /// How many bytes it takes.
    pub fn max_bytes(&self) -> u64 {
        self.inner.config.max_bytes
    }

    /// How full it is.
    pub fn usage(&self) -> Usage {
        let entries = self.lock();
        Usage {
            entries: entries.len() as u64,
            bytes: self.inner.bytes.load(Ordering::Relaxed),
            oldest: entries.values().map(|entry| entry.received_at).min(),
        }
    }

    /// How many uploads are being made durable now: cameras that wait for the disk.
    pub fn committing(&self) -> usize {
        self.inner.committing.load(Ordering::Relaxed)
    }

    /// Entries that were recovered, committed or changed since the last call, oldest upload first. Waits until
    /// there is one. For one caller: the shipper.
    pub async fn fresh(&self) -> Vec<Arc<SpoolEntry>> {
        loop {
            let mut ids =
                std::mem::take(&mut *self.inner.fresh.lock().unwrap_or_else(PoisonError::into_inner));
            if !ids.is_empty() {
                ids.sort();
                ids.dedup();
                let entries = self.lock();
                return ids.iter().filter_map(|id| entries.get(id).cloned()).collect();
            }
            self.inner.committed.notified().await;
        }
    }

    fn hold(&self, id: EntryId) {
        self.held().insert(id, Instant::now());
    }

    /// Whether it is still to be found out how the transfer ended. Ask *before* reading the entry: once this says no,
    /// what the entry says is final.
    pub fn is_held(&self, id: &EntryId) -> bool {
        let mut held = self.held();
        let forgotten = held.get(id).is_some_and(|since| since.elapsed() >= HELD_MAX);
        if forgotten {
            held.remove(id);
        }
        held.contains_key(id)
    }

    /// The receiver of an upload has found out how it ended.
    pub fn let_go(&self, id: &EntryId) {
        self.held().remove(id);
    }

    /// Shows a durable entry to readers and to the shipper.
    fn list(&self, entry: SpoolEntry) {
        let id = entry.id.clone();
        self.lock().insert(id.clone(), Arc::new(entry));
        self.inner.fresh.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        self.inner.committed.notify_one();
    }

    fn held(&self) -> MutexGuard<'_, HashMap<EntryId, Instant>> {
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<EntryId, Arc<SpoolEntry>>> {
        self.inner.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, id: &EntryId, extension: &str) -> PathBuf {
        self.inner.dir.join(format!("{id}.{extension}"))
    }

    fn full(&self) -> SpoolError {
        SpoolError::Full {
            used: self.inner.bytes.load(Ordering::Relaxed),
            max_bytes: self.inner.config.max_bytes,
        }
    }

    /// Takes room for `bytes`, or says that there is none.
    fn reserve(&self, bytes: u64) -> Result<(), SpoolError> {
        let before = self.inner.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.inner.config.max_bytes {
            self.release(bytes);
            return Err(self.full());
        }
        Ok(())
    }

    fn release(&self, bytes: u64) {
        self.inner.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Write, fsync, rename, fsync the directory. The data file's own name is covered by the same fsync.
    fn write_header(&self, entry: &SpoolEntry) -> Result<(), SpoolError> {
        let bytes = serde_json::to_vec(entry).map_err(io::Error::other)?;
        let temporary = self.path(&entry.id, "json.tmp");
        camtrail_durable::write_synced(&temporary, &bytes)?;
        camtrail_durable::rename_over(&temporary, &self.path(&entry.id, "json"))?;
        self.inner.sync.sync()?;
        Ok(())
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
