//! The step and the queue on a real store and catalog: what is attached, what is left, and what others do meanwhile.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use camtrail_arrival::Arrivals;
use camtrail_catalog::SqliteCatalog;
use camtrail_model::{
    CameraZones, CaptureKind, CatalogRecord, DerivedFiles, DerivedKey, Digest, EventState, MediaFacts,
    MediaManifest, MediaSource, Millis, ObjectBase, ObjectKey,
    ports::{ArrivalSink, Catalog, MediaError, MediaTool, ObjectStore, PutWhen, Rendition, StoreError},
    testing::{self, MediaBeside, PlainMedia, StoreBeside, StoreCall},
};
use camtrail_store::LocalStore;
use tokio::sync::{Notify, watch};

use super::*;
use crate::lanes::WAITING_MAX;

type Deed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A store in which something happens right after a file is put, and that notes what may not expire.
struct Between {
    store: LocalStore,
    after: Mutex<Option<(DerivedFiles, Deed)>>,
    kept: Mutex<Vec<String>>,
}

impl Between {
    async fn was_put(&self, key: &str) {
        let deed = {
            let mut after = self.after.lock().unwrap();
            let is_it =
                after.as_ref().is_some_and(|(file, _)| key.ends_with(&format!("/{}", file.file_name())));
            if is_it { after.take() } else { None }
        };
        if let Some((_, deed)) = deed {
            deed.await;
        }
    }
}

#[async_trait]
impl StoreBeside for Between {
    fn store(&self) -> &dyn ObjectStore {
        &self.store
    }

    async fn before(&self, call: StoreCall, key: &str) -> Result<(), StoreError> {
        if call == StoreCall::Keep {
            self.kept.lock().unwrap().push(key.rsplit('/').next().unwrap().to_owned());
        }
        Ok(())
    }

    async fn after(&self, call: StoreCall, key: &str) {
        if matches!(call, StoreCall::PutFile | StoreCall::PutBytes) {
            self.was_put(key).await;
        }
    }
}

/// How an encode goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Works,
    Unusable,
    Fails,
    Panics,
    Hangs,
}

struct Media {
    mood: Mutex<Mood>,
    encodes: AtomicU32,
    began: Notify,
    /// What happens in the middle of the next encode.
    during: Mutex<Option<Deed>>,
}

#[async_trait]
impl MediaBeside for Media {
    async fn h264(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        dest: &Path,
    ) -> Result<Rendition, MediaError> {
        self.encodes.fetch_add(1, Ordering::SeqCst);
        self.began.notify_one();
        let during = self.during.lock().unwrap().take();
        if let Some(deed) = during {
            deed.await;
        }
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Works => PlainMedia.h264(source, facts, dest).await,
            Mood::Unusable => Err(MediaError::Unusable("no picture in it".to_owned())),
            Mood::Fails => Err(MediaError::Failed("no memory".to_owned())),
            Mood::Panics => panic!("a decoder's mistake"),
            Mood::Hangs => std::future::pending().await,
        }
    }
}

