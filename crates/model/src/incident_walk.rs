//! Pages of incidents over any catalog.
//!
//! A page finds the next capture that was asked for, reads the captures of all cameras around it as far as
//! [`crate::incidents`] needs, and goes on behind the incident. What it reads is kept for the next incident, so that a
//! page reads each capture about once. Promises: what stays in the catalog is in one incident of a walk, whatever is
//! inserted meanwhile; an incident that grew over the place where the page before ended comes again with only what is
//! behind that place.

use std::collections::VecDeque;

use crate::{
    event::CatalogRecord,
    incidents::{CAP_MS, Gap, IncidentId, around, look_ahead, look_back, start_of},
    page::{EventQuery, Order, PageSize, Position},
    ports::{Catalog, CatalogError},
    sieve::{Sieve, SieveError},
};

/// A page that has read so many captures ends, once it has an incident.
const READ_MAX: usize = 20_000;
/// Captures that are read first around one; then twice as many each time.
const CHUNK_FIRST: u16 = 50;
/// Candidates that are read at once where a filter picks some.
const CANDIDATES: u16 = 50;

/// One incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Which: the same under any filter.
    pub id: IncidentId,
    /// What was asked for of it, in the order of time. Never empty.
    pub captures: Vec<CatalogRecord>,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IncidentPage {
    /// The incidents, in order.
    pub items: Vec<Incident>,
    /// Where the next page starts; `None` on the last one. Never set on an empty page.
    pub next: Option<Position>,
}

/// A page of incidents: those that have captures of `query` that go through `sieve`, with these captures.
pub async fn incident_page(
    catalog: &dyn Catalog,
    (query, sieve): (&EventQuery, &Sieve<'_>),
    gap: Gap,
    limit: PageSize,
    after: Option<&Position>,
) -> Result<IncidentPage, SieveError> {
    let mut walk = Walk {
        catalog,
        query,
        sieve,
        is_everything: sieve.is_open()
            && *query == EventQuery { order: query.order, ..EventQuery::default() },
        after: after.cloned(),
        candidates: VecDeque::new(),
        is_end: false,
        window: Window::new(catalog),
    };
    let mut items = Vec::new();
    loop {
        let candidate = match walk.candidate().await {
            Ok(Some(candidate)) => candidate,
            Ok(None) => return Ok(IncidentPage { items, next: None }),
            Err(SieveError::NoneFits { upto }) if !items.is_empty() => {
                return Ok(IncidentPage { items, next: Some(upto) });
            }
            Err(error) => return Err(error),
        };
        if items.len() == limit.get() || !items.is_empty() && walk.window.read > READ_MAX {
            return Ok(IncidentPage { items, next: walk.after });
        }
        items.extend(walk.step(candidate, gap).await?);
    }
}

/// The incident that holds a capture, with all of its captures; `None` where there is no such capture.
pub async fn incident(catalog: &dyn Catalog, id: &IncidentId) -> Result<Option<Incident>, CatalogError> {
    let Some(record) = catalog.event(&id.first).await? else { return Ok(None) };
    let captures = Window::new(catalog).around(record, id.gap).await?;
    Ok(captures
        .map(|captures| Incident { id: IncidentId { gap: id.gap, first: captures[0].id() }, captures }))
}

struct Walk<'a> {
    catalog: &'a dyn Catalog,
    query: &'a EventQuery,
    sieve: &'a Sieve<'a>,
    /// Nothing is filtered: what comes next is in the window.
    is_everything: bool,
    after: Option<Position>,
    candidates: VecDeque<CatalogRecord>,
    is_end: bool,
    window: Window<'a>,
}

impl Walk<'_> {
    fn is_to_come(&self, record: &CatalogRecord) -> bool {
        self.after.as_ref().is_none_or(|after| self.query.order.is_before(after, &record.id()))
    }

    /// The next capture that was asked for; it stays the next one until a step took it.
    async fn candidate(&mut self) -> Result<Option<CatalogRecord>, SieveError> {
        if self.is_everything
            && let Some(after) = &self.after
            && let Some(next) = self.window.next(after, self.query.order)
        {
            return Ok(Some(next));
        }
        loop {
            while let Some(first) = self.candidates.front() {
                if self.is_to_come(first) {
                    return Ok(Some(first.clone()));
                }
                self.candidates.pop_front();
            }
            if self.is_end {
                return Ok(None);
            }
            let size = PageSize::new(if self.is_everything { 1 } else { CANDIDATES });
            let size = size.unwrap_or(PageSize::DEFAULT);
            let page = self.sieve.page(self.catalog, self.query, size, self.after.as_ref()).await?;
            self.is_end = page.next.is_none() && !self.is_everything || page.items.is_empty();
            self.candidates.extend(page.items);
        }
    }

    /// The incident of a candidate, and the place behind it.
    async fn step(&mut self, candidate: CatalogRecord, gap: Gap) -> Result<Option<Incident>, CatalogError> {
        let candidate_id = candidate.id();
        let Some(captures) = self.window.around(candidate, gap).await? else {
            self.after = Some(candidate_id);
            return Ok(None);
        };
        let id = IncidentId { gap, first: captures[0].id() };
        let end = match self.query.order {
            Order::NewestFirst => captures.first(),
            Order::OldestFirst => captures.last(),
        };
        let end = end.map_or(candidate_id, CatalogRecord::id);
        let fitting =
            captures.into_iter().filter(|record| self.is_to_come(record) && self.query.fits(record));
        let captures = self.sieve.sift(fitting.collect()).await?;
        self.window.forget(&end, self.query.order, gap);
        self.after = Some(end);
        Ok((!captures.is_empty()).then_some(Incident { id, captures }))
    }
}

