//! NEVER-1, NEVER-4: many cameras in every same second, each event delivered three times, from many tasks at once.
//!
//! `CAMTRAIL_BURST_EVENTS` makes it longer (5000 is the long form).

use std::{collections::BTreeSet, env, sync::Arc, time::Instant};

use camtrail_model::{
    CaptureKind, CatalogRecord, EventQuery, Order,
    ports::{Catalog, Recorded},
    testing::record,
};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::support::{all, fresh, items};

const CAMERAS: usize = 50;
const IN_A_SECOND: usize = 14;
const TASKS: usize = 32;
const DELIVERIES: usize = 3;
const EVENTS: usize = 420;

fn events(count: usize) -> Vec<CatalogRecord> {
    let start = 1_472_596_200_000;
    let event = |n: usize| {
        let camera = format!("camera {}", (n / IN_A_SECOND * 3 + n % IN_A_SECOND) % CAMERAS);
        // Whole seconds, as cameras' names say them: fourteen cameras in one millisecond.
        let at = start + (n / IN_A_SECOND) as i64 * 1_000;
        record(&camera, at, CaptureKind::Record, &format!("MDalarm_{n}.mp4"))
    };
    (0..count).map(event).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_displaced_or_doubled() {
    let count = env::var("CAMTRAIL_BURST_EVENTS").map_or(EVENTS, |count| count.parse().unwrap());
    let (catalog, prefix) = fresh().await;
    let events = events(count);
    let mut deliveries: Vec<_> = (0..DELIVERIES).flat_map(|_| events.clone()).collect();
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for at in (1..deliveries.len()).rev() {
        deliveries.swap(at, random.next_u64() as usize % (at + 1));
    }
    let (begun, queue) = (Instant::now(), Arc::new(std::sync::Mutex::new(deliveries)));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (catalog, queue) = (catalog.clone(), Arc::clone(&queue));
            tokio::spawn(async move {
                let mut inserted = 0;
                loop {
                    let next = queue.lock().unwrap().pop();
                    let Some(event) = next else { return inserted };
                    match catalog.record(&event).await.unwrap() {
                        Recorded::Inserted => inserted += 1,
                        Recorded::AlreadyPresent => {}
                        Recorded::Replaced => panic!("{event:?} was replaced"),
                    }
                }
            })
        })
        .collect();
    let mut inserted = 0;
    for task in tasks {
        inserted += task.await.unwrap();
    }
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("{count} events {DELIVERIES} times from {TASKS} tasks: {seconds:.1} s");
    assert_eq!(inserted, count);
    let keys: BTreeSet<_> = events.iter().map(|event| event.object_key.as_str().to_owned()).collect();
    for table in ["security_alarm_videos", "security_video_timeline"] {
        let rows = items(&format!("{prefix}{table}")).await;
        assert_eq!(rows.len(), count, "{table}");
        let found: BTreeSet<_> = rows.iter().map(|row| row["object_key"].as_s().unwrap().clone()).collect();
        assert_eq!(found, keys, "{table}");
    }
    let mut want = events;
    want.sort_by_key(CatalogRecord::id);
    let query = EventQuery { order: Order::OldestFirst, ..EventQuery::default() };
    assert_eq!(all(&catalog, &query, 500).await, want);
    let cameras = catalog.cameras().await.unwrap();
    assert_eq!(cameras.iter().map(|camera| camera.events).sum::<u64>(), count as u64);
    // Every event was told once.
    let (mut told, mut place) = (0, 0);
    loop {
        let changes = catalog.changes(place, 500).await.unwrap();
        assert!(!changes.gap);
        let Some(last) = changes.items.last() else { break };
        place = last.seq;
        told += changes.items.len();
    }
    assert_eq!(told, count + cameras.len(), "events and cameras");
    // The last numbers may have been given back.
    let latest = catalog.latest_change().await.unwrap();
    assert!(latest >= place, "{latest} after {place}");
    assert_eq!(catalog.changes(latest, 10).await.unwrap().items, []);
}
