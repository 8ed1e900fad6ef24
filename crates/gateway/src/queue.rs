//! Which upload goes next: oldest first, small ones not stuck behind big ones, uploads of one name one after the
//! other, failures again later.
//!
//! Trouble beyond the upload itself (store, catalog) is everybody's: after a few failures in a row the *door* shuts,
//! and one upload at a time knocks, at growing intervals, each time another one where the last one failed. When one
//! gets through, all go on, the oldest first. So an outage of days costs a few hundred tries, a single upload that
//! the store won't have holds up nobody, and nothing has to wait out an interval of its own after it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use camtrail_model::CameraName;
use camtrail_spool::{EntryId, SpoolEntry};
use tokio::time::Instant;

/// Of the uploads that are shipped at once, big ones.
const BIG_AT_ONCE: usize = 2;
/// From this size on an upload is big.
const BIG_BYTES: u64 = 1024 * 1024;
/// The wait after a first failure; doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// Failures in a row, of whichever uploads, that shut the door.
const SHUT_AFTER: u32 = 4;

/// Uploads of one name of one camera go one after the other: a cut one before its whole one.
type NameKey = (CameraName, String);

/// Whose trouble a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The upload's own.
    Own,
    /// The store's or the catalog's: others will have it, too.
    Elsewhere,
}

/// Everything that waits, and what is under way.
#[derive(Default)]
pub(crate) struct Queue {
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
    door: Door,
}

struct Busy {
    owner: EntryId,
    behind: Vec<Arc<SpoolEntry>>,
}

/// Whether the other side takes anything.
#[derive(Default)]
struct Door {
    /// Failures of that side since its last success, until it shut.
    failures: u32,
    /// Shut until then; then somebody knocks.
    until: Option<Instant>,
    /// Who knocks, and how many did in vain.
    knocker: Option<EntryId>,
    knocks: u32,
}

impl Door {
    /// What was under way when it shut and fails after that tells nothing new.
    fn failed(&mut self, id: &EntryId, now: Instant) {
        if self.until.is_none() {
            self.failures += 1;
            if self.failures >= SHUT_AFTER {
                self.until = Some(now + wait_after(1));
            }
        } else if self.knocker.as_ref() == Some(id) {
            self.knocks += 1;
            self.until = Some(now + wait_after(self.knocks + 1));
        }
    }
}

impl Door {
    /// Who knocked failed by a fault of its own: that tells nothing of the other side, and the next one knocks after a
    /// pause all the same.
    fn passed_over(&mut self, id: &EntryId, now: Instant) {
        if self.until.is_some() && self.knocker.as_ref() == Some(id) {
            self.until = Some(now + wait_after(1));
        }
    }
}

fn name_key(entry: &SpoolEntry) -> NameKey {
    (entry.start.camera.clone(), entry.original_name())
}

fn is_big(entry: &SpoolEntry) -> bool {
    entry.size >= BIG_BYTES
}

impl Queue {
    /// Takes a new entry, or a changed one. `not_before`: a name under way waits for its rename.
    pub(crate) fn add(&mut self, entry: Arc<SpoolEntry>, not_before: Option<Instant>) {
        if self.taken.contains(&entry.id) {
            return;
        }
        self.drop_old_name(&entry);
        match not_before {
            Some(at) => {
                self.later.insert((at, entry.id.clone()), entry);
            }
            None => self.ready(entry),
        }
    }

    /// It may wait somewhere already, under its old name.
    fn drop_old_name(&mut self, entry: &SpoolEntry) {
        let waiting = self.small.remove(&entry.id).or_else(|| self.big.remove(&entry.id));
        if waiting.is_none() {
            self.later.retain(|(_, id), _| *id != entry.id);
        }
        for busy in self.busy.values_mut() {
            busy.behind.retain(|behind| behind.id != entry.id);
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
        let lane = if is_big(&entry) { &mut self.big } else { &mut self.small };
        lane.insert(entry.id.clone(), entry);
    }

    fn wake(&mut self, now: Instant) {
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now) {
            let entry = first.remove();
            self.ready(entry);
        }
    }

    /// When to look again, if nothing happens before.
    pub(crate) fn next_wake(&self, now: Instant) -> Instant {
        let later = self.later.first_key_value().map(|((at, _), _)| *at);
        // A knock whose moment has come waits for a worker, not for time.
        let knock = self.door.until.filter(|at| *at > now);
        [later, knock].into_iter().flatten().min().unwrap_or(now + LONGEST_WAIT)
    }

