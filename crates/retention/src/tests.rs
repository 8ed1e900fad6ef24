//! Sweeps over a real store, catalog and ledger, with a clock that is turned.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;
use camtrail_arrival::Arrivals;
use camtrail_catalog::{SqliteCatalog, SqliteLedger};
use camtrail_model::{
    CameraZones, CaptureKind, CatalogRecord, EventQuery, ObjectBase, PageSize,
    ports::{Catalog, PutWhen},
    testing::{self, StoreBeside, StoreCall},
};
use camtrail_store::LocalStore;

use super::*;

const DAY_MS: i64 = 86_400_000;
/// 2026-01-01.
const START: i64 = 1_767_225_600_000;

struct TurnedClock(AtomicI64);

impl Clock for TurnedClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// A store that gives up anything but some objects.
struct Holding {
    store: Arc<LocalStore>,
    held: Vec<String>,
}

#[async_trait]
impl StoreBeside for Holding {
    fn store(&self) -> &dyn ObjectStore {
        &*self.store
    }

    async fn before(&self, call: StoreCall, key: &str) -> Result<(), StoreError> {
        if call == StoreCall::Delete && self.held.iter().any(|held| held == key) {
            return Err(StoreError::Refused(format!("{key} is under a legal hold")));
        }
        Ok(())
    }
}

struct Bench {
    dir: tempfile::TempDir,
    store: Arc<LocalStore>,
    catalog: Arc<SqliteCatalog>,
    clock: Arc<TurnedClock>,
    sweeper: Sweeper,
}

impl Bench {
    fn new(keep_days: Option<u64>, max_bytes: Option<u64>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let base = ObjectBase::default();
        let store = Arc::new(LocalStore::open(&dir.path().join("store")).unwrap());
        let catalog = Arc::new(SqliteCatalog::open(&dir.path().join("catalog.db"), &base).unwrap());
        let clock = Arc::new(TurnedClock(AtomicI64::new(START)));
        let zones = Arc::new(CameraZones::new(jiff::tz::TimeZone::UTC, HashMap::new()));
        let sink = Arc::new(Arrivals::new(store.clone(), catalog.clone(), zones));
        let sweeper = Sweeper {
            store: store.clone(),
            sink,
            expiry: catalog.clone(),
            ledger: Arc::new(SqliteLedger::open(&dir.path().join("ledger.db"), &base).unwrap()),
            clock: clock.clone(),
            config: RetentionConfig {
                keep: keep_days.map(|days| Duration::from_hours(24 * days)),
                max_bytes,
                every: Duration::from_mins(10),
            },
        };
        Self { dir, store, catalog, clock, sweeper }
    }

    /// An event of `size` bytes, stored now, whatever its camera says about the time.
    async fn event(&self, name: &str, size: usize) -> CatalogRecord {
        let mut record = testing::record("gate", 1_472_596_194_000, CaptureKind::Snap, name);
        record.metadata.stored_at = self.clock.now();
        record.size = size as u64;
        let file = self.dir.path().join(name);
        std::fs::write(&file, vec![7; size]).unwrap();
        let key = record.object_key.as_str();
        self.store.put_file(key, &file, Some(&record.metadata.to_map()), PutWhen::Absent).await.unwrap();
        let poster = DerivedKey::new(&record.object_key, DerivedFiles::Poster);
        self.store.put_bytes(poster.as_str(), b"a poster").await.unwrap();
        self.sweeper.sink.object_changed(&record.object_key).await.unwrap();
        record
    }

    async fn listed(&self) -> Vec<String> {
        let page = self.catalog.page(&EventQuery::default(), PageSize::DEFAULT, None).await.unwrap();
        let mut names: Vec<_> =
            page.items.iter().map(|event| event.object_key.file().as_str().to_owned()).collect();
        names.sort();
        names
    }

    async fn listed_count(&self) -> usize {
        self.catalog.oldest(Millis(i64::MIN), 100_000).await.unwrap().len()
    }

    async fn due(&self) -> Swept {
        due(&*self.catalog, &self.sweeper.config, self.clock.now()).await.unwrap()
    }

    fn pass_days(&self, days: i64) {
        self.clock.0.fetch_add(days * DAY_MS, Ordering::SeqCst);
    }
}

