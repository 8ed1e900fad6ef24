//! One object, looked at by many, in any order.

use std::{collections::HashMap, path::PathBuf, pin::Pin};

use camtrail_catalog::SqliteCatalog;
use camtrail_model::{
    CaptureKind, Digest, EventQuery, Millis, ObjectBase, PageSize,
    ports::PutWhen,
    testing::{self, StoreBeside, StoreCall},
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
        let catalog =
            Arc::new(SqliteCatalog::open(&dir.path().join("catalog.db"), &ObjectBase::default()).unwrap());
        let zone = TimeZone::get("America/Los_Angeles").unwrap();
        let zones = Arc::new(CameraZones::new(zone, HashMap::new()));
        let arrivals =
            Arrivals::new(Arc::<LocalStore>::clone(&store), Arc::<SqliteCatalog>::clone(&catalog), zones);
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
    let manifest = MediaManifest { poster: true, ..MediaManifest::new(clip.metadata.sha256.unwrap()) };
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

/// A row that has the object's bytes and another time, as an older version or another program may have written it.
#[tokio::test]
async fn a_record_that_says_something_else_is_restored() {
    let bench = Bench::new();
    let right = testing::record("backyard", 1_000, CaptureKind::Record, "x.mp4");
    let map = right.metadata.to_map();
    let key = &right.object_key;
    let right = CatalogRecord { size: 4, ..right.clone() };
    bench.store.put_file(key.as_str(), &bench.file(b"clip"), Some(&map), PutWhen::Absent).await.unwrap();
    for ts in [1_000, 2_000] {
        let mut wrong = CatalogRecord { note: Some("kept?".to_owned()), protected: true, ..right.clone() };
        wrong.metadata.time.instant = Millis(ts);
        wrong.metadata.original_name = "wrong".to_owned();
        bench.catalog.record(&wrong).await.unwrap();
        assert_eq!(bench.arrivals.reconcile(key).await.unwrap().did, Did::Already);
        assert_eq!(bench.arrivals.restore(key).await.unwrap().did, Did::Replaced);
        assert_eq!(bench.arrivals.restore(key).await.unwrap().did, Did::Already);
        let events = bench.events().await;
        assert_eq!((events.len(), &events[0].metadata), (1, &right.metadata));
        assert_eq!(events[0].protected, ts == 1_000, "found by its id");
        bench.catalog.remove(key).await.unwrap();
    }
}

/// A store in which something happens between a look and what comes of it.
struct Crossed {
    store: Arc<LocalStore>,
    between: tokio::sync::Mutex<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

#[async_trait]
impl StoreBeside for Crossed {
    fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    async fn after(&self, call: StoreCall, _: &str) {
        let next = if call == StoreCall::Head { self.between.lock().await.pop() } else { None };
        if let Some(between) = next {
            between.await;
        }
    }
}

/// Two calls that cross: one looks, the store changes and the other call is done, then the first writes what it
/// saw. The last word is the store's, in both directions.
#[tokio::test]
async fn calls_that_cross_end_in_the_state_of_the_store() {
    for there_first in [true, false] {
        let bench = Bench::new();
        let clip = testing::record("backyard", 1_000, CaptureKind::Record, "x.mp4");
        let (key, map, file) = (clip.object_key.clone(), clip.metadata.to_map(), bench.file(b"clip"));
        let (store, arrivals) = (Arc::clone(&bench.store), Arc::clone(&bench.arrivals));
        let put = store.put_file(key.as_str(), &file, Some(&map), PutWhen::Always);
        put.await.unwrap();
        arrivals.object_changed(&key).await.unwrap();
        if there_first {
            bench.catalog.remove(&key).await.unwrap();
        } else {
            store.delete(key.as_str()).await.unwrap();
        }
        let between = {
            let (store, key, map, file) = (Arc::clone(&store), key.clone(), map.clone(), file.clone());
            async move {
                if there_first {
                    store.delete(key.as_str()).await.unwrap();
                } else {
                    store.put_file(key.as_str(), &file, Some(&map), PutWhen::Always).await.unwrap();
                }
                arrivals.object_changed(&key).await.unwrap();
            }
        };
        let crossed = Crossed { store, between: tokio::sync::Mutex::new(vec![Box::pin(between)]) };
        let zones = Arc::new(CameraZones::new(TimeZone::UTC, HashMap::new()));
        let first = Arrivals::new(Arc::new(crossed), Arc::<SqliteCatalog>::clone(&bench.catalog), zones);
        first.reconcile(&key).await.unwrap();
        assert_eq!(bench.events().await.len(), usize::from(!there_first), "there first: {there_first}");
    }
}

#[test]
fn a_manifest_of_the_first_release_is_read() {
    let digest = "ab".repeat(32);
    let old = format!(r#"{{"version": 1, "sha256": "{digest}", "poster": true, "playable": false}}"#);
    let manifest: MediaManifest = serde_json::from_str(&old).unwrap();
    assert!(manifest.poster && !manifest.original && !manifest.has_small());
    assert_eq!(manifest.small, None, "nobody tried");
}

#[test]
fn what_is_written_reads_back_and_old_programs_find_what_they_know() {
    let empty = MediaManifest::new(Digest([7; 32]));
    let full = MediaManifest { small: Some(true), original: true, poster: true, ..empty.clone() };
    for manifest in [empty, full] {
        let text = serde_json::to_string(&manifest).unwrap();
        assert_eq!(serde_json::from_str::<MediaManifest>(&text).unwrap(), manifest);
        assert!(text.contains("\"version\":1,") && text.contains("\"playable\":false"), "{text}");
    }
}
