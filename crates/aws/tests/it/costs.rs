//! What a page asks of the server: NEVER-22, NEVER-34; and that nothing ever scans.

use std::sync::atomic::{AtomicUsize, Ordering};

use camtrail_aws::{DynamoCatalog, DynamoConfig};
use camtrail_model::{CaptureKind, EventQuery, Order, PageSize, ports::Catalog, testing::record};

use crate::{
    faulty::{Fault, proxy},
    support::{config, fresh_prefix, open},
};

const DAY_MS: i64 = 86_400_000;

static QUERIES: AtomicUsize = AtomicUsize::new(0);

fn watch(_: usize, operation: &str) -> Fault {
    assert_ne!(operation, "Scan", "nothing scans");
    QUERIES.fetch_add(usize::from(operation == "Query"), Ordering::Relaxed);
    Fault::None
}

/// The queries that one page takes, and where the next one begins.
async fn page(
    catalog: &DynamoCatalog,
    query: &EventQuery,
    limit: u16,
    after: Option<&camtrail_model::Position>,
) -> (usize, usize, Option<camtrail_model::Position>) {
    QUERIES.store(0, Ordering::Relaxed);
    let page = catalog.page(query, PageSize::new(limit).unwrap(), after).await.unwrap();
    (QUERIES.load(Ordering::Relaxed), page.items.len(), page.next)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_costs_the_same_wherever_it_is() {
    const DAYS: i64 = 120;
    const FULL_DAYS: i64 = 4;
    const OF_A_FULL_DAY: i64 = 36;
    let prefix = fresh_prefix();
    let direct = open(&config(&prefix)).await;
    // A day here and there over years, and some full days.
    let thin = (0..DAYS).map(|day| record("a", day * 10 * DAY_MS, CaptureKind::Record, "x.mp4"));
    let full = (0..FULL_DAYS * OF_A_FULL_DAY).map(|n| {
        let at = (DAYS + 1) * 10 * DAY_MS + n * (DAY_MS / OF_A_FULL_DAY);
        record("b", at, CaptureKind::Record, &format!("{n}.mp4"))
    });
    for clip in thin.chain(full) {
        direct.record(&clip).await.unwrap();
    }
    let endpoint = proxy(&config("").endpoint.unwrap(), watch).await;
    let catalog = DynamoCatalog::open(&DynamoConfig { endpoint: Some(endpoint), ..config(&prefix) }).await;

    let newest = EventQuery::default();
    let (queries, items, next) = page(&catalog, &newest, 50, None).await;
    assert_eq!(items, 50);
    assert!(queries <= 8, "{queries} queries for the newest page");
    let (mut after, mut pages) = (next, Vec::new());
    while let Some(next) = after {
        let (queries, _, next) = page(&catalog, &newest, 10, Some(&next)).await;
        pages.push(queries);
        after = next;
    }
    // Two queries a day (clips, stills): the cursor's, the one behind it, two ahead; and the index.
    let full_pages = (FULL_DAYS * OF_A_FULL_DAY - 50) as usize / 10;
    assert!(pages[..full_pages].iter().all(|queries| *queries <= 2 * 4 + 1), "{pages:?}");
    // And some thin days ahead.
    assert!(pages.iter().all(|queries| *queries <= 2 * (11 + 16) + 5), "{pages:?}");

    let oldest = EventQuery { order: Order::OldestFirst, ..EventQuery::default() };
    let (queries, items, _) = page(&catalog, &oldest, 10, None).await;
    assert_eq!(items, 10);
    assert!(queries <= 2 * (11 + 16) + 5, "{queries} queries for the oldest page");

    let camera =
        EventQuery { cameras: vec![record("a", 0, CaptureKind::Record, "x").metadata.camera], ..newest };
    let (queries, items, _) = page(&catalog, &camera, 50, None).await;
    assert_eq!((queries, items), (2, 50), "one query a kind");
    QUERIES.store(0, Ordering::Relaxed);
    catalog.cameras().await.unwrap();
    catalog.changes(0, 10).await.unwrap();
    let clip = record("a", 0, CaptureKind::Record, "x.mp4");
    assert_eq!(QUERIES.swap(0, Ordering::Relaxed), 8 + 2 * 2 + 4, "8 lists, 2 cameras, 4 lanes");
    catalog.record(&clip).await.unwrap();
    catalog.event(&clip.id()).await.unwrap();
    catalog.remove(&clip.object_key).await.unwrap();
    assert_eq!(QUERIES.load(Ordering::Relaxed), 0, "one event is reached by keys");
}
