//! Browsers that asked for Web Push.

use async_trait::async_trait;

use crate::{ports::CatalogError, time::Millis};

/// Subscriptions of one person, at most: of more, the oldest go.
pub const PUSH_PER_USER_MAX: usize = 20;
/// Subscriptions of all people that are listed, at most.
pub const PUSH_MAX: usize = 1_000;

/// One browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSubscription {
    /// Made of its endpoint: the same browser again is the same subscription.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// Where its push service takes messages. A secret: who has it can try.
    pub endpoint: String,
    /// Its public key: an uncompressed point of P-256, 65 bytes.
    pub p256dh: Vec<u8>,
    /// Its authentication secret, 16 bytes.
    pub auth: Vec<u8>,
    /// When it was made, or last told of again: a signed-in page does so each day.
    pub created_at: Millis,
}

/// Subscriptions of all people. Every call is durable when Ok.
#[async_trait]
pub trait PushSubscriptions: Send + Sync {
    /// Makes or replaces one, also another person's (who used that browser before). A person's oldest go above
    /// [`PUSH_PER_USER_MAX`].
    async fn put_push(&self, subscription: &PushSubscription) -> Result<(), CatalogError>;
    /// All, by id, at most [`PUSH_MAX`].
    async fn push_subscriptions(&self) -> Result<Vec<PushSubscription>, CatalogError>;
    /// Forgets one; with `user`, only if it is theirs. False where there was none.
    async fn remove_push(&self, id: &str, user: Option<&str>) -> Result<bool, CatalogError>;
}
