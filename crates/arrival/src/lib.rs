//! "An object arrived": look at it, and make the catalog say what the store says.
//!
//! Notifications come late, twice, and in any order; so each is only a hint to look (HEAD, never a download).
//! There: record. Gone: forget. Promises: any number of calls in any order end in the state of the store.
//! Refuses: to make an event of a derived object.

use std::sync::Arc;

use async_trait::async_trait;
use camtrail_model::{
    CameraZones, CatalogRecord, DerivedFiles, DerivedKey, MediaManifest, ObjectKey, ObjectMetadata, names,
    ports::{
        ArrivalError, ArrivalSink, Attached, Catalog, CatalogError, Clock, ObjectStore, Recorded, StoreError,
        StoredObject,
    },
};

/// A manifest is a few hundred bytes; more is not one.
const MANIFEST_MAX_BYTES: u64 = 64 * 1024;

/// The arrival step, in process.
pub struct Arrivals {
    store: Arc<dyn ObjectStore>,
    catalog: Arc<dyn Catalog>,
    zones: Arc<CameraZones>,
    clock: Arc<dyn Clock>,
}

impl Arrivals {
    /// Reconciles `catalog` with `store`. `zones` and `clock` serve objects that others put without metadata.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        catalog: Arc<dyn Catalog>,
        zones: Arc<CameraZones>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, catalog, zones, clock }
    }

    async fn record(&self, key: &ObjectKey, object: StoredObject) -> Result<(), ArrivalError> {
        let metadata = if object.metadata.is_empty() {
            self.guess(key, object.size)
        } else {
            let parsed = ObjectMetadata::from_map(&object.metadata);
            parsed.map_err(|error| ArrivalError::Permanent(format!("{key}: {error}")))?
        };
        if metadata.camera != *key.camera() {
            let text = format!("{key}: its metadata names the camera {}", metadata.camera);
            return Err(ArrivalError::Permanent(text));
        }
        let outcome = self.catalog.record(&CatalogRecord::new(key.clone(), object.size, metadata)).await;
        match outcome.map_err(from_catalog)? {
            Recorded::Inserted => tracing::info!(%key, size_bytes = object.size, "event recorded"),
            Recorded::Replaced => {
                tracing::info!(%key, size_bytes = object.size, "event replaced by a fuller upload");
            }
            Recorded::AlreadyPresent => tracing::debug!(%key, "event is recorded already"),
        }
        // A manifest that came before its record found none to complete.
        self.attach(key).await
    }

    /// What the key alone tells of an object that carries no metadata.
    fn guess(&self, key: &ObjectKey, size: u64) -> ObjectMetadata {
        let now = self.clock.now();
        let parts: Vec<&str> = key.as_str().split('/').collect();
        let reading = names::read(&parts);
        let extension = key.file().extension().unwrap_or_default().to_ascii_lowercase();
        let content_type = match extension.as_str() {
            "jpg" | "jpeg" => "image/jpeg",
            "png" => "image/png",
            "mp4" | "m4v" => "video/mp4",
            _ => "application/octet-stream",
        };
        ObjectMetadata {
            camera: key.camera().clone(),
            time: names::capture_time(&reading, self.zones.of(key.camera()), now),
            received_at: now,
            stored_at: now,
            sha256: None,
            original_sha256: None,
            original_size: size,
            original_name: key.file().as_str().to_owned(),
            complete: true,
            content_type: content_type.to_owned(),
            duration_ms: None,
            width: None,
            height: None,
            video_codec: None,
        }
    }

    async fn attach(&self, key: &ObjectKey) -> Result<(), ArrivalError> {
        let manifest_key = DerivedKey::new(key, DerivedFiles::Manifest);
        let bytes =
            self.store.get_bytes(manifest_key.as_str(), MANIFEST_MAX_BYTES).await.map_err(from_store)?;
        let Some(bytes) = bytes else { return Ok(()) };
        let manifest: MediaManifest = serde_json::from_slice(&bytes)
            .map_err(|error| ArrivalError::Permanent(format!("{manifest_key}: {error}")))?;
        let outcome = self.catalog.attach_media(key, &manifest).await.map_err(from_catalog)?;
        if outcome == Attached::Updated {
            tracing::debug!(%key, poster = manifest.poster, "event completed");
        }
        Ok(())
    }
}

/// The store's own notification tells the function that does it (Lambda, or a webhook): nothing to do here.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByNotification;

#[async_trait]
impl ArrivalSink for ByNotification {
    async fn object_changed(&self, _: &ObjectKey) -> Result<(), ArrivalError> {
        Ok(())
    }

    async fn media_changed(&self, _: &ObjectKey) -> Result<(), ArrivalError> {
        Ok(())
    }
}

fn from_store(error: StoreError) -> ArrivalError {
    match error {
        StoreError::Refused(_) => ArrivalError::Permanent(error.to_string()),
        StoreError::Full(_) | StoreError::Unavailable(_) => ArrivalError::Retry(error.to_string()),
    }
}

fn from_catalog(error: CatalogError) -> ArrivalError {
    match error {
        CatalogError::Unavailable(_) => ArrivalError::Retry(error.to_string()),
        CatalogError::IdTaken { .. } | CatalogError::Corrupt(_) => ArrivalError::Permanent(error.to_string()),
    }
}

