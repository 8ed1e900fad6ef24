//! Who waits for what: two lanes, bounded, without doubles. No I/O, no clock of its own.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use camtrail_model::ObjectKey;
use tokio::time::Instant;

use crate::Product;

/// Jobs that wait in one lane.
pub(crate) const WAITING_MAX: usize = 64;
/// Of those, jobs that nobody asked for.
const OFFERED_MAX: usize = WAITING_MAX / 2;
/// Jobs of one person, over both lanes.
pub(crate) const PERSON_MAX: usize = 8;
/// Tries where the machine or the store is at fault.
pub(crate) const TRIES_MAX: u32 = 3;
/// After the first failure; three times as long after the second.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long a failure is told to whoever asks; then the same may be asked for anew.
const FAILURE_TOLD: Duration = Duration::from_mins(5);
/// Failures that are remembered.
const FAILURES_MAX: usize = 256;

/// What a job is about; the same wish twice is one job.
pub(crate) type Wish = (ObjectKey, Product);

/// Encodes take minutes, pictures seconds: neither waits for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    Encodes,
    Pictures,
}

impl Lane {
    pub(crate) fn of(product: Product) -> Self {
        match product {
            Product::Small | Product::H264 => Self::Encodes,
            Product::Poster | Product::Preview => Self::Pictures,
        }
    }
}

/// A job that waits or runs.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) wish: Wish,
    /// Who asked; nobody, for what is made unasked.
    by: Option<String>,
    pub(crate) failures: u32,
    not_before: Instant,
}

/// Where a wish stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Running,
    /// So many jobs are before it.
    Queued(usize),
    /// It failed a while ago; it may be asked for again in so long.
    Failed(String, Duration),
}

/// Why a wish isn't taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    Full,
    /// This person has as many as one may have.
    TooMany,
}

/// The lanes.
#[derive(Default)]
pub(crate) struct Lanes {
    encodes: VecDeque<Waiting>,
    pictures: VecDeque<Waiting>,
    running: Vec<Waiting>,
    failed: HashMap<Wish, (String, Instant)>,
}

impl Lanes {
    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Waiting> {
        match lane {
            Lane::Encodes => &mut self.encodes,
            Lane::Pictures => &mut self.pictures,
        }
    }

    /// Where it stands; `None`: nobody asked, or it is done.
    pub(crate) fn place(&mut self, wish: &Wish, now: Instant) -> Option<Place> {
        if self.running.iter().any(|job| job.wish == *wish) {
            return Some(Place::Running);
        }
        if let Some(ahead) = self.lane(Lane::of(wish.1)).iter().position(|job| job.wish == *wish) {
            return Some(Place::Queued(ahead));
        }
        let (why, at) = self.failed.get(wish)?;
        let left = FAILURE_TOLD.checked_sub(now.duration_since(*at)).filter(|left| !left.is_zero());
        let told = left.map(|left| Place::Failed(why.clone(), left));
        if told.is_none() {
            self.failed.remove(wish);
        }
        told
    }

    /// Takes a wish that isn't there yet. What people ask for goes before what nobody does.
    pub(crate) fn add(&mut self, wish: Wish, by: Option<&str>, now: Instant) -> Result<Place, NoPlace> {
        let jobs = self.encodes.iter().chain(&self.pictures).chain(&self.running);
        if by.is_some() && jobs.filter(|job| job.by.as_deref() == by).count() >= PERSON_MAX {
            return Err(NoPlace::TooMany);
        }
        let lane = self.lane(Lane::of(wish.1));
        let offered = lane.iter().filter(|job| job.by.is_none()).count();
        if by.is_none() && offered >= OFFERED_MAX {
            return Err(NoPlace::Full);
        }
        if lane.len() >= WAITING_MAX {
            // What nobody asked for gives way: it is made when somebody does.
            match lane.iter().rposition(|job| job.by.is_none()) {
                Some(offered) if by.is_some() => drop(lane.remove(offered)),
                _ => return Err(NoPlace::Full),
            }
        }
        let job = Waiting { wish, by: by.map(str::to_owned), failures: 0, not_before: now };
        let at = match by {
            Some(_) => lane.iter().position(|job| job.by.is_none()).unwrap_or(lane.len()),
            None => lane.len(),
        };
        self.failed.remove(&job.wish);
        let lane = self.lane(Lane::of(job.wish.1));
        lane.insert(at, job);
        Ok(Place::Queued(at))
    }

    /// The next job that may run; it is running then.
    pub(crate) fn take(&mut self, lane: Lane, now: Instant) -> Option<Waiting> {
        let waiting = self.lane(lane);
        let next = waiting.iter().position(|job| job.not_before <= now)?;
        let job = waiting.remove(next)?;
        self.running.push(job.clone());
        Some(job)
    }

    /// When a job may run that may not now.
    pub(crate) fn next_wake(&mut self, lane: Lane) -> Option<Instant> {
        self.lane(lane).iter().map(|job| job.not_before).min()
    }

