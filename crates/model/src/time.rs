//! Instants, digests and the decision what a camera's local time means.
//!
//! Owns the change-of-clocks policy (docs/design/time.md). Refuses zone arithmetic by hand: every offset
//! comes from the IANA database through `jiff`.

use std::fmt;

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z. Negative before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The instant as jiff's type. Out-of-range values (beyond the years -9999 to 9999) clamp.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
    }

    /// This instant plus `ms` milliseconds, saturating.
    #[must_use]
    pub fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl From<Timestamp> for Millis {
    fn from(value: Timestamp) -> Self {
        Self(value.as_millisecond())
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

/// A SHA-256 digest, shown as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// How many bytes `reader` gives to its end, and their digest. Blocks as `reader` does.
    pub fn of_reader(mut reader: impl std::io::Read) -> std::io::Result<(u64, Self)> {
        use sha2::Digest as _;
        const PIECE_BYTES: usize = 64 * 1024;
        let (mut hasher, mut size) = (sha2::Sha256::new(), 0);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = reader.read(&mut piece)?;
            if read == 0 {
                return Ok((size, Self(hasher.finalize().into())));
            }
            hasher.update(&piece[..read]);
            size += read as u64;
        }
    }

    /// Parses 64 hex digits; `None` for anything else.
    pub fn parse(hex: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The first 8 hex digits: what tells two contents of one name apart in an object key.
    pub fn short(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0[..4])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hex = String::deserialize(deserializer)?;
        Self::parse(&hex).ok_or_else(|| serde::de::Error::custom(format!("{hex:?} is not 64 hex digits")))
    }
}

/// The instant that a camera's local `wall` time means in `zone`, for an upload received at `received`.
///
/// - A time in a **gap** (spring: it never showed on a right clock) is read with the offset before the change,
///   so it moves forward by the gap's length.
/// - A time in a **fold** (autumn: it showed twice) is the later of the two instants that isn't after the
///   arrival, if the arrival is within six hours of it; otherwise the earlier one.
pub fn resolve_local(wall: DateTime, zone: &TimeZone, received: Millis) -> Option<Millis> {
    /// An upload this much later says nothing about which of two hours its name meant.
    const FOLD_ARRIVAL_WINDOW_MS: i64 = 6 * 60 * 60 * 1000;
    /// Cameras run a little ahead; arrival isn't exact to the second.
    const FOLD_SLACK_MS: i64 = 60 * 1000;
    let ambiguous = zone.to_ambiguous_zoned_datetime(wall);
    if let jiff::tz::AmbiguousOffset::Fold { .. } = ambiguous.offset() {
        let later = Millis::from(ambiguous.clone().later().ok()?.timestamp());
        let lag_ms = received.0 - later.0;
        if (-FOLD_SLACK_MS..=FOLD_ARRIVAL_WINDOW_MS).contains(&lag_ms) {
            return Some(later);
        }
        return Some(Millis::from(ambiguous.earlier().ok()?.timestamp()));
    }
    Some(Millis::from(ambiguous.compatible().ok()?.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    #[test]
    fn the_articles_clip_is_in_los_angeles_summer_time() {
        let wall = jiff::civil::datetime(2016, 8, 30, 15, 29, 54, 0);
        let got = resolve_local(wall, &zone("America/Los_Angeles"), Millis(0)).unwrap();
        assert_eq!(got, Millis(1_472_596_194_000));
    }

    #[test]
    fn a_fold_is_decided_by_the_arrival() {
        // 2016-11-06 01:30 shows twice in Los Angeles: 08:30Z (PDT) and 09:30Z (PST).
        let wall = jiff::civil::datetime(2016, 11, 6, 1, 30, 0, 0);
        let la = zone("America/Los_Angeles");
        let first = Millis::from("2016-11-06T08:30:00Z".parse::<Timestamp>().unwrap());
        let second = Millis::from("2016-11-06T09:30:00Z".parse::<Timestamp>().unwrap());
        assert_eq!(resolve_local(wall, &la, first.plus(5_000)), Some(first));
        assert_eq!(resolve_local(wall, &la, second.plus(5_000)), Some(second));
        assert_eq!(resolve_local(wall, &la, second.plus(86_400_000)), Some(first));
    }

    #[test]
    fn a_gap_moves_forward() {
        // 2016-03-13 02:30 never showed in Los Angeles; with the offset before it is 10:30Z, 03:30 PDT.
        let wall = jiff::civil::datetime(2016, 3, 13, 2, 30, 0, 0);
        let got = resolve_local(wall, &zone("America/Los_Angeles"), Millis(0)).unwrap();
        assert_eq!(got.to_string(), "2016-03-13T10:30:00.000Z");
    }

    #[test]
    fn a_digest_reads_back_what_it_prints() {
        let digest = Digest::of(b"clip");
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(digest.short().len(), 8);
        assert_eq!(Digest::parse("abc"), None);
    }
}
