//! Asking for copies and previews: what is answered at once, to whom, and where it can't be.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use camtrail_derive::{Deriver, Maker, MakerParts, Manifests, Scratch};
use camtrail_model::{
    CatalogRecord, Digest, MediaFacts, MediaSource,
    ports::{MediaError, MediaTool, Rendition},
    testing::{MediaBeside, PlainMedia},
};

use super::*;

/// [`PlainMedia`] as if there were an ffmpeg, that makes nothing of clips that say so.
struct Media;

#[async_trait]
impl MediaBeside for Media {
    async fn h264(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        dest: &Path,
    ) -> Result<Rendition, MediaError> {
        match std::fs::read(&source.path).unwrap().as_slice() {
            b"bad" => Err(MediaError::Unusable("there is no video in it".to_owned())),
            _ => PlainMedia.h264(source, facts, dest).await,
        }
    }
}

/// A bench whose queue takes wishes, and what makes them when it is run.
async fn bench(media: Arc<dyn MediaTool>) -> (Bench, Deriver) {
    let (mut deriver, scratch) = (None, tempfile::tempdir().unwrap().keep());
    let bench = Bench::with(|parts| {
        let maker = Maker::new(MakerParts {
            store: parts.store.clone(),
            sink: parts.sink.clone(),
            media,
            manifests: Manifests::new(parts.store.clone()),
            scratch: Scratch::open(&scratch).unwrap(),
        });
        parts.derive = deriver.insert(Deriver::new(maker)).clone().into();
    })
    .await;
    (bench, deriver.unwrap())
}

impl Bench {
    /// An HEVC clip of these bytes, in store and catalog.
    async fn hevc(&self, name: &str, bytes: &[u8]) -> CatalogRecord {
        let mut clip = record("gate", 5_000, CaptureKind::Record, name);
        clip.metadata.video_codec = Some("hevc".to_owned());
        clip.metadata.sha256 = Some(Digest::of(bytes));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let map = clip.metadata.to_map();
        self.store.put_file(clip.object_key.as_str(), &file, Some(&map), PutWhen::Absent).await.unwrap();
        self.catalog.record(&clip).await.unwrap();
        clip
    }

