//! The door into the spool for what doesn't come by FTP: uploads by HTTP, watched folders, imports.

use async_trait::async_trait;

use crate::{
    camera::CameraName,
    time::{Digest, Millis},
};

/// What is known when an upload begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Who brings it, for logs: a door and a name, such as `http` or `watch /srv/ftp`.
    pub account: String,
    /// The camera that it belongs to.
    pub camera: CameraName,
    /// Folders and file name below the camera's folder; never empty.
    pub path: Vec<String>,
    /// When the file was last modified where it comes from, if it is a file there.
    pub modified_at: Option<Millis>,
}

/// How an upload ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// All of it came.
    Complete,
    /// It was cut off, and why. An empty one leaves nothing.
    Cut(String),
}

/// What is durable now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The path below the camera's folder, joined by `/`.
    pub name: String,
    /// How many bytes.
    pub size: u64,
    /// Their digest.
    pub sha256: Digest,
}

/// Why an upload isn't taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// No room now; it may come again.
    #[error("the spool or its disk is full")]
    Full,
    /// It would not fit into an empty spool either.
    #[error("it is larger than the whole spool ({max_bytes} bytes): raise spool.max_bytes")]
    TooLarge {
        /// The spool's bound.
        max_bytes: u64,
    },
    /// The disk failed.
    #[error("the spool can't be written: {0}")]
    Io(#[from] std::io::Error),
}

/// Takes uploads.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Begins an upload. Nothing is promised for it before [`Incoming::finish`].
    async fn begin(&self, delivery: Delivery) -> Result<Box<dyn Incoming>, IntakeError>;
    /// The largest upload that can ever be taken, in bytes.
    fn max_bytes(&self) -> u64;
}

/// One upload under way. Dropped, it leaves nothing behind.
#[async_trait]
pub trait Incoming: Send {
    /// Takes the next bytes. An error ends the upload.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), IntakeError>;
    /// How many bytes came so far.
    fn received(&self) -> u64;
    /// Makes it durable: after Ok it ends in the store and the catalog, whatever happens to the process. `None`: it
    /// was cut before its first byte, and there is nothing to keep.
    async fn finish(self: Box<Self>, end: DeliveryEnd) -> Result<Option<Receipt>, IntakeError>;
}
