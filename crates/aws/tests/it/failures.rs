//! A server that throttles, is away, or loses answers: an error that says so, or the work done once; never half.

use std::time::{Duration, Instant};

use camtrail_aws::{DynamoCatalog, DynamoConfig};
use camtrail_model::{
    CaptureKind, EventQuery,
    ports::{Catalog, CatalogError, Recorded},
    testing::record,
};
use camtrail_services::free_port;

use crate::{
    faulty::{Fault, proxy},
    support::{all, config, fresh_prefix, items, open},
};

fn assert_unavailable<T: std::fmt::Debug>(outcome: &Result<T, CatalogError>) {
    assert!(matches!(outcome, Err(CatalogError::Unavailable(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_is_away_is_unavailable_within_bounds() {
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let config = DynamoConfig { endpoint: Some(endpoint), ..config(&fresh_prefix()) };
    let catalog = DynamoCatalog::open(&config).await;
    let (begun, clip) = (Instant::now(), record("a", 1, CaptureKind::Record, "x.mp4"));
    assert_unavailable(&catalog.record(&clip).await);
    assert_unavailable(&catalog.event(&clip.id()).await);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn missing_tables_are_said_at_once() {
    let catalog = DynamoCatalog::open(&config(&fresh_prefix())).await;
    let begun = Instant::now();
    let outcome = catalog.record(&record("a", 1, CaptureKind::Record, "x.mp4")).await;
    assert_unavailable(&outcome);
    let text = outcome.unwrap_err().to_string();
    assert!(text.contains("ResourceNotFound"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

/// Four in ten requests don't go through: each event is recorded once, told to be so once, and removed once.
#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_and_refusals_leave_nothing_half_or_twice() {
    const EVENTS: i64 = 60;
    let (prefix, direct) = (fresh_prefix(), config("").endpoint.unwrap());
    // The tables are made past the proxy.
    open(&config(&prefix)).await;
    let endpoint = proxy(&direct, |number, operation| match (number % 10, operation) {
        (1, _) => Fault::Throttled,
        (3 | 7, _) => Fault::AnswerLost,
        (5, "TransactWriteItems") => Fault::Conflict,
        _ => Fault::None,
    })
    .await;
    let catalog = DynamoCatalog::open(&DynamoConfig { endpoint: Some(endpoint), ..config(&prefix) }).await;
    let clips: Vec<_> = (0..EVENTS)
        .map(|n| record(["a", "b", "c"][n as usize % 3], n / 4, CaptureKind::Record, &format!("{n}.mp4")))
        .collect();
    let tasks: Vec<_> = clips
        .iter()
        .map(|clip| {
            let (catalog, clip) = (catalog.clone(), clip.clone());
            tokio::spawn(async move { catalog.record(&clip).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), Recorded::Inserted);
    }
    let mut want = clips.clone();
    want.sort_by_key(|clip| std::cmp::Reverse(clip.id()));
    assert_eq!(all(&catalog, &EventQuery::default(), 7).await, want);
    for clip in &clips[..20] {
        assert!(catalog.remove(&clip.object_key).await.unwrap());
        assert!(!catalog.remove(&clip.object_key).await.unwrap());
    }
    for table in ["security_alarm_videos", "security_video_timeline"] {
        assert_eq!(items(&format!("{prefix}{table}")).await.len(), EVENTS as usize - 20, "{table}");
    }
    let events: u64 = catalog.cameras().await.unwrap().iter().map(|camera| camera.events).sum();
    assert_eq!(events, EVENTS as u64 - 20);
    let told = items(&format!("{prefix}camtrail_meta")).await;
    let told = |what: &str| {
        told.iter().filter(|item| item.get("what").is_some_and(|said| said.as_s().unwrap() == what)).count()
    };
    assert_eq!((told("new"), told("removed"), told("camera")), (EVENTS as usize, 20, 3));
}

/// Refused for good: an error in the end, nothing written, and a later delivery succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_only_throttles_is_unavailable_and_keeps_nothing() {
    let (prefix, direct) = (fresh_prefix(), config("").endpoint.unwrap());
    let healthy = open(&config(&prefix)).await;
    let endpoint =
        proxy(
            &direct,
            |_, operation| {
                if operation == "TransactWriteItems" { Fault::Throttled } else { Fault::None }
            },
        )
        .await;
    let catalog = DynamoCatalog::open(&DynamoConfig { endpoint: Some(endpoint), ..config(&prefix) }).await;
    let clip = record("a", 1, CaptureKind::Record, "x.mp4");
    assert_unavailable(&catalog.record(&clip).await);
    assert_eq!(all(&healthy, &EventQuery::default(), 10).await, []);
    assert_eq!(healthy.cameras().await.unwrap(), []);
    assert_eq!(healthy.record(&clip).await.unwrap(), Recorded::Inserted);
    assert_eq!(healthy.changes(0, 10).await.unwrap().items.len(), 2, "the numbers were given back");
}
