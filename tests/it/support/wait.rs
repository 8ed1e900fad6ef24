//! Patience with an end: nothing here sleeps for a fixed time and hopes.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Enough for any one thing on a busy machine of two cores.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);

/// Asks `probe` until it has an answer; panics with `what` after [`LIMIT`].
pub(crate) fn wait<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    wait_long(what, LIMIT, probe)
}

/// The same, for what takes longer than any one thing.
pub(crate) fn wait_long<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain: {what}", limit.as_secs());
        thread::sleep(POLL);
    }
}
