//! A tombstone: a cut upload's object that gave way, and that the gateway had no right to delete.
//!
//! Owns the format of `derived/{cut key}/superseded.json`, and which object it is about. Refuses: to hide content that it
//! doesn't name, and anything that is complete (docs/design/cut-uploads.md).

use serde::{Deserialize, Serialize};

use crate::{
    metadata::ObjectMetadata,
    time::{Digest, Millis},
};

/// `derived/{cut key}/superseded.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// The format's version; 1.
    pub version: u32,
    /// The key of the upload that took the place.
    pub by: String,
    /// What that upload's camera sent.
    pub by_original_sha256: Digest,
    /// What the cut upload's camera sent: an object of other content under the key isn't meant.
    pub original_sha256: Digest,
    /// When, in milliseconds since 1970.
    pub at: Millis,
}

impl Superseded {
    /// The version that this code writes.
    pub const VERSION: u32 = 1;
    /// A tombstone is a few hundred bytes; more is not one.
    pub const MAX_BYTES: u64 = 16 * 1024;

    /// Whether it is about an object of this kind.
    pub fn means(&self, cut: &ObjectMetadata) -> bool {
        self.version == Self::VERSION && !cut.complete && cut.original_sha256 == Some(self.original_sha256)
    }

    /// Whether what stands under [`Self::by`] has all of the cut upload's bytes: the upload that was named, or a fuller
    /// one of the same name that has taken its key since (only one that begins with its bytes may).
    pub fn is_replaced_by(&self, cut: &ObjectMetadata, there: &ObjectMetadata) -> bool {
        let is_named = there.original_sha256 == Some(self.by_original_sha256);
        let is_fuller = there.camera == cut.camera
            && there.original_name == cut.original_name
            && there.original_size > cut.original_size;
        is_named || is_fuller
    }
}
