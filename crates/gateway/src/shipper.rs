//! Which upload goes next: oldest first, a bounded number at once, small ones not stuck behind big ones, uploads
//! of one name one after the other, failures again later.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use camtrail_model::CameraName;
use camtrail_spool::{EntryId, SpoolEntry};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{
    ftp_storage::FtpStorage,
    media_work,
    ship::{Parts, ShipError, Shipped, ship},
    view::View,
};

/// Uploads shipped at once.
const AT_ONCE: usize = 4;
/// Of those, big ones.
const BIG_AT_ONCE: usize = 2;
/// From this size on an upload is big.
const BIG_BYTES: u64 = 1024 * 1024;
/// Posters and the like, at once (each is an ffmpeg).
const MEDIA_AT_ONCE: usize = 2;
/// The wait after a first failure; doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// A name under way that its camera never renames becomes an incomplete event after so long.
const UNDER_WAY_MAX: Duration = Duration::from_mins(10);
/// How long work under way may go on when the program stops.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// What the shipper is doing, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShipperStatus {
    /// Uploads that failed last time and wait for another try.
    pub failing: usize,
    /// What the last failure said; `None` after a success.
    pub last_error: Option<String>,
}

/// Ships what the spool holds.
pub struct Shipper {
    parts: Parts,
    view: View,
    status: Arc<Mutex<ShipperStatus>>,
    media: Arc<Semaphore>,
}

/// Uploads of one name of one camera go one after the other: a cut one before its whole one.
type NameKey = (CameraName, String);

#[derive(Default)]
struct Queue {
    small: BTreeMap<EntryId, Arc<SpoolEntry>>,
    big: BTreeMap<EntryId, Arc<SpoolEntry>>,
    /// Not before a certain moment.
    later: BTreeMap<(Instant, EntryId), Arc<SpoolEntry>>,
    /// Names under way: the entry that has the name until it is shipped, and what waits behind it.
    busy: HashMap<NameKey, Busy>,
    /// Entries that a worker has.
    taken: HashSet<EntryId>,
    big_running: usize,
    failures: HashMap<EntryId, u32>,
}

struct Busy {
    owner: EntryId,
    behind: Vec<Arc<SpoolEntry>>,
}

fn name_key(entry: &SpoolEntry) -> NameKey {
    (entry.start.camera.clone(), entry.original_name())
}

impl Queue {
    fn add(&mut self, entry: Arc<SpoolEntry>, under_way_until: Instant) {
        if self.taken.contains(&entry.id) {
            return;
        }
        self.drop_old_name(&entry);
        let under_way =
            entry.start.path.last().is_some_and(|file| camtrail_model::names::is_in_progress(file));
        if under_way && under_way_until > Instant::now() {
            self.later.insert((under_way_until, entry.id.clone()), entry);
        } else {
            self.ready(entry);
        }
    }

    /// It may wait somewhere already, under its old name.
    fn drop_old_name(&mut self, entry: &SpoolEntry) {
        let waiting = self.small.remove(&entry.id).or_else(|| self.big.remove(&entry.id));
        if waiting.is_none() {
            self.later.retain(|(_, id), _| *id != entry.id);
        }
        let owned: Vec<NameKey> = self
            .busy
            .iter()
            .filter(|(_, busy)| busy.owner == entry.id)
            .map(|(name, _)| name.clone())
            .collect();
        for name in owned {
            self.free(&name);
        }
    }

    fn free(&mut self, name: &NameKey) {
        for behind in self.busy.remove(name).map(|busy| busy.behind).unwrap_or_default() {
            self.ready(behind);
        }
    }

    fn ready(&mut self, entry: Arc<SpoolEntry>) {
        let lane = if entry.size >= BIG_BYTES { &mut self.big } else { &mut self.small };
        lane.insert(entry.id.clone(), entry);
    }

