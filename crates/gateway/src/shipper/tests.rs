//! The shipper on a real spool, store, ledger and catalog: cut and whole, same names, replays, a failing store.

use std::{
    collections::HashMap,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use async_trait::async_trait;
use camtrail_arrival::Arrivals;
use camtrail_catalog::{SqliteCatalog, SqliteLedger};
use camtrail_model::{
    CameraName, CameraZones, CatalogRecord, Digest, EventQuery, Millis, ObjectBase, PageSize,
    ports::{Catalog, Clock, MediaTool, ObjectStore, StoreError, SystemClock},
    testing::{PlainMedia, StoreBeside, StoreCall},
};
use camtrail_spool::{Spool, SpoolConfig, TransferEnd, UploadStart};
use camtrail_store::LocalStore;

use super::*;
use crate::{ShipConfig, SmallRule};

mod copies;
mod long_outage;
mod posters;

const WHOLE: &[u8] = b"\xFF\xD8\xFF\xE0 a whole still \xFF\xD9";

/// A store that fails a number of times before it works, and remembers what it was asked.
struct Flaky {
    store: LocalStore,
    failures_left: AtomicU32,
    failing_deletes_left: AtomicU32,
    /// The role may put, and not delete.
    no_deletes: AtomicBool,
    /// Keys of captures that were put, in order.
    put: Mutex<Vec<String>>,
    refused: AtomicU32,
    /// Takes clips, and no originals beside them.
    no_originals: AtomicBool,
    /// The gateway's own role may put, and neither look nor read; the catalog's may.
    gateway_may_not_look: AtomicBool,
}

impl Flaky {
    fn fails(count: &AtomicU32) -> Result<(), StoreError> {
        match count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) {
            Ok(_) => Err(StoreError::Unavailable("flaky".to_owned())),
            Err(_) => Ok(()),
        }
    }
}

#[async_trait]
impl StoreBeside for Flaky {
    fn store(&self) -> &dyn ObjectStore {
        &self.store
    }

