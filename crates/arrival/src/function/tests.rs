use std::{collections::HashMap, fs};

use camtrail_catalog::SqliteCatalog;
use camtrail_model::{
    CameraZones, CaptureKind, CatalogRecord, EventQuery, MediaManifest, PageSize,
    ports::{Catalog, ObjectStore, PutWhen},
    testing,
};
use camtrail_store::LocalStore;
use serde_json::{Value, json};

use super::*;
use crate::notification;

struct Bench {
    dir: tempfile::TempDir,
    store: Arc<LocalStore>,
    catalog: Arc<SqliteCatalog>,
    function: Function,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let base = ObjectBase::default();
        let store = Arc::new(LocalStore::open(&dir.path().join("store")).unwrap());
        let catalog = Arc::new(SqliteCatalog::open(&dir.path().join("catalog.db"), &base).unwrap());
        let zones = Arc::new(CameraZones::new(jiff::tz::TimeZone::UTC, HashMap::new()));
        let arrivals =
            Arrivals::new(Arc::<LocalStore>::clone(&store), Arc::<SqliteCatalog>::clone(&catalog), zones);
        let function = Function::new(Arc::new(arrivals), base, Some("security-alarms".to_owned()));
        Self { dir, store, catalog, function }
    }

    async fn put(&self, record: &CatalogRecord, bytes: &[u8]) {
        let file = self.dir.path().join("file");
        let _ = fs::remove_file(&file);
        fs::write(&file, bytes).unwrap();
        let map = record.metadata.to_map();
        self.store.put_file(record.object_key.as_str(), &file, Some(&map), PutWhen::Always).await.unwrap();
    }

    async fn run(&self, event: &Value) -> Report {
        self.function.run(&notification::read(event.to_string().as_bytes()).unwrap()).await
    }

    async fn outcomes(&self, event: &Value) -> Vec<Outcome> {
        self.run(event).await.done.iter().map(|done| done.outcome).collect()
    }

    async fn events(&self) -> usize {
        self.catalog.page(&EventQuery::default(), PageSize::DEFAULT, None).await.unwrap().items.len()
    }
}

fn told(events: &[(&str, &str)]) -> Value {
    let record = |(name, key): &(&str, &str)| json!({ "eventName": name, "s3": { "bucket": { "name": "security-alarms" }, "object": { "key": key, "size": 4 } } });
    json!({ "Records": events.iter().map(record).collect::<Vec<_>>() })
}

fn clip(name: &str) -> CatalogRecord {
    testing::record("backyard", 1_000, CaptureKind::Record, name)
}

/// NEVER-4, and notifications out of order: delivered twice, removal before creation, deleted and delivered again.
#[tokio::test]
async fn whatever_the_order_the_store_is_right() {
    use Outcome::{Absent, Already, Recorded, Removed};
    let bench = Bench::new();
    let record = clip("a.mp4");
    let key = record.object_key.as_str();
    let (created, removed) = (told(&[("ObjectCreated:Put", key)]), told(&[("ObjectRemoved:Delete", key)]));
    assert_eq!(bench.outcomes(&created).await, [Absent], "gone before it was read");
    assert_eq!(bench.outcomes(&removed).await, [Absent]);
    bench.put(&record, b"clip").await;
    assert_eq!(bench.outcomes(&removed).await, [Recorded], "the removal was of an earlier object");
    assert_eq!(bench.outcomes(&created).await, [Already]);
    bench.store.delete(key).await.unwrap();
    assert_eq!(bench.outcomes(&created).await, [Removed], "a late notification doesn't bring it back");
    assert_eq!(bench.outcomes(&removed).await, [Absent]);
    bench.put(&record, b"clip").await;
    assert_eq!(bench.outcomes(&created).await, [Recorded]);
    bench.put(&record, b"another").await;
    let report = bench.run(&created).await;
    assert_eq!((report.done[0].outcome, report.done[0].size), (Outcome::Replaced, Some(7)));
    assert_eq!(bench.events().await, 1);
}

