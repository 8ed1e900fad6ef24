//! Slows down wrong logins, by what they have in common (an address; an account from an address), so that
//! nobody locks out anybody else.
//!
//! Owns the rules, also for [`crate::SignIns`], whose counts stand elsewhere.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use camtrail_model::{Millis, ports::Failures};

/// The wait after the first wrong login that isn't free; each further one doubles it.
const FIRST_WAIT_MS: i64 = 1_000;
/// Failures are forgotten after so long without another.
const FORGOTTEN_AFTER_MS: i64 = 15 * 60_000;
/// Keys remembered at once; beyond, the longest-idle ones go.
pub(crate) const KEYS_MAX: usize = 20_000;

/// How soon waiting begins, and how long it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// So many wrong logins are free.
    free: u32,
    /// The longest wait.
    longest_ms: i64,
}

impl Rule {
    /// For one account from one place: people mistype.
    pub const ACCOUNT: Self = Self { free: 5, longest_ms: 60_000 };
    /// For one place, whatever accounts are tried from there: a household or an office behind one address mistypes more,
    /// and each of them waits for the others.
    pub const PLACE: Self = Self { free: 30, longest_ms: 30_000 };
}

/// How long who failed like this must still wait at `now`; `None`: they may try.
pub(crate) fn wait(rule: Rule, failures: Failures, now: Millis) -> Option<Duration> {
    let wait_ms = match failures.count.checked_sub(rule.free) {
        None | Some(0) => 0,
        Some(extra) => FIRST_WAIT_MS.saturating_mul(1 << (extra - 1).min(16)).min(rule.longest_ms),
    };
    let left_ms = failures.last.0.saturating_add(wait_ms).saturating_sub(now.0);
    // A clock that was set back must not lock anybody out.
    (left_ms > 0)
        .then(|| Duration::from_millis(left_ms.min(wait_ms).unsigned_abs()))
        .filter(|wait| !wait.is_zero())
}

/// What is noted after one more failure.
pub(crate) fn one_more(seen: Option<Failures>, now: Millis) -> Failures {
    let before = seen.filter(|seen| now.0 - seen.last.0 < FORGOTTEN_AFTER_MS).map_or(0, |seen| seen.count);
    Failures { count: before.saturating_add(1), last: now }
}

/// When it is as if there had been none.
pub(crate) fn forgotten_at(failures: Failures) -> Millis {
    failures.last.plus(FORGOTTEN_AFTER_MS)
}

/// Drops what is forgotten where there are `most` keys or more.
pub(crate) fn make_room<K: Eq + Hash>(noted: &mut HashMap<K, Failures>, most: usize, now: Millis) {
    if noted.len() >= most {
        noted.retain(|_, failures| forgotten_at(*failures) > now);
    }
}

/// Passwords of one key that are checked at once while nothing was wrong: many cameras share an account and an address,
/// and come together when the power is back.
const AT_ONCE: u32 = 64;
/// What a try waits that came while others of its key were being checked.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Where somebody comes from: an IPv6 network of 64 bits is one place, since whoever has one address of it has all.
pub fn place(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Counts failures by key, in this process.
#[derive(Debug, Default)]
pub struct Throttle<K: Eq + Hash + Clone> {
    noted: Mutex<Noted<K>>,
}

#[derive(Debug)]
struct Noted<K> {
    failures: HashMap<K, Failures>,
    /// Passwords being checked.
    under_way: HashMap<K, u32>,
}

impl<K> Default for Noted<K> {
    fn default() -> Self {
        Self { failures: HashMap::new(), under_way: HashMap::new() }
    }
}

impl<K: Eq + Hash + Clone> Throttle<K> {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self { noted: Mutex::default() }
    }

    /// Begins to check a password; `Err`: how long to wait before. Tries that come together count against each other,
    /// so that a thousand at once aren't all the first.
    pub fn attempt(&self, rule: Rule, key: K, now: Millis) -> Result<Attempt<'_, K>, Duration> {
        let mut noted = self.lock();
        let failures = noted.failures.get(&key).copied();
        if let Some(wait) = failures.and_then(|failures| wait(rule, failures, now)) {
            return Err(wait);
        }
        let at_once = match failures {
            Some(failures) if failures.count >= rule.free => 1,
            _ => AT_ONCE,
        };
        let under_way = noted.under_way.entry(key.clone()).or_default();
        if *under_way >= at_once {
            return Err(BUSY_WAIT);
        }
        *under_way += 1;
        Ok(Attempt { throttle: self, key })
    }

    fn lock(&self) -> MutexGuard<'_, Noted<K>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A password that is being checked. Dropped without a word, it counts as none.
