//! One upload on its way into the spool.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use camtrail_model::{
    Digest, Millis,
    metrics::{UPLOAD_BYTES, UPLOADS, UPLOADS_FAILED},
};
use sha2::Digest as _;

use crate::{EntryId, Spool, SpoolEntry, SpoolError, TransferEnd, UploadStart, remove_if_there};

/// Bytes are handed to the disk in pieces of this size: one hop off the async threads for each.
const BUFFER_BYTES: usize = 256 * 1024;
/// And after so long whatever came: a slow camera's half clip must survive the process, too.
const BUFFER_AGE: Duration = Duration::from_millis(500);

/// The disk is asked to begin with so much at a time.
const BEGIN_BYTES: u64 = 1024 * 1024;

/// Takes the bytes of one upload. Dropped without [`Self::commit`], it leaves nothing behind; but for a spool that is
/// [closing](Spool::close).
#[derive(Debug)]
pub struct SpoolWriter {
    spool: Spool,
    id: EntryId,
    start: UploadStart,
    /// `None` only while a blocking task has it.
    disk: Option<Disk>,
    buffer: Vec<u8>,
    flushed_at: Instant,
    reserved: u64,
    finished: bool,
}

/// What the blocking side needs.
#[derive(Debug)]
struct Disk {
    /// `None` until the first bytes go to the disk: a still comes whole before any do, and needs no note.
    file: Option<File>,
    hasher: sha2::Sha256,
    written: u64,
    /// The disk was asked to begin with the bytes up to here.
    begun: u64,
}

impl Disk {
    /// Writes bytes of an upload that goes on: from the first on, the note says whose they are.
    fn write_part(
        &mut self,
        spool: &Spool,
        id: &EntryId,
        start: &UploadStart,
        bytes: &[u8],
    ) -> io::Result<()> {
        if self.file.is_none() {
            std::fs::write(spool.path(id, "open"), serde_json::to_vec(start).map_err(io::Error::other)?)?;
        }
        self.write(spool, id, bytes)?;
        self.begin_with();
        Ok(())
    }

    fn write(&mut self, spool: &Spool, id: &EntryId, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                // No id is given twice.
                let made = OpenOptions::new().write(true).create_new(true).open(spool.data_path(id))?;
                none.insert(made)
            }
        };
        file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Lets the disk begin with what is there while the rest is still on its way.
    fn begin_with(&mut self) {
        if let Some(file) = self.file.as_ref().filter(|_| self.written - self.begun >= BEGIN_BYTES) {
            camtrail_durable::begin_writing(file, self.begun, self.written);
            self.begun = self.written;
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.file.as_ref().map_or(Ok(()), File::sync_all)
    }
}

impl SpoolWriter {
    pub(crate) fn new(spool: Spool, start: UploadStart) -> Self {
        let number = spool.inner.counter.fetch_add(1, Ordering::Relaxed);
        let disk = Disk { file: None, hasher: sha2::Sha256::new(), written: 0, begun: 0 };
        Self {
            spool,
            id: EntryId::new(start.started_at, number),
            start,
            disk: Some(disk),
            buffer: Vec::new(),
            flushed_at: Instant::now(),
            reserved: 0,
            finished: false,
        }
    }

    /// How many bytes came so far.
    pub fn len(&self) -> u64 {
        self.reserved
    }

    /// Whether nothing came so far.
    pub fn is_empty(&self) -> bool {
        self.reserved == 0
    }

    /// Takes the next bytes. [`SpoolError::Full`] and [`SpoolError::DiskFull`] end the upload.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        let taken = self.take(bytes).await;
        taken.inspect_err(count_failure)
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.spool.reserve(bytes.len() as u64)?;
        self.reserved += bytes.len() as u64;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES || self.flushed_at.elapsed() >= BUFFER_AGE {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), SpoolError> {
        let mut disk = self.take_disk()?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let (spool, id, start) = (self.spool.clone(), self.id.clone(), self.start.clone());
        let (disk, buffer, outcome) = blocking(move || {
            let outcome = disk.write_part(&spool, &id, &start, &buffer);
            buffer.clear();
            (disk, buffer, outcome)
        })
        .await?;
        (self.disk, self.buffer, self.flushed_at) = (Some(disk), buffer, Instant::now());
        outcome.map_err(SpoolError::from)
    }

