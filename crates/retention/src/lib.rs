//! After their time, events go: object, derived files and record together (NEVER-16, NEVER-17).
//!
//! Promises: the oldest go first, by the time that they were *stored* (a camera whose clock says 2016 loses nothing on
//! arrival); protected ones never (the store's own word is heard at the last moment); an interruption anywhere leaves an event that the next sweep removes. Refuses: to
//! believe a clock that has just jumped: for an hour after a jump nothing goes by age. Why so: docs/design/retention.md.

mod guard;

use std::{collections::HashSet, sync::Arc, time::Duration};

use camtrail_model::{
    DerivedFiles, DerivedKey, EventState, Millis, ObjectKey,
    ports::{ArrivalError, ArrivalSink, CatalogError, Clock, Expiry, Kept, Ledger, ObjectStore, StoreError},
};
use futures::{StreamExt as _, stream};
use tokio::sync::watch;

use guard::ClockGuard;

/// Events that are looked up at once.
const BATCH: usize = 256;
/// Events that are removed at once.
const AT_ONCE: usize = 8;
/// Events that a sweep leaves behind because the store refuses to give them up; then it ends, and says so.
const LEFT_MAX: usize = 1_000;
/// Of events that are due by size, so many are looked at ahead, for the answer of one command; then four times as many,
/// and so on. Each is some 200 bytes.
const LOOKED_AHEAD: usize = 10_000;
/// No event of ours was stored before this moment (2025-01-01): a box that thinks so had no clock yet.
const FIRST_PLAUSIBLE: Millis = Millis(1_735_689_600_000);

/// How long and how much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionConfig {
    /// How long after it was stored an event stays; `None`: for ever.
    pub keep: Option<Duration>,
    /// How many bytes all objects may have together; `None`: any.
    pub max_bytes: Option<u64>,
    /// How often it is looked.
    pub every: Duration,
}

impl RetentionConfig {
    /// Events that were stored before this moment are due by age.
    fn oldest_kept(&self, now: Millis) -> Option<Millis> {
        let keep_ms = i64::try_from(self.keep?.as_millis()).unwrap_or(i64::MAX);
        Some(Millis(now.0.saturating_sub(keep_ms)))
    }
}

/// What a sweep would remove at `now`; nothing is touched.
pub async fn due(expiry: &dyn Expiry, config: &RetentionConfig, now: Millis) -> Result<Swept, CatalogError> {
    let (events, bytes) = match config.oldest_kept(now) {
        Some(before) => expiry.count_stored(FIRST_PLAUSIBLE, before).await?,
        None => (0, 0),
    };
    let mut due = Swept { events, bytes };
    let Some(max_bytes) = config.max_bytes else { return Ok(due) };
    let mut over = expiry.stored_bytes().await?.saturating_sub(max_bytes).saturating_sub(bytes);
    let before = config.oldest_kept(now);
    let mut limit = usize::try_from(events).unwrap_or(usize::MAX).saturating_add(LOOKED_AHEAD);
    while over > 0 {
        let oldest = expiry.oldest(Millis(i64::MIN), limit).await?;
        // What goes by age is counted already.
        let mut by_size = Swept::default();
        for kept in oldest.iter().filter(|kept| !is_due_by_age(kept, before)) {
            if by_size.bytes >= over {
                break;
            }
            by_size.events += 1;
            by_size.bytes += kept.size;
        }
        if by_size.bytes >= over || oldest.len() < limit {
            due.events += by_size.events;
            due.bytes += by_size.bytes;
            over = 0;
        }
        limit = limit.saturating_mul(4);
    }
    Ok(due)
}

/// What a sweep did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Events.
    pub events: u64,
    /// Their objects' bytes.
    pub bytes: u64,
}

