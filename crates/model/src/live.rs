//! What changed in the catalog, in order, so that a client that was away misses nothing and sees nothing twice.

use crate::event::{CatalogRecord, EventId};

/// A place in the catalog's sequence of changes; grows, has gaps, never goes back.
pub type ChangeSeq = u64;

/// What happened to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It came.
    New,
    /// Its media, state or content changed.
    Changed,
    /// It went.
    Removed,
}

/// One change. A client that sees only the last change of an event is right, too.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its place.
    pub seq: ChangeSeq,
    /// What happened.
    pub kind: ChangeKind,
    /// To which event.
    pub id: EventId,
    /// The event as it is *now*; `None` where it is gone.
    pub record: Option<CatalogRecord>,
}

/// Changes after a place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Oldest first.
    pub items: Vec<Change>,
    /// Changes between the place and the first item are no longer kept: the client must load afresh.
    pub gap: bool,
}
