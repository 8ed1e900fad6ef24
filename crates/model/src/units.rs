//! Sizes and durations as people write them.

use std::time::Duration;

/// `10GB`, `512 MiB`, `1000`: decimal units are powers of ten, binary ones powers of two.
pub fn bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 10] = [
        ("", 1),
        ("b", 1),
        ("kb", 1_000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
    ];
    scaled(text, &UNITS)
}

/// `30s`, `15m`, `24h`, `7d`.
pub fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 5] =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    scaled(text, &UNITS).map(Duration::from_millis)
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim().to_ascii_lowercase();
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_many_ways() {
        assert_eq!(bytes("10GB"), Some(10_000_000_000));
        assert_eq!(bytes("512 MiB"), Some(536_870_912));
        assert_eq!(bytes("1000"), Some(1_000));
        assert_eq!(duration("24h"), Some(Duration::from_hours(24)));
        for wrong in ["", "GB", "-1", "1.5GB", "10 parsecs", "99999999999TB"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
        assert_eq!(duration("24"), None, "a duration without a unit is a guess");
    }
}