/// Why a sweep ended early. What it did is done; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The store refuses or is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The arrival step failed.
    #[error(transparent)]
    Arrival(#[from] ArrivalError),
    /// The catalog or the ledger failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Removes what is due.
#[derive(Clone)]
pub struct Sweeper {
    /// Where objects are.
    pub store: Arc<dyn ObjectStore>,
    /// Makes the catalog say what the store says.
    pub sink: Arc<dyn ArrivalSink>,
    /// Knows the oldest.
    pub expiry: Arc<dyn Expiry>,
    /// What was shipped; it need not be remembered for longer.
    pub ledger: Arc<dyn Ledger>,
    /// Our clock.
    pub clock: Arc<dyn Clock>,
    /// The rules.
    pub config: RetentionConfig,
}

impl Sweeper {
    /// Sweeps every now and then until `stop` turns true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        if self.config.keep.is_none() && self.config.max_bytes.is_none() {
            return;
        }
        let mut guard = ClockGuard::new(self.clock.now());
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.config.every) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let trusted = guard.trusts(self.clock.now());
            tokio::select! {
                swept = self.sweep(trusted) => match swept {
                    Ok(Swept { events: 0, .. }) => {}
                    Ok(swept) => tracing::info!(events = swept.events, bytes = swept.bytes, "retention: events went after their time"),
                    Err(error) => tracing::warn!(%error, "retention could not remove all that is due; it goes on at the next sweep"),
                },
                // Between two events or within one: the next start goes on.
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Removes what is due: by age if the clock is trusted, then by size. What the store refuses to give up stays, and is
    /// told when all else is done.
    pub async fn sweep(&self, clock_is_trusted: bool) -> Result<Swept, SweepError> {
        let mut sweep = Sweep::default();
        let before = self.config.oldest_kept(self.clock.now()).filter(|_| clock_is_trusted);
        if let Some(before) = before {
            // What a box without a clock stored stands before all others: it isn't in the way of those behind it.
            self.remove_while(FIRST_PLAUSIBLE, &mut sweep, Due::Before(before)).await?;
        }
        if let Some(max_bytes) = self.config.max_bytes {
            let over = i128::from(self.expiry.stored_bytes().await?) - i128::from(max_bytes);
            self.remove_while(Millis(i64::MIN), &mut sweep, Due::Bytes(over)).await?;
        }
        if let Some(before) = before {
            self.ledger.forget_before(before).await?;
        }
        match sweep.refused {
            Some(error) => Err(error),
            None => Ok(sweep.swept),
        }
    }

    /// Removes the oldest that were stored at `since` or later, as long as they are due.
    async fn remove_while(&self, since: Millis, sweep: &mut Sweep, mut due: Due) -> Result<(), SweepError> {
        loop {
            let oldest = self.expiry.oldest(since, BATCH + sweep.left.len()).await?;
            let batch: Vec<Kept> = oldest
                .into_iter()
                .filter(|kept| !sweep.left.contains(&kept.object_key))
                .take(BATCH)
                .take_while(|kept| due.takes(kept))
                .collect();
            let mut goes_on = batch.len() == BATCH;
            // All of them go, in whatever order: several, so that their waits for the disk and the catalog are shared.
            let mut going = stream::iter(batch)
                .map(async |kept| (self.remove_unless_protected(&kept).await, kept))
                .buffer_unordered(AT_ONCE);
            while let Some((outcome, kept)) = going.next().await {
                match outcome {
                    Ok(true) => {
                        sweep.swept.events += 1;
                        sweep.swept.bytes += kept.size;
                        continue;
                    }
                    Ok(false) => {}
                    // One object that can't go must not be in the way of those behind it.
                    Err(error @ SweepError::Store(StoreError::Refused(_))) if sweep.left.len() < LEFT_MAX => {
                        tracing::warn!(key = %kept.object_key, %error, "an event that is due could not be removed");
                        sweep.refused.get_or_insert(error);
                    }
                    Err(error) => return Err(error),
                }
                due.gives_back(&kept);
                sweep.left.insert(kept.object_key);
                // Others may be due in its place.
                goes_on = true;
            }
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Whether it went.
    async fn remove_unless_protected(&self, kept: &Kept) -> Result<bool, SweepError> {
        if self.is_protected(&kept.object_key).await? {
            return Ok(false);
        }
        self.remove(&kept.object_key).await?;
        Ok(true)
    }

    /// Whether a person has protected it since the batch was read, by the store's word; then its record shows that now.
    /// What can't be read may say so, too.
    async fn is_protected(&self, key: &ObjectKey) -> Result<bool, SweepError> {
        let state_key = DerivedKey::new(key, DerivedFiles::State);
        let Some(bytes) = self.store.get_bytes(state_key.as_str(), EventState::MAX_BYTES).await? else {
            return Ok(false);
        };
        let state = serde_json::from_slice::<EventState>(&bytes).ok().and_then(|state| state.checked().ok());
        if state.is_some_and(|state| !state.protected) {
            return Ok(false);
        }
        match self.sink.state_changed(key).await {
            Err(ArrivalError::Permanent(why)) => {
                tracing::warn!(%key, why, "an event that is due stays: what was decided about it can't be read");
            }
            outcome => outcome?,
        }
        Ok(true)
    }

    /// The object first: a record without its object is found again by the next sweep, an object without its record by
    /// nobody.
    async fn remove(&self, key: &ObjectKey) -> Result<(), SweepError> {
        self.store.delete(key.as_str()).await?;
        for file in DerivedFiles::ALL {
            let derived = DerivedKey::new(key, file);
            match self.store.delete(derived.as_str()).await {
                // Its clip is gone: a card without one helps nobody, and its bytes would count for ever.
                Err(StoreError::Refused(why)) => {
                    tracing::warn!(key = %derived, why, "what was derived of an event that went could not be removed");
                }
                outcome => outcome?,
            }
        }
        self.sink.object_changed(key).await?;
        tracing::debug!(%key, "event removed by retention");
        Ok(())
    }
}

/// What a sweep did so far.
#[derive(Default)]
struct Sweep {
    swept: Swept,
    /// What was due and stayed: somebody protected it meanwhile, or the store refuses. It isn't tried again.
    left: HashSet<ObjectKey>,
    /// The first refusal.
    refused: Option<SweepError>,
}

/// What is due, the oldest first.
enum Due {
    /// Stored before this moment.
    Before(Millis),
    /// So many bytes more have to go; less than none where the last one was larger than what was left to go.
    Bytes(i128),
}

impl Due {
    fn takes(&mut self, kept: &Kept) -> bool {
        match self {
            Self::Before(before) => is_due_by_age(kept, Some(*before)),
            Self::Bytes(over) => {
                let is_due = *over > 0;
                if is_due {
                    *over -= i128::from(kept.size);
                }
                is_due
            }
        }
    }

    /// It was taken and stays: others have to go in its place.
    fn gives_back(&mut self, kept: &Kept) {
        if let Self::Bytes(over) = self {
            *over += i128::from(kept.size);
        }
    }
}

fn is_due_by_age(kept: &Kept, before: Option<Millis>) -> bool {
    before.is_some_and(|before| kept.stored_at < before && kept.stored_at >= FIRST_PLAUSIBLE)
}

#[cfg(test)]
mod tests;