/// NEVER-17: objects, what was derived of them and records go together; and count from the store, not the capture.
#[tokio::test]
async fn what_is_older_than_the_limit_goes_with_all_that_belongs_to_it() {
    let bench = Bench::new(Some(30), None);
    let old = bench.event("old.jpg", 10).await;
    bench.pass_days(20);
    bench.event("new.jpg", 20).await;
    bench.pass_days(11);
    assert_eq!(bench.due().await, Swept { events: 1, bytes: 10 });
    assert_eq!(bench.sweeper.sweep(false).await.unwrap(), Swept::default(), "not by a clock that leapt");
    assert_eq!(bench.sweeper.sweep(true).await.unwrap(), Swept { events: 1, bytes: 10 });
    assert_eq!(bench.listed().await, ["new.jpg"]);
    let mut keys = vec![old.object_key.as_str().to_owned()];
    keys.extend(DerivedFiles::ALL.map(|file| DerivedKey::new(&old.object_key, file).to_string()));
    for key in keys {
        assert_eq!(bench.store.head(&key).await.unwrap(), None, "{key}");
    }
    assert_eq!(bench.sweeper.sweep(true).await.unwrap(), Swept::default());
}

#[tokio::test]
async fn above_the_size_limit_the_oldest_go_and_no_more_than_needed() {
    let bench = Bench::new(None, Some(1_000));
    for (name, size) in [("a.jpg", 400), ("b.jpg", 400), ("c.jpg", 400), ("d.jpg", 100)] {
        bench.event(name, size).await;
        bench.pass_days(1);
    }
    assert_eq!(bench.due().await, Swept { events: 1, bytes: 400 });
    assert_eq!(bench.sweeper.sweep(true).await.unwrap(), Swept { events: 1, bytes: 400 });
    assert_eq!(bench.listed().await, ["b.jpg", "c.jpg", "d.jpg"]);
    assert_eq!(bench.sweeper.sweep(true).await.unwrap(), Swept::default(), "900 bytes fit");
}

/// A box that had no clock yet stored something in 1970: its age is unknown, so it doesn't go by age.
#[tokio::test]
async fn what_was_stored_without_a_clock_does_not_go_by_age() {
    let bench = Bench::new(Some(30), None);
    bench.clock.0.store(5_000, Ordering::SeqCst);
    bench.event("clockless.jpg", 10).await;
    bench.clock.0.store(START, Ordering::SeqCst);
    assert_eq!(bench.due().await, Swept::default());
    assert_eq!(bench.sweeper.sweep(true).await.unwrap(), Swept::default());
    // Nor is it in the way of what does.
    bench.event("old.jpg", 20).await;
    bench.pass_days(31);
    assert_eq!(bench.due().await, Swept { events: 1, bytes: 20 });
    assert_eq!(bench.sweeper.sweep(true).await.unwrap(), Swept { events: 1, bytes: 20 });
    assert_eq!(bench.listed().await, ["clockless.jpg"]);
}

/// By size it goes first: it was stored first. What goes by age makes room, too, and is told once.
#[tokio::test]
async fn age_and_size_together_take_no_more_than_needed() {
    let bench = Bench::new(Some(30), Some(100));
    bench.clock.0.store(5_000, Ordering::SeqCst);
    bench.event("clockless.jpg", 50).await;
    bench.clock.0.store(START, Ordering::SeqCst);
    bench.event("old.jpg", 50).await;
    bench.pass_days(31);
    for name in ["a.jpg", "b.jpg"] {
        bench.event(name, 40).await;
    }
    // 180 bytes: 50 go by age, and one more has to.
    let wanted = Swept { events: 2, bytes: 100 };
    assert_eq!(bench.due().await, wanted);
    assert_eq!(bench.sweeper.sweep(true).await.unwrap(), wanted);
    assert_eq!(bench.listed().await, ["a.jpg", "b.jpg"]);
}

/// The process died between the object and the record: the next sweep finds the record and ends the work.
#[tokio::test]
async fn an_interrupted_removal_is_finished() {
    let bench = Bench::new(Some(30), None);
    let event = bench.event("half.jpg", 10).await;
    bench.pass_days(31);
    bench.store.delete(event.object_key.as_str()).await.unwrap();
    assert_eq!(bench.sweeper.sweep(true).await.unwrap().events, 1);
    assert!(bench.listed().await.is_empty());
}