    /// The upload that may go now.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Arc<SpoolEntry>> {
        self.wake(now);
        match self.door.until {
            None => self.take_oldest(),
            Some(until) if until <= now && self.taken.is_empty() => self.take_knocker(),
            Some(_) => None,
        }
    }

    fn take_oldest(&mut self) -> Option<Arc<SpoolEntry>> {
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
            let (_, entry) = lane.pop_first()?;
            if let Some(entry) = self.begin(entry) {
                return Some(entry);
            }
        }
    }

    /// The oldest of those that failed least: the same one twice would prove nothing new.
    fn take_knocker(&mut self) -> Option<Arc<SpoolEntry>> {
        loop {
            let entry = self.least_failed()?;
            if let Some(knocker) = self.begin(entry) {
                self.door.knocker = Some(knocker.id.clone());
                return Some(knocker);
            }
        }
    }

    fn least_failed(&mut self) -> Option<Arc<SpoolEntry>> {
        let failed = |id: &EntryId| self.failures.get(id).copied().unwrap_or(0);
        let fresh = |lane: &BTreeMap<EntryId, Arc<SpoolEntry>>| {
            let untried = lane.keys().find(|id| failed(id) == 0);
            untried.or_else(|| lane.keys().min_by_key(|id| (failed(id), (*id).clone()))).cloned()
        };
        let waiting = self.later.keys().filter(|(_, id)| failed(id) > 0);
        let waiting = waiting.min_by_key(|(_, id)| (failed(id), id.clone())).cloned();
        let candidates = [fresh(&self.small), fresh(&self.big), waiting.clone().map(|(_, id)| id)];
        let id = candidates.into_iter().flatten().min_by_key(|id| (failed(id), id.clone()))?;
        let lane = self.small.remove(&id).or_else(|| self.big.remove(&id));
        lane.or_else(|| self.later.remove(&waiting?))
    }

    /// A worker gets it; unless another upload has its name: then it waits behind that one.
    fn begin(&mut self, entry: Arc<SpoolEntry>) -> Option<Arc<SpoolEntry>> {
        let name = name_key(&entry);
        match self.busy.get_mut(&name) {
            Some(busy) if busy.owner != entry.id => {
                busy.behind.push(entry);
                return None;
            }
            Some(_) => {}
            None => {
                self.busy.insert(name, Busy { owner: entry.id.clone(), behind: Vec::new() });
            }
        }
        self.taken.insert(entry.id.clone());
        self.big_running += usize::from(is_big(&entry));
        Some(entry)
    }

    /// A worker is done with it, one way or the other.
    fn give_back(&mut self, entry: &SpoolEntry) {
        self.taken.remove(&entry.id);
        self.big_running -= usize::from(is_big(entry));
    }

    /// It is gone from the spool, and the store was not asked: whether the other side takes uploads is as unknown as
    /// before.
    pub(crate) fn noted(&mut self, entry: &SpoolEntry) {
        self.give_back(entry);
        self.failures.remove(&entry.id);
        self.free(&name_key(entry));
    }

    /// It was shipped. Says whether that opened the door.
    pub(crate) fn succeeded(&mut self, entry: &SpoolEntry) -> bool {
        self.noted(entry);
        let opened = std::mem::take(&mut self.door).until.is_some();
        if opened {
            self.all_failed_are_ready();
        }
        opened
    }

    fn all_failed_are_ready(&mut self) {
        let failed = self.later.extract_if(.., |(_, id), _| self.failures.contains_key(id));
        let failed: Vec<_> = failed.map(|(_, entry)| entry).collect();
        for entry in failed {
            self.ready(entry);
        }
    }

    /// It keeps its name: a whole upload must not overtake the cut one that it replaces. Returns its failures so far
    /// and the wait.
    pub(crate) fn failed(
        &mut self,
        entry: Arc<SpoolEntry>,
        trouble: Trouble,
        now: Instant,
    ) -> (u32, Duration) {
        self.give_back(&entry);
        let failures = self.failures.entry(entry.id.clone()).or_insert(0);
        *failures += 1;
        let (count, wait) = (*failures, wait_after(*failures));
        match trouble {
            Trouble::Elsewhere => self.door.failed(&entry.id, now),
            Trouble::Own => self.door.passed_over(&entry.id, now),
        }
        self.later.insert((now + wait, entry.id.clone()), entry);
        (count, wait)
    }

    /// It can't be judged yet. It keeps its name; that is no failure.
    pub(crate) fn put_back(&mut self, entry: Arc<SpoolEntry>, until: Instant) {
        self.give_back(&entry);
        self.later.insert((until, entry.id.clone()), entry);
    }

    /// Uploads that failed last time.
    pub(crate) fn failing(&self) -> usize {
        self.failures.len()
    }
}

