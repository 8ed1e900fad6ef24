//! The gateway's memory of what it shipped: on S3 it may write but not read.

use std::io::{self, Read};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

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
    /// Digests of the original's beginnings: what a cut upload that is noticed later is compared with.
    pub ladder: Ladder,
    /// Whether the store said that it has it.
    pub confirmed: bool,
}

/// Digests of a file's first 4 kiB, 8 kiB, 16 kiB and so on, as far as it goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ladder(Vec<Digest>);

impl Ladder {
    /// The length of the first rung, in bytes.
    const FIRST_BYTES: u64 = 4096;

    /// Reads `reader` to its end.
    pub fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        let mut rungs = Vec::new();
        let mut hasher = Sha256::new();
        let mut from = 0;
        let mut piece = Vec::new();
        for rung in (0..).map(|n| Self::FIRST_BYTES << n) {
            piece.clear();
            let wanted = rung - from;
            let read = reader.by_ref().take(wanted).read_to_end(&mut piece)? as u64;
            if read < wanted {
                break;
            }
            hasher.update(&piece);
            rungs.push(Digest(hasher.clone().finalize().into()));
            from = rung;
        }
        Ok(Self(rungs))
    }

    /// The longest beginning that is no longer than `size` bytes: its length and digest. More than half of
    /// `size`, unless that is less than the first rung.
    pub fn longest_within(&self, size: u64) -> Option<(u64, Digest)> {
        let rungs = self.0.iter().enumerate().map(|(n, digest)| (Self::FIRST_BYTES << n, *digest));
        rungs.take_while(|(length, _)| *length <= size).last()
    }

    /// The digests as text, shortest beginning first.
    pub fn to_text(&self) -> String {
        self.0.iter().map(Digest::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The reverse of [`Self::to_text`].
    pub fn parse(text: &str) -> Option<Self> {
        text.split_whitespace().map(Digest::parse).collect::<Option<Vec<_>>>().map(Self)
    }
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
    /// when it is tried again; and once more, confirmed, when the store has said yes. Replaces what was noted of the same bytes for the key, and nothing else.
    async fn note(&self, shipment: &Shipment) -> Result<(), CatalogError>;

    /// Forgets one shipment.
    async fn forget(&self, key: &ObjectKey, original_sha256: &Digest) -> Result<(), CatalogError>;

    /// Forgets what was shipped before `before`; returns how many.
    async fn forget_before(&self, before: Millis) -> Result<u64, CatalogError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_knows_the_beginnings_of_its_file() {
        let file: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
        let ladder = Ladder::of_reader(&file[..]).unwrap();
        assert_eq!(ladder.longest_within(4_095), None);
        assert_eq!(ladder.longest_within(70_000), Some((65_536, Digest::of(&file[..65_536]))));
        assert_eq!(ladder.longest_within(10_000), Some((8_192, Digest::of(&file[..8_192]))));
        assert_eq!(Ladder::parse(&ladder.to_text()), Some(ladder));
        assert_eq!(Ladder::of_reader(&b"short"[..]).unwrap(), Ladder::default());
    }
}
