//! Large files go in parts, and what has arrived is never sent twice: not after a cut line, not after a restart.
//!
//! A note on disk holds the upload's id, and of each part that the store has confirmed its own digest and the
//! store's answer. A part is skipped only if the file still has those bytes there, so a note can be stale but
//! never wrong. Uploads that nobody goes on with are the bucket's lifecycle rule's to clear away.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use camtrail_durable as durable;
use data_encoding::HEXLOWER;
use object_store::{
    Error, PutMultipartOptions, PutPayload,
    aws::AmazonS3,
    multipart::{MultipartStore, PartId},
    path::Path as Key,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A part's usual size: S3 takes no less than 5 MiB but for the last one, and this much is held in memory.
pub(super) const PART_BYTES: u64 = 8 * 1024 * 1024;
/// S3 takes 10,000 parts; a file of 20 GB has 2,385.
const PARTS_MAX: u64 = 9_000;
/// A note that is this old belongs to nothing any more; buckets clear incomplete uploads away after days.
const NOTE_AGE_MAX: Duration = Duration::from_hours(7 * 24);

/// What is known of an upload under way.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    version: u32,
    key: String,
    size: u64,
    part_bytes: u64,
    upload_id: String,
    parts: Vec<Part>,
}

/// A part that the store has.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    sha256: String,
    id: String,
}

impl Note {
    const VERSION: u32 = 1;
}

/// The folder of the notes. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Notes(Arc<PathBuf>);

impl Notes {
    /// Makes the folder, and forgets what is too old. Blocks.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        durable::create_dirs(dir)?;
        for file in std::fs::read_dir(dir)? {
            let file = file?;
            let age = file.metadata()?.modified()?;
            if SystemTime::now().duration_since(age).is_ok_and(|age| age > NOTE_AGE_MAX) {
                std::fs::remove_file(file.path())?;
            }
        }
        Ok(Self(Arc::new(dir.to_owned())))
    }

    /// One note a content and key: two contents that want one key don't take each other's.
    fn path(&self, key: &Key, content: &str) -> PathBuf {
        let digest = Sha256::digest(format!("{key}\0{content}"));
        self.0.join(format!("{}.json", HEXLOWER.encode(&digest)))
    }
}

/// One large file on its way.
pub(super) struct Upload<'a> {
    pub(super) client: &'a AmazonS3,
    pub(super) notes: &'a Notes,
    pub(super) key: &'a Key,
    pub(super) source: &'a Path,
    pub(super) size: u64,
    /// What tells this content from others under the key.
    pub(super) content: &'a str,
    pub(super) options: PutMultipartOptions,
}

/// Why a large file isn't there.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadError {
    #[error(transparent)]
    Store(#[from] Error),
    #[error("reading {0}")]
    Io(#[from] io::Error),
}

fn part_bytes(size: u64) -> u64 {
    let least = size.div_ceil(PARTS_MAX);
    PART_BYTES.max(least.next_multiple_of(1024 * 1024))
}

impl Upload<'_> {
    /// Sends what the store doesn't have yet, and completes. `AlreadyExists` or `Precondition` come from a client
    /// that completes only where there is nothing.
    pub(super) async fn run(&self) -> Result<(), UploadError> {
        let path = self.notes.path(self.key, self.content);
        if let Some(note) = self.known(&path) {
            let parts = note.parts.len();
            tracing::info!(key = %self.key, parts, "going on with an upload in parts");
            match self.send(note, &path).await {
                // The store has forgotten the upload (or completed it, and its answer was lost): anew.
                Err(UploadError::Store(Error::NotFound { .. })) => forget(&path)?,
                other => return other,
            }
        }
        let upload_id = self.client.create_multipart_opts(self.key, self.options.clone()).await?;
        let note = Note {
            version: Note::VERSION,
            key: self.key.to_string(),
            size: self.size,
            part_bytes: part_bytes(self.size),
            upload_id,
            parts: Vec::new(),
        };
        self.send(note, &path).await
    }

    fn known(&self, path: &Path) -> Option<Note> {
        let note: Note = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let fits = note.version == Note::VERSION
            && note.key == self.key.as_ref()
            && note.size == self.size
            && note.part_bytes == part_bytes(self.size);
        fits.then_some(note)
    }

    async fn send(&self, mut note: Note, path: &Path) -> Result<(), UploadError> {
        let count = self.size.div_ceil(note.part_bytes);
        for index in 0..count {
            let (bytes, sha256) = self.part(index, note.part_bytes).await?;
            let at = index as usize;
            if note.parts.get(at).is_some_and(|part| part.sha256 == sha256) {
                continue;
            }
            let sent =
                self.client.put_part(self.key, &note.upload_id, at, PutPayload::from_bytes(bytes)).await?;
            note.parts.truncate(at);
            note.parts.push(Part { sha256, id: sent.content_id });
            Self::write(&note, path)?;
        }
        let parts = note.parts.iter().map(|part| PartId { content_id: part.id.clone() }).collect();
        match self.client.complete_multipart(self.key, &note.upload_id, parts).await {
            Ok(_) => Ok(forget(path)?),
            Err(error @ (Error::AlreadyExists { .. } | Error::Precondition { .. })) => {
                // Its parts cost money until they are cleared away; the lifecycle rule does what this can't.
                let _ = self.client.abort_multipart(self.key, &note.upload_id).await;
                forget(path)?;
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A part's bytes and digest.
    async fn part(&self, index: u64, part_bytes: u64) -> io::Result<(Bytes, String)> {
        let (source, from) = (self.source.to_owned(), index * part_bytes);
        let length = part_bytes.min(self.size - from) as usize;
        let read = tokio::task::spawn_blocking(move || {
            use std::os::unix::fs::FileExt;
            let mut bytes = vec![0; length];
            std::fs::File::open(source)?.read_exact_at(&mut bytes, from)?;
            let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
            Ok((Bytes::from(bytes), sha256))
        });
        read.await.map_err(io::Error::other)?
    }

    /// A few kilobytes after each part of megabytes: not worth a thread.
    fn write(note: &Note, path: &Path) -> io::Result<()> {
        durable::replace_file(path, &serde_json::to_vec(note).map_err(io::Error::other)?)
    }
}

fn forget(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_few_enough_for_any_file() {
        assert_eq!(part_bytes(20_000_000_000), PART_BYTES);
        let terabyte = 1_000_000_000_000;
        assert!(terabyte / part_bytes(terabyte) <= PARTS_MAX);
        assert_eq!(part_bytes(terabyte) % (1024 * 1024), 0);
    }
}
