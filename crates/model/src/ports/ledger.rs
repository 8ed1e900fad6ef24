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
    const PIECE_BYTES: usize = 64 * 1024;

    /// Reads `reader` to its end, in small pieces: files are larger than memories.
    pub fn of_reader(mut reader: impl Read) -> io::Result<Self> {
        let mut rungs = Vec::new();
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; Self::PIECE_BYTES];
        let (mut read, mut rung) = (0, Self::FIRST_BYTES);
        loop {
            let wanted = buffer.len().min(usize::try_from(rung - read).unwrap_or(usize::MAX));
            let got = match reader.read(&mut buffer[..wanted]) {
                Ok(0) => return Ok(Self(rungs)),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&buffer[..got]);
            read += got as u64;
            if read == rung {
                rungs.push(Digest(hasher.clone().finalize().into()));
                rung *= 2;
            }
        }
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

    /// A clip of gigabytes once took as much memory: no read may be larger than a piece.
    #[test]
    fn a_ladder_reads_in_small_pieces() {
        struct Large(u64);
        impl Read for Large {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                assert!(buffer.len() <= Ladder::PIECE_BYTES);
                let got = buffer.len().min(usize::try_from(self.0).unwrap());
                self.0 -= got as u64;
                Ok(got)
            }
        }
        assert_eq!(
            Ladder::of_reader(Large(3_000_000)).unwrap().longest_within(u64::MAX).unwrap().0,
            2_097_152
        );
    }
}
