//! Statements beside objects: tombstones and decisions, in whatever order they are told of.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use camtrail_catalog::SqliteCatalog;
use camtrail_model::{
    CameraZones, CaptureKind, CatalogRecord, Digest, EventQuery, MediaManifest, Millis, PageSize,
    ports::{ArrivalSink, Catalog, Clock, PutWhen, SystemClock},
    testing::{self, StoreBeside, StoreCall},
};
use camtrail_store::LocalStore;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::{Arrivals, ByNotification, DecideError, Decision, Decisions, Did};

/// A store that writes down what is done to it, and may refuse to tell objects from others that expire.
struct Watched {
    store: LocalStore,
    did: Mutex<Vec<String>>,
    no_tags: bool,
}

impl Watched {
    fn note(&self, what: String) {
        self.did.lock().unwrap().push(what);
    }
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.did.lock().unwrap())
    }
}

#[async_trait]
impl StoreBeside for Watched {
    fn store(&self) -> &dyn ObjectStore {
        &self.store
    }

    async fn before(&self, call: StoreCall, key: &str) -> Result<(), StoreError> {
        let what = match call {
            StoreCall::PutBytes => "put",
            StoreCall::Expire => "expire",
            StoreCall::Keep => "keep",
            _ => return Ok(()),
        };
        self.note(format!("{what} {}", key.rsplit('/').next().unwrap()));
        let refused = self.no_tags && call != StoreCall::PutBytes;
        if refused { Err(StoreError::Refused("no right to tag".to_owned())) } else { Ok(()) }
    }
}

struct Bench {
    dir: tempfile::TempDir,
    store: Arc<Watched>,
    catalog: Arc<SqliteCatalog>,
    arrivals: Arc<Arrivals>,
}

impl Bench {
    fn new() -> Self {
        Self::with(false)
    }

    fn with(no_tags: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::open(&dir.path().join("store")).unwrap();
        let store = Arc::new(Watched { store, did: Mutex::default(), no_tags });
        let catalog = SqliteCatalog::open(&dir.path().join("catalog.db"), &ObjectBase::default()).unwrap();
        let catalog = Arc::new(catalog);
        let zones = Arc::new(CameraZones::new(TimeZone::UTC, HashMap::new()));
        let arrivals =
            Arrivals::new(Arc::<Watched>::clone(&store), Arc::<SqliteCatalog>::clone(&catalog), zones);
        Self { dir, store, catalog, arrivals: Arc::new(arrivals) }
    }

    async fn put(&self, record: &CatalogRecord) {
        let file = self.dir.path().join("file");
        let _ = std::fs::remove_file(&file);
        std::fs::write(&file, vec![7; record.size as usize]).unwrap();
        let map = record.metadata.to_map();
        self.store.put_file(record.object_key.as_str(), &file, Some(&map), PutWhen::Always).await.unwrap();
    }

    async fn bury(&self, cut: &CatalogRecord, by: &CatalogRecord) {
        self.put_json(&cut.object_key, DerivedFiles::Superseded, &tombstone(cut, by)).await;
    }

    async fn put_json(&self, key: &ObjectKey, file: DerivedFiles, what: &impl serde::Serialize) {
        let key = DerivedKey::new(key, file);
        self.store.put_bytes(key.as_str(), &serde_json::to_vec(what).unwrap()).await.unwrap();
    }

    async fn events(&self) -> Vec<CatalogRecord> {
        self.catalog.page(&EventQuery::default(), PageSize::DEFAULT, None).await.unwrap().items
    }

    async fn did(&self, record: &CatalogRecord) -> Did {
        self.arrivals.reconcile(&record.object_key).await.unwrap().did
    }

    fn decisions(&self) -> Decisions {
        let sink = Arc::<Arrivals>::clone(&self.arrivals);
        Decisions::new(Arc::<Watched>::clone(&self.store), sink, Arc::new(SystemClock))
    }
}

fn upload(file: &str, size: u64, complete: bool) -> CatalogRecord {
    let mut record = testing::record("backyard", 1_000, CaptureKind::Record, file);
    let digest = Digest::of(&size.to_be_bytes());
    (record.size, record.metadata.original_size) = (size, size);
    (record.metadata.sha256, record.metadata.original_sha256) = (Some(digest), Some(digest));
    "record/x.mp4".clone_into(&mut record.metadata.original_name);
    record.metadata.complete = complete;
    record
}

fn tombstone(cut: &CatalogRecord, by: &CatalogRecord) -> Superseded {
    Superseded {
        version: Superseded::VERSION,
        by: by.object_key.to_string(),
        by_original_sha256: by.metadata.original_sha256.unwrap(),
        original_sha256: cut.metadata.original_sha256.unwrap(),
        at: Millis(1),
    }
}

