//! The intake: everything that comes by another door than FTP, on its way into the spool.
//!
//! Same spool, same promises: what `finish` said Ok to is durable and ends in the store and the catalog once. FTP keeps
//! a door of its own ([`crate::FtpStorage`]), because its listings, renames and restarts look into the spool.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use camtrail_model::{
    CameraName, Digest, ObjectMetadata,
    ports::{Clock, Delivery, DeliveryEnd, Incoming, Intake, IntakeError, Ledger, ObjectStore, Receipt},
};
use camtrail_spool::{Spool, SpoolError, SpoolWriter, TransferEnd, UploadStart};

/// Files that are safe on a disk already (watched folders, imports) take at most this share of the spool, so that
/// cameras, which may have nowhere else to keep their clips, find room. One half.
const GUESTS_SHARE: u64 = 2;
/// And so many entries: uploads are shipped oldest first, and a live event must not wait behind a whole archive.
const GUESTS_ENTRIES: u64 = 64;
/// How often a guest looks whether there is room.
const ROOM_POLL: Duration = Duration::from_millis(100);

/// Puts uploads into the spool. Clones share it.
#[derive(Clone)]
pub struct SpoolIntake {
    spool: Spool,
    clock: Arc<dyn Clock>,
}

impl SpoolIntake {
    /// An intake of `spool`.
    pub fn new(spool: Spool, clock: Arc<dyn Clock>) -> Self {
        Self { spool, clock }
    }

    /// Whether a file of `size` bytes that can wait where it is should come now.
    pub(crate) fn has_room_for_guest(&self, size: u64) -> bool {
        let (usage, max_bytes) = (self.spool.usage(), self.spool.max_bytes());
        let fits = usage.bytes.saturating_add(size) <= max_bytes / GUESTS_SHARE;
        // What is larger than its share comes when nothing else is there.
        usage.entries < GUESTS_ENTRIES && (fits || usage.bytes == 0)
    }

    /// Waits until [`Self::has_room_for_guest`].
    pub(crate) async fn room_for_guest(&self, size: u64) {
        while !self.has_room_for_guest(size) {
            tokio::time::sleep(ROOM_POLL).await;
        }
    }
}

#[async_trait]
impl Intake for SpoolIntake {
    async fn begin(&self, delivery: Delivery) -> Result<Box<dyn Incoming>, IntakeError> {
        let start = UploadStart {
            account: delivery.account,
            camera: delivery.camera,
            path: delivery.path,
            started_at: self.clock.now(),
            modified_at: delivery.modified_at,
        };
        let max_bytes = self.spool.max_bytes();
        let writer = self.spool.begin(start).map_err(|error| refusal(error, 0, max_bytes))?;
        Ok(Box::new(SpoolIncoming { writer, clock: Arc::clone(&self.clock), max_bytes }))
    }

    fn max_bytes(&self) -> u64 {
        self.spool.max_bytes()
    }
}

struct SpoolIncoming {
    writer: SpoolWriter,
    clock: Arc<dyn Clock>,
    max_bytes: u64,
}

/// `wanted`: how many bytes the upload has by itself.
fn refusal(error: SpoolError, wanted: u64, max_bytes: u64) -> IntakeError {
    match error {
        SpoolError::Full { .. } if wanted > max_bytes => IntakeError::TooLarge { max_bytes },
        SpoolError::Full { .. } | SpoolError::DiskFull => IntakeError::Full,
        SpoolError::Io(error) => IntakeError::Io(error),
    }
}

#[async_trait]
impl Incoming for SpoolIncoming {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), IntakeError> {
        let wanted = self.writer.len().saturating_add(bytes.len() as u64);
        self.writer.write(bytes).await.map_err(|error| refusal(error, wanted, self.max_bytes))
    }

    fn received(&self) -> u64 {
        self.writer.len()
    }

    async fn finish(self: Box<Self>, end: DeliveryEnd) -> Result<Option<Receipt>, IntakeError> {
        let transfer = match end {
            DeliveryEnd::Complete => TransferEnd::Complete,
            DeliveryEnd::Cut(_) if self.writer.is_empty() => return Ok(None),
            DeliveryEnd::Cut(why) => TransferEnd::Cut(why),
        };
        let received = self.writer.len();
        let committed = self.writer.commit(transfer, self.clock.now()).await;
        let entry = committed.map_err(|error| refusal(error, received, self.max_bytes))?;
        Ok(Some(Receipt { name: entry.original_name(), size: entry.size, sha256: entry.sha256 }))
    }
}

