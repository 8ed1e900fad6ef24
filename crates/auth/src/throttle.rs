//! Slows down wrong logins, by what they have in common (an address; an account from an address), so that
//! nobody locks out anybody else.
//!
//! Owns the rules, also for [`crate::SignIns`], whose counts stand elsewhere.

use std::{
    collections::HashMap,
    hash::Hash,
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

/// Counts failures by key, in this process.
#[derive(Debug, Default)]
pub struct Throttle<K> {
    failures: Mutex<HashMap<K, Failures>>,
}

impl<K: Eq + Hash> Throttle<K> {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self { failures: Mutex::default() }
    }

    /// How long `key` must still wait at `now`; `None`: it may try.
    pub fn wait(&self, key: &K, now: Millis) -> Option<Duration> {
        self.lock().get(key).and_then(|failures| wait(Rule::ACCOUNT, *failures, now))
    }

    /// A wrong login.
    pub fn failed(&self, key: K, now: Millis) {
        let mut failures = self.lock();
        make_room(&mut failures, KEYS_MAX, now);
        let seen = failures.get(&key).copied();
        if seen.is_some() || failures.len() < KEYS_MAX {
            failures.insert(key, one_more(seen, now));
        }
    }

    /// A right login: its failures are forgiven.
    pub fn succeeded(&self, key: &K) {
        self.lock().remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Failures>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_for_the_guilty_only() {
        let throttle = Throttle::new();
        for _ in 0..5 {
            assert_eq!(throttle.wait(&"a", Millis(0)), None);
            throttle.failed("a", Millis(0));
        }
        assert_eq!(throttle.wait(&"a", Millis(0)), None, "people mistype");
        throttle.failed("a", Millis(0));
        assert_eq!(throttle.wait(&"a", Millis(0)), Some(Duration::from_secs(1)));
        assert_eq!(throttle.wait(&"b", Millis(0)), None);
        for _ in 0..40 {
            throttle.failed("a", Millis(0));
        }
        assert_eq!(throttle.wait(&"a", Millis(0)), Some(Duration::from_mins(1)));
        assert_eq!(throttle.wait(&"a", Millis(60_000)), None);
        throttle.succeeded(&"a");
        throttle.failed("a", Millis(60_000));
        assert_eq!(throttle.wait(&"a", Millis(60_000)), None);
    }
}
