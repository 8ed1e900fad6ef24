//! A server that throttles, is away, or loses answers: an error that says so, or the work done once; never half.

use std::time::{Duration, Instant};

use camtrail_aws::{DynamoCatalog, DynamoConfig};
use camtrail_model::{
    CaptureKind,
    ports::{Catalog, CatalogError},
    testing::record,
};
use camtrail_services::free_port;

use crate::support::{config, fresh_prefix};

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
