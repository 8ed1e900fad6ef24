//! How many pictures a clip has, how many of them are key frames, and at which rate they come.

/// More pictures a second than any camera takes: a broken time scale.
const MAX_RATE_MILLI: u128 = 1_000_000;
const MILLI: u128 = 1_000;

/// What a walk counted of one track, of what is really there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pictures {
    pub(super) count: u64,
    /// Where a player can start.
    pub(super) keys: u64,
    /// How long they last together, in the track's ticks.
    pub(super) ticks: u64,
}

impl Pictures {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            keys: self.keys.saturating_add(other.keys),
            ticks: self.ticks.saturating_add(other.ticks),
        }
    }

    /// Whether a file of `len` bytes can hold so many: each takes a byte at least.
    pub(super) fn fit_into(self, len: u64) -> bool {
        self.count <= len && self.keys <= self.count
    }

    pub(super) fn key_frames(self) -> Option<u32> {
        u32::try_from(self.keys).ok().filter(|_| self.count > 0)
    }
}

/// Pictures a second, in thousandths, where `count` of them last `ticks`: the mean. `None` where no camera has such a
/// rate.
pub(crate) fn rate_milli(count: u64, ticks: u64, ticks_per_s: u64) -> Option<u32> {
    let ticks = u128::from(ticks);
    let scaled = u128::from(count).checked_mul(u128::from(ticks_per_s).checked_mul(MILLI)?)?;
    // To the nearest: 29.97 is 30,000/1,001.
    let rate = scaled.checked_add(ticks / 2)?.checked_div(ticks)?;
    u32::try_from(rate).ok().filter(|_| (1..=MAX_RATE_MILLI).contains(&rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_means_to_the_nearest_thousandth() {
        assert_eq!(rate_milli(100, 4_000, 1_000), Some(25_000));
        assert_eq!(rate_milli(60, 2_002, 1_000), Some(29_970));
        assert_eq!(rate_milli(1, 600_000, 1_000), Some(2));
    }

    #[test]
    fn nonsense_is_no_rate() {
        for (count, ticks, per_s) in [
            (0, 1, 1),
            (1, 0, 1),
            (1, 1, 0),
            (90_000, 1, 1),
            (u64::MAX, u64::MAX, u64::MAX),
            (1, u64::MAX, 1),
        ] {
            assert_eq!(rate_milli(count, ticks, per_s), None, "{count}, {ticks}, {per_s}");
        }
        let lie = Pictures { count: 1 << 40, keys: 1 << 40, ticks: 1 };
        assert!(!lie.fit_into(1 << 20) && lie.key_frames().is_none());
        assert!(!Pictures { count: 1, keys: 2, ticks: 1 }.fit_into(10));
    }
}
