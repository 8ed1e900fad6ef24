//! Incidents, and pages through a sieve, over any catalog: the same answers whichever way, and however finely, they are
//! paged. `CAMTRAIL_INCIDENT_ROUNDS` makes it longer.

use std::{collections::HashSet, env, sync::Arc};

use super::dice::Dice;
use crate::{
    CameraName, CaptureKind, CatalogRecord, EventId, EventQuery, EventState, Gap, IncidentId, Millis, Order,
    PageSize, Sieve, SieveError,
    incident_walk::{Incident, incident, incident_page},
    incidents::{partition, start_of},
    ports::{Catalog, Clock as _, ReviewState, SystemClock},
    testing::record,
};

const ROUNDS: u64 = 2;
/// Pages of one walk at most: one without an end is a failure, not a hang.
const PAGES_MAX: usize = 2_000;
const USER: &str = "anna";

/// Runs the suite over so many captures; `fresh` gives an empty catalog and the marks beside it each time. Panics where a
/// promise is broken.
pub async fn incidents_contract<F>(captures: u64, mut fresh: F)
where
    F: FnMut() -> (Arc<dyn Catalog>, Arc<dyn ReviewState>),
{
    let rounds = env::var("CAMTRAIL_INCIDENT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for seed in 0..rounds.unwrap_or(ROUNDS) {
        let (catalog, review) = fresh();
        let bench = Bench::fill((catalog, review), captures, seed).await;
        bench.walks_give_the_partition().await;
        bench.filters_choose_what_is_shown().await;
        bench.incidents_are_found_by_their_ids().await;
    }
    for days_ahead in [1, 0] {
        let (catalog, review) = fresh();
        what_was_viewed_up_to_a_place_is_passed_over(&*catalog, &*review, days_ahead).await;
    }
    let (catalog, review) = fresh();
    grown_incidents_repeat_nothing(&*catalog).await;
    drop(review);
    let (catalog, review) = fresh();
    what_nothing_fits_says_how_far_it_looked(&*catalog, &*review).await;
}

struct Bench {
    catalog: Arc<dyn Catalog>,
    review: Arc<dyn ReviewState>,
    /// In the order of time.
    all: Vec<CatalogRecord>,
    viewed: HashSet<EventId>,
    seed: u64,
}

fn size(limit: u16) -> PageSize {
    PageSize::new(limit).unwrap_or(PageSize::DEFAULT)
}

/// Captures near each other and apart, some long, some in one millisecond.
async fn random_captures(catalog: &dyn Catalog, captures: u64, dice: &mut Dice) -> Vec<CatalogRecord> {
    let (mut all, mut at) = (Vec::new(), 1_500_000_000_000_i64);
    for n in 0..captures {
        at += match dice.below(12) {
            0 => 61_000 + dice.below(900_000) as i64,
            1 => 0,
            2..=4 => dice.below(70_000) as i64,
            _ => dice.below(25_000) as i64,
        };
        let camera = ["a", "b", "c", "d"][dice.below(4) as usize];
        let kind = if dice.below(3) == 0 { CaptureKind::Snap } else { CaptureKind::Record };
        let mut capture = record(camera, at, kind, &format!("{n}.mp4"));
        capture.metadata.duration_ms = match dice.below(10) {
            0 => None,
            1 => Some(dice.below(1_500_000)),
            _ => Some(dice.below(40_000)),
        };
        capture.protected = dice.below(4) == 0;
        assert!(catalog.record(&capture).await.is_ok());
        all.push(capture);
    }
    all.sort_by_key(CatalogRecord::id);
    all
}

/// All incidents of a walk, and that its pages keep what they promise.
async fn walk(
    catalog: &dyn Catalog,
    (query, sieve): (&EventQuery, &Sieve<'_>),
    gap: Gap,
    limit: u16,
) -> Vec<Incident> {
    let (mut incidents, mut after) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let page = incident_page(catalog, (query, sieve), gap, size(limit), after.as_ref()).await;
        let page = page.unwrap_or_else(|error| panic!("{query:?}: {error}"));
        assert!(page.items.len() <= usize::from(limit), "a page is bounded");
        assert!(page.next.is_none() || !page.items.is_empty(), "no empty page while more follows");
        incidents.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return incidents,
        }
    }
    panic!("no end after {PAGES_MAX} pages of {query:?}");
}

