//! Ships what the spool holds: a bounded number of uploads at once, in the queue's order; then what is derived of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use camtrail_derive::Product;
use camtrail_model::{
    CaptureKind, MediaManifest,
    metrics::{MEDIA_WAITING, SHIP, SHIP_FAILURES},
    ports::StoreError,
};
use camtrail_spool::{EntryId, SpoolEntry};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{
    courtesy::{self, Courtesy},
    ftp_storage::FtpStorage,
    media_work,
    queue::{Queue, Trouble, wait_after},
    ship::{Parts, ShipError, Shipped, Stored, ship},
    small::{self, turn},
    stills::Stills,
    view::View,
};

/// Uploads shipped at once.
const AT_ONCE: usize = 4;
/// Posters and the like, at once (each is an ffmpeg).
const MEDIA_AT_ONCE: usize = 2;
/// What part of the spool, in percent, may be taken before clips that wait for their posters go without.
const POSTER_ROOM: u64 = 75;
/// Tries at storing what was derived: about an hour of a store that takes clips and not posters.
const DERIVE_TRIES: u32 = 20;
/// A name under way that its camera never renames becomes an incomplete event after so long.
const UNDER_WAY_MAX: Duration = Duration::from_mins(10);
/// How long work under way may go on when the program stops.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// How often an upload is looked at again whose transfer's end is still to be found out; that takes seconds at most.
const HELD_POLL: Duration = Duration::from_millis(200);

/// What a worker came to.
enum Done {
    Shipped,
    /// It leaves the spool, and says nothing of the store: a sidecar, a camera's test, or one that was gone already.
    Noted,
    NotYet,
}

/// What the shipper is doing, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShipperStatus {
    /// Uploads that failed last time and wait for another try.
    pub failing: usize,
    /// What the last failure said; `None` after a success.
    pub last_error: Option<String>,
    /// Whether anything was stored since the start.
    pub has_stored: bool,
}

