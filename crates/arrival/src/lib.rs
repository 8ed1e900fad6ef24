//! "An object arrived": look at it, and make the catalog say what the store says.
//!
//! Notifications come late, twice, and in any order; so each is only a hint to look. There: record. Gone: forget.
//! Promises: any number of calls in any order end in the state of the store. What people decide about an event is written
//! there first, by [`Decisions`]. Why so: docs/design/arrival.md.

mod arrivals;
mod decisions;
mod expiry;
mod function;
#[cfg(any(test, feature = "testing"))]
pub mod invariants;
pub mod notification;
mod shown;
mod statements;

use async_trait::async_trait;
use camtrail_model::{
    ObjectKey,
    ports::{ArrivalError, ArrivalSink},
};

pub use arrivals::{Arrivals, Did, Expected, Reconciled};
pub use decisions::{DecideError, Decision, Decisions};
pub use function::{BatchItemFailure, BatchResponse, Done, Function, Outcome, Report, Totals};
pub use notification::{Notification, NotificationError};
pub use shown::ShownEvent;

/// The store's own notification tells the function that does it (Lambda, or a webhook): nothing to do here.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByNotification;

#[async_trait]
impl ArrivalSink for ByNotification {
    async fn object_changed(&self, _: &ObjectKey) -> Result<(), ArrivalError> {
        Ok(())
    }

    async fn media_changed(&self, _: &ObjectKey) -> Result<(), ArrivalError> {
        Ok(())
    }

    async fn state_changed(&self, _: &ObjectKey) -> Result<(), ArrivalError> {
        Ok(())
    }
}
