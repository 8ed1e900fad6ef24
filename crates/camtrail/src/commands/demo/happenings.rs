//! What a dozen cameras see in a year of nights and days: when, where, and for how long. Pure; the same seed gives
//! the same year, counted back from now.

use std::collections::HashSet;

use camtrail_model::CaptureKind;
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// A camera and how much it sees in each hour of a day, as one digit an hour from midnight on.
pub(super) struct Place {
    pub(super) name: &'static str,
    busy: &'static [u8; 24],
    /// Days before now since which nothing came from it.
    gone_days: i32,
}

const fn place(name: &'static str, busy: &'static [u8; 24]) -> Place {
    Place { name, busy, gone_days: 0 }
}

/// Neighbours in the list see the same happening.
pub(super) const PLACES: [Place; 12] = [
    place("gate", b"000001369643334457742110"),
    place("driveway", b"000001479543334458853210"),
    place("front-door", b"000001379544544468964310"),
    place("hallway", b"000001254211222346653210"),
    place("garage", b"000001357321122245532100"),
    place("side-path", b"110011223333333333322111"),
    place("terrace", b"000000122334554456776310"),
    place("backyard", b"643334432222222333445777"),
    place("pond", b"765445541111111122456778"),
    place("orchard", b"532234543222222234565545"),
    place("chicken-run", b"432255776544333345776444"),
    Place { name: "greenhouse", busy: b"110012345555555554432211", gone_days: 4 },
];

/// One capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Capture {
    /// Index in [`PLACES`].
    pub(super) place: usize,
    pub(super) at: Timestamp,
    pub(super) kind: CaptureKind,
    pub(super) duration_s: u32,
    /// Which of the place's pictures.
    pub(super) look: usize,
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, and the same on every machine.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end.max(1))) as u32
    }

    /// An index, by weights.
    fn weighted(&mut self, weights: &[u32]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (index, &weight) in weights.iter().enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        0
    }
}

/// Some sixty a day where there are few, a year at most.
fn days(events: u32) -> i32 {
    (events / 60).clamp(2, 366) as i32
}

/// What each day weighs: weekends and summers more, a still day now and then, and a stormy night that fills a card.
fn weights(days: &[Date], dice: &mut Dice) -> Vec<u32> {
    let weigh = |date: &Date| {
        let month = i32::from(date.month());
        let summer = 6 - (month - 7).abs();
        let weekend = u32::from(date.weekday().to_monday_zero_offset() >= 5) * 25;
        let usual = 50 + (summer * 7).unsigned_abs() + weekend + dice.below(40);
        match dice.below(60) {
            0 => 1,
            1 => usual * 5,
            _ => usual,
        }
    };
    days.iter().map(weigh).collect()
}

/// Exactly `events` captures before `now`, in no order; `None` where so many don't fit.
pub(super) fn happenings(events: u32, seed: u64, now: Timestamp, zone: &TimeZone) -> Option<Vec<Capture>> {
    let mut dice = Dice(seed);
    let today = now.to_zoned_datetime(zone.clone()).date();
    let dates: Vec<Date> = (0..days(events)).filter_map(|ago| today.checked_sub(ago.days()).ok()).collect();
    let weights = weights(&dates, &mut dice);
    let (mut captures, mut taken) = (Vec::with_capacity(events as usize), HashSet::new());
    let mut tries = 0_u64;
    while captures.len() < events as usize {
        tries += 1;
        if tries > 100 * u64::from(events) + 10_000 {
            return None;
        }
        let day = dice.weighted(&weights);
        let first = dice.below(PLACES.len() as u32) as usize;
        let busy = PLACES[first].busy.map(|digit| u32::from(digit - b'0'));
        let hour = dice.weighted(&busy) as i8;
        // Busy places see more than calm ones.
        if dice.below(110) > busy.iter().sum() {
            continue;
        }
        let (minute, second) = (dice.below(60) as i8, dice.below(60) as i8);
        let Ok(begins) = dates[day].at(hour, minute, second, 0).to_zoned_datetime(zone.clone()) else {
            continue;
        };
        for capture in one(&mut dice, first, begins.timestamp()) {
            let gone = SignedDuration::from_hours(24 * i64::from(PLACES[capture.place].gone_days));
            let over = capture.at + SignedDuration::from_secs(i64::from(capture.duration_s) + 2);
            let fits = over < now - gone && captures.len() < events as usize;
            // A camera's files are named by the second.
            if fits && taken.insert((capture.place, capture.at.as_second(), capture.kind)) {
                captures.push(capture);
            }
        }
    }
    Some(captures)
}

/// Somebody walks past one camera, or past several after each other.
fn one(dice: &mut Dice, first: usize, begins: Timestamp) -> Vec<Capture> {
    let cameras = 1 + dice.weighted(&[60, 22, 12, 6]);
    let forward = dice.below(2) == 0;
    let who = dice.below(3) as usize;
    let mut captures = Vec::new();
    let mut at = begins;
    for step in 0..cameras {
        let along = if forward { first + step } else { first + PLACES.len() - step };
        let place = along % PLACES.len();
        let stills = dice.weighted(&[25, 50, 15, 10]);
        for number in 0..stills {
            let at = at + SignedDuration::from_secs(number as i64 * 3);
            captures.push(Capture { place, at, kind: CaptureKind::Snap, duration_s: 0, look: who });
        }
        if stills == 0 || dice.below(10) < 7 {
            let duration_s = super::pictures::CLIP_S;
            captures.push(Capture { place, at, kind: CaptureKind::Record, duration_s, look: who });
        }
        at += SignedDuration::from_secs(2 + i64::from(dice.below(9)));
    }
    captures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-02T03:04:05Z".parse().unwrap()
    }

    fn zone() -> TimeZone {
        TimeZone::get("America/Los_Angeles").unwrap()
    }

    #[test]
    fn as_many_as_asked_for_and_the_same_again() {
        let year = happenings(5_000, 7, now(), &zone()).unwrap();
        assert_eq!(year.len(), 5_000);
        assert_eq!(happenings(5_000, 7, now(), &zone()).unwrap(), year);
        assert_ne!(happenings(5_000, 8, now(), &zone()).unwrap(), year);
    }

    #[test]
    fn nothing_is_ahead_of_its_time_or_twice() {
        let year = happenings(5_000, 7, now(), &zone()).unwrap();
        assert!(year.iter().all(|capture| capture.at < now()));
        let files: HashSet<_> = year.iter().map(|c| (c.place, c.at.as_second(), c.kind)).collect();
        assert_eq!(files.len(), year.len());
    }

    #[test]
    fn every_camera_sees_something_and_one_has_gone_silent() {
        let year = happenings(5_000, 7, now(), &zone()).unwrap();
        for (number, place) in PLACES.iter().enumerate() {
            let last = year.iter().filter(|c| c.place == number).map(|c| c.at).max().unwrap();
            let days = now().duration_since(last).as_hours() / 24;
            assert_eq!(days >= 4, place.gone_days > 0, "{}: {days} days", place.name);
        }
    }

    #[test]
    fn a_handful_too() {
        assert_eq!(happenings(1, 1, now(), &zone()).unwrap().len(), 1);
        assert!(happenings(0, 1, now(), &zone()).unwrap().is_empty());
    }
}