#[async_trait]
impl ArrivalSink for Arrivals {
    async fn object_changed(&self, key: &ObjectKey) -> Result<(), ArrivalError> {
        if let Some(object) = self.store.head(key.as_str()).await.map_err(from_store)? {
            self.record(key, object).await
        } else {
            if self.catalog.remove(key).await.map_err(from_catalog)? {
                tracing::info!(%key, "event removed with its object");
            }
            Ok(())
        }
    }

    async fn media_changed(&self, key: &ObjectKey) -> Result<(), ArrivalError> {
        self.attach(key).await
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, path::PathBuf};

    use camtrail_catalog::SqliteCatalog;
    use camtrail_model::{
        CaptureKind, EventQuery, Millis, ObjectBase, PageSize,
        ports::{PutWhen, SystemClock},
        testing,
    };
    use camtrail_store::LocalStore;
    use jiff::tz::TimeZone;

    use super::*;

    struct Bench {
        dir: tempfile::TempDir,
        store: Arc<LocalStore>,
        catalog: Arc<SqliteCatalog>,
        arrivals: Arc<Arrivals>,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let store = Arc::new(LocalStore::open(&dir.path().join("store")).unwrap());
            let catalog = Arc::new(
                SqliteCatalog::open(&dir.path().join("catalog.db"), &ObjectBase::default()).unwrap(),
            );
            let zone = TimeZone::get("America/Los_Angeles").unwrap();
            let zones = Arc::new(CameraZones::new(zone, HashMap::new()));
            let arrivals = Arrivals::new(
                Arc::<LocalStore>::clone(&store),
                Arc::<SqliteCatalog>::clone(&catalog),
                zones,
                Arc::new(SystemClock),
            );
            Self { dir, store, catalog, arrivals: Arc::new(arrivals) }
        }

        fn file(&self, bytes: &[u8]) -> PathBuf {
            let path = self.dir.path().join("file");
            std::fs::write(&path, bytes).unwrap();
            path
        }

        async fn events(&self) -> Vec<CatalogRecord> {
            self.catalog.page(&EventQuery::default(), PageSize::DEFAULT, None).await.unwrap().items
        }
    }

    /// NEVER-4 and the order of notifications: whatever comes when, the catalog says what the store says.
    #[tokio::test]
    async fn any_number_of_deliveries_in_any_order_is_one_record() {
        let bench = Bench::new();
        let clip = testing::record("backyard", 1_000, CaptureKind::Record, "x.mp4");
        let key = &clip.object_key;
        bench.arrivals.object_changed(key).await.unwrap();
        bench.arrivals.media_changed(key).await.unwrap();
        assert!(bench.events().await.is_empty(), "a notification without its object makes nothing");
        let map = clip.metadata.to_map();
        bench.store.put_file(key.as_str(), &bench.file(b"clip"), Some(&map), PutWhen::Absent).await.unwrap();
        let deliveries: Vec<_> = (0..8)
            .map(|_| {
                let (arrivals, key) = (Arc::clone(&bench.arrivals), key.clone());
                tokio::spawn(async move { arrivals.object_changed(&key).await })
            })
            .collect();
        for delivery in deliveries {
            delivery.await.unwrap().unwrap();
        }
        assert_eq!(bench.events().await, vec![clip.clone()]);
        bench.store.delete(key.as_str()).await.unwrap();
        bench.arrivals.object_changed(key).await.unwrap();
        bench.arrivals.object_changed(key).await.unwrap();
        assert!(bench.events().await.is_empty());
    }

    #[tokio::test]
    async fn a_manifest_that_came_first_completes_its_record() {
        let bench = Bench::new();
        let clip = testing::record("backyard", 1_000, CaptureKind::Record, "x.mp4");
        let manifest = MediaManifest {
            version: MediaManifest::VERSION,
            sha256: clip.metadata.sha256.unwrap(),
            poster: true,
            poster_width: None,
            poster_height: None,
            playable: false,
            problem: None,
        };
        let manifest_key = DerivedKey::new(&clip.object_key, DerivedFiles::Manifest);
        bench.store.put_bytes(manifest_key.as_str(), &serde_json::to_vec(&manifest).unwrap()).await.unwrap();
        bench.arrivals.media_changed(&clip.object_key).await.unwrap();
        assert!(bench.events().await.is_empty(), "a derived file never makes an event (NEVER-14)");
        let map = clip.metadata.to_map();
        bench
            .store
            .put_file(clip.object_key.as_str(), &bench.file(b"clip"), Some(&map), PutWhen::Absent)
            .await
            .unwrap();
        bench.arrivals.object_changed(&clip.object_key).await.unwrap();
        assert!(bench.events().await[0].poster);
    }

    #[tokio::test]
    async fn an_object_without_metadata_is_read_from_its_key() {
        let bench = Bench::new();
        let text = "patrolcams/backyard/2016-08-30/Hour-15/record/MDalarm_20160830_152954.mp4";
        let key = ObjectKey::parse(&ObjectBase::default(), text).unwrap();
        bench.store.put_file(text, &bench.file(b"clip"), None, PutWhen::Absent).await.unwrap();
        bench.arrivals.object_changed(&key).await.unwrap();
        let event = &bench.events().await[0];
        assert_eq!(event.time().instant, Millis(1_472_596_194_000));
        assert_eq!((event.size, event.metadata.content_type.as_str()), (4, "video/mp4"));
    }
}