/// Ships what the spool holds.
pub struct Shipper {
    parts: Parts,
    view: View,
    status: Arc<Mutex<ShipperStatus>>,
    media: Arc<Semaphore>,
    encodes: Arc<Semaphore>,
    stills: Arc<Stills>,
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
        let encodes = Arc::new(Semaphore::new(1));
        (Self { parts, view, status: Arc::default(), media, encodes, stills: Arc::default() }, storage)
    }

    /// What it is doing; stays current.
    pub fn status(&self) -> Arc<Mutex<ShipperStatus>> {
        Arc::clone(&self.status)
    }

    /// Ships until `stop` turns true; then work under way gets a few seconds. What isn't done stays in the spool.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut queue = Queue::default();
        let mut running: JoinSet<(Arc<SpoolEntry>, Result<Done, ShipError>)> = JoinSet::new();
        let finishing = Finishing::default();
        let mut courtesy = Courtesy::default();
        while !*stop.borrow() {
            let now = Instant::now();
            let holds_off = courtesy.holds_off(self.parts.spool.committing(), now);
            while !holds_off && running.len() < AT_ONCE {
                let Some(entry) = queue.take(now) else {
                    courtesy.caught_up();
                    break;
                };
                running.spawn(self.work(entry, &finishing));
            }
            let wake = if holds_off { now + courtesy::LOOK_AGAIN } else { queue.next_wake(now) };
            // What is due waits for a worker then, not for time.
            let has_room = running.len() < AT_ONCE;
            tokio::select! {
                fresh = self.parts.spool.fresh() => {
                    for entry in fresh.into_iter().filter(|entry| !finishing.has(&entry.id)) {
                        let not_before = self.not_before(&entry);
                        queue.add(entry, not_before);
                    }
                }
                Some(done) = running.join_next() => self.done(&mut queue, done),
                () = tokio::time::sleep_until(wake), if has_room => {}
                _ = stop.changed() => {}
            }
        }
        let finish = async {
            while running.join_next().await.is_some() {}
            while finishing.has_short() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(STOP_GRACE, finish).await.is_err() {
            tracing::info!("shipping was stopped under way; it goes on at the next start");
        }
    }

    /// A name under way counts when its camera renames it, or was silent about it for long enough.
    fn not_before(&self, entry: &SpoolEntry) -> Option<Instant> {
        let file = entry.start.path.last()?;
        if !camtrail_model::names::is_in_progress(file) {
            return None;
        }
        // The wait counts from the upload's end, also over a restart.
        let waited_ms = self.parts.clock.now().0.saturating_sub(entry.received_at.0).max(0).unsigned_abs();
        let left = UNDER_WAY_MAX.checked_sub(Duration::from_millis(waited_ms))?;
        Some(Instant::now() + left)
    }

    /// Ships one entry and, once it is recorded, leaves the rest to the media queue.
    fn work(
        &self,
        entry: Arc<SpoolEntry>,
        finishing: &Finishing,
    ) -> impl Future<Output = (Arc<SpoolEntry>, Result<Done, ShipError>)> + Send + 'static {
        let (parts, view) = (self.parts.clone(), self.view.clone());
        let (media, encodes) = (Arc::clone(&self.media), Arc::clone(&self.encodes));
        let (finishing, stills) = (finishing.clone(), Arc::clone(&self.stills));
        async move {
            // In this order: once it isn't held, what its header says is final.
            let held = parts.spool.is_held(&entry.id);
            // Its header may have changed since it was queued; or it has gone.
            let Some(current) = parts.spool.entry(&entry.id) else { return (entry, Ok(Done::Noted)) };
            let started = Instant::now();
            let stored = match isolated(&parts, &current, held).await {
                Ok(Shipped::Event(stored)) => {
                    metrics::histogram!(SHIP, "kind" => stored.key.kind().as_str()).record(started.elapsed());
                    stored
                }
                Ok(Shipped::Noted) => {
                    let forgotten = forget(&parts, &view, &current).await;
                    return (entry, forgotten.map(|()| Done::Noted));
                }
                Ok(Shipped::NotYet) => return (entry, Ok(Done::NotYet)),
                Err(error) => return (entry, Err(error)),
            };
            finishing.is_at(&current.id, Stage::Short);
            tokio::spawn(async move {
                if let Some(manifest) = derive(&parts, &media, &stills, &current, &stored).await {
                    finishing.is_at(&current.id, Stage::Long);
                    make_small(&parts, &encodes, &current, &stored, &manifest).await;
                    if let Some(later) =
                        parts.later.as_ref().filter(|_| stored.key.kind() == CaptureKind::Record)
                    {
                        later.offer(&stored.key, Product::Preview);
                    }
                }
                if let Err(error) = forget(&parts, &view, &current).await {
                    tracing::error!(key = %stored.key, %error, "a shipped upload could not be removed from the spool");
                }
                finishing.end(&current.id);
            });
            (entry, Ok(Done::Shipped))
        }
    }

    fn done(
        &self,
        queue: &mut Queue,
        done: Result<(Arc<SpoolEntry>, Result<Done, ShipError>), tokio::task::JoinError>,
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
            Ok(Done::NotYet) => queue.put_back(entry, Instant::now() + HELD_POLL),
            Ok(Done::Shipped) => {
                if queue.succeeded(&entry) {
                    tracing::info!("the store takes uploads again; what waited goes now, oldest first");
                }
                status.last_error = None;
                status.has_stored = true;
            }
            Ok(Done::Noted) => {
                queue.noted(&entry);
                if queue.failing() == 0 {
                    status.last_error = None;
                }
            }
            Err(error) => {
                metrics::counter!(SHIP_FAILURES).increment(1);
                let (upload, camera) = (entry.original_name(), entry.start.camera.clone());
                let (failures, wait) = queue.failed(entry, error.trouble(), Instant::now());
                tracing::warn!(
                    upload, %camera, %error, failures, retry_in_ms = wait.as_millis() as u64,
                    "an upload could not be shipped; it waits in the spool"
                );
                status.last_error = Some(error.to_string());
            }
        }
        status.failing = queue.failing();
    }
}