    fn wake(&mut self, now: Instant) {
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now) {
            let entry = first.remove();
            self.ready(entry);
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((at, _), _)| *at)
    }

    /// The oldest upload that may go now.
    fn take(&mut self) -> Option<Arc<SpoolEntry>> {
        loop {
            let big_may_go = self.big_running < BIG_AT_ONCE;
            let oldest_small = self.small.first_key_value().map(|(id, _)| id);
            let oldest_big = self.big.first_key_value().map(|(id, _)| id).filter(|_| big_may_go);
            let lane = match (oldest_small, oldest_big) {
                (None, None) => return None,
                (Some(small), Some(big)) if big < small => &mut self.big,
                (None, Some(_)) => &mut self.big,
                _ => &mut self.small,
            };
            let (id, entry) = lane.pop_first()?;
            let name = name_key(&entry);
            match self.busy.get_mut(&name) {
                Some(busy) if busy.owner != id => {
                    busy.behind.push(entry);
                    continue;
                }
                Some(_) => {}
                None => {
                    self.busy.insert(name, Busy { owner: id.clone(), behind: Vec::new() });
                }
            }
            self.taken.insert(id);
            self.big_running += usize::from(entry.size >= BIG_BYTES);
            return Some(entry);
        }
    }

    /// A worker is done with it, one way or the other.
    fn give_back(&mut self, entry: &SpoolEntry) {
        self.taken.remove(&entry.id);
        self.big_running -= usize::from(entry.size >= BIG_BYTES);
    }

    fn succeeded(&mut self, entry: &SpoolEntry) {
        self.give_back(entry);
        self.failures.remove(&entry.id);
        self.free(&name_key(entry));
    }

    /// It keeps its name: a whole upload must not overtake the cut one that it replaces. Returns the failures so
    /// far and the wait.
    fn failed(&mut self, entry: Arc<SpoolEntry>) -> (u32, Duration) {
        self.give_back(&entry);
        let failures = self.failures.entry(entry.id.clone()).or_insert(0);
        *failures += 1;
        let wait = wait_after(*failures);
        let count = *failures;
        self.later.insert((Instant::now() + wait, entry.id.clone()), entry);
        (count, wait)
    }
}

impl Shipper {
    /// A shipper, and the storage that FTP fills its spool through.
    pub fn new(parts: Parts) -> (Self, FtpStorage) {
        let view = View::new(parts.spool.clone(), Arc::clone(&parts.clock));
        let storage = FtpStorage::new(
            parts.spool.clone(),
            view.clone(),
            Arc::clone(&parts.ledger),
            Arc::clone(&parts.clock),
        );
        let media = Arc::new(Semaphore::new(MEDIA_AT_ONCE));
        (Self { parts, view, status: Arc::default(), media }, storage)
    }

    /// What it is doing; stays current.
    pub fn status(&self) -> Arc<Mutex<ShipperStatus>> {
        Arc::clone(&self.status)
    }

    /// Ships until `stop` turns true; then work under way gets a few seconds. What isn't done stays in the spool.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut queue = Queue::default();
        let mut running: JoinSet<(Arc<SpoolEntry>, Result<(), ShipError>)> = JoinSet::new();
        let finishing = Finishing::default();
        while !*stop.borrow() {
            queue.wake(Instant::now());
            while running.len() < AT_ONCE
                && let Some(entry) = queue.take()
            {
                running.spawn(self.work(entry, &finishing));
            }
            let wake = queue.next_wake().unwrap_or_else(|| Instant::now() + LONGEST_WAIT);
            tokio::select! {
                fresh = self.parts.spool.fresh() => {
                    for entry in fresh.into_iter().filter(|entry| !finishing.has(&entry.id)) {
                        queue.add(entry, Instant::now() + UNDER_WAY_MAX);
                    }
                }
                Some(done) = running.join_next() => self.done(&mut queue, done),
                () = tokio::time::sleep_until(wake) => {}
                _ = stop.changed() => {}
            }
        }
        let finish = async {
            while running.join_next().await.is_some() {}
            while !finishing.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(STOP_GRACE, finish).await.is_err() {
            tracing::info!("shipping was stopped under way; it goes on at the next start");
        }
    }