#[tokio::test]
async fn every_record_has_its_own_result_and_a_failing_one_stops_no_other() {
    let bench = Bench::new();
    let (good, bad) = (clip("good.mp4"), clip("bad.mp4"));
    bench.put(&good, b"clip").await;
    // Metadata of another camera: nothing that a try more would mend.
    let mut other = bad.metadata.to_map();
    other.insert("camera".to_owned(), "porch".to_owned());
    let file = bench.dir.path().join("bad");
    fs::write(&file, b"clip").unwrap();
    bench.store.put_file(bad.object_key.as_str(), &file, Some(&other), PutWhen::Absent).await.unwrap();
    let derived = format!("derived/{}/poster.jpg", good.object_key);
    let mut event = told(&[
        ("ObjectCreated:Put", bad.object_key.as_str()),
        ("ObjectCreated:Put", &derived),
        ("ObjectCreated:Put", "patrolcams/backyard/2016-10-19/Hour-16/record/a-small.mp4"),
        ("ObjectCreated:Put", "elsewhere/x.mp4"),
        ("ObjectCreated:Put", "patrolcams/x.mp4"),
        ("ObjectTagging:Put", good.object_key.as_str()),
        ("ObjectCreated:Put", "caf%E9"),
        ("ObjectCreated:Put", good.object_key.as_str()),
        ("ObjectCreated:Put", good.object_key.as_str()),
    ]);
    event["Records"][8]["s3"]["bucket"]["name"] = json!("another");
    event["Records"].as_array_mut().unwrap().push(json!({}));
    let report = bench.run(&event).await;
    let lines: Vec<(&str, &str)> = report
        .done
        .iter()
        .map(|done| (done.outcome.as_str(), done.reason.as_deref().unwrap_or_default()))
        .collect();
    let want = [
        ("failed", "metadata names the camera porch"),
        ("skipped", "derived object"),
        ("skipped", "-small.mp4"),
        ("skipped", "isn't under patrolcams/"),
        ("skipped", "found 1"),
        ("skipped", "\"ObjectTagging:Put\" says neither"),
        ("skipped", "isn't UTF-8"),
        ("recorded", ""),
        ("skipped", "the bucket \"another\", this catalog is of \"security-alarms\""),
        ("failed", "an object with nothing in it"),
    ];
    assert_eq!(lines.len(), want.len());
    for ((outcome, reason), (want, part)) in lines.iter().zip(want) {
        assert!(*outcome == want && reason.contains(part), "{outcome} {reason}, expected {want} {part}");
    }
    assert!(report.failed());
    assert_eq!(report.totals.to_string(), "10 records: 1 recorded, 7 skipped, 2 failed");
    let shown = serde_json::to_value(&report.done[7]).unwrap();
    assert_eq!(shown["event"]["camera_name"], "backyard");
    assert_eq!(shown["event"]["event_ts"], 1_000);
    assert!(shown["took_ms"].is_number() && shown.get("message_id").is_none(), "{shown}");
    assert_eq!(bench.events().await, 1);
}

/// Of a queue's messages only those with a failing record come again.
#[tokio::test]
async fn a_queue_is_told_which_messages_failed() {
    let bench = Bench::new();
    let record = clip("a.mp4");
    bench.put(&record, b"clip").await;
    let good = told(&[("ObjectCreated:Put", record.object_key.as_str())]).to_string();
    let event = json!({ "Records": [
        { "messageId": "m1", "body": good },
        { "messageId": "m2", "body": "{\"Records\": [{}, {}]}" },
        { "messageId": "m3", "body": "" },
    ] });
    let response = bench.run(&event).await.batch_response();
    let shown = serde_json::to_value(&response).unwrap();
    assert_eq!(
        shown,
        json!({ "batchItemFailures": [{ "itemIdentifier": "m2" }, { "itemIdentifier": "m3" }] })
    );
}

#[tokio::test]
async fn a_manifest_completes_and_never_makes_an_event() {
    let bench = Bench::new();
    let record = clip("a.mp4");
    let manifest = MediaManifest { poster: true, ..MediaManifest::new(record.metadata.sha256.unwrap()) };
    let name = format!("derived/{}/media.json", record.object_key);
    let event = told(&[("ObjectCreated:Put", &name)]);
    assert_eq!(bench.outcomes(&event).await, [Outcome::Absent]);
    bench.put(&record, b"clip").await;
    let capture = told(&[("ObjectCreated:Put", record.object_key.as_str())]);
    assert_eq!(bench.outcomes(&capture).await, [Outcome::Recorded]);
    bench.store.put_bytes(&name, &serde_json::to_vec(&manifest).unwrap()).await.unwrap();
    assert_eq!(bench.outcomes(&event).await, [Outcome::Completed]);
    assert_eq!(bench.outcomes(&event).await, [Outcome::Already]);
    assert_eq!(bench.events().await, 1);
}

/// Some servers forget to encode keys.
#[tokio::test]
async fn a_key_that_nobody_encoded_is_meant_as_it_stands() {
    let bench = Bench::new();
    let record = clip("a+b 50%20.mp4");
    bench.put(&record, b"clip").await;
    let event = told(&[("ObjectCreated:Put", record.object_key.as_str())]);
    assert_eq!(bench.outcomes(&event).await, [Outcome::Recorded]);
}
