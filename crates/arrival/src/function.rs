//! The arrival function: a notification in, for each of its records one result out.
//!
//! Runs in process, behind the webhook, in `camtrail invoke` and on Lambda. Promises: every record is processed,
//! whatever became of the others; results come in the notification's order, one line in the log for each; what a
//! notification claims is compared, never believed. Refuses: records of another bucket, and keys that are no capture.

use std::{fmt, sync::Arc, time::Instant};

use camtrail_model::{KeyVerdict, ObjectBase, ObjectKey, ports::ArrivalError};
use futures::{StreamExt, stream};
use serde::Serialize;

use crate::{
    Arrivals, Did, Notification, Reconciled, ShownEvent,
    notification::{Change, ObjectEvent, Record, Told},
};

/// Records worked on at once: each is a request or two to the store.
const AT_ONCE: usize = 16;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// A new event.
    Recorded,
    /// The event has another content now.
    Replaced,
    /// The catalog said it already.
    Already,
    /// The event went with its object.
    Removed,
    /// Neither object nor event is there.
    Absent,
    /// The event shows now what stands beside its object: what was derived of it, what a person decided.
    Completed,
    /// It is not about a capture of ours; the reason says why.
    Skipped,
    /// It must come again; the reason says why.
    Failed,
}

impl Outcome {
    /// In the order of [`Totals`].
    const ALL: [Self; 8] = [
        Self::Recorded,
        Self::Replaced,
        Self::Already,
        Self::Removed,
        Self::Absent,
        Self::Completed,
        Self::Skipped,
        Self::Failed,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Replaced => "replaced",
            Self::Already => "already",
            Self::Removed => "removed",
            Self::Absent => "absent",
            Self::Completed => "completed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

impl From<Did> for Outcome {
    fn from(did: Did) -> Self {
        match did {
            Did::Recorded => Self::Recorded,
            Did::Replaced => Self::Replaced,
            Did::Already => Self::Already,
            Did::Removed => Self::Removed,
            Did::Absent => Self::Absent,
            Did::Completed => Self::Completed,
        }
    }
}

/// The result of one record; as JSON, the line that `camtrail invoke` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Done {
    /// The object's key; null where the record couldn't be read.
    pub key: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, where the outcome doesn't say it all.
    pub reason: Option<String>,
    /// The object's size in bytes, as the store says it.
    pub size: Option<u64>,
    /// The event, where it was recorded or replaced.
    pub event: Option<Box<ShownEvent>>,
    /// How long it took.
    pub took_ms: f64,
    /// The queue's message that it came in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// To the microsecond: what nobody measures is only noise in a log.
fn milliseconds_since(started: Instant) -> f64 {
    (started.elapsed().as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// How many records had which outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals([usize; Outcome::ALL.len()]);

impl Totals {
    /// So many had this one.
    pub fn of(&self, outcome: Outcome) -> usize {
        self.0[outcome as usize]
    }

    /// All.
    pub fn records(&self) -> usize {
        self.0.iter().sum()
    }
}

impl fmt::Display for Totals {
    /// `3 records: 2 recorded, 1 skipped`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records", self.records())?;
        let mut separator = ": ";
        for outcome in Outcome::ALL {
            if self.of(outcome) > 0 {
                write!(f, "{separator}{} {}", self.of(outcome), outcome.as_str())?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

/// What became of a notification.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// One for each record, in the notification's order.
    pub done: Vec<Done>,
    /// The sums.
    pub totals: Totals,
    /// How long all of it took.
    pub took_ms: f64,
}

/// What a queue is answered: these messages come again, the others are done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The failed ones, each once.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// One message that comes again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Its id.
    pub item_identifier: String,
}

impl Report {
    /// Whether any record must come again.
    pub fn failed(&self) -> bool {
        self.totals.of(Outcome::Failed) > 0
    }

    /// The answer to a queue.
    pub fn batch_response(&self) -> BatchResponse {
        let mut failures: Vec<BatchItemFailure> = Vec::new();
        for done in self.done.iter().filter(|done| done.outcome == Outcome::Failed) {
            let Some(id) = &done.message_id else { continue };
            if failures.iter().all(|failure| failure.item_identifier != *id) {
                failures.push(BatchItemFailure { item_identifier: id.clone() });
            }
        }
        BatchResponse { batch_item_failures: failures }
    }
}

/// The function. Clones share the step.
#[derive(Clone)]
pub struct Function {
    arrivals: Arc<Arrivals>,
    base: ObjectBase,
    bucket: Option<String>,
}

/// Outcome, why, and what was seen.
type Result3 = (Outcome, Option<String>, Option<Reconciled>);

impl Function {
    /// For captures under `base`. Records that name another bucket than `bucket` are skipped; `None`: any will do
    /// (a local directory has no name).
    pub fn new(arrivals: Arc<Arrivals>, base: ObjectBase, bucket: Option<String>) -> Self {
        Self { arrivals, base, bucket }
    }

    /// Processes every record.
    pub async fn run(&self, notification: &Notification) -> Report {
        let started = Instant::now();
        for subscription in &notification.subscriptions {
            tracing::warn!(
                topic = subscription.topic,
                url = subscription.url,
                "a topic asks to be confirmed: if it is yours, open the address; it is not opened from here"
            );
        }
        let work: Vec<_> = notification.records.iter().map(|record| self.one(record)).collect();
        let done: Vec<Done> = stream::iter(work).buffered(AT_ONCE).collect().await;
        let mut totals = Totals::default();
        for one in &done {
            totals.0[one.outcome as usize] += 1;
        }
        let took_ms = milliseconds_since(started);
        tracing::info!(%totals, tests = notification.tests, took_ms, "notification processed");
        Report { done, totals, took_ms }
    }

    async fn one(&self, record: &Record) -> Done {
        let started = Instant::now();
        let (key, (outcome, reason, seen)) = match &record.told {
            Told::Object(event) => (Some(event.key.clone()), self.object(event).await),
            Told::Strange { key, why } => (Some(key.clone()), (Outcome::Skipped, Some(why.clone()), None)),
            Told::Unreadable(error) => (None, (Outcome::Failed, Some(error.to_string()), None)),
        };
        let took_ms = milliseconds_since(started);
        let size = seen.as_ref().and_then(|seen| seen.size);
        let shown = matches!(outcome, Outcome::Recorded | Outcome::Replaced);
        let event = seen.and_then(|seen| seen.record).filter(|_| shown);
        let event = event.map(|record| Box::new(ShownEvent::from(&*record)));
        let (told, why) = (key.as_deref().unwrap_or_default(), reason.as_deref().unwrap_or_default());
        if outcome == Outcome::Failed {
            tracing::error!(key = told, why, took_ms, "arrival failed");
        } else {
            let outcome = outcome.as_str();
            tracing::info!(key = told, outcome, why, size_bytes = size, took_ms, "arrival");
        }
        Done { key, outcome, reason, size, event, took_ms, message_id: record.message_id.clone() }
    }

    async fn object(&self, event: &ObjectEvent) -> Result3 {
        let skipped = |why: String| (Outcome::Skipped, Some(why), None);
        if let Change::Other(name) = &event.change {
            return skipped(format!("{name:?} says neither that an object was put nor that one was removed"));
        }
        if let (Some(ours), Some(theirs)) = (&self.bucket, &event.bucket)
            && ours != theirs
        {
            return skipped(format!("it is in the bucket {theirs:?}, this catalog is of {ours:?}"));
        }
        let (outcome, reason, seen) = self.judged(event, &event.key).await;
        // A server that forgets to encode keys means the one that stands there.
        match &event.raw_key {
            Some(raw) if matches!(outcome, Outcome::Absent | Outcome::Skipped) => {
                match self.judged(event, raw).await {
                    (Outcome::Absent | Outcome::Skipped, _, _) => (outcome, reason, seen),
                    meant => meant,
                }
            }
            _ => (outcome, reason, seen),
        }
    }

    async fn judged(&self, event: &ObjectEvent, key: &str) -> Result3 {
        match ObjectKey::judge(&self.base, key) {
            KeyVerdict::Skip(why) => (Outcome::Skipped, Some(why.to_string()), None),
            KeyVerdict::Capture(key) => told(event, self.arrivals.reconcile(&key).await),
            KeyVerdict::Manifest(key) => match self.arrivals.complete(&key).await {
                Ok(seen) if seen.did == Did::Absent => {
                    let why = "there is no such event, or no such manifest: the event's own notification completes it";
                    (Outcome::Absent, Some(why.to_owned()), Some(seen))
                }
                outcome => told(event, outcome),
            },
            KeyVerdict::State(key) => match self.arrivals.decide(&key).await {
                Ok(seen) if seen.did == Did::Absent => {
                    let why = "there is no such event, or nothing was decided: the event's own notification looks again";
                    (Outcome::Absent, Some(why.to_owned()), Some(seen))
                }
                outcome => beside(outcome),
            },
            KeyVerdict::Superseded(key) => match self.arrivals.reconcile(&key).await {
                Ok(seen) if seen.did == Did::Absent => {
                    let why = "the cut upload gave way: it is no event";
                    (Outcome::Absent, Some(why.to_owned()), Some(seen))
                }
                outcome => beside(outcome),
            },
        }
    }
}

/// Of a statement: what its notification claims of a size isn't the capture's.
fn beside(outcome: Result<Reconciled, ArrivalError>) -> Result3 {
    match outcome {
        Ok(seen) => (seen.did.into(), None, Some(seen)),
        Err(error) => (Outcome::Failed, Some(error.to_string()), None),
    }
}

fn told(event: &ObjectEvent, outcome: Result<Reconciled, ArrivalError>) -> Result3 {
    let seen = match outcome {
        Ok(seen) => seen,
        Err(error) => return (Outcome::Failed, Some(error.to_string()), None),
    };
    if let (Some(claimed), Some(size)) = (event.size, seen.size)
        && claimed != size
        && event.change == Change::Created
    {
        tracing::warn!(
            key = event.key,
            claimed_bytes = claimed,
            size_bytes = size,
            "the notification claims another size than the object has: the object's is taken"
        );
    }
    let reason = match (seen.did, &event.change) {
        (Did::Absent, Change::Created) => Some("the object is gone: nothing to record".to_owned()),
        (Did::Absent, _) => Some("there was no such event".to_owned()),
        (Did::Recorded | Did::Already | Did::Replaced, Change::Removed) => {
            Some("it was removed, and is there (again): the store is right".to_owned())
        }
        _ => None,
    };
    (seen.did.into(), reason, Some(seen))
}

#[cfg(test)]
mod tests;