#[tokio::test]
async fn more_than_a_batch_goes_in_one_sweep() {
    let bench = Bench::new(Some(30), None);
    for n in 0..(BATCH + 44) {
        bench.event(&format!("{n}.jpg"), 1).await;
    }
    bench.pass_days(31);
    assert_eq!(bench.sweeper.sweep(true).await.unwrap().events, 300);
    assert!(bench.listed().await.is_empty());
}

/// One object that nobody may delete must not fill the disk: those behind it go, by age and by size, and it is told.
#[tokio::test]
async fn what_the_store_holds_is_in_nobodys_way() {
    let mut bench = Bench::new(Some(30), Some(100));
    let (mut held, mut last) = (Vec::new(), None);
    for n in 0..BATCH + 4 {
        let record = bench.event(&format!("{n:04}.jpg"), 1).await;
        if n < 3 {
            held.push(record.object_key.to_string());
        }
        last = Some(record.object_key);
    }
    bench.sweeper.store = Arc::new(Holding { store: bench.store.clone(), held: held.clone() });
    let error = bench.sweeper.sweep(false).await.unwrap_err();
    assert!(error.to_string().contains("legal hold"), "{error}");
    assert_eq!(bench.listed_count().await, 100, "by size: others went in their place");
    // What was derived of it is refused as well: the event goes all the same.
    let poster = DerivedKey::new(&last.unwrap(), DerivedFiles::Poster).to_string();
    held.push(poster.clone());
    bench.sweeper.store = Arc::new(Holding { store: bench.store.clone(), held });
    bench.pass_days(31);
    assert!(bench.sweeper.sweep(true).await.is_err());
    assert_eq!(bench.listed().await, ["0000.jpg", "0001.jpg", "0002.jpg"]);
    assert!(bench.store.head(&poster).await.unwrap().is_some(), "told in the log");
}

/// A small excess and a large one that can't go: no more than a small one goes in its place.
#[tokio::test]
async fn a_refusal_makes_no_more_due_than_before() {
    let mut bench = Bench::new(None, Some(1_000));
    let large = bench.event("0.jpg", 900).await;
    for n in 1..=11 {
        bench.event(&format!("{n:02}.jpg"), 10).await;
    }
    let held = vec![large.object_key.to_string()];
    bench.sweeper.store = Arc::new(Holding { store: bench.store.clone(), held });
    assert!(bench.sweeper.sweep(true).await.is_err());
    assert_eq!(bench.listed_count().await, 11, "10 bytes were too many");
}

/// Protected after the batch was read, or by a catalog that doesn't show it: the store's word counts at the last moment.
#[tokio::test]
async fn what_was_just_protected_stays() {
    let bench = Bench::new(Some(30), None);
    for name in ["kept.jpg", "unreadable.jpg", "noted.jpg", "old.jpg"] {
        bench.event(name, 10).await;
    }
    let key = |name: &str| testing::record("gate", 1_472_596_194_000, CaptureKind::Snap, name).object_key;
    let state = |protected| EventState {
        version: EventState::VERSION,
        protected,
        note: None,
        by: "anna".to_owned(),
        at: Millis(1),
    };
    let readable = |protected| serde_json::to_vec(&state(protected)).unwrap();
    let half = b"{ half".to_vec();
    for (name, bytes) in
        [("kept.jpg", readable(true)), ("unreadable.jpg", half), ("noted.jpg", readable(false))]
    {
        let state_key = DerivedKey::new(&key(name), DerivedFiles::State);
        bench.store.put_bytes(state_key.as_str(), &bytes).await.unwrap();
    }
    bench.pass_days(31);
    assert_eq!(bench.sweeper.sweep(true).await.unwrap(), Swept { events: 2, bytes: 20 });
    assert_eq!(bench.listed().await, ["kept.jpg", "unreadable.jpg"]);
    let page = bench.catalog.page(&EventQuery::default(), PageSize::DEFAULT, None).await.unwrap();
    let kept = page.items.iter().find(|event| event.object_key == key("kept.jpg")).unwrap();
    assert!(kept.protected, "its record says so now");
    assert_eq!(bench.sweeper.sweep(true).await.unwrap(), Swept::default(), "and it ends");
}
