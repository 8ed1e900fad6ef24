//! What each person has seen.

use std::collections::HashSet;

use async_trait::async_trait;

use crate::{
    event::EventId,
    page::Order,
    ports::CatalogError,
    review::{Reviewed, UpTo},
    time::Millis,
};

/// Events that are marked, or asked for, in one call at most.
pub const REVIEWS_MAX: usize = 500;

/// An event that was marked as viewed; in the order in which pages have them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Viewed {
    /// When, by the server's clock.
    pub at: Millis,
    /// Which.
    pub id: EventId,
}

/// A page of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewedPage {
    /// By the time of marking, then by event.
    pub items: Vec<Viewed>,
    /// Whether more follow behind the last.
    pub more: bool,
}

/// What people have seen, each for themselves. Whether the events exist is the caller's to know. Every call is durable
/// when Ok.
#[async_trait]
pub trait ReviewState: Send + Sync {
    /// Marks events, [`REVIEWS_MAX`] at most. One that is marked as viewed already keeps its time. Where it fails, some
    /// may be marked.
    async fn mark(&self, user: &str, ids: &[EventId], viewed: bool, now: Millis) -> Result<(), CatalogError>;
    /// Marks everything up to `up_to` that was stored until `now`.
    async fn mark_up_to(&self, user: &str, up_to: &EventId, now: Millis) -> Result<(), CatalogError>;
    /// Which of `events` ([`REVIEWS_MAX`] at most) are viewed.
    async fn viewed_of(&self, user: &str, events: &[Reviewed]) -> Result<HashSet<EventId>, CatalogError>;
    /// What was marked by itself at `since` or later and still is, strictly behind `after`; `limit` at most.
    async fn viewed_since(
        &self,
        user: &str,
        since: Millis,
        after: Option<&Viewed>,
        limit: usize,
    ) -> Result<ViewedPage, CatalogError>;
    /// The first event behind `after`, in an order, that was last marked as unviewed by itself.
    async fn marked_unviewed(
        &self,
        user: &str,
        order: Order,
        after: &EventId,
    ) -> Result<Option<EventId>, CatalogError>;
    /// The marks of everything up to an event.
    async fn viewed_up_to(&self, user: &str) -> Result<UpTo, CatalogError>;
}
