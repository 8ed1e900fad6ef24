//! What retention asks a catalog that can't expire by itself (SQLite; DynamoDB and S3 have rules of their own).

use async_trait::async_trait;

use crate::{object_key::ObjectKey, ports::CatalogError, time::Millis};

/// One event, as retention sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its object.
    pub object_key: ObjectKey,
    /// When it was stored: retention counts from here, never from the capture.
    pub stored_at: Millis,
    /// The object's size in bytes.
    pub size: u64,
}

/// Which events are the oldest.
#[async_trait]
pub trait Expiry: Send + Sync {
    /// The events that were stored first, at `since` or later, and aren't protected, oldest first, at most `limit`.
    async fn oldest(&self, since: Millis, limit: usize) -> Result<Vec<Kept>, CatalogError>;

    /// The bytes of all objects, protected ones included.
    async fn stored_bytes(&self) -> Result<u64, CatalogError>;

    /// How many events aren't protected and were stored in `from..before`, and their bytes.
    async fn count_stored(&self, from: Millis, before: Millis) -> Result<(u64, u64), CatalogError>;
}
