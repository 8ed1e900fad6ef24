//! Cameras first: while several uploads wait for the disk, shipping holds off, for a second at most.
//!
//! A burst is acknowledged about twice as fast that way, and what it brought is shown a second later. Where cameras
//! push for longer than that, shipping goes on beside them, until it has caught up once.

use std::time::Duration;

use tokio::time::Instant;

/// So many uploads waiting for the disk at once are a burst.
const BURST: usize = 4;
/// For so long an event may be kept waiting for the sake of others.
const HOLD_MAX: Duration = Duration::from_secs(1);
/// A burst is over when it has not been seen for so long: uploads that share an fsync all end at once, and the next ones are on
/// their way.
const LULL: Duration = Duration::from_millis(30);
/// While it holds off, shipping looks again so soon.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Whether shipping holds off.
#[derive(Debug, Default)]
pub(crate) struct Courtesy {
    /// When a burst was seen last.
    seen: Option<Instant>,
    /// When it first did since it had caught up.
    since: Option<Instant>,
}

impl Courtesy {
    /// With so many uploads waiting for the disk.
    pub(crate) fn holds_off(&mut self, committing: usize, now: Instant) -> bool {
        if committing >= BURST {
            self.seen = Some(now);
        }
        let in_burst = self.seen.is_some_and(|seen| now.duration_since(seen) < LULL);
        in_burst && now.duration_since(*self.since.get_or_insert(now)) < HOLD_MAX
    }

    /// Nothing waits to be shipped.
    pub(crate) fn caught_up(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_first_but_not_for_long() {
        let (mut courtesy, start) = (Courtesy::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert!(!courtesy.holds_off(BURST - 1, at(0)), "a few cameras are no burst");
        assert!(courtesy.holds_off(BURST, at(0)));
        assert!(courtesy.holds_off(0, at(20)), "between two of its uploads");
        assert!(!courtesy.holds_off(0, at(500)), "the burst is over");
        assert!(courtesy.holds_off(20, at(999)));
        assert!(!courtesy.holds_off(20, at(1000)), "an event waits for a second at most");
        assert!(!courtesy.holds_off(20, at(60_000)), "nor does it wait again before all has been shipped");
        courtesy.caught_up();
        assert!(courtesy.holds_off(20, at(60_001)));
    }
}
