//! Whether the wall clock can be believed when it comes to deleting.
//!
//! A small box without a battery starts in 1970, or where it stopped, and leaps when it finds the network. What was
//! stored before the leap looks decades old after it.

use std::time::Duration;

use camtrail_model::Millis;
use tokio::time::Instant;

/// Clocks are set in small steps all the time.
const DRIFT_MAX_MS: i64 = 10 * 60_000;
/// After a leap, how long it must stay put.
const TRUST_AFTER: Duration = Duration::from_hours(1);

/// Compares the wall clock with the one that only runs.
#[derive(Debug)]
pub(crate) struct ClockGuard {
    wall: Millis,
    running: Instant,
    leapt_at: Option<Instant>,
}

impl ClockGuard {
    pub(crate) fn new(now: Millis) -> Self {
        Self { wall: now, running: Instant::now(), leapt_at: None }
    }

    /// Looks again; `false` for an hour after a leap.
    pub(crate) fn trusts(&mut self, now: Millis) -> bool {
        let ran_ms = i64::try_from(self.running.elapsed().as_millis()).unwrap_or(i64::MAX);
        let drift_ms = now.0.saturating_sub(self.wall.0).saturating_sub(ran_ms);
        if drift_ms.abs() > DRIFT_MAX_MS {
            tracing::warn!(drift_ms, "the clock leapt: for an hour nothing is removed by its age");
            (self.wall, self.running, self.leapt_at) = (now, Instant::now(), Some(Instant::now()));
        }
        self.leapt_at.is_none_or(|at| at.elapsed() >= TRUST_AFTER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_leap_is_not_believed_for_an_hour() {
        let mut guard = ClockGuard::new(Millis(0));
        tokio::time::advance(Duration::from_hours(5)).await;
        assert!(guard.trusts(Millis(5 * 3_600_000 + 60_000)), "a minute in five hours is a clock");
        let fifty_years = Millis(50 * 365 * 86_400_000);
        assert!(!guard.trusts(fifty_years));
        tokio::time::advance(Duration::from_mins(59)).await;
        assert!(!guard.trusts(fifty_years.plus(59 * 60_000)));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(guard.trusts(fifty_years.plus(3_600_000)));
    }
}