    /// It is over, whatever became of it.
    pub(crate) fn done(&mut self, job: &Waiting) {
        self.running.retain(|running| running.wish != job.wish);
    }

    /// It failed. `true`: it is tried again.
    pub(crate) fn failed(&mut self, mut job: Waiting, why: String, may_retry: bool, now: Instant) -> bool {
        self.done(&job);
        job.failures += 1;
        if may_retry && job.failures < TRIES_MAX {
            job.not_before = now + AGAIN_AFTER * 3_u32.pow(job.failures - 1);
            // Beyond the bound by the one that was running: it had its place.
            self.lane(Lane::of(job.wish.1)).push_back(job);
            return true;
        }
        if self.failed.len() >= FAILURES_MAX
            && let Some(oldest) =
                self.failed.iter().min_by_key(|(_, (_, at))| *at).map(|(wish, _)| wish.clone())
        {
            self.failed.remove(&oldest);
        }
        self.failed.insert(job.wish, (why, now));
        false
    }
}

#[cfg(test)]
mod tests {
    use camtrail_model::{CaptureKind, testing};

    use super::*;

    fn wish(n: usize, product: Product) -> Wish {
        (testing::record("backyard", 1_000, CaptureKind::Record, &format!("{n}.mp4")).object_key, product)
    }

    #[test]
    fn a_lane_is_bounded_and_the_other_is_not_touched() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        for n in 0..WAITING_MAX {
            let by = format!("person {}", n / PERSON_MAX);
            assert_eq!(lanes.add(wish(n, Product::H264), Some(&by), now), Ok(Place::Queued(n)));
        }
        assert_eq!(lanes.add(wish(1_000, Product::H264), Some("another"), now), Err(NoPlace::Full));
        assert_eq!(lanes.add(wish(1_000, Product::H264), None, now), Err(NoPlace::Full));
        assert_eq!(lanes.add(wish(1_000, Product::Preview), Some("another"), now), Ok(Place::Queued(0)));
        assert_eq!(lanes.add(wish(1_001, Product::Preview), Some("person 0"), now), Err(NoPlace::TooMany));
        let first = lanes.take(Lane::Encodes, now).unwrap();
        assert_eq!(
            (&first.wish, lanes.place(&first.wish, now)),
            (&wish(0, Product::H264), Some(Place::Running))
        );
        assert_eq!(
            lanes.add(wish(1_000, Product::H264), Some("another"), now),
            Ok(Place::Queued(WAITING_MAX - 1))
        );
        lanes.done(&first);
        assert_eq!(lanes.place(&first.wish, now), None);
    }

    #[test]
    fn what_people_ask_for_goes_before_what_nobody_does() {
        let (mut lanes, now) = (Lanes::default(), Instant::now());
        for n in 0..OFFERED_MAX {
            assert_eq!(lanes.add(wish(n, Product::Preview), None, now), Ok(Place::Queued(n)));
        }
        assert_eq!(lanes.add(wish(900, Product::Preview), None, now), Err(NoPlace::Full));
        for n in 0..WAITING_MAX {
            let by = (n / PERSON_MAX).to_string();
            let asked = lanes.add(wish(1_000 + n, Product::Preview), Some(&by), now);
            assert_eq!(asked, Ok(Place::Queued(n)), "and pushes the others out");
        }
        assert_eq!(lanes.place(&wish(0, Product::Preview), now), None);
        assert_eq!(lanes.take(Lane::Pictures, now).unwrap().wish, wish(1_000, Product::Preview));
    }

    #[test]
    fn the_machines_failures_are_tried_thrice_then_told_and_then_forgotten() {
        let (mut lanes, mut now) = (Lanes::default(), Instant::now());
        let it = wish(1, Product::H264);
        lanes.add(it.clone(), Some("anna"), now).unwrap();
        for tries in 1..=TRIES_MAX {
            let job = lanes.take(Lane::Encodes, now).unwrap();
            let again = lanes.failed(job, "no disk".to_owned(), true, now);
            assert_eq!(again, tries < TRIES_MAX);
            if again {
                assert!(lanes.take(Lane::Encodes, now).is_none(), "not at once");
                now = lanes.next_wake(Lane::Encodes).unwrap();
            }
        }
        assert_eq!(lanes.place(&it, now), Some(Place::Failed("no disk".to_owned(), FAILURE_TOLD)));
        now += FAILURE_TOLD;
        assert_eq!(lanes.place(&it, now), None);
        lanes.add(it.clone(), Some("anna"), now).unwrap();
        let job = lanes.take(Lane::Encodes, now).unwrap();
        assert!(!lanes.failed(job, "damaged".to_owned(), false, now), "what never helps isn't repeated");
        for n in 0..2 * FAILURES_MAX {
            now += Duration::from_millis(1);
            lanes.add(wish(10 + n, Product::H264), Some("anna"), now).unwrap();
            let job = lanes.take(Lane::Encodes, now).unwrap();
            lanes.failed(job, String::new(), false, now);
        }
        assert_eq!(lanes.failed.len(), FAILURES_MAX);
    }
}