/// A panic in one upload's shipping is that upload's failure and nobody else's.
async fn isolated(parts: &Parts, entry: &Arc<SpoolEntry>, held: bool) -> Result<Shipped, ShipError> {
    let (parts, entry) = (parts.clone(), Arc::clone(entry));
    match tokio::spawn(async move { ship(&parts, &entry, held).await }).await {
        Ok(outcome) => outcome,
        Err(error) => Err(ShipError::Io(std::io::Error::other(error))),
    }
}

/// Makes and stores what is derived, again and again while the store is the trouble: the upload waits in the spool
/// meanwhile, so that a restart begins anew.
async fn derive(
    parts: &Parts,
    media: &Semaphore,
    stills: &Stills,
    entry: &SpoolEntry,
    stored: &Stored,
) -> Option<MediaManifest> {
    for failures in 1..=DERIVE_TRIES {
        let outcome = {
            // Posters hold up nobody for nothing: where uploads are about to be refused, a clip goes without, and
            // `camtrail backfill` makes its poster later.
            // What only this step tells of (the original, a copy that plays) waits all the same.
            let room = if stored.original || stored.wants_playable { 100 } else { POSTER_ROOM };
            let Some(_permit) = turn(&parts.spool, media, room).await else {
                tracing::warn!(key = %stored.key, "the spool is filling up: an event goes without its poster for now");
                return None;
            };
            media_work::derive(parts, stills, entry, stored).await
        };
        match outcome {
            Ok(manifest) => return manifest,
            Err(error) if has_hope(stored, &error, failures).await => {}
            Err(_) => return None,
        }
    }
    None
}

/// The small rendition, when all else is done; again and again, likewise.
async fn make_small(
    parts: &Parts,
    encodes: &Semaphore,
    entry: &SpoolEntry,
    stored: &Stored,
    manifest: &MediaManifest,
) {
    if !small::is_wanted(parts, entry, stored, manifest) {
        return;
    }
    for failures in 1..=DERIVE_TRIES {
        match small::make(parts, encodes, entry, stored, manifest).await {
            Err(error) if has_hope(stored, &error, failures).await => {}
            _ => return,
        }
    }
}

/// Tells of a failure, and waits where another try may go well.
async fn has_hope(stored: &Stored, error: &ShipError, failures: u32) -> bool {
    tracing::warn!(key = %stored.key, %error, failures, "what was derived of an event could not be stored");
    // What a store refuses it refuses the twentieth time, too.
    let is_refused = matches!(error, ShipError::Store(StoreError::Refused(_))) && failures > 1;
    if error.trouble() == Trouble::Own || is_refused {
        return false;
    }
    tokio::time::sleep(wait_after(failures)).await;
    true
}

/// Recorded entries of which something is still being made.
#[derive(Clone, Default)]
struct Finishing(Arc<Mutex<HashMap<EntryId, Stage>>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A poster and the like: seconds.
    Short,
    /// A small rendition: minutes, perhaps. A stop doesn't wait for it.
    Long,
}

impl Finishing {
    fn stages(&self) -> MutexGuard<'_, HashMap<EntryId, Stage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_at(&self, id: &EntryId, stage: Stage) {
        let mut stages = self.stages();
        stages.insert(id.clone(), stage);
        metrics::gauge!(MEDIA_WAITING).set(stages.len() as f64);
    }

    fn end(&self, id: &EntryId) {
        let mut stages = self.stages();
        stages.remove(id);
        metrics::gauge!(MEDIA_WAITING).set(stages.len() as f64);
    }

    fn has(&self, id: &EntryId) -> bool {
        self.stages().contains_key(id)
    }

    fn has_short(&self) -> bool {
        self.stages().values().any(|&stage| stage == Stage::Short)
    }
}

/// Leaves the spool: store, arrival and media are done.
async fn forget(parts: &Parts, view: &View, entry: &SpoolEntry) -> Result<(), ShipError> {
    let (spool, id) = (parts.spool.clone(), entry.id.clone());
    view.shipped(entry);
    tokio::task::spawn_blocking(move || spool.remove(&id)).await.map_err(std::io::Error::other)??;
    Ok(())
}

#[cfg(test)]
mod tests;
