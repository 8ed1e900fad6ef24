//! Rows that the article's own function wrote: whole seconds, few attributes, displaced ones missing from the timeline.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use camtrail_model::{
    CameraName, CaptureKind, CatalogRecord, EventQuery, Millis, Order,
    ports::{Catalog, Recorded},
    testing::record,
};

use crate::support::{all, client, fresh, items};

/// 2016-08-30T22:30:00Z, half past three in the afternoon in Los Angeles.
const SECOND: i64 = 1_472_596_200;

struct Row {
    camera: &'static str,
    second: i64,
    hour: u8,
    file: &'static str,
    still: bool,
}

fn key(row: &Row) -> String {
    let folder = if row.still { "snap" } else { "record" };
    format!("patrolcams/{}/2016-08-30/Hour-{}/{folder}/{}", row.camera, row.hour, row.file)
}

async fn put(prefix: &str, row: &Row) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let number = |value: i64| AttributeValue::N(value.to_string());
    let (what, tables) = if row.still {
        ("image", ["security_alarm_images", "security_image_timeline"])
    } else {
        ("video", ["security_alarm_videos", "security_video_timeline"])
    };
    let item = HashMap::from([
        ("camera_name".to_owned(), text(row.camera)),
        (format!("{what}_size"), number(12_345)),
        (format!("{what}_name"), text(row.file)),
        ("capture_date".to_owned(), text("2016-08-30")),
        ("capture_hour".to_owned(), text(&format!("Hour-{}", row.hour))),
        ("event_ts".to_owned(), number(row.second)),
        ("object_key".to_owned(), text(&key(row))),
        ("object_key_small".to_owned(), text("patrolcams/x/2016-08-30/Hour-15/record/x-small.mp4")),
        // Its author's later ones.
        ("s3_arrival_time".to_owned(), text("2016-08-30T22:30:01.000Z")),
        ("thumbnail_key".to_owned(), text("thumbs/x.jpg")),
    ]);
    for table in tables {
        let call = client().put_item().table_name(format!("{prefix}{table}")).set_item(Some(item.clone()));
        call.send().await.unwrap();
    }
}

fn names(events: &[CatalogRecord]) -> Vec<&str> {
    events.iter().map(|event| event.object_key.file().as_str()).collect()
}

fn row(camera: &'static str, second: i64, file: &'static str, still: bool) -> Row {
    Row { camera, second, hour: 15, file, still }
}

#[tokio::test]
async fn they_are_found_listed_and_read_as_they_are() {
    let (catalog, prefix) = fresh().await;
    // Ours of the same minute, and one of a camera whose clock began in 1970.
    let ours = record("backyard", SECOND * 1_000 + 30_500, CaptureKind::Record, "ours.mp4");
    let first = record("backyard", 5_000, CaptureKind::Record, "1970.mp4");
    catalog.record(&ours).await.unwrap();
    catalog.record(&first).await.unwrap();
    let old = [
        row("backyard", SECOND, "a.mp4", false),
        row("backyard", SECOND + 31, "b.mp4", false),
        // This one displaces the last in the timeline: there it stands alone.
        row("front", SECOND + 31, "c.mp4", false),
        row("front", SECOND + 60, "d.jpg", true),
    ];
    for row in &old {
        put(&prefix, row).await;
    }
    let strange = Row { hour: 15, second: SECOND + 5, camera: "backyard", file: "x-small.mp4", still: false };
    put(&prefix, &strange).await;

    let (since, until) = ("2016-08-25".parse().unwrap(), "2016-09-05".parse().unwrap());
    assert_eq!(catalog.find_article_rows(since, until).await.unwrap(), 3, "what the timeline still has");
    let (newest, oldest) = (EventQuery::default(), Order::OldestFirst);
    for limit in [1, 2, 50] {
        let timeline = all(&catalog, &newest, limit).await;
        assert_eq!(names(&timeline), ["d.jpg", "c.mp4", "ours.mp4", "a.mp4", "1970.mp4"], "by {limit}");
        let mut backwards = all(&catalog, &EventQuery { order: oldest, ..newest.clone() }, limit).await;
        backwards.reverse();
        assert_eq!(backwards, timeline, "by {limit}");
        let camera = vec![CameraName::parse("backyard").unwrap()];
        let query = EventQuery { cameras: camera, ..newest.clone() };
        assert_eq!(names(&all(&catalog, &query, limit).await), ["b.mp4", "ours.mp4", "a.mp4", "1970.mp4"]);
        let query =
            EventQuery { date: Some(since.saturating_add(jiff::Span::new().days(5))), ..newest.clone() };
        assert_eq!(names(&all(&catalog, &query, limit).await), ["d.jpg", "c.mp4", "ours.mp4", "a.mp4"]);
    }
    let from = EventQuery { from: Some(Millis(SECOND * 1_000 + 1)), ..newest.clone() };
    assert_eq!(names(&all(&catalog, &from, 50).await), ["d.jpg", "c.mp4", "ours.mp4"]);

    let event = &all(&catalog, &newest, 50).await[3];
    assert_eq!(event.time().instant, Millis(SECOND * 1_000));
    assert_eq!(event.time().offset_s, -7 * 3_600, "from the key's hour");
    assert_eq!((event.size, event.object_key.as_str()), (12_345, key(&old[0]).as_str()));
    assert_eq!(catalog.event(&event.id()).await.unwrap().as_ref(), Some(event));
    let cameras = catalog.cameras().await.unwrap();
    assert_eq!(cameras.iter().map(|camera| camera.name.as_str()).collect::<Vec<_>>(), ["backyard", "front"]);
    assert_eq!(cameras[1].last_event_ts, Some(Millis((SECOND + 60) * 1_000)));

    // Looked through: a later call only looks at the last days again.
    assert_eq!(catalog.find_article_rows(since, until).await.unwrap(), 0);
}

#[tokio::test]
async fn an_object_that_comes_again_takes_its_old_rows_place() {
    let (catalog, prefix) = fresh().await;
    put(&prefix, &row("backyard", SECOND, "a.mp4", false)).await;
    put(&prefix, &row("backyard", SECOND + 1, "b.mp4", false)).await;
    let day = "2016-08-30".parse().unwrap();
    assert_eq!(catalog.find_article_rows(day, day).await.unwrap(), 2);
    let listed = all(&catalog, &EventQuery::default(), 50).await;
    // The store's object says when it was really taken.
    let mut again = listed[1].clone();
    again.metadata.time.instant = Millis(SECOND * 1_000 - 7_654);
    again.metadata.sha256 = Some(camtrail_model::Digest::of(b"a"));
    assert_eq!(catalog.record(&again).await.unwrap(), Recorded::Replaced);
    assert_eq!(catalog.record(&again).await.unwrap(), Recorded::AlreadyPresent);
    assert_eq!(all(&catalog, &EventQuery::default(), 50).await, [listed[0].clone(), again.clone()]);
    assert_eq!(catalog.event(&listed[1].id()).await.unwrap(), None);
    assert!(catalog.remove(&listed[0].object_key).await.unwrap(), "the article's own can be removed");
    assert!(!catalog.remove(&listed[0].object_key).await.unwrap());
    for table in ["security_alarm_videos", "security_video_timeline"] {
        assert_eq!(items(&format!("{prefix}{table}")).await.len(), 1, "{table}");
    }
}