/// Digests of what was shipped with `size` bytes under one name of one camera and is in the store still. What can't be asked is taken
/// for absent: sent again, it is a replay and changes nothing.
pub(crate) async fn stored_digests(
    ledger: &dyn Ledger,
    store: &dyn ObjectStore,
    camera: &CameraName,
    name: &str,
    size: u64,
) -> Vec<Digest> {
    let shipments = match ledger.shipments(camera, name).await {
        Ok(shipments) => shipments,
        Err(error) => {
            tracing::warn!(%camera, upload = name, %error, "the ledger can't tell what was shipped");
            return Vec::new();
        }
    };
    let mut there = Vec::new();
    // Some cameras give one name to all: most of its shipments need no look at the store.
    for shipment in shipments.into_iter().filter(|shipment| shipment.original_size == size) {
        let Ok(Some(object)) = store.head(shipment.object_key.as_str()).await else { continue };
        let metadata = ObjectMetadata::from_map(&object.metadata).ok();
        if metadata.is_some_and(|metadata| metadata.original_sha256 == Some(shipment.original_sha256)) {
            there.push(shipment.original_sha256);
        }
    }
    there
}

#[cfg(test)]
mod tests {
    use camtrail_model::ports::SystemClock;
    use camtrail_spool::SpoolConfig;

    use super::*;

    fn delivery() -> Delivery {
        Delivery {
            account: "test".to_owned(),
            camera: CameraName::parse("gate").unwrap(),
            path: vec!["snap".to_owned(), "a.jpg".to_owned()],
            modified_at: None,
        }
    }

    #[tokio::test]
    async fn full_too_large_cut_and_whole_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(dir.path(), SpoolConfig { max_bytes: 1_000 }).unwrap();
        let intake = SpoolIntake::new(spool.clone(), Arc::new(SystemClock));
        let mut whole = intake.begin(delivery()).await.unwrap();
        whole.write(&[1; 600]).await.unwrap();
        let receipt = whole.finish(DeliveryEnd::Complete).await.unwrap().unwrap();
        assert_eq!((receipt.name.as_str(), receipt.size), ("snap/a.jpg", 600));
        let mut full = intake.begin(delivery()).await.unwrap();
        assert!(matches!(full.write(&[1; 600]).await, Err(IntakeError::Full)));
        let mut large = intake.begin(delivery()).await.unwrap();
        assert!(matches!(large.write(&[1; 1_001]).await, Err(IntakeError::TooLarge { max_bytes: 1_000 })));
        let empty = intake.begin(delivery()).await.unwrap();
        assert_eq!(empty.finish(DeliveryEnd::Cut("x".to_owned())).await.unwrap(), None);
        let mut cut = intake.begin(delivery()).await.unwrap();
        cut.write(&[1; 10]).await.unwrap();
        assert_eq!(cut.received(), 10);
        cut.finish(DeliveryEnd::Cut("gone".to_owned())).await.unwrap().unwrap();
        drop((full, large));
        assert_eq!((spool.usage().entries, spool.usage().bytes), (2, 610));
        assert_eq!(spool.entries()[1].transfer, TransferEnd::Cut("gone".to_owned()));
    }

    #[tokio::test]
    async fn guests_leave_room_for_cameras() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(dir.path(), SpoolConfig { max_bytes: 1_000 }).unwrap();
        let intake = SpoolIntake::new(spool.clone(), Arc::new(SystemClock));
        assert!(intake.has_room_for_guest(900), "alone, a large one may come");
        let mut upload = intake.begin(delivery()).await.unwrap();
        upload.write(&[1; 300]).await.unwrap();
        upload.finish(DeliveryEnd::Complete).await.unwrap();
        assert!(intake.has_room_for_guest(200) && !intake.has_room_for_guest(201));
    }
}