/// All events of a walk through a sieve.
async fn sifted(
    catalog: &dyn Catalog,
    query: &EventQuery,
    sieve: &Sieve<'_>,
    limit: u16,
) -> Vec<CatalogRecord> {
    let (mut events, mut after) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let page = sieve.page(catalog, query, size(limit), after.as_ref()).await;
        let page = page.unwrap_or_else(|error| panic!("{query:?}: {error}"));
        assert!(page.items.len() <= usize::from(limit), "a page is bounded");
        assert!(page.next.is_none() || !page.items.is_empty(), "no empty page while more follows");
        events.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return events,
        }
    }
    panic!("no end after {PAGES_MAX} pages of {query:?}");
}

fn ids(incidents: &[Incident]) -> Vec<Vec<EventId>> {
    incidents.iter().map(|incident| incident.captures.iter().map(CatalogRecord::id).collect()).collect()
}

impl Bench {
    async fn fill(
        (catalog, review): (Arc<dyn Catalog>, Arc<dyn ReviewState>),
        captures: u64,
        seed: u64,
    ) -> Self {
        let mut dice = Dice::new(seed);
        let all = random_captures(&*catalog, captures, &mut dice).await;
        let marked: Vec<_> = all.iter().map(CatalogRecord::id).filter(|_| dice.below(2) == 0).collect();
        let now = Millis(1_900_000_000_000);
        assert!(review.mark(USER, &marked, true, now).await.is_ok());
        let place = all[all.len() / 3].id();
        assert!(review.mark_up_to(USER, &place, now).await.is_ok());
        let again = [all[3].id(), all[20].id(), all[21].id()];
        assert!(review.mark(USER, &again, false, now.plus(1)).await.is_ok());
        let is_viewed = |id: &EventId| (marked.contains(id) || *id <= place) && !again.contains(id);
        let viewed = all.iter().map(CatalogRecord::id).filter(is_viewed).collect();
        Self { catalog, review, all, viewed, seed }
    }