fn state(protected: bool, note: &str) -> EventState {
    EventState {
        version: EventState::VERSION,
        protected,
        note: Some(note.to_owned()),
        by: "anna".to_owned(),
        at: Millis(1),
    }
}

/// Puts happen in this order; each is told of once at least, at any time after it.
#[derive(Debug, Clone)]
enum Step {
    PutNext,
    TellOf(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![Just(Step::PutNext), (0..3_usize).prop_map(Step::TellOf)];
    prop::collection::vec(step, 0..10)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Cut created, whole created, tombstone: late, twice, in any order, at the end all at once.
    #[test]
    fn whatever_the_order_it_is_exactly_the_whole_one(steps in steps(), last in Just([0, 1, 2]).prop_shuffle()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new();
            let (cut, whole) = (upload("x.cut.mp4", 4, false), upload("x.mp4", 9, true));
            let put = async |number| match number {
                0 => bench.put(&cut).await,
                1 => bench.put(&whole).await,
                _ => bench.bury(&cut, &whole).await,
            };
            let tell = |number: usize| {
                let (arrivals, cut, whole) = (Arc::clone(&bench.arrivals), cut.object_key.clone(), whole.object_key.clone());
                // A tombstone's notification means a look at the cut one.
                tokio::spawn(async move { arrivals.reconcile(if number == 1 { &whole } else { &cut }).await })
            };
            let mut is_put = 0;
            for step in steps {
                match step {
                    Step::PutNext if is_put < 3 => {
                        put(is_put).await;
                        is_put += 1;
                    }
                    Step::TellOf(number) if number < is_put => {
                        tell(number).await.unwrap().unwrap();
                    }
                    _ => {}
                }
            }
            for number in is_put..3 {
                put(number).await;
            }
            for told in last.map(tell) {
                told.await.unwrap().unwrap();
            }
            assert_eq!(bench.events().await, std::slice::from_ref(&whole));
            // Also for whoever lists the store from scratch.
            bench.catalog.remove(&whole.object_key).await.unwrap();
            for record in [&whole, &cut] {
                bench.arrivals.restore(&record.object_key).await.unwrap();
            }
            assert_eq!(bench.events().await, std::slice::from_ref(&whole));
            assert_eq!(bench.arrivals.expected(&cut.object_key).await.unwrap(), None);
        });
    }
}

/// The cut upload is evidence: only what has all of its bytes, and is there, hides it.
#[tokio::test]
async fn a_tombstone_hides_only_what_it_means() {
    let (cut, whole) = (upload("x.cut.mp4", 4, false), upload("x.mp4", 9, true));
    let good = tombstone(&cut, &whole);
    let other = Digest::of(b"other");
    for (what, tombstone) in [
        ("of other content", Superseded { original_sha256: other, ..good.clone() }),
        ("of a later version", Superseded { version: 2, ..good.clone() }),
        (
            "naming what isn't there",
            Superseded { by: whole.object_key.to_string().replace("x.mp4", "y.mp4"), ..good.clone() },
        ),
        ("naming itself", Superseded { by: cut.object_key.to_string(), ..good.clone() }),
        ("naming another camera's", Superseded { by: good.by.replace("backyard", "porch"), ..good.clone() }),
        ("naming no capture", Superseded { by: "elsewhere".to_owned(), ..good.clone() }),
    ] {
        let bench = Bench::new();
        bench.put(&cut).await;
        bench.put(&whole).await;
        bench.put_json(&cut.object_key, DerivedFiles::Superseded, &tombstone).await;
        assert_eq!(bench.did(&cut).await, Did::Recorded, "{what}");
    }
    let bench = Bench::new();
    bench.put(&cut).await;
    bench.put(&whole).await;
    bench
        .store
        .put_bytes(DerivedKey::new(&cut.object_key, DerivedFiles::Superseded).as_str(), b"{")
        .await
        .unwrap();
    assert_eq!(bench.did(&cut).await, Did::Recorded, "half a tombstone");
    bench.bury(&cut, &whole).await;
    assert_eq!(bench.did(&cut).await, Did::Removed);
    // A fuller upload of the same name took the key that it names.
    let fullest = upload("x.mp4", 12, true);
    bench.put(&fullest).await;
    assert_eq!(bench.did(&cut).await, Did::Absent);
    let strange = CatalogRecord { size: 3, ..upload("x.mp4", 3, true) };
    bench.put(&strange).await;
    assert_eq!(bench.did(&cut).await, Did::Recorded, "what is there now can't have its bytes");
    bench.put(&whole).await;
    assert_eq!(bench.did(&cut).await, Did::Removed);
    bench.store.delete(whole.object_key.as_str()).await.unwrap();
    assert_eq!(bench.did(&cut).await, Did::Recorded, "nothing else has its bytes any more");
    // The same key, whole: no tombstone is asked for.
    bench.put(&whole).await;
    bench.put(&upload("x.cut.mp4", 4, true)).await;
    assert_eq!(bench.did(&cut).await, Did::Replaced);
}

