//! Slows down wrong sign-ins where several processes take them.
//!
//! Promises: an attempt counts as failed *before* its password is looked at, and is forgiven when that was right; so
//! guesses made at the same time, in whichever processes, don't share the free ones. Where what all share can't be
//! reached, this process counts for itself: nobody goes uncounted, and nobody is locked out for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{CatalogError, Failures, SignInFailures},
};

use crate::throttle::{self, KEYS_MAX, Rule};

/// Attempts of one key that get in each other's way, at most; who comes after them waits as after a wrong one.
const ROUNDS_MAX: u32 = 16;
/// The wait of those.
const CROWDED_WAIT: Duration = Duration::from_secs(1);

/// The rules of [`crate::Throttle`] over what all processes share.
pub struct SignIns {
    shared: Arc<dyn SignInFailures>,
    /// Used only while `shared` can't be.
    own: MemoryFailures,
}

impl SignIns {
    /// Over `shared`.
    pub fn new(shared: Arc<dyn SignInFailures>) -> Self {
        Self { shared, own: MemoryFailures::default() }
    }

    /// Whether `key` may try at `now` by `rule`, or else how long it must wait. An attempt that may be made counts as a
    /// wrong one until [`Self::succeeded`] or [`Self::took_back`].
    pub async fn attempt(&self, rule: Rule, key: &str, now: Millis) -> Result<(), Duration> {
        match attempt(&*self.shared, rule, key, now).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::error!(%error, "wrong sign-ins can't be counted for all processes: this one counts its own");
                attempt(&self.own, rule, key, now).await.unwrap_or(Err(CROWDED_WAIT))
            }
        }
    }

    /// One attempt of `key` was no wrong one; what others of it did wrong stays.
    pub async fn took_back(&self, key: &str) {
        for failures in [&*self.shared, &self.own as &dyn SignInFailures] {
            if let Err(error) = one_less(failures, key).await {
                // At worst somebody waits a little sooner.
                tracing::warn!(%error, "an attempt that was no wrong one could not be taken back");
            }
        }
    }

    /// A right sign-in: what `key` did wrong before is forgiven.
    pub async fn succeeded(&self, key: &str) {
        self.own.lock().remove(key);
        if let Err(error) = self.shared.forgive(key).await {
            // At worst a person who mistyped before waits a minute at their next sign-in.
            tracing::warn!(%error, "a right sign-in could not be noted: it counts as a wrong one for a quarter of an hour");
        }
    }
}

impl std::fmt::Debug for SignIns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIns").finish_non_exhaustive()
    }
}

async fn one_less(failures: &dyn SignInFailures, key: &str) -> Result<(), CatalogError> {
    for _ in 0..ROUNDS_MAX {
        let Some(seen) = failures.failures(key).await? else { return Ok(()) };
        let new = Failures { count: seen.count.saturating_sub(1), ..seen };
        if failures.replace(key, Some(seen), new, throttle::forgotten_at(new)).await? {
            return Ok(());
        }
    }
    Ok(())
}

async fn attempt(
    failures: &dyn SignInFailures,
    rule: Rule,
    key: &str,
    now: Millis,
) -> Result<Result<(), Duration>, CatalogError> {
    for _ in 0..ROUNDS_MAX {
        let seen = failures.failures(key).await?;
        if let Some(wait) = seen.and_then(|seen| throttle::wait(rule, seen, now)) {
            return Ok(Err(wait));
        }
        let new = throttle::one_more(seen, now);
        if failures.replace(key, seen, new, throttle::forgotten_at(new)).await? {
            return Ok(Ok(()));
        }
    }
    Ok(Err(CROWDED_WAIT))
}

/// What one process remembers by itself: for single machines.
#[derive(Debug, Default)]
pub struct MemoryFailures {
    noted: Mutex<HashMap<String, Failures>>,
}