#[derive(Debug)]
#[must_use]
pub struct Attempt<'a, K: Eq + Hash + Clone> {
    throttle: &'a Throttle<K>,
    key: K,
}

impl<K: Eq + Hash + Clone> Attempt<'_, K> {
    /// It was wrong.
    pub fn failed(self, now: Millis) {
        let failures = &mut self.throttle.lock().failures;
        make_room(failures, KEYS_MAX, now);
        let seen = failures.get(&self.key).copied();
        if seen.is_none() && failures.len() >= KEYS_MAX {
            let idle = failures.iter().min_by_key(|(_, failures)| failures.last).map(|(key, _)| key.clone());
            idle.map(|idle| failures.remove(&idle));
        }
        failures.insert(self.key.clone(), one_more(seen, now));
    }

    /// It was right: what was wrong before is forgiven.
    pub fn succeeded(self) {
        self.throttle.lock().failures.remove(&self.key);
    }
}

impl<K: Eq + Hash + Clone> Drop for Attempt<'_, K> {
    fn drop(&mut self) {
        let under_way = &mut self.throttle.lock().under_way;
        if let Some(count) = under_way.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(throttle: &Throttle<&'static str>, key: &'static str, at: i64) -> Option<Duration> {
        match throttle.attempt(Rule::ACCOUNT, key, Millis(at)) {
            Ok(attempt) => {
                attempt.failed(Millis(at));
                None
            }
            Err(wait) => Some(wait),
        }
    }

    #[test]
    fn waits_grow_for_the_guilty_only() {
        let throttle = Throttle::new();
        for _ in 0..6 {
            assert_eq!(fail(&throttle, "a", 0), None, "people mistype");
        }
        assert_eq!(fail(&throttle, "a", 0), Some(Duration::from_secs(1)));
        assert_eq!(fail(&throttle, "b", 0), None);
        for n in 1..40 {
            assert_eq!(fail(&throttle, "a", n * 60_000), None, "each after its wait");
        }
        assert_eq!(
            fail(&throttle, "a", 39 * 60_000),
            Some(Duration::from_mins(1)),
            "and no longer than that"
        );
        throttle.attempt(Rule::ACCOUNT, "a", Millis(40 * 60_000)).unwrap().succeeded();
        assert_eq!(fail(&throttle, "a", 40 * 60_000), None);
        assert_eq!(fail(&throttle, "a", 40 * 60_000), None);
    }

    #[test]
    fn tries_at_once_are_not_all_the_first() {
        let throttle = Throttle::new();
        let at_once: Vec<_> =
            (0..2_000).filter_map(|_| throttle.attempt(Rule::ACCOUNT, "a", Millis(0)).ok()).collect();
        assert_eq!(at_once.len(), AT_ONCE as usize);
        assert!(throttle.attempt(Rule::ACCOUNT, "b", Millis(0)).is_ok(), "another's are its own");
        for attempt in at_once {
            attempt.failed(Millis(0));
        }
        assert_eq!(fail(&throttle, "a", 0), Some(Duration::from_mins(1)));
        let only = throttle.attempt(Rule::ACCOUNT, "a", Millis(60_000)).unwrap();
        assert!(throttle.attempt(Rule::ACCOUNT, "a", Millis(60_000)).is_err(), "one at a time then");
        drop(only);
        throttle.attempt(Rule::ACCOUNT, "a", Millis(60_000)).unwrap().succeeded();
        assert!(throttle.lock().failures.is_empty() && throttle.lock().under_way.is_empty());
    }

    #[test]
    fn a_full_table_forgets_the_longest_idle() {
        let throttle = Throttle::new();
        for n in 0..=KEYS_MAX {
            throttle.attempt(Rule::ACCOUNT, n, Millis(n as i64)).unwrap().failed(Millis(n as i64));
        }
        let noted = throttle.lock();
        assert_eq!(noted.failures.len(), KEYS_MAX);
        assert!(!noted.failures.contains_key(&0) && noted.failures.contains_key(&KEYS_MAX));
    }

    #[test]
    fn a_network_is_one_place() {
        let place = |text: &str| place(text.parse().unwrap()).to_string();
        assert_eq!(place("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(place("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
