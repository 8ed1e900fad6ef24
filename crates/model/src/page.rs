//! Pages of the timeline: bounded, strictly ordered, never empty while more follows.

use jiff::civil::Date;

use crate::{
    camera::CameraName,
    capture::CaptureKind,
    event::{CatalogRecord, EventId},
    time::Millis,
};

/// Newest first (the default) or oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Order {
    /// Newest first.
    #[default]
    NewestFirst,
    /// Oldest first.
    OldestFirst,
}

/// Which events. Empty lists and `None` mean "all".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct EventQuery {
    /// Only these cameras.
    pub cameras: Vec<CameraName>,
    /// Only this kind.
    pub kind: Option<CaptureKind>,
    /// Only this date, in each camera's own zone.
    pub date: Option<Date>,
    /// Only events at or after this instant.
    pub from: Option<Millis>,
    /// Only events before this instant.
    pub to: Option<Millis>,
    /// The direction.
    pub order: Order,
}

/// How many events a page holds: 1 to 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageSize(u16);

impl PageSize {
    /// The largest page.
    pub const MAX: u16 = 500;
    /// The size of a page when nobody says: 50.
    pub const DEFAULT: Self = Self(50);

    /// `None` outside 1 to [`Self::MAX`].
    pub fn new(limit: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&limit).then_some(Self(limit))
    }

    /// The size that is nearest to `limit`.
    #[must_use]
    pub const fn at_most(limit: u16) -> Self {
        match limit {
            0 => Self(1),
            limit if limit > Self::MAX => Self(Self::MAX),
            limit => Self(limit),
        }
    }

    /// The number.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

/// A place between two events: after the event with this id, in the page's order. The event need not exist
/// (any more), so a deletion never breaks paging.
pub type Position = EventId;

/// One page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// The events, in order.
    pub items: Vec<CatalogRecord>,
    /// Where the next page starts; `None` on the last one. Never set on an empty page.
    pub next: Option<Position>,
}
