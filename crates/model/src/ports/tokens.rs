//! Bearer tokens with which cameras and scripts upload by HTTP.

use async_trait::async_trait;

use crate::{ports::CatalogError, time::Millis};

/// A token. Its text is never stored, only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraToken {
    /// SHA-256 of the text.
    pub token_sha256: [u8; 32],
    /// The camera that it may upload for, or `*`: any.
    pub camera: String,
    /// When it was made.
    pub created_at: Millis,
}

/// The tokens. Every call is durable when Ok.
#[async_trait]
pub trait CameraTokens: Send + Sync {
    /// Remembers a new token; others of the same camera stay good.
    async fn put_camera_token(&self, token: &CameraToken) -> Result<(), CatalogError>;
    /// For which camera a token may upload (`*`: any); `None`: there is no such token.
    async fn camera_of_token(&self, token_sha256: &[u8; 32]) -> Result<Option<String>, CatalogError>;
    /// All tokens, by camera and age.
    async fn camera_tokens(&self) -> Result<Vec<CameraToken>, CatalogError>;
    /// Forgets all tokens of one camera (or of `*`), at once and everywhere; returns how many there were.
    async fn revoke_camera_tokens(&self, camera: &str) -> Result<u64, CatalogError>;
}