#[tokio::test]
async fn a_record_shows_what_was_decided_from_its_first_moment() {
    let bench = Bench::new();
    let clip = upload("x.mp4", 9, true);
    let key = &clip.object_key;
    bench.put_json(key, DerivedFiles::State, &state(true, "the fox")).await;
    assert_eq!(bench.arrivals.decide(key).await.unwrap().did, Did::Absent, "a decision makes no event");
    bench.put(&clip).await;
    // Whichever of the two is told of first.
    assert_eq!(bench.arrivals.decide(key).await.unwrap().did, Did::Recorded);
    bench.catalog.remove(key).await.unwrap();
    assert_eq!(bench.did(&clip).await, Did::Recorded);
    let shown = async || {
        let event = bench.events().await.remove(0);
        (event.protected, event.note.unwrap_or_default(), event.size)
    };
    assert_eq!(shown().await, (true, "the fox".to_owned(), 9));
    bench.put(&upload("x.mp4", 12, true)).await;
    assert_eq!(bench.did(&clip).await, Did::Replaced);
    assert_eq!(shown().await, (true, "the fox".to_owned(), 12), "other content keeps it");
    assert_eq!(bench.did(&clip).await, Did::Already);
    // Decided anew, and the notification lost: any look repairs it.
    bench.put_json(key, DerivedFiles::State, &state(false, "a cat")).await;
    assert_eq!(bench.did(&clip).await, Did::Completed);
    bench.put_json(key, DerivedFiles::State, &state(true, "a fox")).await;
    assert_eq!(bench.arrivals.decide(key).await.unwrap().did, Did::Completed);
    assert_eq!(bench.arrivals.decide(key).await.unwrap().did, Did::Already);
    // A catalog that is lost, or knows it otherwise.
    let expected = bench.arrivals.expected(key).await.unwrap().unwrap();
    bench.catalog.set_state(key, &state(false, "wrong")).await.unwrap();
    bench.arrivals.restore(key).await.unwrap();
    assert_eq!(bench.events().await, std::slice::from_ref(&expected.record));
    bench.catalog.remove(key).await.unwrap();
    bench.arrivals.restore(key).await.unwrap();
    assert_eq!(bench.events().await, [expected.record]);
    // No statement at all undoes nothing.
    bench.store.delete(DerivedKey::new(key, DerivedFiles::State).as_str()).await.unwrap();
    bench.arrivals.restore(key).await.unwrap();
    assert_eq!(shown().await, (true, "a fox".to_owned(), 12));
}

/// Nobody knows what it says: it may say "keep this".
#[tokio::test]
async fn a_decision_that_cannot_be_read_keeps_its_event_and_is_told() {
    for text in [&b"{ half"[..], br#"{"version":2,"protected":false,"by":"a","at":1}"#] {
        let bench = Bench::new();
        let clip = upload("x.mp4", 9, true);
        bench.put(&clip).await;
        bench
            .store
            .put_bytes(DerivedKey::new(&clip.object_key, DerivedFiles::State).as_str(), text)
            .await
            .unwrap();
        let told = bench.arrivals.reconcile(&clip.object_key).await.unwrap_err().to_string();
        assert!(told.contains("x.mp4/state.json: "), "{told}");
        assert_eq!(bench.events().await.len(), 1, "the event isn't lost for it");
        assert!(bench.events().await[0].protected);
    }
}

/// Files that come after the protection would expire.
#[tokio::test]
async fn what_comes_later_is_kept_too() {
    for no_tags in [false, true] {
        let bench = Bench::with(no_tags);
        let clip = upload("x.mp4", 9, true);
        bench.put(&clip).await;
        bench.did(&clip).await;
        bench.put_json(&clip.object_key, DerivedFiles::State, &state(true, "the fox")).await;
        bench.arrivals.state_changed(&clip.object_key).await.unwrap();
        bench.store.told();
        let manifest = MediaManifest { poster: true, ..MediaManifest::new(clip.metadata.sha256.unwrap()) };
        bench.put_json(&clip.object_key, DerivedFiles::Manifest, &manifest).await;
        bench.arrivals.media_changed(&clip.object_key).await.unwrap();
        let told = bench.store.told();
        let told_of = if no_tags { "keep x.mp4" } else { "keep poster.jpg" };
        assert!(told.contains(&told_of.to_owned()), "{told:?}");
        bench.arrivals.media_changed(&clip.object_key).await.unwrap();
        let again = bench.store.told();
        assert!(again.contains(&"keep x.mp4".to_owned()), "an earlier try may have ended there: {again:?}");
        bench.put(&upload("x.mp4", 12, true)).await;
        assert_eq!(bench.did(&clip).await, Did::Replaced, "also where nobody may tag (no tags: {no_tags})");
        assert!(bench.store.told().contains(&"keep x.mp4".to_owned()));
    }
}