    /// Ships one entry and, once it is recorded, leaves the rest to the media queue.
    fn work(
        &self,
        entry: Arc<SpoolEntry>,
        finishing: &Finishing,
    ) -> impl Future<Output = (Arc<SpoolEntry>, Result<(), ShipError>)> + Send + 'static {
        let (parts, view, media) = (self.parts.clone(), self.view.clone(), Arc::clone(&self.media));
        let finishing = finishing.clone();
        async move {
            // Its header may have changed since it was queued; or it has gone.
            let Some(current) = parts.spool.entry(&entry.id) else { return (entry, Ok(())) };
            let shipped = match isolated(&parts, &current).await {
                Ok(shipped) => shipped,
                Err(error) => return (entry, Err(error)),
            };
            let Shipped::Event(stored) = shipped else {
                return (entry, forget(&parts, &view, &current).await);
            };
            finishing.begin(&current.id);
            tokio::spawn(async move {
                let _permit = media.acquire().await;
                if let Err(error) = media_work::derive(&parts, &current, &stored).await {
                    tracing::warn!(key = %stored.key, %error, "what was derived of an event could not be stored");
                }
                if let Err(error) = forget(&parts, &view, &current).await {
                    tracing::error!(key = %stored.key, %error, "a shipped upload could not be removed from the spool");
                }
                finishing.end(&current.id);
            });
            (entry, Ok(()))
        }
    }

    fn done(
        &self,
        queue: &mut Queue,
        done: Result<(Arc<SpoolEntry>, Result<(), ShipError>), tokio::task::JoinError>,
    ) {
        let (entry, outcome) = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "a shipping task was lost; its upload stays in the spool until the next start");
                return;
            }
        };
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                queue.succeeded(&entry);
                status.last_error = None;
            }
            Err(error) => {
                let (upload, camera) = (entry.original_name(), entry.start.camera.clone());
                let (failures, wait) = queue.failed(entry);
                tracing::warn!(
                    upload, %camera, %error, failures, retry_in_ms = wait.as_millis() as u64,
                    "an upload could not be shipped; it waits in the spool"
                );
                status.last_error = Some(error.to_string());
            }
        }
        status.failing = queue.failures.len();
    }
}

/// A panic in one upload's shipping is that upload's failure and nobody else's.
async fn isolated(parts: &Parts, entry: &Arc<SpoolEntry>) -> Result<Shipped, ShipError> {
    let (parts, entry) = (parts.clone(), Arc::clone(entry));
    match tokio::spawn(async move { ship(&parts, &entry).await }).await {
        Ok(outcome) => outcome,
        Err(error) => Err(ShipError::Io(std::io::Error::other(error))),
    }
}

/// Recorded entries whose posters are still being made.
#[derive(Clone, Default)]
struct Finishing(Arc<Mutex<HashSet<EntryId>>>);

impl Finishing {
    fn ids(&self) -> MutexGuard<'_, HashSet<EntryId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, id: &EntryId) {
        self.ids().insert(id.clone());
    }

    fn end(&self, id: &EntryId) {
        self.ids().remove(id);
    }

    fn has(&self, id: &EntryId) -> bool {
        self.ids().contains(id)
    }

    fn is_empty(&self) -> bool {
        self.ids().is_empty()
    }
}

/// Leaves the spool: store, arrival and media are done.
async fn forget(parts: &Parts, view: &View, entry: &SpoolEntry) -> Result<(), ShipError> {
    let (spool, id) = (parts.spool.clone(), entry.id.clone());
    view.shipped(entry);
    tokio::task::spawn_blocking(move || spool.remove(&id)).await.map_err(std::io::Error::other)??;
    Ok(())
}

/// Exponential, with up to a quarter of jitter, so that a thousand uploads don't come back at once.
fn wait_after(failures: u32) -> Duration {
    let wait = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_WAIT);
    let mut random = [0_u8; 1];
    // Without a random byte the waits are merely equal.
    let _ = getrandom::fill(&mut random);
    wait + wait / 4 * u32::from(random[0]) / 255
}

#[cfg(test)]
mod tests;