    fn sieve(&self, unviewed: Option<bool>, protected: Option<bool>) -> Sieve<'_> {
        Sieve { unviewed: unviewed.map(|unviewed| (&*self.review, USER, unviewed)), protected }
    }

    fn fits(
        &self,
        query: &EventQuery,
        (unviewed, protected): (Option<bool>, Option<bool>),
        id: &EventId,
    ) -> bool {
        self.all.iter().any(|record| {
            record.id() == *id
                && query.fits(record)
                && unviewed.is_none_or(|unviewed| self.viewed.contains(id) != unviewed)
                && protected.is_none_or(|protected| protected == record.protected)
        })
    }

    async fn walks_give_the_partition(&self) {
        for gap in [Gap::DEFAULT, size_gap(1), size_gap(20), size_gap(600)] {
            let want = partition(&self.all, gap);
            for order in [Order::OldestFirst, Order::NewestFirst] {
                let query = EventQuery { order, ..EventQuery::default() };
                for limit in [1, 3, 500] {
                    let got = walk(&*self.catalog, (&query, &Sieve::default()), gap, limit).await;
                    let mut got_ids = ids(&got);
                    if order == Order::NewestFirst {
                        got_ids.reverse();
                    }
                    assert_eq!(got_ids, want, "seed {}, {gap:?}, {order:?} by {limit}", self.seed);
                    assert!(got.iter().all(|incident| {
                        incident.id == IncidentId { gap, first: incident.captures[0].id() }
                    }));
                }
            }
        }
    }

    async fn filters_choose_what_is_shown(&self) {
        let all = partition(&self.all, Gap::DEFAULT);
        let camera = |name| vec![CameraName::from_folder(name)];
        let middle = self.all[self.all.len() / 2].time().instant;
        let queries = [
            EventQuery::default(),
            EventQuery { cameras: camera("a"), ..EventQuery::default() },
            EventQuery { kind: Some(CaptureKind::Snap), to: Some(middle), ..EventQuery::default() },
            EventQuery { from: Some(middle), ..EventQuery::default() },
            EventQuery { cameras: camera("nobody"), ..EventQuery::default() },
        ];
        let sieves = [
            (None, None),
            (Some(true), None),
            (Some(false), None),
            (Some(true), Some(true)),
            (None, Some(false)),
        ];
        for (query, order) in queries
            .iter()
            .flat_map(|query| [Order::OldestFirst, Order::NewestFirst].map(|order| (query, order)))
        {
            for sieve in sieves {
                let query = EventQuery { order, ..query.clone() };
                let want = all.iter().filter_map(|incident| {
                    let shown: Vec<_> =
                        incident.iter().filter(|id| self.fits(&query, sieve, id)).cloned().collect();
                    (!shown.is_empty()).then(|| (incident[0].clone(), shown))
                });
                let mut want: Vec<_> = want.collect();
                if order == Order::NewestFirst {
                    want.reverse();
                }
                let (through, what) =
                    (self.sieve(sieve.0, sieve.1), format!("{query:?} {sieve:?} of {}", self.seed));
                for limit in [1, 4, 500] {
                    let got = walk(&*self.catalog, (&query, &through), Gap::DEFAULT, limit).await;
                    let firsts: Vec<_> = got.iter().map(|incident| incident.id.first.clone()).collect();
                    let got: Vec<_> = firsts.into_iter().zip(ids(&got)).collect();
                    assert_eq!(got, want, "{what} by {limit}");
                }
                let mut events: Vec<_> = want.into_iter().flat_map(|(_, shown)| shown).collect();
                events.sort_by(|a, b| {
                    if order.is_before(a, b) { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater }
                });
                for limit in [1, 7, 500] {
                    let got = sifted(&*self.catalog, &query, &through, limit).await;
                    let got: Vec<_> = got.iter().map(CatalogRecord::id).collect();
                    assert_eq!(got, events, "{what} by {limit}");
                }
            }
        }
    }

    /// Also by captures that aren't its first (any more).
    async fn incidents_are_found_by_their_ids(&self) {
        let all = partition(&self.all, Gap::DEFAULT);
        for want in all.iter().step_by(3) {
            for first in [want.first(), want.last()].into_iter().flatten() {
                let id = IncidentId { gap: Gap::DEFAULT, first: first.clone() };
                let found = incident(&*self.catalog, &id).await.ok().flatten();
                let Some(found) = found else { panic!("{id} is there") };
                assert_eq!((&found.id.first, &ids_of(&found.captures)), (&want[0], want));
            }
        }
        let nobody = IncidentId { gap: Gap::DEFAULT, first: record("a", 7, CaptureKind::Snap, "x").id() };
        assert!(incident(&*self.catalog, &nobody).await.is_ok_and(|found| found.is_none()));
    }
}

fn ids_of(records: &[CatalogRecord]) -> Vec<EventId> {
    records.iter().map(CatalogRecord::id).collect()
}

fn size_gap(seconds: u16) -> Gap {
    Gap::new(seconds).unwrap_or(Gap::DEFAULT)
}

