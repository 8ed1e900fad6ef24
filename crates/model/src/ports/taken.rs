//! Which files of watched folders were taken already and left where they are.

use async_trait::async_trait;

use crate::{ports::CatalogError, time::Millis};

/// A file as it was when it was taken. Another size or time makes it another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenFile {
    /// Its absolute path, in raw bytes: file names need not be UTF-8.
    pub path: Vec<u8>,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last modified, in nanoseconds since 1970.
    pub modified_ns: i64,
}

/// The memory of watched folders. Every call is durable when Ok. Losing all of it makes work and no harm: the same
/// file again is a replay.
#[async_trait]
pub trait TakenFiles: Send + Sync {
    /// Remembers that `file` was taken, at `now`. Replaces what was noted of its path.
    async fn note_taken(&self, file: &TakenFile, now: Millis) -> Result<(), CatalogError>;
    /// Which of `files` were taken just as they are; in their order.
    async fn are_taken(&self, files: &[TakenFile]) -> Result<Vec<bool>, CatalogError>;
    /// At most `limit` paths after `after` in the order of their bytes, and when each was noted.
    async fn taken_after(&self, after: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Millis)>, CatalogError>;
    /// Forgets paths.
    async fn forget_taken(&self, paths: &[Vec<u8>]) -> Result<(), CatalogError>;
}
