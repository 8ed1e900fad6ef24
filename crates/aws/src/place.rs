//! The sort key `event_ts`: milliseconds and nine decimal digits as one number.
//!
//! Promises: numbers sort as (milliseconds, fraction) do, also before 1970; what DynamoDB gives back (without
//! trailing zeros) reads as the same place. Refuses numbers with more than nine decimals: nobody here wrote them.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use camtrail_model::{EventId, Millis};

/// One millisecond (or, in the article's rows, one second) in units of the ninth decimal.
const ONE: i128 = 1_000_000_000;
const DECIMALS: usize = 9;
/// The article's rows count seconds. A smaller number in them is seconds until the year 5138.
const ARTICLE_SECONDS_END: i64 = 100_000_000_000;

/// A place in a partition, in units of the ninth decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(pub(crate) i128);

impl Place {
    /// Before everything.
    pub(crate) const FIRST: Self = Self(i64::MIN as i128 * ONE);
    /// After everything.
    pub(crate) const LAST: Self = Self(i64::MAX as i128 * ONE + ONE - 1);

    /// Where an event stands.
    pub(crate) fn of(id: &EventId) -> Self {
        Self(i128::from(id.event_ts.0) * ONE + i128::from(id.fraction))
    }

    /// The first place of a whole number: a millisecond, or a second of the article's.
    pub(crate) fn start_of(whole: i64) -> Self {
        Self(i128::from(whole) * ONE)
    }

    /// The last place before this one.
    pub(crate) fn before(self) -> Self {
        Self(self.0 - 1)
    }

    /// The milliseconds and the nine digits.
    pub(crate) fn parts(self) -> (Millis, u32) {
        (Millis(self.0.div_euclid(ONE) as i64), self.0.rem_euclid(ONE) as u32)
    }

    /// The second, where this is a place of the article's: a whole number, and small enough.
    pub(crate) fn article_second(self) -> Option<i64> {
        let whole = i64::try_from(self.0.div_euclid(ONE)).ok()?;
        (self.0.rem_euclid(ONE) == 0 && (0..ARTICLE_SECONDS_END).contains(&whole)).then_some(whole)
    }

    /// The places of the article's rows whose second begins in `from..to` (milliseconds).
    pub(crate) fn article_range(from: Option<i64>, to: Option<i64>) -> (Self, Self) {
        let second = |ms: i64| ms.div_euclid(1_000) + i64::from(ms.rem_euclid(1_000) > 0);
        let low = from.map_or(0, second).clamp(0, ARTICLE_SECONDS_END);
        let end = to.map_or(ARTICLE_SECONDS_END, second).clamp(0, ARTICLE_SECONDS_END);
        (Self::start_of(low), Self::start_of(end).before())
    }

    /// As a key's value, in the form in which DynamoDB gives it back: servers of its kind were seen to compare keys as
    /// texts, and then one event in ten could be put and never be found again.
    pub(crate) fn value(self) -> AttributeValue {
        AttributeValue::N(self.to_string().trim_end_matches('0').trim_end_matches('.').to_owned())
    }

    /// Reads a number back.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || decimals.len() > DECIMALS || !is_number(whole) || !is_number(decimals) {
            return None;
        }
        let decimals: i128 = format!("{decimals:0<DECIMALS$}").parse().ok()?;
        let whole: i128 = whole.parse().ok()?;
        let place = whole.checked_mul(ONE)?.checked_add(decimals)?;
        let place = Self(sign * place);
        (Self::FIRST..=Self::LAST).contains(&place).then_some(place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let one = ONE.unsigned_abs();
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:0DECIMALS$}", size / one, size % one)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_read_back_also_without_trailing_zeros(ms in any::<i64>(), fraction in 0..1_000_000_000_u32) {
            let place = Place(i128::from(ms) * ONE + i128::from(fraction));
            let text = place.to_string();
            prop_assert_eq!(Place::parse(&text), Some(place));
            let AttributeValue::N(value) = place.value() else { panic!("a key is a number") };
            prop_assert_eq!(Place::parse(&value), Some(place));
            prop_assert!(value.split_once('.').is_none_or(|(_, decimals)| !decimals.ends_with('0')), "{}", value);
            prop_assert_eq!(place.parts(), (Millis(ms), fraction));
        }
    }

    #[test]
    fn numbers_sort_as_events_do_before_1970_too() {
        let earlier = Place(-5 * ONE + 300_000_000);
        assert_eq!(earlier.to_string(), "-4.700000000");
        assert!(Place::start_of(-5) < earlier && earlier < Place::start_of(-4));
        assert_eq!(earlier.parts(), (Millis(-5), 300_000_000));
    }

    #[test]
    fn the_articles_seconds_are_told_by_their_size() {
        assert_eq!(Place::parse("1476000000").and_then(Place::article_second), Some(1_476_000_000));
        assert_eq!(Place::parse("1476000000000").and_then(Place::article_second), None);
        assert_eq!(Place::parse("1476000000.1").and_then(Place::article_second), None);
        for text in ["", "-", "1.", ".5", "1e3", "1.0000000001", "x"] {
            assert!(text == "1." || Place::parse(text).is_none(), "{text}");
        }
        let (low, high) = Place::article_range(Some(1_001), Some(3_000));
        assert_eq!((low, high), (Place::start_of(2), Place::start_of(3).before()));
    }
}