/// A capture that comes late joins two incidents, of which one was shown: what was there is shown once all the same.
async fn grown_incidents_repeat_nothing(catalog: &dyn Catalog) {
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let at = |second: i64, name: &str| {
            record("a", second * 1_000, CaptureKind::Snap, &format!("{name}{second}.jpg"))
        };
        let day = if order == Order::OldestFirst { 0 } else { 86_400 };
        let there: Vec<_> = [0, 100, 200, 210, 900].map(|second| at(day + second, "x")).to_vec();
        for capture in &there {
            assert!(catalog.record(capture).await.is_ok());
        }
        let query = EventQuery {
            order,
            from: Some(Millis(day * 1_000)),
            to: Some(Millis((day + 2_000) * 1_000)),
            ..EventQuery::default()
        };
        let (mut seen, mut after) = (Vec::new(), None);
        let mut late = [50, 150, 250, 500, 550, 600].into_iter();
        for _ in 0..PAGES_MAX {
            let page =
                incident_page(catalog, (&query, &Sieve::default()), Gap::DEFAULT, size(1), after.as_ref())
                    .await;
            let page = page.unwrap_or_default();
            seen.extend(page.items.into_iter().flat_map(|incident| incident.captures));
            if let Some(late) = late.next() {
                assert!(catalog.record(&at(day + late, "late")).await.is_ok());
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut old: Vec<_> = seen.iter().filter(|capture| there.contains(capture)).cloned().collect();
        old.sort_by_key(CatalogRecord::id);
        assert_eq!(ids_of(&old), ids_of(&there), "{order:?}: once each");
    }
}

/// But for what arrived later, and what was marked as unviewed since.
async fn what_was_viewed_up_to_a_place_is_passed_over(
    catalog: &dyn Catalog,
    review: &dyn ReviewState,
    days_ahead: i64,
) {
    const HOUR_MS: i64 = 3_600_000;
    let place = |n: i64| record("a", n * HOUR_MS, CaptureKind::Snap, &format!("{n}.jpg"));
    for n in 0..170 {
        assert!(catalog.record(&place(n)).await.is_ok());
    }
    let said = SystemClock.now().plus(days_ahead * 24 * HOUR_MS);
    assert!(review.mark_up_to(USER, &place(165).id(), said).await.is_ok());
    assert!(review.mark_up_to(USER, &place(100).id(), said.plus(1)).await.is_ok());
    assert!(review.mark(USER, &[place(20).id(), place(21).id()], false, said.plus(2)).await.is_ok());
    assert!(review.mark(USER, &[place(168).id(), place(21).id()], true, said.plus(3)).await.is_ok());
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let at = place(50).time().instant;
        let found = catalog.stored_later(order, at, Millis(0)).await;
        assert!(found.is_ok_and(|found| found == Some(at)), "{order:?}: one of that very moment");
        if days_ahead > 0 {
            let found = catalog.stored_later(order, at, said).await;
            assert!(found.is_ok_and(|found| found.is_none()), "{order:?}: nothing comes from the future");
        }
    }
    let mut want: Vec<i64> = vec![20, 166, 167, 169];
    if days_ahead == 0 {
        // What is recorded after it was said. A catalog may go by when that was.
        for n in [60, 130] {
            let mut late = place(n * 2);
            late.object_key = place(n).object_key.with_file(crate::FileName::from_upload("late.jpg"));
            late.metadata.time = place(n).metadata.time;
            late.metadata.stored_at = said.plus(60_000);
            assert!(catalog.record(&late).await.is_ok());
            want.push(n);
        }
        want.sort_unstable();
    }
    let unviewed = Sieve { unviewed: Some((review, USER, true)), protected: None };
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let query = EventQuery { order, ..EventQuery::default() };
        let mut want = want.clone();
        if order == Order::NewestFirst {
            want.reverse();
        }
        for limit in [1, 3, 500] {
            let got = sifted(catalog, &query, &unviewed, limit).await;
            let got: Vec<_> = got.iter().map(|record| start_of(record) / HOUR_MS).collect();
            assert_eq!(got, want, "{order:?} by {limit}, {days_ahead}");
        }
    }
}

async fn what_nothing_fits_says_how_far_it_looked(catalog: &dyn Catalog, review: &dyn ReviewState) {
    let capture = record("a", 1_000, CaptureKind::Snap, "x.jpg");
    assert!(catalog.record(&capture).await.is_ok());
    let state = EventState {
        version: EventState::VERSION,
        protected: true,
        note: None,
        by: USER.to_owned(),
        at: Millis(1),
    };
    assert!(catalog.set_state(&capture.object_key, &state).await.is_ok());
    let none = Sieve { unviewed: Some((review, USER, false)), protected: None };
    let page = none.page(catalog, &EventQuery::default(), size(1), None).await;
    assert!(page.is_ok_and(|page| page.items.is_empty() && page.next.is_none()), "an empty end");
    let error = SieveError::NoneFits { upto: capture.id() }.to_string();
    assert!(error.contains("1970-01-01T00:00:01.000Z"), "{error}");
}
