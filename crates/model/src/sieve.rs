//! Pages of events by what no catalog has an order for: what a person has seen, what is protected.
//!
//! A page reads on until it is full, so none is empty while more follows; what it reads is bounded by [`LOOKED_MAX`]. What
//! was marked as viewed up to a place is passed over without being read.
//! Where that many in a row don't fit, the page ends with what it has, or, where it has nothing, says up to where it
//! looked, so that whoever asks can go on from there.

use std::collections::HashSet;

use crate::{
    capture::CaptureKind,
    event::{CatalogRecord, EventId},
    page::{EventQuery, Order, Page, PageSize, Position},
    ports::{Catalog, CatalogError, REVIEWS_MAX, ReviewState},
    review::{Reviewed, Step},
    time::Millis,
};

/// Events that one page looks at, at most.
pub const LOOKED_MAX: usize = 20_000;
/// Events that are read first; then twice as many each time.
const CHUNK_FIRST: u16 = 50;

/// What a person wants to see besides what a catalog filters by.
#[derive(Clone, Copy, Default)]
pub struct Sieve<'a> {
    /// Whose marks, and whether they want what they have *not* viewed or what they have.
    pub unviewed: Option<(&'a dyn ReviewState, &'a str, bool)>,
    /// Only what is exempt from retention, or only what isn't.
    pub protected: Option<bool>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum SieveError {
    /// The catalog, or the marks, failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// [`LOOKED_MAX`] events in a row don't fit.
    #[error("none of {LOOKED_MAX} events fits; looked up to {}", upto.event_ts)]
    NoneFits {
        /// The last one that was looked at.
        upto: Position,
    },
}

impl Sieve<'_> {
    /// Whether it lets everything through.
    pub fn is_open(&self) -> bool {
        self.unviewed.is_none() && self.protected.is_none()
    }

    /// What of `records` goes through.
    pub async fn sift(&self, mut records: Vec<CatalogRecord>) -> Result<Vec<CatalogRecord>, CatalogError> {
        records.retain(|record| self.protected.is_none_or(|wanted| wanted == record.protected));
        let Some((review, user, unviewed)) = self.unviewed else { return Ok(records) };
        let mut viewed = HashSet::new();
        for some in records.chunks(REVIEWS_MAX) {
            let some: Vec<_> = some
                .iter()
                .map(|record| Reviewed { id: record.id(), stored_at: record.metadata.stored_at })
                .collect();
            viewed.extend(review.viewed_of(user, &some).await?);
        }
        records.retain(|record| viewed.contains(&record.id()) != unviewed);
        Ok(records)
    }

    /// A page of what goes through: as [`Catalog::page`].
    pub async fn page(
        &self,
        catalog: &dyn Catalog,
        query: &EventQuery,
        limit: PageSize,
        after: Option<&Position>,
    ) -> Result<Page, SieveError> {
        if self.is_open() {
            return Ok(catalog.page(query, limit, after).await?);
        }
        let (mut items, mut after, mut looked) = (Vec::new(), after.cloned(), 0);
        let mut chunk = (limit.get() as u16 + 1).clamp(CHUNK_FIRST, PageSize::MAX);
        loop {
            let size = PageSize::new(chunk).unwrap_or(PageSize::DEFAULT);
            let Page { items: read, next } = catalog.page(query, size, after.as_ref()).await?;
            looked += read.len();
            items.extend(self.sift(read).await?);
            if items.len() > limit.get() {
                // One more than the page shows that more follow.
                items.truncate(limit.get());
                let next = items.last().map(CatalogRecord::id);
                return Ok(Page { items, next });
            }
            let Some(next) = next else { return Ok(Page { items, next: None }) };
            if looked >= LOOKED_MAX {
                if items.is_empty() {
                    return Err(SieveError::NoneFits { upto: next });
                }
                return Ok(Page { items, next: Some(next) });
            }
            chunk = (chunk * 2).min(PageSize::MAX);
            after = match self.jump(catalog, query.order, next).await? {
                Some(next) => Some(next),
                None => return Ok(Page { items, next: None }),
            };
        }
    }

    /// The place behind `after` up to which all is viewed because somebody said "all up to here"; `after` where nobody did,
    /// `None` where that is so to the end.
    async fn jump(
        &self,
        catalog: &dyn Catalog,
        order: Order,
        after: Position,
    ) -> Result<Option<Position>, CatalogError> {
        let Some((review, user, true)) = self.unviewed else { return Ok(Some(after)) };
        let up_to = review.viewed_up_to(user).await?;
        // The step that reaches furthest: newest first, any that begins before here reaches to the end.
        let is_newest_first = order == Order::NewestFirst;
        let reaches = |step: &&Step| step.up_to > after || is_newest_first && step.up_to == after;
        let steps = up_to.steps().iter().filter(reaches);
        let step = match order {
            Order::NewestFirst => steps.max_by_key(|step| step.at),
            Order::OldestFirst => steps.max_by(|a, b| a.up_to.cmp(&b.up_to)),
        };
        let Some(step) = step else { return Ok(Some(after)) };
        let at = after.event_ts;
        let late = catalog.stored_later(order, at, step.at).await?;
        let again = review.marked_unviewed(user, order, &after).await?.map(|id| id.event_ts);
        // Just before the first that may not be viewed; events of that very place are.
        let place =
            |event_ts, fraction, kind| Position { event_ts, fraction, kind, camera: after.camera.clone() };
        let jumped = match order {
            Order::NewestFirst => {
                let Some(first) = late.max(again) else { return Ok(None) };
                place(first.plus(1), 0, CaptureKind::Record)
            }
            Order::OldestFirst => {
                let first = [late, again].into_iter().flatten().fold(step.up_to.event_ts, Millis::min);
                place(first.plus(-1), 999_999_999, CaptureKind::Snap)
            }
        };
        Ok(Some(if order.is_before(&after, &jumped) { jumped } else { after }))
    }
}

impl EventQuery {
    /// Whether a record is one of this query's.
    pub fn fits(&self, record: &CatalogRecord) -> bool {
        let instant: Millis = record.metadata.time.instant;
        (self.cameras.is_empty() || self.cameras.contains(record.object_key.camera()))
            && self.kind.is_none_or(|kind| kind == record.object_key.kind())
            && self.date.is_none_or(|date| date == record.object_key.date())
            && self.from.is_none_or(|from| instant >= from)
            && self.to.is_none_or(|to| instant < to)
    }
}

impl Order {
    /// Whether `a` comes before `b`.
    pub fn is_before(self, a: &EventId, b: &EventId) -> bool {
        match self {
            Self::NewestFirst => a > b,
            Self::OldestFirst => a < b,
        }
    }
}
