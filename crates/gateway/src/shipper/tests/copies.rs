//! What may stand beside an event besides its poster: small renditions, and the bytes as received.

use camtrail_model::{
    Completeness, DerivedFiles, DerivedKey, MediaFacts, MediaManifest, MediaSource,
    ports::{MediaError, MediaTool, Rendition},
    testing::MediaBeside,
};

use super::*;

const CLIP_NAME: &str = "record/MDalarm_20160830_152954.mkv";
/// An MPEG program stream by its first bytes, longer than what is small itself.
const CLIP: &[u8] =
    b"\0\0\x01\xBA a program stream that is quite a bit longer than what would be small by itself";
const REMUXED: &[u8] =
    b"\0\0\0\x18ftypisom\0\0\0\0isommp42 the same pictures in a container that browsers know, and no sound";

/// An MP4 that breaks off.
const CUT: &[u8] = b"\0\0\0\x18ftypisom\0\0\0\0isommp42 the same pictures as far as they came";

/// [`PlainMedia`] that can remux, and whose machine fails a number of remuxes and small renditions.
#[derive(Default)]
struct Media {
    small_failures: AtomicU32,
    remux_failures: AtomicU32,
}

#[async_trait]
impl MediaBeside for Media {
    async fn probe(&self, source: &MediaSource) -> Result<MediaFacts, MediaError> {
        let facts = PlainMedia.probe(source).await?;
        let completeness = match std::fs::read(&source.path) {
            Ok(bytes) if bytes == REMUXED => Completeness::Whole,
            Ok(bytes) if bytes == CUT => Completeness::Cut("it breaks off".to_owned()),
            _ => facts.completeness,
        };
        Ok(MediaFacts { completeness, ..facts })
    }
    async fn remux(&self, _: &MediaSource, dest: &Path, _: Duration) -> Result<(), MediaError> {
        Flaky::fails(&self.remux_failures).map_err(|_| MediaError::Failed("the machine".to_owned()))?;
        std::fs::write(dest, REMUXED).map_err(|error| MediaError::Failed(error.to_string()))
    }
    async fn small(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        dest: &Path,
    ) -> Result<Option<Rendition>, MediaError> {
        Flaky::fails(&self.small_failures).map_err(|_| MediaError::Failed("the machine".to_owned()))?;
        PlainMedia.small(source, facts, dest).await
    }
}

fn bench(media: Media, change: impl FnOnce(&mut ShipConfig)) -> Bench {
    Bench::set_up(Arc::new(SystemClock), Arc::new(media), change)
}

impl Bench {
    pub(super) async fn beside(&self, event: &CatalogRecord, file: DerivedFiles) -> Option<Vec<u8>> {
        self.store.get_bytes(DerivedKey::new(&event.object_key, file).as_str(), 1 << 20).await.unwrap()
    }

    pub(super) async fn manifest(&self, event: &CatalogRecord) -> MediaManifest {
        serde_json::from_slice(&self.beside(event, DerivedFiles::Manifest).await.unwrap()).unwrap()
    }

