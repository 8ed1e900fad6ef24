//! The object store: a local directory, or S3 and its kin.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;

use crate::time::Millis;

/// When a put may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutWhen {
    /// Only where there is no object yet.
    Absent,
    /// Whatever is there.
    Always,
}

/// What a put did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// The object is durable under this key.
    Stored,
    /// [`PutWhen::Absent`] found an object; nothing was changed.
    Exists,
}

/// What the store knows of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Its size in bytes.
    pub size: u64,
    /// When its bytes were last written.
    pub modified_at: Millis,
    /// The user metadata that was put with it; empty where there was none.
    pub metadata: BTreeMap<String, String>,
}

/// Why the store refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No room. Retried, with an alert.
    #[error("the store is full: {0}")]
    Full(String),
    /// Out of reach, busy or broken for now. Retried.
    #[error("the store can't be reached: {0}")]
    Unavailable(String),
    /// Not allowed, or misconfigured: retrying alone won't help.
    #[error("the store refused: {0}")]
    Refused(String),
}

/// Which content a small object had when it was read. Opaque: only the store that gave it understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

/// A part of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Keys, in the store's order.
    pub keys: Vec<String>,
    /// Whether more may follow; then the last key is where to go on.
    pub more: bool,
}

impl Listing {
    /// The most keys of one part.
    pub const MAX: usize = 1_000;
}

/// What a link to an object should be.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// The media type that the answer shall have.
    pub content_type: &'a str,
    /// `Content-Disposition` of the answer, where it is to be a download.
    pub content_disposition: Option<&'a str>,
    /// Now.
    pub now: Millis,
    /// How long it must be good at least.
    pub valid: Duration,
}

/// Objects by key. Keys are `/`-joined text made by [`crate::ObjectKey`] and [`crate::DerivedKey`].
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Puts the file at `source` (already durable, never changed afterwards) under `key`, whole or not at
    /// all. Ok: it survives a power cut, with its metadata.
    async fn put_file(
        &self,
        key: &str,
        source: &Path,
        metadata: Option<&BTreeMap<String, String>>,
        when: PutWhen,
    ) -> Result<PutOutcome, StoreError>;

    /// Puts a small object (a manifest, a poster), replacing what is there. Ok: durable.
    async fn put_bytes(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// Looks without reading. `None`: not there.
    async fn head(&self, key: &str) -> Result<Option<StoredObject>, StoreError>;

    /// Reads a small object, at most `max_bytes`; `None`: not there.
    async fn get_bytes(&self, key: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// The same, with what [`Self::replace_bytes`] wants to know.
    async fn get_versioned(
        &self,
        key: &str,
        max_bytes: u64,
    ) -> Result<Option<(Vec<u8>, Version)>, StoreError>;

    /// Puts a small object only where it still has the content of `was` (`None`: where there is none); of any number of
    /// calls at once, also from several processes, one is first. `true`: durable. `false`: another content is there, and
    /// stays.
    async fn replace_bytes(&self, key: &str, bytes: &[u8], was: Option<&Version>)
    -> Result<bool, StoreError>;

    /// Brings the object's bytes into the file `dest` (which must not exist). `Some`: all of them are there, so many.
    /// `None`: no such object. Otherwise, and where it holds more than `max_bytes` (refused), `dest` doesn't exist. The
    /// file may share its bytes with the store: it is only read, and removed when done with.
    async fn fetch(&self, key: &str, dest: &Path, max_bytes: u64) -> Result<Option<u64>, StoreError>;

    /// Where the object is a file of this machine's; `None` where the store is elsewhere. Says nothing about
    /// whether it exists.
    fn local_path(&self, key: &str) -> Option<PathBuf> {
        let _ = key;
        None
    }

    /// A link by which anybody who has it reads the object from the store itself, with `Range`; the same for some
    /// minutes. `None`: the store has no address of its own. Says nothing about whether the object exists.
    async fn link(&self, key: &str, link: &Link<'_>) -> Result<Option<String>, StoreError> {
        let _ = (key, link);
        Ok(None)
    }

    /// Where the links of [`Self::link`] lead: scheme and host, for a page's content policy.
    fn links_from(&self) -> Option<String> {
        None
    }

    /// The keys below `folder` (no slash at its end) that come after `after`, at most [`Listing::MAX`]. Every object
    /// that is there from the first part to the last is in exactly one. The order is the store's: of the keys' bytes
    /// for the local directory and AWS; some of S3's kin go folder by folder.
    async fn list(&self, folder: &str, after: Option<&str>) -> Result<Listing, StoreError>;

    /// Removes an object; Ok also where there was none.
    async fn delete(&self, key: &str) -> Result<(), StoreError>;

    /// Whether the store's own rule may remove the object after its time. Idempotent; Ok also where there is no such
    /// object, and where the store has no such rule (a local directory: retention goes by the catalog). Every put lets
    /// its object expire (again).
    async fn let_expire(&self, key: &str, may_expire: bool) -> Result<(), StoreError> {
        let _ = (key, may_expire);
        Ok(())
    }
}