struct Bench {
    dir: tempfile::TempDir,
    store: Arc<Between>,
    catalog: Arc<SqliteCatalog>,
    arrivals: Arc<Arrivals>,
    media: Arc<Media>,
    maker: Maker,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::open(&dir.path().join("store")).unwrap();
        let store = Arc::new(Between { store, after: Mutex::default(), kept: Mutex::default() });
        let catalog = SqliteCatalog::open(&dir.path().join("catalog.db"), &ObjectBase::default()).unwrap();
        let catalog = Arc::new(catalog);
        let zones = Arc::new(CameraZones::new(jiff::tz::TimeZone::UTC, HashMap::new()));
        let arrivals = Arc::new(Arrivals::new(
            Arc::<Between>::clone(&store),
            Arc::<SqliteCatalog>::clone(&catalog),
            zones,
        ));
        let media = Arc::new(Media {
            mood: Mutex::new(Mood::Works),
            encodes: AtomicU32::new(0),
            began: Notify::new(),
            during: Mutex::default(),
        });
        let maker = Maker::new(MakerParts {
            store: Arc::<Between>::clone(&store),
            sink: Arc::<Arrivals>::clone(&arrivals),
            media: Arc::<Media>::clone(&media),
            manifests: Manifests::new(Arc::<Between>::clone(&store)),
            scratch: Scratch::open(&dir.path().join("scratch")).unwrap(),
        });
        Self { dir, store, catalog, arrivals, media, maker }
    }

    /// A clip in store and catalog.
    async fn clip(&self, name: &str, bytes: &[u8]) -> CatalogRecord {
        let mut clip = testing::record("backyard", 1_000, CaptureKind::Record, name);
        clip.metadata.sha256 = Some(Digest::of(bytes));
        clip.metadata.original_sha256 = clip.metadata.sha256;
        put(&self.dir.path().join(name), &self.store.store, &clip, bytes).await;
        self.arrivals.object_changed(&clip.object_key).await.unwrap();
        clip
    }

    async fn record(&self, clip: &CatalogRecord) -> CatalogRecord {
        self.catalog.event(&clip.id()).await.unwrap().unwrap()
    }

    async fn bytes(&self, key: &ObjectKey, file: DerivedFiles) -> Option<Vec<u8>> {
        self.store.get_bytes(DerivedKey::new(key, file).as_str(), 1 << 20).await.unwrap()
    }

    async fn manifest(&self, key: &ObjectKey) -> Option<MediaManifest> {
        let bytes = self.bytes(key, DerivedFiles::Manifest).await?;
        Some(serde_json::from_slice(&bytes).unwrap())
    }

    async fn make(&self, key: &ObjectKey, product: Product) -> Result<Made, MakeError> {
        self.maker.make(key, &[product]).await?.pop().unwrap().1
    }

    fn mood(&self, mood: Mood) {
        *self.media.mood.lock().unwrap() = mood;
    }

    fn after(&self, file: DerivedFiles, deed: impl Future<Output = ()> + Send + 'static) {
        *self.store.after.lock().unwrap() = Some((file, Box::pin(deed)));
    }

    fn encodes(&self) -> u32 {
        self.media.encodes.load(Ordering::SeqCst)
    }

    /// Folders are removed beside the async threads: a moment later, at worst.
    async fn no_scratch(&self) {
        let dir = self.dir.path().join("scratch");
        until(async || (std::fs::read_dir(&dir).unwrap().count() == 0).then_some(())).await;
    }

    fn assert_no_scratch(&self) {
        let left: Vec<PathBuf> = std::fs::read_dir(self.dir.path().join("scratch"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

async fn put(file: &Path, store: &LocalStore, clip: &CatalogRecord, bytes: &[u8]) {
    std::fs::write(file, bytes).unwrap();
    let map = clip.metadata.to_map();
    store.put_file(clip.object_key.as_str(), file, Some(&map), PutWhen::Always).await.unwrap();
}

/// As a deletion and retention do it: the object, then every name beside it.
async fn remove(store: LocalStore, key: ObjectKey) {
    store.delete(key.as_str()).await.unwrap();
    for file in DerivedFiles::ALL {
        store.delete(DerivedKey::new(&key, file).as_str()).await.unwrap();
    }
}

#[tokio::test]
async fn a_copy_is_attached_once_and_other_words_stay() {
    let bench = Bench::new();
    let clip = bench.clip("a.mp4", b"a clip").await;
    let key = &clip.object_key;
    let poster = MediaManifest { poster: true, ..MediaManifest::new(Digest::of(b"a clip")) };
    bench
        .store
        .put_bytes(
            DerivedKey::new(key, DerivedFiles::Manifest).as_str(),
            &serde_json::to_vec(&poster).unwrap(),
        )
        .await
        .unwrap();
    assert_eq!(bench.make(key, Product::H264).await.unwrap(), Made::Now);
    assert_eq!(bench.make(key, Product::H264).await.unwrap(), Made::There);
    let outcomes = bench.maker.make(key, &[Product::H264, Product::Preview, Product::Small]).await.unwrap();
    let made: Vec<_> = outcomes.into_iter().map(|(_, made)| made.unwrap()).collect();
    assert_eq!(made, [Made::There, Made::Now, Made::NotNeeded]);
    assert_eq!(bench.encodes(), 1);
    assert_eq!(bench.bytes(key, DerivedFiles::H264).await.unwrap(), b"h264");
    let record = bench.record(&clip).await;
    assert!(record.h264_copy && record.poster && !record.small_copy, "{record:?}");
    assert_eq!(record.preview_frames, Some(16));
    assert_eq!(bench.manifest(key).await.unwrap().small, Some(false));
    bench.assert_no_scratch();
}

#[tokio::test]
async fn what_cannot_be_made_is_said_once_and_the_machines_failures_are_not() {
    let bench = Bench::new();
    let clip = bench.clip("a.mp4", b"a clip").await;
    bench.mood(Mood::Fails);
    assert!(bench.make(&clip.object_key, Product::H264).await.unwrap_err().may_retry());
    assert_eq!(bench.manifest(&clip.object_key).await, None);
    bench.mood(Mood::Unusable);
    let impossible = Made::Impossible("no picture in it".to_owned());
    for _ in 0..2 {
        assert_eq!(bench.make(&clip.object_key, Product::H264).await.unwrap(), impossible);
    }
    assert_eq!(bench.encodes(), 2);
    assert_eq!(bench.manifest(&clip.object_key).await.unwrap().h264, Some(false));
    assert!(!bench.record(&clip).await.h264_copy);
    bench.assert_no_scratch();
}

/// Wherever the removal comes, nothing is left beside nothing.
#[tokio::test]
async fn of_an_event_that_went_nothing_is_left() {
    for after in [None, Some(DerivedFiles::H264), Some(DerivedFiles::Manifest)] {
        let bench = Bench::new();
        let clip = bench.clip("a.mp4", b"a clip").await;
        let (store, key) = (bench.store.store.clone(), clip.object_key.clone());
        match after {
            Some(file) => bench.after(file, remove(store, key)),
            None => remove(store, key).await,
        }
        assert_eq!(bench.make(&clip.object_key, Product::H264).await.unwrap(), Made::Gone, "{after:?}");
        for file in DerivedFiles::ALL {
            assert_eq!(bench.bytes(&clip.object_key, file).await, None, "{after:?}: {file:?}");
        }
        bench.assert_no_scratch();
    }
}

/// A fuller upload takes the key in the middle, and has a copy of its own: it is never shown the old one's.
#[tokio::test]
async fn to_new_content_nothing_of_the_old_is_attached() {
    for after in [DerivedFiles::H264, DerivedFiles::Manifest] {
        let bench = Bench::new();
        let clip = bench.clip("a.mp4", b"half").await;
        let mut whole = clip.clone();
        whole.metadata.sha256 = Some(Digest::of(b"the whole clip"));
        let (store, file, new) = (bench.store.store.clone(), bench.dir.path().join("whole"), whole.clone());
        bench.after(after, async move {
            put(&file, &store, &new, b"the whole clip").await;
            let manifest = MediaManifest {
                poster: true,
                h264: Some(true),
                ..MediaManifest::new(Digest::of(b"the whole clip"))
            };
            let name = DerivedKey::new(&new.object_key, DerivedFiles::Manifest);
            store.put_bytes(name.as_str(), &serde_json::to_vec(&manifest).unwrap()).await.unwrap();
        });
        assert_eq!(bench.make(&clip.object_key, Product::H264).await.unwrap(), Made::Gone, "{after:?}");
        assert_eq!(bench.bytes(&clip.object_key, DerivedFiles::H264).await, None, "{after:?}");
        let manifest = bench.manifest(&clip.object_key).await.unwrap();
        assert_eq!(manifest.sha256, Digest::of(b"the whole clip"));
        assert_eq!((manifest.poster, manifest.h264), (true, None), "it may be asked for anew");
        assert_eq!(bench.make(&clip.object_key, Product::H264).await.unwrap(), Made::Now);
    }
}

/// The same while the old one is still encoded: the new one's own copy isn't touched.
#[tokio::test]
async fn what_new_content_has_already_stays_its_own() {
    let bench = Bench::new();
    let clip = bench.clip("a.mp4", b"half").await;
    let mut whole = clip.clone();
    whole.metadata.sha256 = Some(Digest::of(b"the whole clip"));
    let (store, file, new) = (bench.store.store.clone(), bench.dir.path().join("whole"), whole.clone());
    *bench.media.during.lock().unwrap() = Some(Box::pin(async move {
        put(&file, &store, &new, b"the whole clip").await;
        let name = |file| DerivedKey::new(&new.object_key, file).to_string();
        store.put_bytes(&name(DerivedFiles::H264), b"of the whole").await.unwrap();
        let manifest =
            MediaManifest { h264: Some(true), ..MediaManifest::new(Digest::of(b"the whole clip")) };
        let bytes = serde_json::to_vec(&manifest).unwrap();
        store.put_bytes(&name(DerivedFiles::Manifest), &bytes).await.unwrap();
    }));
    assert_eq!(bench.make(&clip.object_key, Product::H264).await.unwrap(), Made::Gone);
    assert_eq!(bench.bytes(&clip.object_key, DerivedFiles::H264).await.unwrap(), b"of the whole");
    assert_eq!(bench.manifest(&clip.object_key).await.unwrap().h264, Some(true));
}

/// What was derived of content that is no more goes with its manifest.
#[tokio::test]
async fn a_manifest_of_other_content_gives_way_with_its_files() {
    let bench = Bench::new();
    let clip = bench.clip("a.mp4", b"half").await;
    let key = &clip.object_key;
    bench.make(key, Product::H264).await.unwrap();
    let whole = bench.clip("a.mp4", b"the whole clip").await;
    assert_eq!(bench.make(key, Product::Preview).await.unwrap(), Made::Now);
    assert_eq!(bench.bytes(key, DerivedFiles::H264).await, None);
    let record = bench.record(&whole).await;
    assert!(!record.h264_copy && record.preview_frames == Some(16), "{record:?}");
    // Who still works on the old content writes nothing.
    let manifests = Manifests::new(Arc::<Between>::clone(&bench.store));
    let told = manifests.change(key, Digest::of(b"half"), |manifest| manifest.poster = true).await.unwrap();
    assert_eq!(told, None);
    assert_eq!(bench.manifest(key).await.unwrap().sha256, Digest::of(b"the whole clip"));
}

/// NEVER-18: gateway, server and backfill at one manifest, in one process and in several.
#[tokio::test(flavor = "multi_thread")]
async fn nobodys_word_is_lost() {
    let bench = Bench::new();
    let clip = bench.clip("a.mp4", b"a clip").await;
    let sha256 = Digest::of(b"a clip");
    let changes: [fn(&mut MediaManifest); 6] = [
        |manifest| manifest.poster = true,
        |manifest| manifest.playable = true,
        |manifest| manifest.small = Some(true),
        |manifest| manifest.h264 = Some(true),
        |manifest| manifest.preview = Some(16),
        |manifest| manifest.original = true,
    ];
    let ours = Manifests::new(Arc::<Between>::clone(&bench.store));
    let writers: Vec<_> = (0..)
        .zip(changes)
        .map(|(n, change)| {
            // Others' locks are others'.
            let manifests =
                if n % 2 == 0 { ours.clone() } else { Manifests::new(Arc::<Between>::clone(&bench.store)) };
            let key = clip.object_key.clone();
            tokio::spawn(async move { manifests.change(&key, sha256, change).await.unwrap().unwrap() })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let manifest = bench.manifest(&clip.object_key).await.unwrap();
    assert_eq!(manifest.files().len(), 6, "{manifest:?}");
}

#[tokio::test]
async fn bytes_that_the_digest_denies_are_not_used() {
    let bench = Bench::new();
    let clip = bench.clip("a.mp4", b"a clip").await;
    let path = bench.store.store.path_of(clip.object_key.as_str()).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"a rlip").unwrap();
    let error = bench.make(&clip.object_key, Product::H264).await.unwrap_err();
    assert!(matches!(error, MakeError::Damaged { .. }) && !error.may_retry(), "{error}");
    assert_eq!((bench.encodes(), bench.manifest(&clip.object_key).await), (0, None));
    bench.assert_no_scratch();
}

#[tokio::test]
async fn new_files_of_a_protected_event_do_not_expire() {
    let bench = Bench::new();
    let clip = bench.clip("a.mp4", b"a clip").await;
    let state = EventState {
        version: EventState::VERSION,
        protected: true,
        note: None,
        by: "anna".to_owned(),
        at: Millis(1),
    };
    let name = DerivedKey::new(&clip.object_key, DerivedFiles::State);
    bench.store.put_bytes(name.as_str(), &serde_json::to_vec(&state).unwrap()).await.unwrap();
    bench.make(&clip.object_key, Product::H264).await.unwrap();
    let kept = bench.store.kept.lock().unwrap().clone();
    assert!(["h264.mp4", "media.json"].iter().all(|file| kept.iter().any(|kept| kept == file)), "{kept:?}");
}

#[tokio::test]
async fn an_object_that_says_no_digest_has_nothing_attached() {
    let bench = Bench::new();
    let clip = testing::record("backyard", 1_000, CaptureKind::Record, "plain.mp4");
    let file = bench.dir.path().join("plain");
    std::fs::write(&file, b"plain").unwrap();
    bench.store.put_file(clip.object_key.as_str(), &file, None, PutWhen::Always).await.unwrap();
    let made = bench.make(&clip.object_key, Product::H264).await.unwrap();
    assert!(matches!(&made, Made::Impossible(why) if why.contains("digest")), "{made:?}");
}

async fn until<T>(mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(found) = probe().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain");
}

#[tokio::test]
async fn the_same_wish_is_made_once_and_a_stop_ends_what_runs() {
    let bench = Bench::new();
    let (clip, other) = (bench.clip("a.mp4", b"a clip").await, bench.clip("b.mp4", b"another").await);
    let deriver = Deriver::new(bench.maker.clone());
    let (stop, stopped) = watch::channel(false);
    bench.mood(Mood::Hangs);
    let running = tokio::spawn(deriver.clone().run(stopped));
    assert_eq!(deriver.ask(&clip.object_key, Product::H264, "anna").await.unwrap(), Asked::Queued(0));
    bench.media.began.notified().await;
    for by in ["anna", "otto"] {
        assert_eq!(deriver.ask(&clip.object_key, Product::H264, by).await.unwrap(), Asked::Running);
        assert_eq!(deriver.ask(&other.object_key, Product::H264, by).await.unwrap(), Asked::Queued(0));
    }
    // Pictures don't wait for an encode.
    deriver.offer(&clip.object_key, Product::Preview);
    until(async || bench.record(&clip).await.preview_frames).await;
    assert_eq!(deriver.ask(&clip.object_key, Product::Preview, "anna").await.unwrap(), Asked::There);
    stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(5), running).await.unwrap().unwrap();
    bench.no_scratch().await;
    assert_eq!(bench.encodes(), 1);
    assert!(!bench.record(&clip).await.h264_copy);
    // A new start: it can be asked for again.
    bench.mood(Mood::Works);
    let deriver = Deriver::new(bench.maker.clone());
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(deriver.clone().run(stopped));
    deriver.ask(&clip.object_key, Product::H264, "anna").await.unwrap();
    until(async || bench.record(&clip).await.h264_copy.then_some(())).await;
}

#[tokio::test]
async fn the_queue_is_bounded_and_a_panic_is_one_jobs_failure() {
    let bench = Bench::new();
    let deriver = Deriver::new(bench.maker.clone());
    let mut clips = Vec::new();
    for n in 0..=WAITING_MAX {
        clips.push(bench.clip(&format!("{n}.mp4"), n.to_string().as_bytes()).await);
    }
    for (n, clip) in clips.iter().enumerate() {
        let asked = deriver.ask(&clip.object_key, Product::H264, &(n / 8).to_string()).await.unwrap();
        assert_eq!(asked, if n < WAITING_MAX { Asked::Queued(n) } else { Asked::Full });
    }
    assert_eq!(deriver.ask(&clips[64].object_key, Product::Preview, "0").await.unwrap(), Asked::TooMany);
    bench.mood(Mood::Panics);
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(deriver.clone().run(stopped));
    let told = until(async || {
        let asked = deriver.ask(&clips[0].object_key, Product::H264, "0").await.unwrap();
        matches!(asked, Asked::Failed(..)).then_some(asked)
    });
    let Asked::Failed(why, _) = told.await else { panic!() };
    assert!(why.contains("panic"), "{why}");
    bench.mood(Mood::Works);
    until(async || bench.record(&clips[63]).await.h264_copy.then_some(())).await;
    bench.no_scratch().await;
}
