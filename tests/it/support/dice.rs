//! Repeatable chance: the same seed gives the same plan.

use std::time::{Duration, SystemTime};

/// SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed that no other run had.
    pub(crate) fn any_seed() -> u64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `low` to one below `high`.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        assert!(low < high);
        low + (self.next() % (high - low) as u64) as usize
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.between(0, count) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.between(0, from.len())]
    }

    pub(crate) fn millis(&mut self, low: usize, high: usize) -> Duration {
        Duration::from_millis(self.between(low, high) as u64)
    }

    /// Another one, for somebody who throws at moments of their own.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }
}