#[tokio::test]
async fn the_store_knows_first_and_nothing_expires_that_was_promised() {
    let bench = Bench::new();
    let clip = upload("x.mp4", 9, true);
    bench.put(&clip).await;
    bench.did(&clip).await;
    let decisions = bench.decisions();
    let protect = Decision { protected: Some(true), note: None };
    let decided = decisions.decide(&clip, &protect, "anna").await.unwrap();
    assert!(decided.protected && bench.events().await == [decided.clone()]);
    let told = bench.store.told();
    assert_eq!(told[0], "put state.json", "{told:?}");
    assert!(
        told.contains(&"keep x.mp4".to_owned()) && told.contains(&"keep state.json".to_owned()),
        "{told:?}"
    );
    // Each by itself; what isn't said stays.
    let note = |note: &str| Decision { protected: None, note: Some(note.to_owned()) };
    let decided = decisions.decide(&decided, &note(" the fox "), "otto").await.unwrap();
    assert_eq!((decided.protected, decided.note.as_deref()), (true, Some("the fox")));
    assert!(bench.store.told().contains(&"keep state.json".to_owned()), "it was put again");
    // Repeated: it is written already, and the rest is done once more.
    decisions.decide(&decided, &note("the fox"), "otto").await.unwrap();
    let told = bench.store.told();
    assert!(!told.contains(&"put state.json".to_owned()), "{told:?}");
    assert!(told.contains(&"keep x.mp4".to_owned()), "{told:?}");
    assert_eq!(decisions.decide(&decided, &Decision::default(), "otto").await.unwrap(), decided);
    assert_eq!(bench.store.told(), [""; 0]);
    let statement = statements_of(&bench, &clip).await;
    assert_eq!((statement.by.as_str(), statement.note.as_deref()), ("otto", Some("the fox")));
    // What is protected stays; else everything goes.
    assert!(matches!(decisions.delete(&decided, "anna").await, Err(DecideError::Protected)));
    let free = Decision { protected: Some(false), note: Some(String::new()) };
    let decided = decisions.decide(&decided, &free, "anna").await.unwrap();
    assert_eq!((decided.protected, &decided.note), (false, &None));
    assert_eq!(bench.events().await, std::slice::from_ref(&decided));
    assert!(bench.store.told().contains(&"expire x.mp4".to_owned()));
    decisions.delete(&decided, "anna").await.unwrap();
    let gone = decisions.decide(&decided, &protect, "anna").await;
    assert!(matches!(gone, Err(DecideError::Gone)), "{gone:?}");
    decisions.delete(&decided, "anna").await.unwrap();
    assert_eq!(bench.events().await, []);
    assert_eq!(bench.store.list("derived", None).await.unwrap().keys, [""; 0]);
    assert_eq!(bench.store.list("patrolcams", None).await.unwrap().keys, [""; 0]);
}

async fn statements_of(bench: &Bench, clip: &CatalogRecord) -> EventState {
    decided(&*bench.store, &clip.object_key).await.unwrap().state().unwrap().clone()
}

/// The bucket won't have its tags changed: the person is told, the record doesn't say "safe", and repeating is right.
#[tokio::test]
async fn what_is_not_safe_is_not_called_so() {
    let bench = Bench::with(true);
    let clip = upload("x.mp4", 9, true);
    bench.put(&clip).await;
    bench.did(&clip).await;
    let protect = Decision { protected: Some(true), note: None };
    let refused = bench.decisions().decide(&clip, &protect, "anna").await;
    assert!(matches!(refused, Err(DecideError::Store(StoreError::Refused(_)))), "{refused:?}");
    assert!(!bench.events().await[0].protected);
    let long = Decision { protected: None, note: Some("x".repeat(2_001)) };
    let refused = bench.decisions().decide(&clip, &long, "anna").await.unwrap_err().to_string();
    assert_eq!(refused, "the note has 2001 characters, expected at most 2000");
}

