//! The gateway's memory of what it shipped: on S3 it may write but not read.

use async_trait::async_trait;

use crate::{
    camera::CameraName,
    object_key::ObjectKey,
    ports::CatalogError,
    time::{Digest, Millis},
};

/// One capture that was shipped, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// The camera.
    pub camera: CameraName,
    /// The path that the camera sent, below its own folder.
    pub original_name: String,
    /// Digest of the bytes as received.
    pub original_sha256: Digest,
    /// How many bytes were received.
    pub original_size: u64,
    /// Whether all of the capture was there.
    pub complete: bool,
    /// Where it went.
    pub object_key: ObjectKey,
    /// When.
    pub shipped_at: Millis,
}

/// What was shipped under which name. Every call is durable when Ok.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// All shipments of one name of one camera, oldest first.
    async fn shipments(
        &self,
        camera: &CameraName,
        original_name: &str,
    ) -> Result<Vec<Shipment>, CatalogError>;

    /// All shipments to one key, oldest first: while a whole upload takes a cut one's place, there are two.
    async fn by_key(&self, key: &ObjectKey) -> Result<Vec<Shipment>, CatalogError>;

    /// Notes a shipment *before* its object is put: a put that was cut off by a crash is recognised as our own
    /// when it is tried again. Replaces what was noted of the same bytes for the key, and nothing else.
    async fn note(&self, shipment: &Shipment) -> Result<(), CatalogError>;

    /// Forgets one shipment.
    async fn forget(&self, key: &ObjectKey, original_sha256: &Digest) -> Result<(), CatalogError>;

    /// Forgets what was shipped before `before`; returns how many.
    async fn forget_before(&self, before: Millis) -> Result<u64, CatalogError>;
}