/// A stretch of the timeline without holes, in the order of time.
struct Window<'a> {
    catalog: &'a dyn Catalog,
    records: VecDeque<CatalogRecord>,
    /// Nothing is older, or newer, than what is here.
    is_oldest: bool,
    is_newest: bool,
    /// Captures read so far.
    read: usize,
}

impl<'a> Window<'a> {
    fn new(catalog: &'a dyn Catalog) -> Self {
        Self { catalog, records: VecDeque::new(), is_oldest: false, is_newest: false, read: 0 }
    }

    fn place_of(&self, record: &CatalogRecord) -> Option<usize> {
        self.records.binary_search_by(|other| other.id().cmp(&record.id())).ok()
    }

    /// The captures of the incident that holds `record`, in order.
    async fn around(
        &mut self,
        record: CatalogRecord,
        gap: Gap,
    ) -> Result<Option<Vec<CatalogRecord>>, CatalogError> {
        // One that came since this stretch was read makes it begin anew.
        if self.place_of(&record).is_none() {
            self.records.clear();
            (self.is_oldest, self.is_newest) = (false, false);
            self.records.push_back(record.clone());
        }
        let start = start_of(&record);
        let (low, high) = (look_back(start, gap), look_ahead(start));
        let mut chunk = CHUNK_FIRST;
        while !self.is_oldest && self.records.front().is_some_and(|oldest| start_of(oldest) >= low) {
            self.extend(Order::NewestFirst, &mut chunk).await?;
        }
        chunk = CHUNK_FIRST;
        while !self.is_newest && self.records.back().is_some_and(|newest| start_of(newest) <= high) {
            self.extend(Order::OldestFirst, &mut chunk).await?;
        }
        let bounds = self.place_of(&record).and_then(|at| around(self.records.iter(), at, gap));
        Ok(bounds.map(|(first, last)| self.records.range(first..=last).cloned().collect()))
    }

    /// Reads on at the old end (newest first) or at the new one.
    async fn extend(&mut self, order: Order, chunk: &mut u16) -> Result<(), CatalogError> {
        let end = match order {
            Order::NewestFirst => self.records.front(),
            Order::OldestFirst => self.records.back(),
        };
        let end = end.map(CatalogRecord::id);
        let size = PageSize::new(*chunk).unwrap_or(PageSize::DEFAULT);
        let query = EventQuery { order, ..EventQuery::default() };
        let page = self.catalog.page(&query, size, end.as_ref()).await?;
        self.read += page.items.len();
        *chunk = (*chunk * 2).min(PageSize::MAX);
        match order {
            Order::NewestFirst => {
                page.items.into_iter().for_each(|record| self.records.push_front(record));
                self.is_oldest = page.next.is_none();
            }
            Order::OldestFirst => {
                self.records.extend(page.items);
                self.is_newest = page.next.is_none();
            }
        }
        Ok(())
    }

    /// The capture that comes next behind `after`; `None` where this stretch can't say.
    fn next(&self, after: &Position, order: Order) -> Option<CatalogRecord> {
        let at = match order {
            Order::NewestFirst => self.records.partition_point(|record| record.id() < *after).checked_sub(1),
            Order::OldestFirst => Some(self.records.partition_point(|record| record.id() <= *after)),
        };
        // Only from within: between a place beyond the end and the end may be others.
        let is_within = match order {
            Order::NewestFirst => self.records.back().is_some_and(|newest| newest.id() >= *after),
            Order::OldestFirst => self.records.front().is_some_and(|oldest| oldest.id() <= *after),
        };
        at.filter(|_| is_within).and_then(|at| self.records.get(at)).cloned()
    }

    /// Lets go what no incident behind `end` needs.
    fn forget(&mut self, end: &Position, order: Order, gap: Gap) {
        let at = end.event_ts.0;
        match order {
            Order::NewestFirst => {
                let is_spare = |records: &VecDeque<CatalogRecord>| {
                    records.len() > 1 && start_of(&records[records.len() - 2]) > at.saturating_add(CAP_MS)
                };
                while is_spare(&self.records) {
                    self.records.pop_back();
                    self.is_newest = false;
                }
            }
            Order::OldestFirst => {
                while self.records.len() > 1 && start_of(&self.records[1]) < look_back(at, gap) {
                    self.records.pop_front();
                    self.is_oldest = false;
                }
            }
        }
    }
}
