//! Where groups of cameras are kept.

use async_trait::async_trait;

use crate::{groups::CameraGroups, ports::CatalogError};

/// The groups of all people.
#[async_trait]
pub trait Groups: Send + Sync {
    /// All groups; none where nobody made any.
    async fn groups(&self) -> Result<CameraGroups, CatalogError>;
    /// Puts these in the place of all others, in one step; durable when Ok.
    async fn put_groups(&self, groups: &CameraGroups) -> Result<(), CatalogError>;
}
