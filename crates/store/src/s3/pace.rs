//! The bandwidth limit: one for all requests to the store, so that clips leave room for a video call.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Hands out sending time at a fixed rate. Bytes are paid for before they are sent.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_second: u64,
    /// When the next byte may go.
    free_at: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, free_at: Mutex::new(Instant::now()) }
    }

    /// Takes the time that `bytes` need; they may be sent at the moment that is returned.
    pub(super) fn reserve(&self, bytes: usize) -> Instant {
        let needed = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second.max(1) as f64);
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = (*free_at).max(Instant::now());
        *free_at = start + needed;
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_s_worth_takes_a_second_and_idle_time_is_not_saved_up() {
        let pace = Pace::new(1_000);
        let start = Instant::now();
        assert_eq!(pace.reserve(1_000), start);
        assert_eq!(pace.reserve(500), start + Duration::from_secs(1));
        assert_eq!(pace.reserve(1), start + Duration::from_millis(1_500));
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(pace.reserve(1_000), start + Duration::from_hours(1));
        assert_eq!(pace.reserve(1_000), start + Duration::from_secs(3_601));
    }
}