    async fn only(&self) -> CatalogRecord {
        let [event] = &self.settled().await[..] else { panic!("one event") };
        event.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clips_get_small_renditions_where_that_is_wanted() {
    let bench = bench(Media::default(), |config| config.small.default = true);
    bench.upload(CLIP_NAME, CLIP, TransferEnd::Complete).await;
    let clip = bench.only().await;
    assert!(clip.small_copy && clip.poster && !clip.original_copy, "{clip:?}");
    assert_eq!(bench.beside(&clip, DerivedFiles::Small).await.unwrap(), b"small");
    assert_eq!(bench.manifest(&clip).await.small, Some(true));
    let left: Vec<_> = std::fs::read_dir(bench.dir.path().join("spool"))
        .unwrap()
        .map(|file| file.unwrap().file_name())
        .filter(|name| name.to_string_lossy().contains(".work."))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stills_small_clips_and_cameras_that_have_none_get_none() {
    let of_camera = bench(Media::default(), |config| {
        config.small.default = true;
        config.small.cameras.insert(CameraName::parse("backyard").unwrap(), false);
    });
    of_camera.upload(CLIP_NAME, CLIP, TransferEnd::Complete).await;
    let clip = of_camera.only().await;
    assert!(!clip.small_copy && clip.poster);
    assert_eq!(of_camera.manifest(&clip).await.small, None, "nobody tried");

    let still = bench(Media::default(), |config| config.small.default = true);
    still.upload("snap/MDAlarm_20160830-155137.jpg", WHOLE, TransferEnd::Complete).await;
    assert!(!still.only().await.small_copy);

    let little = bench(Media::default(), |config| {
        config.small.cameras.insert(CameraName::parse("backyard").unwrap(), true);
        config.remux = false;
    });
    little.upload(CLIP_NAME, &CLIP[..60], TransferEnd::Complete).await;
    let clip = little.only().await;
    assert!(!clip.small_copy);
    assert_eq!(little.manifest(&clip).await.small, Some(false), "tried, and none is needed");
}

/// NEVER-6: it comes when all else is done, and what can't be made now is made when the upload comes again.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_fails_costs_the_rendition_and_nothing_else() {
    let media = Media::default();
    media.small_failures.store(2, Ordering::SeqCst);
    let bench = bench(media, |config| config.small.default = true);
    bench.upload(CLIP_NAME, CLIP, TransferEnd::Complete).await;
    let clip = bench.only().await;
    assert!(clip.poster && !clip.small_copy);
    assert_eq!(bench.manifest(&clip).await.small, None);
    bench.upload(CLIP_NAME, CLIP, TransferEnd::Complete).await;
    let again = bench.only().await;
    assert!(again.poster && again.small_copy, "as after a restart");
}

/// Uploads come first: those whose renditions wait take up the spool.
#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_fills_up_does_without() {
    let bench = bench(Media::default(), |config| config.small.default = true);
    let start = UploadStart {
        account: "camera".to_owned(),
        camera: CameraName::parse("porch").unwrap(),
        path: vec!["big.mkv".to_owned()],
        started_at: Millis(1),
        modified_at: None,
    };
    let mut under_way = bench.spool.begin(start).unwrap();
    under_way.write(&vec![0; 5 << 20]).await.unwrap();
    bench.upload(CLIP_NAME, CLIP, TransferEnd::Complete).await;
    let clip = bench.only().await;
    assert!(clip.poster && !clip.small_copy, "{clip:?}");
}

/// A cut MP4 is no copy of an earlier try only because it is an MP4. With or without a manifest of that try.
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_mp4_whose_remux_failed_gets_its_copy_when_it_comes_again() {
    for poster in [true, false] {
        let media = Media::default();
        media.remux_failures.store(2, Ordering::SeqCst);
        let bench = bench(media, |config| config.poster = poster);
        let mut told = Vec::new();
        for _ in 0..3 {
            bench.upload("record/MDalarm_20160830_152954.mp4", CUT, cut()).await;
            let clip = bench.only().await;
            assert_eq!((clip.metadata.original_sha256, clip.poster), (Some(Digest::of(CUT)), poster));
            assert_eq!(clip.metadata.sha256, clip.metadata.original_sha256, "stored as it came");
            told.push(clip.playable_copy);
        }
        assert_eq!(told, [false, true, true], "poster: {poster}");
        let put = bench.store.put.lock().unwrap().clone();
        assert_eq!(put.iter().filter(|key| key.ends_with("/playable.mp4")).count(), 1, "{put:?}");
    }
}

/// What was remuxed in time needs no copy, however often it comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_cut_mp4_that_was_remuxed_gets_no_second_copy() {
    let bench = bench(Media::default(), |_| {});
    for _ in 0..2 {
        bench.upload("record/MDalarm_20160830_152954.mp4", CUT, cut()).await;
        let clip = bench.only().await;
        assert_eq!((clip.metadata.sha256, clip.playable_copy), (Some(Digest::of(REMUXED)), false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_remuxed_keeps_its_original() {
    let bench = bench(Media::default(), |config| {
        config.keep_original = true;
        config.small.default = true;
    });
    for _ in 0..2 {
        bench.upload(CLIP_NAME, CLIP, TransferEnd::Complete).await;
        let clip = bench.only().await;
        assert!(clip.original_copy && clip.poster && clip.small_copy && clip.metadata.complete, "{clip:?}");
        assert_eq!(bench.beside(&clip, DerivedFiles::Original).await.unwrap(), CLIP);
        assert_eq!(clip.metadata.original_sha256, Some(Digest::of(CLIP)));
        assert_eq!(clip.metadata.sha256, Some(Digest::of(REMUXED)));
    }
    let originals = |put: &Vec<String>| put.iter().filter(|key| key.ends_with("/original")).count();
    assert_eq!(originals(&bench.store.put.lock().unwrap()), 1, "a replay stores nothing anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_as_it_came_has_no_second_copy() {
    let bench = bench(Media::default(), |config| config.keep_original = true);
    bench.upload("record/MDalarm_20160830_152954.mp4", REMUXED, TransferEnd::Complete).await;
    let clip = bench.only().await;
    assert!(!clip.original_copy);
    assert_eq!(bench.beside(&clip, DerivedFiles::Original).await, None);
}

/// The spool forgets nothing that was to be kept, the event is there meanwhile, and so are others'.
#[tokio::test(flavor = "multi_thread")]
async fn an_original_that_the_store_refuses_stays_in_the_spool_and_holds_up_nobody() {
    let bench = bench(Media::default(), |config| config.keep_original = true);
    bench.store.no_originals.store(true, Ordering::SeqCst);
    for second in 10..18 {
        bench.upload(&format!("record/MDalarm_20160830_1529{second}.mkv"), CLIP, TransferEnd::Complete).await;
    }
    bench.upload("snap/MDAlarm_20160830-155137.jpg", WHOLE, TransferEnd::Complete).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while bench.events().await.len() < 9 || bench.spool.usage().entries != 8 {
        assert!(
            Instant::now() < deadline,
            "{} events, {:?}",
            bench.events().await.len(),
            bench.spool.usage()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench.store.no_originals.store(false, Ordering::SeqCst);
    let events = bench.settled().await;
    assert_eq!(events.iter().filter(|event| event.original_copy).count(), 8);
    assert!(events.iter().all(|event| event.poster));
}

/// A disk that gives other bytes than it took: they are not called the original.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_changed_in_the_spool_are_not_the_original() {
    let bench = bench(Media::default(), |config| config.keep_original = true);
    bench.store.no_originals.store(true, Ordering::SeqCst);
    bench.upload(CLIP_NAME, CLIP, TransferEnd::Complete).await;
    let id = bench.spool.entries()[0].id.clone();
    let mut other = CLIP.to_vec();
    other[20] ^= 1;
    std::fs::write(bench.spool.data_path(&id), other).unwrap();
    bench.store.no_originals.store(false, Ordering::SeqCst);
    let clip = bench.only().await;
    assert!(!clip.original_copy);
    assert_eq!(bench.beside(&clip, DerivedFiles::Original).await, None);
}
