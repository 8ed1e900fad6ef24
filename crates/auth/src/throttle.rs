//! Slows down wrong logins, by what they have in common (an address; an account from an address), so that
//! nobody locks out anybody else.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use camtrail_model::Millis;

/// So many wrong logins are free: people mistype.
const FREE_FAILURES: u32 = 5;
/// The wait after the next one; each further one doubles it.
const FIRST_WAIT_MS: i64 = 1_000;
/// The longest wait.
const LONGEST_WAIT_MS: i64 = 60_000;
/// Failures are forgotten after so long without another.
const FORGOTTEN_AFTER_MS: i64 = 15 * 60_000;
/// Keys remembered at once; beyond, the longest-idle ones go.
const KEYS_MAX: usize = 20_000;

/// Counts failures by key.
#[derive(Debug, Default)]
pub struct Throttle<K> {
    failures: Mutex<HashMap<K, Failures>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Millis,
}

impl Failures {
    fn wait_ms(&self) -> i64 {
        match self.count.checked_sub(FREE_FAILURES) {
            None | Some(0) => 0,
            Some(extra) => FIRST_WAIT_MS.saturating_mul(1 << (extra - 1).min(16)).min(LONGEST_WAIT_MS),
        }
    }
}

impl<K: Eq + Hash> Throttle<K> {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self { failures: Mutex::default() }
    }

    /// How long `key` must still wait at `now`; `None`: it may try.
    pub fn wait(&self, key: &K, now: Millis) -> Option<Duration> {
        let failures = self.lock();
        let left_ms = failures.get(key).map_or(0, |f| f.last.0 + f.wait_ms() - now.0);
        // A clock that was set back must not lock anybody out.
        (left_ms > 0).then(|| Duration::from_millis(left_ms.min(LONGEST_WAIT_MS).unsigned_abs()))
    }

    /// A wrong login.
    pub fn failed(&self, key: K, now: Millis) {
        let mut failures = self.lock();
        if failures.len() >= KEYS_MAX {
            failures.retain(|_, f| now.0 - f.last.0 < FORGOTTEN_AFTER_MS);
        }
        if failures.len() >= KEYS_MAX {
            return;
        }
        let entry = failures.entry(key).or_insert(Failures { count: 0, last: now });
        if now.0 - entry.last.0 >= FORGOTTEN_AFTER_MS {
            entry.count = 0;
        }
        entry.count = entry.count.saturating_add(1);
        entry.last = now;
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
