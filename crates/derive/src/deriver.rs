//! The queue that runs: takes wishes of people, and makes them one after the other.
//!
//! Promises: an answer at once, whatever is under way; one encode and one set of pictures at a time; a job that panics is
//! its own failure; a stop ends what runs, with its child processes and files. Refuses: to remember wishes over a restart.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use camtrail_model::ObjectKey;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::Instant,
};

use crate::{
    Made, MakeError, Maker, Product,
    lanes::{Lane, Lanes, NoPlace, Place, TRIES_MAX, Waiting},
};

/// Where a wish stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It is there, and the catalog shows it; or none is needed.
    There,
    /// It can't be made, and why.
    Impossible(String),
    /// The event is gone.
    Gone,
    /// It waits behind so many.
    Queued(usize),
    /// It is being made.
    Running,
    /// It failed; asked for again after so long, it is tried again.
    Failed(String, Duration),
    /// The queue is full.
    Full,
    /// This person has as many wishes waiting as one may have.
    TooMany,
}

/// The queue. Clones share it.
#[derive(Clone)]
pub struct Deriver {
    inner: Arc<Inner>,
}

struct Inner {
    maker: Maker,
    lanes: Mutex<Lanes>,
    encodes: Notify,
    pictures: Notify,
}

impl Deriver {
    /// A queue; nothing is made before [`Self::run`].
    pub fn new(maker: Maker) -> Self {
        let (encodes, pictures) = (Notify::new(), Notify::new());
        Self { inner: Arc::new(Inner { maker, lanes: Mutex::default(), encodes, pictures }) }
    }

    /// What is missing of the tool, for a person: then nothing can be made here.
    pub fn problem(&self) -> Option<String> {
        self.inner.maker.problem()
    }

    /// Wishes `product` of the event of `key` for `by`; the same wish again only tells where it stands.
    pub async fn ask(&self, key: &ObjectKey, product: Product, by: &str) -> Result<Asked, MakeError> {
        let wish = (key.clone(), product);
        let place = self.lanes().place(&wish, Instant::now());
        if let Some(place) = place {
            return Ok(place.into());
        }
        if let Some(made) = self.inner.maker.known(key, product).await? {
            return Ok(match made {
                Made::Now | Made::There | Made::NotNeeded => Asked::There,
                Made::Impossible(why) => Asked::Impossible(why),
                Made::Gone => Asked::Gone,
            });
        }
        let added = {
            let (mut lanes, now) = (self.lanes(), Instant::now());
            // Somebody else may have asked meanwhile.
            match lanes.place(&wish, now) {
                Some(place) => Ok(place),
                None => lanes.add(wish, Some(by), now),
            }
        };
        self.wake(product);
        Ok(match added {
            Ok(place) => place.into(),
            Err(NoPlace::Full) => Asked::Full,
            Err(NoPlace::TooMany) => Asked::TooMany,
        })
    }

    /// Makes it some time, if there is room: nobody asked.
    pub fn offer(&self, key: &ObjectKey, product: Product) {
        let (wish, now) = ((key.clone(), product), Instant::now());
        let mut lanes = self.lanes();
        if lanes.place(&wish, now).is_none() && lanes.add(wish, None, now).is_err() {
            tracing::debug!(%key, product = product.name(), "not made now: there is much to do");
        }
        drop(lanes);
        self.wake(product);
    }

    /// Works until `stop` turns true; what runs then is given up at once.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        tokio::join!(self.work(Lane::Encodes, stop.clone()), self.work(Lane::Pictures, stop));
    }

    async fn work(&self, lane: Lane, mut stop: watch::Receiver<bool>) {
        let bell = match lane {
            Lane::Encodes => &self.inner.encodes,
            Lane::Pictures => &self.inner.pictures,
        };
        // Dropped with this future, and its job with it.
        let mut running = JoinSet::new();
        while !*stop.borrow() {
            let (next, wake) = {
                let mut lanes = self.lanes();
                (lanes.take(lane, Instant::now()), lanes.next_wake(lane))
            };
            let Some(job) = next else {
                let pause = async {
                    match wake {
                        Some(wake) => tokio::time::sleep_until(wake).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = bell.notified() => {}
                    () = pause => {}
                    () = stopped(&mut stop) => return,
                }
                continue;
            };
            let (maker, (key, product)) = (self.inner.maker.clone(), job.wish.clone());
            running.spawn(async move { maker.make(&key, &[product]).await });
            tokio::select! {
                Some(ended) = running.join_next() => self.ended(job, ended.map_err(|error| error.to_string())),
                () = stopped(&mut stop) => {
                    running.shutdown().await;
                    return;
                }
            }
        }
    }

    fn ended(&self, job: Waiting, ended: Result<Outcomes, String>) {
        let (key, product) = job.wish.clone();
        let (why, may_retry) = match ended {
            Ok(Ok(outcomes)) => match outcomes.into_iter().next() {
                Some((_, Err(error))) => (error.to_string(), error.may_retry()),
                made => {
                    if let Some((_, Ok(Made::Impossible(why)))) = &made {
                        tracing::warn!(%key, product = product.name(), why, "it can't be made");
                    }
                    self.lanes().done(&job);
                    return;
                }
            },
            Ok(Err(error)) => (error.to_string(), error.may_retry()),
            Err(panic) => (panic, false),
        };
        let tries = job.failures + 1;
        let again = self.lanes().failed(job, why.clone(), may_retry, Instant::now());
        tracing::warn!(%key, product = product.name(), why, tries, of = TRIES_MAX, again, "it could not be made");
        // Its own pause is the next thing to wait for.
        self.wake(product);
    }

    fn wake(&self, product: Product) {
        match Lane::of(product) {
            Lane::Encodes => self.inner.encodes.notify_one(),
            Lane::Pictures => self.inner.pictures.notify_one(),
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.inner.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns once it is told to stop, or nobody is left to tell.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

type Outcomes = Result<Vec<(Product, Result<Made, MakeError>)>, MakeError>;

impl From<Place> for Asked {
    fn from(place: Place) -> Self {
        match place {
            Place::Running => Self::Running,
            Place::Queued(ahead) => Self::Queued(ahead),
            Place::Failed(why, left) => Self::Failed(why, left),
        }
    }
}
