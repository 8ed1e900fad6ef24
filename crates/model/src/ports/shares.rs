//! Public links to one event each.

use async_trait::async_trait;

use crate::{event::EventId, ports::CatalogError, time::Millis};

/// Shares that are kept, at most: those that can be opened and those that ended.
pub const SHARES_MAX: usize = 2_000;

/// A share. Its token's text is never stored, only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// SHA-256 of the token.
    pub token_sha256: [u8; 32],
    /// What is shown.
    pub event: EventId,
    /// Who made it.
    pub by: String,
    /// When.
    pub created_at: Millis,
    /// When it ends by itself.
    pub expires_at: Millis,
    /// When somebody ended it.
    pub revoked_at: Option<Millis>,
    /// A word to whoever opens it.
    pub note: Option<String>,
    /// What became of it.
    pub openings: Openings,
}

/// How often a share was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Openings {
    /// How often it was shown.
    pub opened: u64,
    /// How often somebody came when it had ended.
    pub refused: u64,
    /// When it was last shown.
    pub last_at: Option<Millis>,
}

/// What a secret is called where it may be told: half of its digest, which tells nothing of the secret itself.
pub fn public_id(token_sha256: &[u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(&token_sha256[..16])
}

impl Share {
    /// What it is called.
    pub fn id(&self) -> String {
        public_id(&self.token_sha256)
    }

    /// When it ended or will end.
    pub fn ends_at(&self) -> Millis {
        self.revoked_at.map_or(self.expires_at, |at| at.min(self.expires_at))
    }
}

/// The shares. Every call is durable when Ok, and what ended has ended for everybody.
#[async_trait]
pub trait Shares: Send + Sync {
    /// Keeps a new share.
    async fn put_share(&self, share: &Share) -> Result<(), CatalogError>;
    /// The share of an id, ended or not. Any text may be asked for.
    async fn share(&self, id: &str) -> Result<Option<Share>, CatalogError>;
    /// All that are kept, the newest first.
    async fn shares(&self) -> Result<Vec<Share>, CatalogError>;
    /// Ends a share; false where there is none, or somebody ended it before.
    async fn revoke_share(&self, id: &str, at: Millis) -> Result<bool, CatalogError>;
    /// Counts that it was shown, or asked for in vain; Ok also where there is none.
    async fn count_opening(&self, id: &str, at: Millis, refused: bool) -> Result<(), CatalogError>;
    /// Forgets a share; Ok also where there is none.
    async fn forget_share(&self, id: &str) -> Result<(), CatalogError>;
}