    async fn ask(&self, cookie: &str, id: &str, what: &str) -> (StatusCode, Option<String>, Value) {
        let request = Request::post(format!("/api/v1/events/{id}/{what}")).header(header::COOKIE, cookie);
        let response = self.send(request.body(Body::empty()).unwrap()).await;
        let later =
            response.headers().get(header::RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        let (status, body) = read(response).await;
        (status, later, body)
    }
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap()
}

#[tokio::test]
async fn a_viewer_asks_is_told_where_it_stands_and_has_it() {
    let (bench, deriver) = bench(Arc::new(Media)).await;
    let cookie = bench.cookie().await;
    let (clip, next) = (bench.hevc("a.mp4", b"clip").await, bench.hevc("b.mp4", b"next").await);
    let (id, next) = (clip.id().to_string(), next.id().to_string());
    for _ in 0..2 {
        let (status, later, making) = bench.ask(&cookie, &id, "playable").await;
        assert_eq!((status, making), (StatusCode::ACCEPTED, json!({"state": "queued", "ahead": 0})));
        assert!(later.is_some());
    }
    assert_eq!(bench.ask(&cookie, &next, "playable").await.2, json!({"state": "queued", "ahead": 1}));
    assert_eq!(bench.ask(&cookie, &id, "preview").await.0, StatusCode::ACCEPTED);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(deriver.run(stopped));
    for what in ["playable", "preview"] {
        loop {
            let (status, _, body) = bench.ask(&cookie, &id, what).await;
            if status == StatusCode::OK {
                assert_eq!(body["id"], json!(id));
                break;
            }
            assert_eq!(status, StatusCode::ACCEPTED, "{body}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let (_, event) = bench.get(&format!("/api/v1/events/{id}"), &cookie).await;
    assert!(event["h264_url"].is_string(), "{event}");
    assert_eq!((&event["preview"]["frames"], &event["preview"]["rows"]), (&json!(16), &json!(4)));
    stop.send(true).unwrap();
    running.await.unwrap();
}

#[tokio::test]
async fn what_needs_none_has_none_and_what_cannot_be_is_told() {
    let (bench, deriver) = bench(Arc::new(Media)).await;
    let cookie = bench.cookie().await;
    let bad = bench.hevc("bad.mp4", b"bad").await.id().to_string();
    let mut plain = record("gate", 7_000, CaptureKind::Record, "plain.mp4");
    plain.metadata.video_codec = Some("h264".to_owned());
    let still = record("gate", 6_000, CaptureKind::Snap, "x.jpg");
    for record in [&plain, &still] {
        bench.catalog.record(record).await.unwrap();
        let (status, _, event) = bench.ask(&cookie, &record.id().to_string(), "playable").await;
        assert_eq!((status, &event["h264_url"]), (StatusCode::OK, &Value::Null));
    }
    let (status, _, problem) = bench.ask(&cookie, &still.id().to_string(), "preview").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(detail(&problem).contains("a still"), "{problem}");
    // In the catalog, and its object is gone.
    let gone = record("gate", 8_000, CaptureKind::Record, "gone.mp4");
    bench.catalog.record(&gone).await.unwrap();
    assert_eq!(bench.ask(&cookie, &gone.id().to_string(), "preview").await.0, StatusCode::NOT_FOUND);
    for id in ["x", &record("gate", 9_000, CaptureKind::Record, "n.mp4").id().to_string()] {
        assert_eq!(bench.ask(&cookie, id, "playable").await.0, StatusCode::NOT_FOUND, "{id}");
    }
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(deriver.run(stopped));
    let problem = loop {
        let (status, _, body) = bench.ask(&cookie, &bad, "playable").await;
        if status != StatusCode::ACCEPTED {
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
            break body;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(detail(&problem), "no H.264 copy can be made of this event: there is no video in it");
}

#[tokio::test]
async fn one_person_does_not_fill_the_queue_and_a_full_one_says_when() {
    let (bench, _deriver) = bench(Arc::new(Media)).await;
    let (anna, mut clips) = (bench.cookie().await, Vec::new());
    for n in 0..65 {
        clips.push(bench.hevc(&format!("{n}.mp4"), n.to_string().as_bytes()).await.id().to_string());
    }
    for clip in &clips[..8] {
        assert_eq!(bench.ask(&anna, clip, "playable").await.0, StatusCode::ACCEPTED);
    }
    let (status, later, _) = bench.ask(&anna, &clips[8], "playable").await;
    assert_eq!((status, later.as_deref()), (StatusCode::TOO_MANY_REQUESTS, Some("30")));
    for n in 1..8 {
        let name = format!("person{n}");
        let password_hash = hash_password(b"right").unwrap();
        let user = User {
            name: name.clone(),
            password_hash,
            role: Role::Viewer,
            disabled: false,
            sight: Sight::All,
        };
        bench.catalog.put_user(&user).await.unwrap();
        let cookie = bench.cookie_of(&name).await;
        for clip in &clips[8 * n..8 * n + 8] {
            assert_eq!(bench.ask(&cookie, clip, "playable").await.0, StatusCode::ACCEPTED);
        }
    }
    let otto = bench.cookie_of("otto").await;
    let (status, later, problem) = bench.ask(&otto, &clips[64], "playable").await;
    assert_eq!((status, later.as_deref()), (StatusCode::SERVICE_UNAVAILABLE, Some("30")), "{problem}");
    assert_eq!(bench.ask(&otto, &clips[0], "playable").await.0, StatusCode::ACCEPTED, "it waits already");
}

#[tokio::test]
async fn where_there_is_no_ffmpeg_it_is_said() {
    let (without_tool, _deriver) = bench(Arc::new(PlainMedia)).await;
    for (bench, why) in
        [(without_tool, "tests have no ffmpeg"), (Bench::serverless().await, "camtrail backfill")]
    {
        let (cookie, clip) = (bench.cookie().await, bench.hevc("a.mp4", b"clip").await);
        for what in ["playable", "preview"] {
            let (status, _, problem) = bench.ask(&cookie, &clip.id().to_string(), what).await;
            assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
            assert!(detail(&problem).contains(why), "{problem}");
        }
    }
}