/// Exponential, with up to a quarter of jitter, so that a thousand uploads don't come back at once.
pub(crate) fn wait_after(failures: u32) -> Duration {
    let wait = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_WAIT);
    let mut random = [0_u8; 1];
    // Without a random byte the waits are merely equal.
    let _ = getrandom::fill(&mut random);
    wait + wait / 4 * u32::from(random[0]) / 255
}

#[cfg(test)]
mod tests {
    use camtrail_model::{Digest, Millis};
    use camtrail_spool::{TransferEnd, UploadStart};

    use super::*;

    fn entry(number: i64, name: &str, size: u64) -> Arc<SpoolEntry> {
        Arc::new(SpoolEntry {
            version: SpoolEntry::VERSION,
            id: serde_json::from_value(serde_json::json!(format!("{number:015}-00000000"))).unwrap(),
            start: UploadStart {
                account: "camera".to_owned(),
                camera: CameraName::parse("gate").unwrap(),
                path: vec![name.to_owned()],
                started_at: Millis(number),
                modified_at: None,
            },
            received_at: Millis(number),
            size,
            sha256: Digest::of(name.as_bytes()),
            transfer: TransferEnd::Complete,
        })
    }

    fn number(entry: Option<Arc<SpoolEntry>>) -> Option<i64> {
        entry.map(|entry| entry.received_at.0)
    }

    fn queue(count: i64) -> Queue {
        let mut queue = Queue::default();
        for n in 0..count {
            queue.add(entry(n, &format!("{n}.jpg"), 1), None);
        }
        queue
    }