impl MemoryFailures {
    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SignInFailures for MemoryFailures {
    async fn failures(&self, key: &str) -> Result<Option<Failures>, CatalogError> {
        Ok(self.lock().get(key).copied())
    }

    async fn replace(
        &self,
        key: &str,
        seen: Option<Failures>,
        new: Failures,
        _forget_at: Millis,
    ) -> Result<bool, CatalogError> {
        let mut noted = self.lock();
        if noted.get(key).copied() != seen {
            return Ok(false);
        }
        throttle::make_room(&mut noted, KEYS_MAX, new.last);
        // Full of others who fail just now: one more key is let through uncounted rather than locked out.
        if seen.is_some() || noted.len() < KEYS_MAX {
            noted.insert(key.to_owned(), new);
        }
        Ok(true)
    }

    async fn forgive(&self, key: &str) -> Result<(), CatalogError> {
        self.lock().remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use camtrail_model::testing;

    use super::*;

    /// A table that is away.
    struct Away;

    #[async_trait]
    impl SignInFailures for Away {
        async fn failures(&self, _: &str) -> Result<Option<Failures>, CatalogError> {
            Err(CatalogError::Unavailable("away".to_owned()))
        }
        async fn replace(
            &self,
            _: &str,
            _: Option<Failures>,
            _: Failures,
            _: Millis,
        ) -> Result<bool, CatalogError> {
            Err(CatalogError::Unavailable("away".to_owned()))
        }
        async fn forgive(&self, _: &str) -> Result<(), CatalogError> {
            Err(CatalogError::Unavailable("away".to_owned()))
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn memory_keeps_the_failures_contract() {
        testing::failures_contract(|| Arc::new(MemoryFailures::default())).await;
    }

    async fn waits_grow(sign_ins: &[SignIns]) {
        let turn = |n: usize| &sign_ins[n % sign_ins.len()];
        for n in 0..6 {
            assert_eq!(turn(n).attempt(Rule::ACCOUNT, "a", Millis(n as i64)).await, Ok(()), "people mistype");
        }
        assert_eq!(turn(6).attempt(Rule::ACCOUNT, "a", Millis(5)).await, Err(Duration::from_secs(1)));
        assert_eq!(turn(7).attempt(Rule::ACCOUNT, "b", Millis(5)).await, Ok(()), "nobody else waits");
        assert_eq!(turn(8).attempt(Rule::ACCOUNT, "a", Millis(1_005)).await, Ok(()));
        assert_eq!(turn(9).attempt(Rule::ACCOUNT, "a", Millis(1_005)).await, Err(Duration::from_secs(2)));
        turn(10).succeeded("a").await;
        assert_eq!(turn(11).attempt(Rule::ACCOUNT, "a", Millis(1_006)).await, Ok(()), "forgiven");
    }

    #[tokio::test]
    async fn waits_grow_whichever_process_is_asked() {
        let shared = Arc::new(MemoryFailures::default());
        let process = || SignIns::new(Arc::<MemoryFailures>::clone(&shared));
        waits_grow(&[process(), process(), process()]).await;
        // Long after the last one, all are free again.
        let sign_ins = process();
        for n in 0..20 {
            assert_eq!(sign_ins.attempt(Rule::ACCOUNT, "c", Millis(n * 15 * 60_000)).await, Ok(()));
        }
    }

    /// Neither open nor shut: each process by itself, as on a single machine.
    #[tokio::test]
    async fn without_the_table_a_process_counts_for_itself() {
        waits_grow(&[SignIns::new(Arc::new(Away))]).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn guesses_at_the_same_time_share_nothing() {
        let shared = Arc::new(MemoryFailures::default());
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let sign_ins = SignIns::new(Arc::<MemoryFailures>::clone(&shared));
                tokio::spawn(async move { sign_ins.attempt(Rule::ACCOUNT, "a", Millis(0)).await.is_ok() })
            })
            .collect();
        let mut tried = 0;
        for task in tasks {
            tried += u32::from(task.await.unwrap());
        }
        assert_eq!(tried, 6, "five are free, and the one after which waiting begins");
    }

    /// Nobody earns guesses by signing in rightly between them, and nobody loses any.
    #[tokio::test]
    async fn a_right_one_takes_itself_back_and_nothing_else() {
        let sign_ins = SignIns::new(Arc::new(MemoryFailures::default()));
        for _ in 0..100 {
            assert_eq!(sign_ins.attempt(Rule::PLACE, "a", Millis(0)).await, Ok(()));
            sign_ins.took_back("a").await;
        }
        for n in 0..31 {
            assert_eq!(sign_ins.attempt(Rule::PLACE, "a", Millis(0)).await, Ok(()), "{n}");
        }
        assert_eq!(sign_ins.attempt(Rule::PLACE, "a", Millis(0)).await, Err(Duration::from_secs(1)));
        assert_eq!(sign_ins.attempt(Rule::PLACE, "a", Millis(1_000)).await, Ok(()));
        sign_ins.took_back("a").await;
        assert_eq!(sign_ins.attempt(Rule::PLACE, "a", Millis(1_000)).await, Err(Duration::from_secs(1)));
        sign_ins.took_back("never tried").await;
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let failures = MemoryFailures::default();
        let note = async |n: usize, at: i64| {
            let new = Failures { count: 1, last: Millis(at) };
            failures.replace(&n.to_string(), None, new, Millis(at)).await.unwrap()
        };
        for n in 0..KEYS_MAX + 10 {
            assert!(note(n, 0).await);
        }
        assert_eq!(failures.lock().len(), KEYS_MAX);
        assert!(note(KEYS_MAX + 10, 15 * 60_000).await);
        assert_eq!(failures.lock().len(), 1, "the forgotten ones went");
    }
}