    /// After [`Self::commit`] it is still to be found out how the transfer ended ([`Spool::is_held`]): until
    /// [`Spool::let_go`], and not for longer than a minute, whatever becomes of the receiver.
    pub fn hold(&mut self) {
        self.spool.hold(self.id.clone());
    }

    /// Makes the upload durable: file fsync, header, rename, directory fsync. Only after Ok may anybody be told
    /// that it arrived. On an error nothing is left of it. Once begun it runs to its end, even if the caller
    /// goes away: then the entry is there and nobody was told, as after a lost `226`.
    pub async fn commit(
        mut self,
        transfer: TransferEnd,
        received_at: Millis,
    ) -> Result<SpoolEntry, SpoolError> {
        let mut disk = self.take_disk()?;
        let buffer = std::mem::take(&mut self.buffer);
        let (spool, id, start, reserved) =
            (self.spool.clone(), self.id.clone(), self.start.clone(), self.reserved);
        self.finished = true;
        let waits = Waits::begin(&spool);
        let committed = blocking(move || {
            let _waits = waits;
            let has_note = disk.file.is_some();
            let make_durable = || {
                disk.write(&spool, &id, &buffer)?;
                disk.sync()?;
                let entry = SpoolEntry {
                    version: SpoolEntry::VERSION,
                    id: id.clone(),
                    start,
                    received_at,
                    size: disk.written,
                    sha256: Digest(std::mem::take(&mut disk.hasher).finalize().into()),
                    transfer,
                };
                spool.write_header(&entry)?;
                Ok::<_, SpoolError>(entry)
            };
            match make_durable() {
                Ok(entry) => {
                    if has_note {
                        let _ = remove_if_there(&spool.path(&id, "open"));
                    }
                    spool.list(entry.clone());
                    Ok(entry)
                }
                Err(error) => {
                    abandon(&spool, &id, reserved);
                    Err(error)
                }
            }
        })
        .await
        .and_then(|outcome| outcome);
        committed.inspect(count).inspect_err(count_failure)
    }

    fn take_disk(&mut self) -> Result<Disk, SpoolError> {
        self.disk.take().ok_or_else(|| io::Error::other("a write failed before").into())
    }
}

/// One more that waits for the disk, until it is dropped.
struct Waits(Spool);

impl Waits {
    fn begin(spool: &Spool) -> Self {
        spool.inner.committing.fetch_add(1, Ordering::Relaxed);
        Self(spool.clone())
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.inner.committing.fetch_sub(1, Ordering::Relaxed);
    }
}

fn count(entry: &SpoolEntry) {
    metrics::counter!(UPLOADS).increment(1);
    metrics::counter!(UPLOAD_BYTES).increment(entry.size);
}

/// For those who watch: an upload that isn't acknowledged, and why.
pub(crate) fn count_failure(error: &SpoolError) {
    let reason = match error {
        SpoolError::Full { .. } => "full",
        SpoolError::DiskFull => "disk_full",
        SpoolError::Io(_) => "disk",
    };
    metrics::counter!(UPLOADS_FAILED, "reason" => reason).increment(1);
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, SpoolError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| SpoolError::Io(io::Error::other(error)))
}

/// Removes what an upload left that nobody was told of.
fn abandon(spool: &Spool, id: &EntryId, reserved: u64) {
    // A failure can come after the header's rename: the header must go too, and first.
    for extension in ["json", "json.tmp", "data", "open"] {
        if let Err(error) = remove_if_there(&spool.path(id, extension)) {
            tracing::warn!(entry = %id, %error, "an abandoned upload could not be removed from the spool");
        }
    }
    spool.let_go(id);
    spool.release(reserved);
}

impl Drop for SpoolWriter {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        if !self.spool.is_closing() || self.is_empty() {
            return abandon(&self.spool, &self.id, self.reserved);
        }
        // Without a disk, a task has it, and ends by itself.
        if let Some(disk) = &mut self.disk
            && let Err(error) = disk.write_part(&self.spool, &self.id, &self.start, &self.buffer)
        {
            tracing::warn!(entry = %self.id, %error, "the end of an upload under way could not be kept at the stop");
        }
    }
}
