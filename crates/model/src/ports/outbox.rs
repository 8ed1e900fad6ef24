//! What is to be told to others and wasn't yet, and how the telling went.

use async_trait::async_trait;

use crate::{ports::CatalogError, time::Millis};

/// Deliveries that wait for one channel, at most: of more, the oldest are given up.
pub const WAITING_MAX: usize = 200;
/// Deliveries of which it is remembered how they went, at most.
pub const REMEMBERED_MAX: usize = 2_000;
/// For how long it is remembered, in milliseconds; also how long a delivery may wait.
pub const REMEMBERED_MS: i64 = 14 * 86_400_000;

/// Something to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The message's id: the same at every attempt and on every channel.
    pub message_id: String,
    /// The channel's name.
    pub channel: String,
    /// Whom of the channel: a subscription's id, or nothing.
    pub target: String,
    /// What happened, in a word: `event`, `camera_silent`, ….
    pub kind: String,
    /// What a person reads in the log.
    pub title: String,
    /// The message, as the notifier writes it.
    pub payload: String,
}

/// A delivery that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDelivery {
    /// Its number; grows.
    pub id: i64,
    /// What.
    pub what: NewDelivery,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Millis,
}

/// How a delivery is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// Not delivered yet.
    Waiting,
    /// The other end took it.
    Delivered,
    /// The other end doesn't want it, or it was tried often enough.
    Failed,
    /// Given up untried or half tried: too many, or too old.
    Dropped,
}

impl DeliveryOutcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Delivered, Self::Failed, Self::Dropped];

    /// The lower-case word that the API uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// The reverse of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The other end took it.
    Delivered,
    /// Try again then.
    Again {
        /// When.
        at: Millis,
        /// Why.
        problem: String,
    },
    /// Never again.
    Failed {
        /// Why.
        problem: String,
    },
}

/// A delivery, as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its number; grows.
    pub id: i64,
    /// The message's id.
    pub message_id: String,
    /// The channel's name.
    pub channel: String,
    /// What happened, in a word.
    pub kind: String,
    /// What a person reads.
    pub title: String,
    /// How it is doing.
    pub outcome: DeliveryOutcome,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed last time.
    pub problem: Option<String>,
    /// When it was made.
    pub created_at: Millis,
    /// When something happened to it last.
    pub updated_at: Millis,
    /// When it is tried (again), where it waits.
    pub next_at: Option<Millis>,
}

/// The notifier's memory: bounded, and durable when a call is Ok.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// What the notifier noted last; `None` before its first time.
    async fn notes(&self) -> Result<Option<String>, CatalogError>;

    /// Takes `deliveries` and the notes that say they were made, in one step: neither is there without the other. What
    /// is too much or too old goes.
    async fn post(&self, deliveries: &[NewDelivery], notes: &str, now: Millis) -> Result<(), CatalogError>;

    /// Of what waits for `channel` and may be tried at `now`, what may be tried longest.
    async fn due(&self, channel: &str, now: Millis) -> Result<Option<DueDelivery>, CatalogError>;

    /// When the next of `channel` may be tried.
    async fn next_at(&self, channel: &str) -> Result<Option<Millis>, CatalogError>;

    /// Notes what an attempt came to; nothing, where the delivery is gone or decided.
    async fn settle(&self, id: i64, attempt: &Attempt, now: Millis) -> Result<(), CatalogError>;

    /// The newest deliveries before `before`, newest first, at most `limit`.
    async fn deliveries(&self, before: Option<i64>, limit: usize) -> Result<Vec<DeliveryRow>, CatalogError>;
}
