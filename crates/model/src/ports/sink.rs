//! The step after the store: "an object arrived".

use async_trait::async_trait;

use crate::object_key::ObjectKey;

/// Why an arrival couldn't be taken.
#[derive(Debug, thiserror::Error)]
pub enum ArrivalError {
    /// Something below is out of reach or busy: try again later.
    #[error("{0}; it is tried again")]
    Retry(String),
    /// It will never succeed as it is: tell a person.
    #[error("{0}")]
    Permanent(String),
}

/// Takes arrivals, at least once each. In process, or a no-op where the store's own notification does it.
#[async_trait]
pub trait ArrivalSink: Send + Sync {
    /// A capture's object was put or removed. Ok: the catalog says what the store says. Idempotent.
    async fn object_changed(&self, key: &ObjectKey) -> Result<(), ArrivalError>;

    /// The manifest beside a capture was written. Ok: its record shows it (or there is none). Idempotent.
    async fn media_changed(&self, key: &ObjectKey) -> Result<(), ArrivalError>;

    /// What a person decided about a capture was written. Ok: its record shows it (or there is none). Idempotent.
    async fn state_changed(&self, key: &ObjectKey) -> Result<(), ArrivalError>;
}