/// Elsewhere the store's notification changes the record; the answer is the event as it was decided all the same.
#[tokio::test]
async fn without_rights_to_the_catalog_the_notification_does_it() {
    let bench = Bench::new();
    let clip = upload("x.mp4", 9, true);
    bench.put(&clip).await;
    bench.did(&clip).await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let decisions = Decisions::new(Arc::<Watched>::clone(&bench.store), Arc::new(ByNotification), clock);
    let protect = Decision { protected: Some(true), note: None };
    let decided = decisions.decide(&clip, &protect, "anna").await.unwrap();
    assert!(decided.protected && !bench.events().await[0].protected);
    // A second decision before the first is shown builds on it.
    let note = Decision { protected: None, note: Some("the fox".to_owned()) };
    let decided = decisions.decide(&clip, &note, "anna").await.unwrap();
    bench.arrivals.decide(&clip.object_key).await.unwrap();
    assert_eq!(bench.events().await, std::slice::from_ref(&decided));
    assert!(decided.protected);
}

/// A process that died between the statement and the tags: the statement's own notification, a redelivery and a rebuild
/// each take the tags away, so that nothing is shown as safe that may expire.
#[tokio::test]
async fn a_protection_that_half_failed_is_repaired_by_whoever_looks() {
    let bench = Bench::new();
    let clip = upload("x.mp4", 9, true);
    bench.put(&clip).await;
    bench.did(&clip).await;
    bench.put_json(&clip.object_key, DerivedFiles::State, &state(true, "the fox")).await;
    let kept = || bench.store.told().contains(&"keep x.mp4".to_owned());
    kept();
    bench.arrivals.state_changed(&clip.object_key).await.unwrap();
    assert!(kept());
    bench.arrivals.object_changed(&clip.object_key).await.unwrap();
    assert!(kept());
    bench.arrivals.restore(&clip.object_key).await.unwrap();
    assert!(kept());
}

/// What a person protected, or wrote about, gives way to nothing.
#[tokio::test]
async fn a_cut_upload_that_matters_stays_beside_its_whole_one() {
    for (protected, note) in [(true, None), (false, Some("burglar"))] {
        let bench = Bench::new();
        let (cut, whole) = (upload("x.mp4", 5, false), upload("x.12345678.mp4", 9, true));
        bench.put(&cut).await;
        bench.did(&cut).await;
        let said = EventState { note: note.map(str::to_owned), ..state(protected, "") };
        bench.put_json(&cut.object_key, DerivedFiles::State, &said).await;
        bench.arrivals.state_changed(&cut.object_key).await.unwrap();
        bench.put(&whole).await;
        bench.did(&whole).await;
        bench.bury(&cut, &whole).await;
        assert_ne!(bench.did(&cut).await, Did::Removed);
        assert_eq!(bench.events().await.len(), 2, "protected {protected}, note {note:?}");
    }
}

/// A manifest that expired with what it named: the record leads to neither any more.
#[tokio::test]
async fn what_went_with_its_manifest_is_shown_no_more() {
    let bench = Bench::new();
    let clip = upload("x.mp4", 9, true);
    bench.put(&clip).await;
    let new = MediaManifest::new(clip.metadata.sha256.unwrap());
    let manifest = MediaManifest { poster: true, playable: true, ..new };
    bench.put_json(&clip.object_key, DerivedFiles::Manifest, &manifest).await;
    bench.did(&clip).await;
    assert!(bench.events().await[0].playable_copy);
    let key = DerivedKey::new(&clip.object_key, DerivedFiles::Manifest);
    bench.store.delete(key.as_str()).await.unwrap();
    assert_eq!(bench.arrivals.complete(&clip.object_key).await.unwrap().did, Did::Completed);
    let event = &bench.events().await[0];
    assert!(!event.poster && !event.playable_copy);
    assert_eq!(bench.arrivals.complete(&clip.object_key).await.unwrap().did, Did::Absent);
}

/// `rclone` notes a file's time as user metadata: that makes it no object of ours, and no error.
#[tokio::test]
async fn other_programs_words_beside_an_object_are_no_errors() {
    let bench = Bench::new();
    let clip = upload("MDalarm_20160830_152954.mp4", 9, true);
    let file = bench.dir.path().join("theirs");
    std::fs::write(&file, b"theirs").unwrap();
    let theirs = BTreeMap::from([("mtime".to_owned(), "1472596194".to_owned())]);
    let key = clip.object_key.as_str();
    bench.store.put_file(key, &file, Some(&theirs), PutWhen::Always).await.unwrap();
    assert_eq!(bench.did(&clip).await, Did::Recorded);
}
