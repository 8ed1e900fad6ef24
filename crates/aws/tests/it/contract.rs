//! The same contract as SQLite's, with one and with several shards a day.

use std::sync::Arc;

use camtrail_model::{
    CaptureKind, Digest, EventQuery, EventState, Millis,
    ports::{Attached, Catalog, Recorded},
    testing::record,
};
use tokio::runtime::Handle;

use crate::support::{config, fresh, fresh_prefix, items, open};

fn fresh_blocking(shards: u16) -> Arc<dyn Catalog> {
    tokio::task::block_in_place(|| {
        Handle::current().block_on(async {
            let config = camtrail_aws::DynamoConfig { timeline_shards: shards, ..config(&fresh_prefix()) };
            Arc::new(open(&config).await) as Arc<dyn Catalog>
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_catalog_contract() {
    camtrail_model::testing::catalog_contract(|| fresh_blocking(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_catalog_contract_with_three_shards() {
    camtrail_model::testing::catalog_contract(|| fresh_blocking(3)).await;
}

/// The article's names and keys, in both views; both expire alike.
#[tokio::test]
async fn rows_have_the_articles_keys_and_names() {
    let prefix = fresh_prefix();
    let config = camtrail_aws::DynamoConfig { retention_days: 30, ..config(&prefix) };
    let catalog = open(&config).await;
    let now = jiff::Timestamp::now().as_millisecond();
    let clip = record("backyard", now, CaptureKind::Record, "MDalarm_20160830_152954.mp4");
    catalog.record(&clip).await.unwrap();
    let by_camera = items(&format!("{prefix}security_alarm_videos")).await;
    let by_day = items(&format!("{prefix}security_video_timeline")).await;
    assert_eq!((by_camera.len(), by_day.len()), (1, 1));
    let date = clip.object_key.date().to_string();
    for row in [&by_camera[0], &by_day[0]] {
        assert_eq!(row["camera_name"].as_s().unwrap(), "backyard");
        assert_eq!(row["capture_date"].as_s().unwrap(), &date);
        assert_eq!(row["capture_hour"].as_s().unwrap(), &format!("Hour-{}", clip.object_key.hour()));
        assert_eq!(row["video_name"].as_s().unwrap(), "MDalarm_20160830_152954.mp4");
        assert_eq!(row["video_size"].as_n().unwrap(), "4");
        assert_eq!(row["object_key"].as_s().unwrap(), clip.object_key.as_str());
        let event_ts = row["event_ts"].as_n().unwrap();
        assert!(event_ts.starts_with(&format!("{now}.")), "{event_ts}");
        let expires = (now + 3_000).div_euclid(1_000) + 30 * 86_400;
        assert_eq!(row["expires_at"].as_n().unwrap(), &expires.to_string());
    }
    // A protected one stays.
    let mut kept = record("backyard", now + 1, CaptureKind::Snap, "kept.jpg");
    kept.protected = true;
    catalog.record(&kept).await.unwrap();
    for table in ["security_alarm_images", "security_image_timeline"] {
        let rows = items(&format!("{prefix}{table}")).await;
        assert!(!rows[0].contains_key("expires_at"), "{table}");
        assert_eq!(rows[0]["image_name"].as_s().unwrap(), "kept.jpg");
    }
}

/// A person protects it, and lets it go again: all three items of the event expire alike, or none.
#[tokio::test]
async fn what_is_protected_never_expires_by_itself() {
    let prefix = fresh_prefix();
    let config = camtrail_aws::DynamoConfig { retention_days: 30, ..config(&prefix) };
    let catalog = open(&config).await;
    let now = jiff::Timestamp::now().as_millisecond();
    let clip = record("backyard", now, CaptureKind::Record, "x.mp4");
    catalog.record(&clip).await.unwrap();
    let expiries = async || {
        let mut found = Vec::new();
        for table in ["security_alarm_videos", "security_video_timeline", "camtrail_meta"] {
            let items = items(&format!("{prefix}{table}")).await;
            let of_event = items.iter().filter(|item| {
                item.contains_key("object_key")
                    || item.get("part").is_some_and(|part| part.as_s().unwrap().starts_with("object#"))
            });
            found.extend(of_event.map(|item| item.get("expires_at").map(|at| at.as_n().unwrap().clone())));
        }
        found
    };
    let before = expiries().await;
    assert!(before.len() == 3 && before.iter().all(Option::is_some), "{before:?}");
    let state = |protected| EventState {
        version: EventState::VERSION,
        protected,
        note: Some("the fox".to_owned()),
        by: "anna".to_owned(),
        at: Millis(now),
    };
    assert_eq!(catalog.set_state(&clip.object_key, &state(true)).await.unwrap(), Attached::Updated);
    assert_eq!(expiries().await, [None, None, None]);
    let fuller = camtrail_model::CatalogRecord { size: 99, ..clip.clone() };
    assert_eq!(catalog.record(&fuller).await.unwrap(), Recorded::Replaced);
    assert_eq!(expiries().await, [None, None, None], "also with other content");
    assert_eq!(catalog.set_state(&clip.object_key, &state(false)).await.unwrap(), Attached::Updated);
    assert_eq!(expiries().await, before);
}

/// Many writers of one event: all views agree in the end, and every change was told.
#[tokio::test(flavor = "multi_thread")]
async fn decisions_meet_posters_and_fuller_uploads() {
    let (catalog, prefix) = fresh().await;
    let clip = record("a", 1, CaptureKind::Record, "x.mp4");
    catalog.record(&clip).await.unwrap();
    let tasks: Vec<_> = (0..8_u64)
        .map(|n| {
            let (catalog, clip) = (catalog.clone(), clip.clone());
            tokio::spawn(async move {
                if n % 2 == 0 {
                    let fuller = camtrail_model::CatalogRecord { size: 100 + n, ..clip };
                    catalog.record(&fuller).await.map(drop)
                } else {
                    let state = EventState {
                        version: EventState::VERSION,
                        protected: true,
                        note: Some(format!("note {n}")),
                        by: "anna".to_owned(),
                        at: Millis(1),
                    };
                    catalog.set_state(&clip.object_key, &state).await.map(drop)
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let event = catalog.event(&clip.id()).await.unwrap().unwrap();
    assert!(event.protected && event.note.is_some() && event.size >= 100, "nothing was lost: {event:?}");
    assert_eq!(crate::support::all(&catalog, &EventQuery::default(), 10).await, [event]);
    for table in ["security_alarm_videos", "security_video_timeline"] {
        assert_eq!(items(&format!("{prefix}{table}")).await.len(), 1, "{table}");
    }
}

/// What is read back is what was written, to the last optional field.
#[tokio::test]
async fn every_field_reads_back() {
    let (catalog, _) = fresh().await;
    let mut full = record("Garé 1", -1_500, CaptureKind::Snap, "a b+c%#.jpg");
    full.metadata.time.offset_s = -25_200;
    full.metadata.time.clock_error_ms = Some(-5);
    full.metadata.complete = false;
    full.metadata.original_name = String::new();
    full.note = Some("a note\n".to_owned());
    full.poster = true;
    full.playable_copy = true;
    full.small_copy = true;
    full.original_copy = true;
    full.h264_copy = true;
    full.preview_frames = Some(16);
    full.blur = Some("blur".to_owned());
    full.size = 5_000_000_000;
    let mut bare = record("b", 1, CaptureKind::Record, "bare.mp4");
    bare.metadata.sha256 = None;
    bare.metadata.original_sha256 = None;
    bare.metadata.duration_ms = None;
    bare.metadata.width = None;
    bare.metadata.height = None;
    bare.metadata.video_codec = None;
    bare.metadata.frame_rate_milli = None;
    bare.metadata.key_frames = None;
    for event in [full, bare] {
        assert_eq!(catalog.record(&event).await.unwrap(), Recorded::Inserted);
        assert_eq!(catalog.event(&event.id()).await.unwrap(), Some(event.clone()));
        let query = EventQuery { kind: Some(event.object_key.kind()), ..EventQuery::default() };
        assert_eq!(crate::support::all(&catalog, &query, 10).await, [event]);
    }
}

/// The same object with another time: the event moves, and nothing stays behind.
#[tokio::test]
async fn an_event_whose_time_is_corrected_moves() {
    let (catalog, prefix) = fresh().await;
    let first = record("a", 10 * 86_400_000, CaptureKind::Record, "x.mp4");
    catalog.record(&first).await.unwrap();
    let mut second = first.clone();
    second.metadata.time.instant = Millis(14 * 86_400_000);
    second.metadata.sha256 = Some(Digest::of(b"other"));
    assert_eq!(catalog.record(&second).await.unwrap(), Recorded::Replaced);
    assert_eq!(catalog.event(&first.id()).await.unwrap(), None);
    assert_eq!(crate::support::all(&catalog, &EventQuery::default(), 10).await, [second.clone()]);
    assert!(catalog.remove(&second.object_key).await.unwrap());
    for table in ["security_alarm_videos", "security_video_timeline"] {
        assert!(items(&format!("{prefix}{table}")).await.is_empty(), "{table}");
    }
    assert_eq!(catalog.cameras().await.unwrap()[0].events, 0);
}

/// Days that were written with other numbers of shards are read and removed as they are.
#[tokio::test]
async fn the_number_of_shards_may_change() {
    let prefix = fresh_prefix();
    let mut made = Vec::new();
    for (step, shards) in [1, 4, 2, 1].into_iter().enumerate() {
        let config = camtrail_aws::DynamoConfig { timeline_shards: shards, ..config(&prefix) };
        let catalog = open(&config).await;
        for n in 0..10 {
            let clip = record("a", 1_000 * n, CaptureKind::Record, &format!("{step}-{n}.mp4"));
            catalog.record(&clip).await.unwrap();
            made.push(clip);
        }
    }
    made.sort_by_key(|clip| std::cmp::Reverse(clip.id()));
    let catalog = open(&config(&prefix)).await;
    assert_eq!(crate::support::all(&catalog, &EventQuery::default(), 7).await, made);
    for clip in &made {
        assert!(catalog.remove(&clip.object_key).await.unwrap());
    }
    assert!(items(&format!("{prefix}security_video_timeline")).await.is_empty());
}

/// NEVER-22: the timeline ends at its oldest day, and a day that is empty for good is forgotten.
#[tokio::test]
async fn empty_days_are_forgotten_and_come_again() {
    let (catalog, prefix) = fresh().await;
    let days = async || {
        let meta = items(&format!("{prefix}camtrail_meta")).await;
        meta.iter().filter(|item| item["part"].as_s().unwrap() == "days").count()
    };
    let (old, new) = (
        record("a", 0, CaptureKind::Record, "old.mp4"),
        record("a", 5 * 86_400_000, CaptureKind::Record, "new.mp4"),
    );
    catalog.record(&old).await.unwrap();
    catalog.record(&new).await.unwrap();
    catalog.remove(&old.object_key).await.unwrap();
    assert_eq!(catalog.tidy_days(Millis(0), 10).await.unwrap(), 0, "marked only");
    assert_eq!(catalog.tidy_days(Millis(60_000), 10).await.unwrap(), 0, "too early");
    assert_eq!(days().await, 2);
    // Another process writes into it: the mark goes.
    let other = open(&config(&prefix)).await;
    other.record(&old).await.unwrap();
    other.remove(&old.object_key).await.unwrap();
    assert_eq!(catalog.tidy_days(Millis(3_600_000), 10).await.unwrap(), 0, "marked anew");
    assert_eq!(catalog.tidy_days(Millis(7_200_000), 10).await.unwrap(), 1);
    assert_eq!(days().await, 1);
    assert_eq!(crate::support::all(&catalog, &EventQuery::default(), 10).await, [new]);
}

/// Another process's changes wake this one.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_wakes_for_other_processes() {
    let (catalog, prefix) = fresh().await;
    let mut watch = catalog.watch();
    let follower = tokio::spawn(catalog.follow(std::time::Duration::from_millis(20)));
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let other = open(&config(&prefix)).await;
    other.record(&record("a", 1, CaptureKind::Record, "x.mp4")).await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(20), watch.changed()).await.unwrap().unwrap();
    assert_eq!(catalog.changes(0, 10).await.unwrap().items.len(), 2);
    drop(catalog);
    tokio::time::timeout(std::time::Duration::from_secs(20), follower).await.unwrap().unwrap();
}
