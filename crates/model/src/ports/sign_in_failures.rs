//! What is remembered of wrong sign-ins, for all processes that take any.
//!
//! Only what is remembered: how long whoever failed must wait is `auth`'s.

use async_trait::async_trait;

use crate::{ports::CatalogError, time::Millis};

/// The wrong sign-ins of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    /// How many there were.
    pub count: u32,
    /// When the last one was.
    pub last: Millis,
}

/// Wrong sign-ins by key. A key is short and tells nothing of a person.
#[async_trait]
pub trait SignInFailures: Send + Sync {
    /// What is noted of `key`.
    async fn failures(&self, key: &str) -> Result<Option<Failures>, CatalogError>;
    /// Notes `new` of `key` in the place of `seen`, until it is forgiven or it is `forget_at`. False, and nothing is
    /// changed, where something else than `seen` is noted by now: so no two ever count as one.
    async fn replace(
        &self,
        key: &str,
        seen: Option<Failures>,
        new: Failures,
        forget_at: Millis,
    ) -> Result<bool, CatalogError>;
    /// Forgets what is noted of `key`; Ok also where nothing is.
    async fn forgive(&self, key: &str) -> Result<(), CatalogError>;
}