    async fn before(&self, call: StoreCall, key: &str) -> Result<(), StoreError> {
        match call {
            StoreCall::PutFile => {
                Self::fails(&self.failures_left)
                    .inspect_err(|_| _ = self.refused.fetch_add(1, Ordering::SeqCst))?;
                if key.ends_with("/original") && self.no_originals.load(Ordering::SeqCst) {
                    return Err(StoreError::Refused("AccessDenied".to_owned()));
                }
                self.put.lock().unwrap().push(key.to_owned());
                Ok(())
            }
            StoreCall::Delete => {
                Self::fails(&self.failing_deletes_left)?;
                let refused = self.no_deletes.load(Ordering::SeqCst);
                if refused { Err(StoreError::Refused("AccessDenied".to_owned())) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }
}

/// The store as the gateway's role sees it.
struct OfGateway(Arc<Flaky>);

#[async_trait]
impl StoreBeside for OfGateway {
    fn store(&self) -> &dyn ObjectStore {
        &*self.0
    }

    async fn before(&self, call: StoreCall, _: &str) -> Result<(), StoreError> {
        let looks = matches!(call, StoreCall::Head | StoreCall::Get | StoreCall::List);
        let refused = looks && self.0.gateway_may_not_look.load(Ordering::SeqCst);
        if refused { Err(StoreError::Refused("AccessDenied".to_owned())) } else { Ok(()) }
    }
}

struct Bench {
    dir: tempfile::TempDir,
    spool: Spool,
    store: Arc<Flaky>,
    catalog: SqliteCatalog,
    stop: watch::Sender<bool>,
    clock: AtomicU32,
}

impl Bench {
    fn new() -> Self {
        Self::with(Arc::new(SystemClock))
    }

    fn with(clock: Arc<dyn Clock>) -> Self {
        Self::set_up(clock, Arc::new(PlainMedia), |_| {})
    }

    fn set_up(
        clock: Arc<dyn Clock>,
        media: Arc<dyn MediaTool>,
        change: impl FnOnce(&mut ShipConfig),
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let base = ObjectBase::default();
        let (spool, _) = Spool::open(&dir.path().join("spool"), SpoolConfig { max_bytes: 1 << 24 }).unwrap();
        let store = LocalStore::open(&dir.path().join("store")).unwrap();
        let store = Arc::new(Flaky {
            store,
            failures_left: AtomicU32::new(0),
            failing_deletes_left: AtomicU32::new(0),
            no_deletes: AtomicBool::new(false),
            put: Mutex::default(),
            refused: AtomicU32::new(0),
            no_originals: AtomicBool::new(false),
            gateway_may_not_look: AtomicBool::new(false),
        });
        let catalog = SqliteCatalog::open(&dir.path().join("catalog.db"), &base).unwrap();
        let zones = Arc::new(CameraZones::new(jiff::tz::TimeZone::UTC, HashMap::new()));
        let arrivals =
            Arrivals::new(Arc::<Flaky>::clone(&store), Arc::new(catalog.clone()), Arc::clone(&zones));
        let mut config = ShipConfig {
            base: base.clone(),
            remux: true,
            remux_limit: Duration::from_secs(1),
            poster: true,
            small: SmallRule::default(),
            keep_original: false,
        };
        change(&mut config);
        let parts = Parts {
            spool: spool.clone(),
            store: Arc::new(OfGateway(Arc::clone(&store))),
            sink: Arc::new(arrivals),
            cameras: Arc::new(crate::Book(Arc::new(catalog.clone()))),
            ledger: Arc::new(SqliteLedger::open(&dir.path().join("ledger.db"), &base).unwrap()),
            media,
            manifests: camtrail_derive::Manifests::new(Arc::<Flaky>::clone(&store)),
            later: None,
            zones,
            clock,
            config: Arc::new(config),
        };
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(Shipper::new(parts).0.run(stopped));
        Self { dir, spool, store, catalog, stop, clock: AtomicU32::new(0) }
    }

    async fn upload(&self, path: &str, bytes: &[u8], transfer: TransferEnd) {
        self.upload_from("backyard", path, bytes, transfer).await;
    }

    async fn upload_from(&self, camera: &str, path: &str, bytes: &[u8], transfer: TransferEnd) {
        self.upload_at(SystemClock.now(), camera, path, bytes, transfer).await;
    }

    async fn upload_at(&self, at: Millis, camera: &str, path: &str, bytes: &[u8], transfer: TransferEnd) {
        let started_at = Millis(1_700_000_000_000 + i64::from(self.clock.fetch_add(1, Ordering::SeqCst)));
        let start = UploadStart {
            account: "camera".to_owned(),
            camera: CameraName::parse(camera).unwrap(),
            path: path.split('/').map(str::to_owned).collect(),
            started_at,
            modified_at: None,
        };
        let mut writer = self.spool.begin(start).unwrap();
        writer.write(bytes).await.unwrap();
        writer.commit(transfer, at).await.unwrap();
    }

    async fn settled(&self) -> Vec<CatalogRecord> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.spool.usage().entries > 0 {
            assert!(Instant::now() < deadline, "the spool never became empty");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.events().await
    }

    async fn events(&self) -> Vec<CatalogRecord> {
        self.catalog.page(&EventQuery::default(), PageSize::DEFAULT, None).await.unwrap().items
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

fn cut() -> TransferEnd {
    TransferEnd::Cut("test".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_becomes_one_event_with_a_poster() {
    let bench = Bench::new();
    bench.upload("snap/MDAlarm_20160830-155137.jpg", WHOLE, TransferEnd::Complete).await;
    let events = bench.settled().await;
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(
        event.object_key.as_str(),
        "patrolcams/backyard/2016-08-30/Hour-15/snap/MDAlarm_20160830-155137.jpg"
    );
    assert!(event.poster && event.metadata.complete);
    assert_eq!(event.metadata.original_sha256, Some(Digest::of(WHOLE)));
}

/// NEVER-12: a camera that reuses one name keeps its history. NEVER-20: a replay doubles nothing.
#[tokio::test(flavor = "multi_thread")]
async fn same_name_other_bytes_are_two_events_and_replays_none() {
    let bench = Bench::new();
    let other = b"\xFF\xD8\xFF\xE0 another still \xFF\xD9";
    for bytes in [WHOLE, other, WHOLE, other, WHOLE] {
        bench.upload("snap/MDAlarm_20160830-155137.jpg", bytes, TransferEnd::Complete).await;
    }
    let events = bench.settled().await;
    let mut names: Vec<_> = events.iter().map(|event| event.object_key.file().as_str().to_owned()).collect();
    names.sort();
    let hashed = format!("MDAlarm_20160830-155137.{}.jpg", Digest::of(other).short());
    assert_eq!(names, [hashed, "MDAlarm_20160830-155137.jpg".to_owned()]);
}

/// Any number of cut tries, of any lengths, give way to the whole one, even while the store fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_upload_takes_the_place_of_its_cut_ones() {
    let bench = Bench::new();
    bench.store.failures_left.store(3, Ordering::SeqCst);
    for length in [9, 6, 12] {
        bench.upload("snap/MDAlarm_20160830-155137.jpg", &WHOLE[..length], cut()).await;
    }
    bench.upload("snap/MDAlarm_20160830-155137.jpg", WHOLE, TransferEnd::Complete).await;
    let events = bench.settled().await;
    let told: Vec<_> =
        events.iter().map(|e| (e.object_key.file().as_str(), e.metadata.complete, e.size)).collect();
    assert_eq!(told, [("MDAlarm_20160830-155137.jpg", true, WHOLE.len() as u64)]);
}

/// A failure between the whole one's put and the cut ones' removal is made good by the next try.
#[tokio::test(flavor = "multi_thread")]
async fn taking_a_cut_uploads_place_survives_failures_on_the_way() {
    let bench = Bench::new();
    for length in [12, 9, 6] {
        bench.upload("snap/MDAlarm_20160830-155137.jpg", &WHOLE[..length], cut()).await;
    }
    assert_eq!(bench.settled().await.len(), 3);
    bench.store.failures_left.store(1, Ordering::SeqCst);
    bench.store.failing_deletes_left.store(2, Ordering::SeqCst);
    bench.upload("snap/MDAlarm_20160830-155137.jpg", WHOLE, TransferEnd::Complete).await;
    let events = bench.settled().await;
    let told: Vec<_> = events.iter().map(|e| (e.object_key.file().as_str(), e.metadata.complete)).collect();
    assert_eq!(told, [("MDAlarm_20160830-155137.jpg", true)]);
}

/// The role may not delete: the cut ones' objects stay, and are no events, not even when they are looked at again.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_right_to_delete_a_tombstone_takes_the_cut_ones_away() {
    let bench = Bench::new();
    bench.store.no_deletes.store(true, Ordering::SeqCst);
    for length in [12, 9, 6] {
        bench.upload("snap/MDAlarm_20160830-155137.jpg", &WHOLE[..length], cut()).await;
    }
    let cut_ones = bench.settled().await;
    assert_eq!(cut_ones.len(), 3);
    // The death of the process between tombstone and spool is a failure there.
    bench.store.failures_left.store(1, Ordering::SeqCst);
    bench.upload("snap/MDAlarm_20160830-155137.jpg", WHOLE, TransferEnd::Complete).await;
    let events = bench.settled().await;
    let told: Vec<_> = events.iter().map(|e| (e.object_key.file().as_str(), e.metadata.complete)).collect();
    assert_eq!(told, [("MDAlarm_20160830-155137.jpg", true)]);
    let arrivals = Arrivals::new(
        Arc::<Flaky>::clone(&bench.store),
        Arc::new(bench.catalog.clone()),
        Arc::new(CameraZones::new(jiff::tz::TimeZone::UTC, HashMap::new())),
    );
    for cut in cut_ones {
        assert!(bench.store.head(cut.object_key.as_str()).await.unwrap().is_some(), "the objects are there");
        arrivals.restore(&cut.object_key).await.unwrap();
    }
    assert_eq!(bench.settled().await, events);
}

/// The process died between the last byte and the commit of a format without an end mark: the same bytes again,
/// acknowledged this time, are whole.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_become_whole_when_they_are_known_to_be() {
    let bench = Bench::new();
    let stream = b"\0\0\x01\xBA a program stream has no end mark";
    bench.upload("record/MDalarm_20160830_152954.mkv", stream, cut()).await;
    assert!(!bench.settled().await[0].metadata.complete);
    bench.upload("record/MDalarm_20160830_152954.mkv", stream, TransferEnd::Complete).await;
    let events = bench.settled().await;
    assert_eq!(events.len(), 1);
    assert!(events[0].metadata.complete && events[0].poster);
    bench.upload("record/MDalarm_20160830_152954.mkv", stream, cut()).await;
    assert!(bench.settled().await[0].metadata.complete, "and stay so");
}

/// The same where the name tells no time, so that the whole one has another key than the cut one: it takes its place,
/// and keeps its own bytes in the spool until its poster is made.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_an_hour_later_are_whole_and_have_a_poster() {
    let bench = Bench::new();
    let stream = b"\0\0\x01\xBA a program stream has no end mark";
    let first = Millis(1_767_229_200_000);
    for (at, transfer) in [(first, cut()), (Millis(first.0 + 3_600_000), TransferEnd::Complete)] {
        bench.upload_at(at, "backyard", "record/live.mpg", stream, transfer).await;
        bench.settled().await;
    }
    let events = bench.events().await;
    assert_eq!(events.len(), 1);
    assert!(events[0].object_key.as_str().contains("Hour-2/"), "{}", events[0].object_key);
    assert!(events[0].metadata.complete && events[0].poster);
}

/// NEVER-19: a cut upload is kept, and shown as what it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_upload_is_kept_and_marked() {
    let bench = Bench::new();
    bench.upload("snap/MDAlarm_20160830-155137.jpg", &WHOLE[..9], cut()).await;
    bench.upload("record/unknown.mp4", b"not what the name says", TransferEnd::Complete).await;
    let events = bench.settled().await;
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| !event.metadata.complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_and_sidecars_are_noted_and_no_events() {
    let bench = Bench::new();
    bench.upload("test.txt", b"hello", TransferEnd::Complete).await;
    // Not of the same millisecond: the later one counts, whichever of the two is worked off first.
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    bench.upload("record/empty.mkv", b"", TransferEnd::Complete).await;
    assert_eq!(bench.settled().await, vec![]);
    let cameras = bench.catalog.cameras().await.unwrap();
    assert_eq!(cameras[0].last_test.as_ref().map(|test| test.name.as_str()), Some("record/empty.mkv"));
}
