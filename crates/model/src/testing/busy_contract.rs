//! Walks while a writer inserts, replaces and removes: whatever was there at the start and stays is seen once each, by every
//! filter, on events and on incidents.
//!
//! `CAMTRAIL_BUSY_SECONDS` makes it longer.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Dice, record};
use crate::{
    CameraName, CaptureKind, CatalogRecord, Digest, EventId, EventQuery, Gap, Millis, Order, PageSize, Sieve,
    incident_walk::incident_page,
    ports::{Catalog, ReviewState},
};

const SECONDS: u64 = 2;
/// Beyond so many of its own, the writer removes as many as it inserts: walks must come to an end.
const OWN_MAX: usize = 400;
/// What the writer aims at.
const WRITES_PER_SECOND: u64 = 200;
const THERE: u64 = 120;
/// 2016-08-30T00:00:00Z.
const START: i64 = 1_472_515_200_000;
const SPAN_MS: u64 = 3 * 86_400_000;
const USER: &str = "anna";

/// What the walks met.
#[derive(Debug, Clone, Copy)]
pub struct Busy {
    /// Writes that were done meanwhile.
    pub writes: u64,
    /// Walks from end to end.
    pub walks: u64,
    /// Pages of them.
    pub pages: u64,
    /// For how long.
    pub took: Duration,
}

fn capture(dice: &mut Dice, name: &str) -> CatalogRecord {
    let camera = ["a", "b", "c"][dice.below(3) as usize];
    let kind = CaptureKind::ALL[dice.below(2) as usize];
    let mut capture = record(camera, START + dice.below(SPAN_MS) as i64, kind, &format!("{name}.mp4"));
    capture.metadata.duration_ms = Some(dice.below(40_000));
    capture.protected = dice.below(3) == 0;
    capture
}

/// Runs the suite on an empty catalog with the marks beside it. Panics where a promise is broken.
pub async fn busy_contract(catalog: Arc<dyn Catalog>, review: Arc<dyn ReviewState>) -> Busy {
    let mut dice = Dice::new(11);
    let mut there: Vec<_> = (0..THERE).map(|n| capture(&mut dice, &format!("there{n}"))).collect();
    for capture in &there {
        assert!(catalog.record(capture).await.is_ok());
    }
    there.sort_by_key(CatalogRecord::id);
    let marked: Vec<_> = there.iter().step_by(3).map(CatalogRecord::id).collect();
    assert!(review.mark(USER, &marked, true, Millis(START)).await.is_ok());
    let (stop, writes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = tokio::spawn(write(Arc::clone(&catalog), Arc::clone(&stop), Arc::clone(&writes)));
    let seconds = env::var("CAMTRAIL_BUSY_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let (begun, lasts) = (Instant::now(), Duration::from_secs(seconds.unwrap_or(SECONDS)));
    let (mut walks, mut pages) = (0, 0);
    let reader = Reader { catalog: &*catalog, review: &*review, there: &there, marked: &marked };
    // Each filter at least once, on incidents every second one; then until the time is over.
    for (n, (query, sieve)) in reader.filters().into_iter().cycle().enumerate() {
        if n >= reader.filters().len() / 2 && begun.elapsed() >= lasts {
            break;
        }
        pages += reader.walk_events(&query, sieve, [60, 17][n / 2 % 2]).await;
        walks += 1;
        if n % 2 == n / reader.filters().len() % 2 {
            pages += reader.walk_incidents(&query, sieve, [100, 20][n / 2 % 2]).await;
            walks += 1;
        }
    }
    let took = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    assert!(writer.await.is_ok(), "the writer wrote to the end");
    Busy { writes: writes.load(Ordering::Relaxed), walks, pages, took }
}

/// Inserts, mostly; every now and then what it inserted is replaced, or goes. In steps of a second's twentieth.
async fn write(catalog: Arc<dyn Catalog>, stop: Arc<AtomicBool>, writes: Arc<AtomicU64>) {
    const STEPS: u64 = 20;
    let (mut dice, mut mine, mut n) = (Dice::new(5), Vec::<CatalogRecord>::new(), 0_u64);
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / STEPS as u32);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let mut together = Vec::new();
        for _ in 0..WRITES_PER_SECOND / STEPS {
            n += 1;
            let new = capture(&mut dice, &format!("new{n}"));
            mine.push(new.clone());
            let catalog = Arc::clone(&catalog);
            together.push(tokio::spawn(async move { catalog.record(&new).await.is_ok() }));
        }
        for done in together {
            assert!(done.await.is_ok_and(|is_ok| is_ok));
            writes.fetch_add(1, Ordering::Relaxed);
        }
        while mine.len() > OWN_MAX {
            let at = dice.below(mine.len() as u64) as usize;
            assert!(catalog.remove(&mine.swap_remove(at).object_key).await.is_ok());
        }
        let at = dice.below(mine.len() as u64) as usize;
        if dice.below(2) == 0 {
            assert!(catalog.remove(&mine.swap_remove(at).object_key).await.is_ok());
        } else {
            mine[at].size += 1;
            mine[at].metadata.sha256 = Some(Digest::of(&n.to_be_bytes()));
            assert!(catalog.record(&mine[at]).await.is_ok());
        }
        writes.fetch_add(1, Ordering::Relaxed);
    }
}

