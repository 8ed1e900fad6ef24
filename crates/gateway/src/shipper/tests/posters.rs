//! Where a clip's poster comes from.

use camtrail_model::{
    Completeness, Container, DerivedFiles, MediaFacts, MediaSource,
    ports::{MediaError, MediaTool, Poster, Rendition},
    testing::MediaBeside,
};

use super::*;

/// Its posters are the files themselves: what is shown tells whose it is. Clips last ten seconds.
struct Mirror;

#[async_trait]
impl MediaBeside for Mirror {
    async fn probe(&self, source: &MediaSource) -> Result<MediaFacts, MediaError> {
        let facts = PlainMedia.probe(source).await?;
        Ok(match facts.container {
            Some(Container::Mp4) => MediaFacts {
                duration_ms: Some(10_000),
                completeness: Completeness::Whole,
                frame_rate_milli: Some(15_000),
                key_frames: Some(4),
                ..facts
            },
            _ => facts,
        })
    }
    async fn remux(&self, _: &MediaSource, _: &Path, _: Duration) -> Result<(), MediaError> {
        Err(MediaError::Unusable("no remux".to_owned()))
    }
    async fn small(
        &self,
        _: &MediaSource,
        _: &MediaFacts,
        _: &Path,
    ) -> Result<Option<Rendition>, MediaError> {
        Ok(None)
    }
    async fn poster(&self, source: &MediaSource, _: &MediaFacts) -> Result<Poster, MediaError> {
        let jpeg = std::fs::read(&source.path).map_err(|error| MediaError::Failed(error.to_string()))?;
        let blur = Some(Digest::of(&jpeg).short());
        Ok(Poster { jpeg, width: 320, height: 180, blur })
    }
}

fn still(word: &str) -> Vec<u8> {
    [&b"\xFF\xD8\xFF\xE0"[..], word.as_bytes()].concat()
}

fn whole_still(word: &str) -> Vec<u8> {
    [&still(word)[..], b"\xFF\xD9"].concat()
}

fn clip(word: &str) -> Vec<u8> {
    [&b"\0\0\0\x18ftypisom\0\0\0\0isommp42"[..], word.as_bytes()].concat()
}

fn bench() -> Bench {
    Bench::set_up(Arc::new(SystemClock), Arc::new(Mirror), |_| {})
}

impl Bench {
    /// What stands in for the only clip of a camera, and whose it is said to be.
    async fn shown(&self, camera: &str) -> (Vec<u8>, Option<String>) {
        let events = self.settled().await;
        let is_it = |event: &&CatalogRecord| {
            event.metadata.camera.as_str() == camera && event.object_key.as_str().contains("/record/")
        };
        let event = events.iter().find(is_it).unwrap();
        assert!(event.poster);
        let poster = self.beside(event, DerivedFiles::Poster).await.unwrap();
        assert_eq!(event.blur, Some(Digest::of(&poster).short()), "it is the same picture's");
        (poster, self.manifest(event).await.poster_of)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_still_of_the_clips_time_is_its_poster() {
    let bench = bench();
    for (name, word) in [("155130", "early"), ("155137", "first"), ("155140", "second")] {
        let path = format!("snap/MDAlarm_20160830-{name}.jpg");
        bench.upload(&path, &whole_still(word), TransferEnd::Complete).await;
        bench.settled().await;
    }
    bench.upload("record/MDalarm_20160830_155135.mp4", &clip("it"), TransferEnd::Complete).await;
    let (poster, of) = bench.shown("backyard").await;
    assert_eq!(poster, whole_still("first"));
    let key = "patrolcams/backyard/2016-08-30/Hour-15/snap/MDAlarm_20160830-155137.jpg";
    assert_eq!(of.as_deref(), Some(key));
    let events = bench.events().await;
    let clip = events.iter().find(|event| event.object_key.as_str().contains("/record/")).unwrap();
    assert_eq!((clip.metadata.frame_rate_milli, clip.metadata.key_frames), (Some(15_000), Some(4)));
}

/// NEVER-7: the same second, the same file name.
#[tokio::test(flavor = "multi_thread")]
async fn two_cameras_never_get_each_others_still() {
    let bench = bench();
    for camera in ["porch", "yard"] {
        let path = "snap/MDAlarm_20160830-155137.jpg";
        bench.upload_from(camera, path, &whole_still(camera), TransferEnd::Complete).await;
    }
    bench.settled().await;
    for camera in ["yard", "porch", "drive"] {
        let path = "record/MDalarm_20160830_155137.mp4";
        bench.upload_from(camera, path, &clip(camera), TransferEnd::Complete).await;
    }
    for camera in ["porch", "yard"] {
        let (poster, of) = bench.shown(camera).await;
        assert_eq!(poster, whole_still(camera));
        assert!(of.unwrap().starts_with(&format!("patrolcams/{camera}/")));
    }
    assert_eq!(bench.shown("drive").await, (clip("drive"), None), "it has no still, and gets no other's");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_stills_and_those_of_no_known_time_are_nobodys_poster() {
    let bench = bench();
    bench.upload("snap/MDAlarm_20160830-155137.jpg", &still("cut"), cut()).await;
    bench.upload("snapshot.jpg", &whole_still("whenever"), TransferEnd::Complete).await;
    bench.upload("snap/MDAlarm_20160830-155137.txt", b"a test", TransferEnd::Complete).await;
    bench.settled().await;
    bench.upload("record/MDalarm_20160830_155135.mp4", &clip("it"), TransferEnd::Complete).await;
    bench.upload_from("yard", "clip.mp4", &clip("whenever"), TransferEnd::Complete).await;
    assert_eq!(bench.shown("backyard").await, (clip("it"), None));
    assert_eq!(bench.shown("yard").await, (clip("whenever"), None));
}

/// A gateway whose role may put and neither look nor read.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_may_only_put_remembers_too() {
    let bench = bench();
    bench.store.gateway_may_not_look.store(true, Ordering::SeqCst);
    bench.upload("snap/MDAlarm_20160830-155137.jpg", &whole_still("first"), TransferEnd::Complete).await;
    bench.settled().await;
    bench.upload("record/MDalarm_20160830_155135.mp4", &clip("it"), TransferEnd::Complete).await;
    assert_eq!(bench.shown("backyard").await.0, whole_still("first"));
}