    #[test]
    fn oldest_first_and_stills_pass_big_clips() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for n in 0..4 {
            queue.add(entry(n, &format!("{n}.mp4"), 5_000_000), None);
        }
        for n in 4..6 {
            queue.add(entry(n, &format!("{n}.jpg"), 100), None);
        }
        let order: Vec<_> = std::iter::from_fn(|| number(queue.take(now))).collect();
        assert_eq!(order, [0, 1, 4, 5], "two big ones at once; stills are not stuck behind the third");
    }

    #[test]
    fn one_name_goes_in_order() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for n in 0..3 {
            queue.add(entry(n, "snapshot.jpg", 1), None);
        }
        let first = queue.take(now).unwrap();
        assert!(queue.take(now).is_none());
        let (_, wait) = queue.failed(first, Trouble::Own, now);
        assert!(queue.take(now).is_none(), "not even when it failed");
        let first = queue.take(now + wait * 2).unwrap();
        assert_eq!(first.received_at.0, 0);
        queue.succeeded(&first);
        assert_eq!(number(queue.take(now)), Some(1));
    }

    #[test]
    fn an_outage_is_knocked_at_by_one_upload_at_a_time_and_another_one_each_time() {
        let (mut queue, mut now) = (queue(10), Instant::now());
        for _ in 0..SHUT_AFTER {
            let entry = queue.take(now).unwrap();
            queue.failed(entry, Trouble::Elsewhere, now);
        }
        assert!(queue.take(now).is_none(), "the door is shut");
        let mut knocked = Vec::new();
        for _ in 0..8 {
            now = queue.next_wake(now).max(now) + LONGEST_WAIT * 2;
            let entry = queue.take(now).unwrap();
            assert!(queue.take(now).is_none(), "one at a time");
            knocked.push(entry.received_at.0);
            queue.failed(entry, Trouble::Elsewhere, now);
        }
        assert_eq!(knocked, [4, 5, 6, 7, 8, 9, 0, 1], "untried ones first, oldest first");
        now += LONGEST_WAIT * 2;
        let entry = queue.take(now).unwrap();
        assert!(queue.succeeded(&entry), "it opens");
        let rest: Vec<_> = std::iter::from_fn(|| number(queue.take(now))).collect();
        assert_eq!(rest, [0, 1, 3, 4, 5, 6, 7, 8, 9], "all at once, oldest first; 2 got through");
    }

    /// Found by the campaign of faults: the oldest that was left to knock waited for a name that a failed one had, and
    /// nothing moved for five minutes.
    #[test]
    fn a_knocker_whose_name_is_taken_leaves_the_knock_to_others() {
        let (mut queue, now) = (queue(4), Instant::now());
        for _ in 0..SHUT_AFTER {
            let entry = queue.take(now).unwrap();
            queue.failed(entry, Trouble::Elsewhere, now);
        }
        queue.add(entry(4, "0.jpg", 1), None);
        let knocker = queue.take(now + LONGEST_WAIT * 2).unwrap();
        assert_eq!(knocker.received_at.0, 0, "4 waits behind it");
        queue.succeeded(&knocker);
        let rest: Vec<_> = std::iter::from_fn(|| number(queue.take(now))).collect();
        assert_eq!(rest, [1, 2, 3, 4]);
    }

    #[test]
    fn an_upload_that_the_store_won_t_have_holds_up_nobody() {
        let (mut queue, now) = (queue(20), Instant::now());
        let mut shipped = 0;
        while let Some(entry) = queue.take(now) {
            if entry.received_at.0 == 0 {
                queue.failed(entry, Trouble::Elsewhere, now);
            } else {
                queue.succeeded(&entry);
                shipped += 1;
            }
        }
        assert_eq!((shipped, queue.failing()), (19, 1));
    }

    #[test]
    fn a_name_under_way_waits_and_a_rename_frees_it() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(entry(0, "a.jpg.tmp", 1), Some(now + Duration::from_mins(10)));
        assert!(queue.take(now).is_none());
        queue.add(entry(0, "a.jpg", 1), None);
        assert_eq!(number(queue.take(now)), Some(0));
        assert!(queue.take(now + Duration::from_mins(20)).is_none(), "and only once");
    }

    #[test]
    fn knockers_with_faults_of_their_own_make_no_storm() {
        let (mut queue, now) = (queue(SHUT_AFTER.into()), Instant::now());
        for _ in 0..SHUT_AFTER {
            let entry = queue.take(now).unwrap();
            queue.failed(entry, Trouble::Elsewhere, now);
        }
        let late = now + LONGEST_WAIT * 2;
        let knocker = queue.take(late).unwrap();
        queue.failed(knocker, Trouble::Own, late);
        assert!(queue.take(late).is_none(), "a pause first");
        assert!(queue.next_wake(late) > late);
        assert!(queue.take(late + FIRST_WAIT * 4).is_some(), "of a second or so");
    }

    #[test]
    fn one_that_waited_behind_its_name_and_was_renamed_goes_once() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(entry(0, "a.jpg", 1), None);
        queue.add(entry(1, "a.jpg", 1), None);
        let first = queue.take(now).unwrap();
        assert!(queue.take(now).is_none(), "1 waits behind it");
        queue.add(entry(1, "b.jpg", 1), None);
        assert_eq!(number(queue.take(now)), Some(1));
        queue.succeeded(&first);
        assert!(queue.take(now).is_none(), "a worker has it");
    }

    #[test]
    fn a_sidecar_during_an_outage_opens_nothing() {
        let (mut queue, now) = (queue(SHUT_AFTER.into()), Instant::now());
        for _ in 0..SHUT_AFTER {
            let entry = queue.take(now).unwrap();
            queue.failed(entry, Trouble::Elsewhere, now);
        }
        queue.add(entry(9, "clip.idx", 1), None);
        let late = now + LONGEST_WAIT * 2;
        let knocker = queue.take(late).unwrap();
        assert_eq!(knocker.received_at.0, 9, "untried ones first");
        queue.noted(&knocker);
        assert_eq!(number(queue.take(late)), Some(0), "another one knocks at once");
        assert!(queue.take(late).is_none(), "and alone");
    }

    /// After a look for work nothing that is due is left to wake up for: else who waits for it would spin.
    #[test]
    fn what_is_due_is_woken_by_taking() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(entry(0, "a.jpg", 1), None);
        let taken = queue.take(now).unwrap();
        queue.put_back(taken, now);
        assert!(queue.next_wake(now) <= now);
        let taken = queue.take(now).unwrap();
        assert!(queue.next_wake(now) > now);
        queue.succeeded(&taken);
    }

    #[test]
    fn waits_grow_to_minutes() {
        assert!(wait_after(1) >= FIRST_WAIT && wait_after(1) <= FIRST_WAIT * 5 / 4);
        assert!(wait_after(4) >= FIRST_WAIT * 8);
        for failures in [12, 40, u32::MAX] {
            assert!(wait_after(failures) >= LONGEST_WAIT && wait_after(failures) <= LONGEST_WAIT * 5 / 4);
        }
    }
}