type Wanted = (Option<bool>, Option<bool>);

struct Reader<'a> {
    catalog: &'a dyn Catalog,
    review: &'a dyn ReviewState,
    there: &'a [CatalogRecord],
    marked: &'a [EventId],
}

impl Reader<'_> {
    fn filters(&self) -> Vec<(EventQuery, Wanted)> {
        let all = EventQuery::default();
        let middle = self.there[self.there.len() / 2].time().instant;
        let camera = |name| CameraName::from_folder(name);
        let queries = [
            (all.clone(), (None, None)),
            (EventQuery { cameras: vec![camera("a")], ..all.clone() }, (None, None)),
            (
                EventQuery {
                    cameras: vec![camera("b"), camera("c")],
                    kind: Some(CaptureKind::Snap),
                    ..all.clone()
                },
                (None, None),
            ),
            (EventQuery { kind: Some(CaptureKind::Record), ..all.clone() }, (Some(true), None)),
            (EventQuery { date: Some(jiff::civil::date(2016, 8, 31)), ..all.clone() }, (None, None)),
            (EventQuery { from: Some(middle), ..all.clone() }, (None, Some(true))),
            (EventQuery { to: Some(middle), ..all.clone() }, (Some(false), None)),
            (all, (Some(true), Some(false))),
        ];
        let orders = [Order::NewestFirst, Order::OldestFirst];
        let turned = |turn: usize| {
            queries.iter().enumerate().map(move |(n, (query, wanted))| {
                (EventQuery { order: orders[(n + turn) % 2], ..query.clone() }, *wanted)
            })
        };
        // Each in one direction, then each in the other.
        turned(0).chain(turned(1)).collect()
    }

    fn sieve(&self, (unviewed, protected): Wanted) -> Sieve<'_> {
        Sieve { unviewed: unviewed.map(|unviewed| (self.review, USER, unviewed)), protected }
    }

    fn check(&self, query: &EventQuery, (unviewed, protected): Wanted, seen: &[EventId]) {
        let fits = |record: &&CatalogRecord| {
            query.fits(record)
                && unviewed.is_none_or(|unviewed| self.marked.contains(&record.id()) != unviewed)
                && protected.is_none_or(|protected| protected == record.protected)
        };
        let mut want: Vec<_> = self.there.iter().filter(fits).map(CatalogRecord::id).collect();
        if query.order == Order::NewestFirst {
            want.reverse();
        }
        let is_old = |id: &&EventId| self.there.binary_search_by(|record| record.id().cmp(id)).is_ok();
        let old: Vec<_> = seen.iter().filter(is_old).cloned().collect();
        assert_eq!(old, want, "{query:?}: what was there, once each and in order");
        let is_strict = seen.windows(2).all(|pair| query.order.is_before(&pair[0], &pair[1]));
        assert!(is_strict, "{query:?}: nothing twice, nothing out of order");
    }

    async fn walk_events(&self, query: &EventQuery, wanted: Wanted, limit: u16) -> u64 {
        let size = PageSize::new(limit).unwrap_or(PageSize::DEFAULT);
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = self.sieve(wanted).page(self.catalog, query, size, after.as_ref()).await;
            let page = page.unwrap_or_else(|error| panic!("{query:?}: {error}"));
            assert!(page.next.is_none() || !page.items.is_empty(), "no empty page while more follows");
            pages += 1;
            seen.extend(page.items.iter().map(CatalogRecord::id));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        self.check(query, wanted, &seen);
        pages
    }

    async fn walk_incidents(&self, query: &EventQuery, wanted: Wanted, limit: u16) -> u64 {
        let size = PageSize::new(limit).unwrap_or(PageSize::DEFAULT);
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let sieve = self.sieve(wanted);
            let page = incident_page(self.catalog, (query, &sieve), Gap::DEFAULT, size, after.as_ref()).await;
            let page = page.unwrap_or_else(|error| panic!("{query:?}: {error}"));
            assert!(page.next.is_none() || !page.items.is_empty(), "no empty page while more follows");
            pages += 1;
            for incident in &page.items {
                let mut ids: Vec<_> = incident.captures.iter().map(CatalogRecord::id).collect();
                if query.order == Order::NewestFirst {
                    ids.reverse();
                }
                seen.extend(ids);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        self.check(query, wanted, &seen);
        pages
    }
}
