//! What changed in the catalog, in order, so that a client that was away misses nothing and sees nothing twice.

use crate::{
    camera::CameraName,
    event::{CatalogRecord, EventId},
};

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

/// What changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// An event. A client that sees only its last change is right, too.
    Event {
        /// What happened.
        kind: ChangeKind,
        /// To which event.
        id: EventId,
        /// The event as it is *now*; `None` where it is gone.
        record: Option<Box<CatalogRecord>>,
    },
    /// A camera became known, or sent something that is no event.
    Camera(CameraName),
}

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Its place.
    pub seq: ChangeSeq,
    /// What changed.
    pub subject: Subject,
}

/// Changes after a place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Oldest first.
    pub items: Vec<Change>,
    /// How far was looked: where to go on. At least the last item's place; further, where places between say nothing.
    pub upto: ChangeSeq,
    /// Changes between the place and the first item are no longer kept: the client must load afresh.
    pub gap: bool,
}
