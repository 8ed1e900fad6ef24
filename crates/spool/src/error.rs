//! What can go wrong in the spool, by what the caller must do.

use std::io;

/// A spool failure.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// No room: the camera gets `452` and may try again; a person must be told.
    #[error("the spool is full: {used} of {max_bytes} bytes are taken")]
    Full {
        /// Bytes taken.
        used: u64,
        /// The bound.
        max_bytes: u64,
    },
    /// The disk is full: as above.
    #[error("the spool's disk is full")]
    DiskFull,
    /// The disk failed.
    #[error("the spool's disk: {0}")]
    Io(io::Error),
}

impl From<io::Error> for SpoolError {
    fn from(error: io::Error) -> Self {
        if camtrail_durable::is_full(&error) { Self::DiskFull } else { Self::Io(error) }
    }
}
