//! Ten thousand sites of twenty cameras, on paper: `make simulate-scale`. What it shows: docs/design/scale.md.
//!
//! A day, second by second, in deployments of many sizes: how often captures come (by site, hour and weather), what a
//! second asks of the parts of DynamoDB that all events of a deployment share, how long they wait there, and what a
//! month costs. Chance is seeded: the same numbers at every run. Prices and limits are AWS's published ones as we knew them
//! (us-east-1, on demand); what an event costs in writes is counted in docs/design/dynamodb.md and held by tests there.

use std::collections::VecDeque;

const CAMERAS: f64 = 20.0;
const DAY_S: usize = 86_400;

/// How busy the cameras of a site are: captures a camera and day, and the share of such sites.
const SITES: [(&str, f64, f64); 3] = [("home", 20.0, 0.70), ("shop", 100.0, 0.25), ("yard", 500.0, 0.05)];
/// Of a happening: a clip, and stills with it.
const CLIP_MB: f64 = 2.5;
const STILL_MB: f64 = 0.1;
const STILLS_A_CLIP: f64 = 2.0;
/// A site's line upwards.
const LINE_MBIT: f64 = 10.0;

/// Captures of an hour of the day, as a share of the day's mean: little at night, most at dusk.
const HOURS: [f64; 24] = [
    0.3, 0.2, 0.2, 0.2, 0.3, 0.5, 0.9, 1.3, 1.4, 1.2, 1.1, 1.2, 1.3, 1.2, 1.1, 1.2, 1.5, 1.8, 2.0, 1.6, 1.2,
    1.0, 0.8, 0.5,
];

// What DynamoDB gives one partition, and what one event takes of it (docs/design/dynamodb.md, "what gets hot").
const PARTITION_WRITES: f64 = 1_000.0;
const TIMELINE_WRITES: f64 = 2.0;
/// A number of the sequence for the event, and one for its poster.
const COUNTER_WRITES: f64 = 2.0;
/// Calls of the arrival function at once that an account has without asking, and what one takes (measured 5 ms on
/// loopback; an AWS round trip to DynamoDB and S3 each is some 5 ms more, and there are five in a row).
const FUNCTIONS: f64 = 1_000.0;
const FUNCTION_S: f64 = 0.05;
/// Puts a second that a bucket takes below one prefix before it has split it.
const PUTS: f64 = 3_500.0;
const PUTS_AN_EVENT: f64 = 3.0;

/// Repeatable chance: SplitMix64 (Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How many of a Poisson process of this mean: by counting where they are few, by the normal curve where many.
    fn poisson(&mut self, mean: f64) -> f64 {
        if mean > 30.0 {
            let normal =
                (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
            return (mean + mean.sqrt() * normal).round().max(0.0);
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.unit(), 0.0);
        while product > limit {
            product *= self.unit();
            count += 1.0;
        }
        count
    }
}

/// What kind of a day it is.
#[derive(Clone, Copy, PartialEq)]
enum Day {
    Usual,
    /// From 15 to 18 o'clock six times as much moves at all sites.
    Storm,
    /// Ten minutes of fireworks: forty times as much.
    NewYear,
    /// No store for an hour, at the busiest: all gateways hold what they have, then ship at once.
    Outage,
}

impl Day {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Usual, "a usual day"),
        (Self::Storm, "a storm, all sites"),
        (Self::NewYear, "New Year, one zone"),
        (Self::Outage, "after an hour's outage"),
    ];

    fn factor(self, second: usize) -> f64 {
        match self {
            Self::Storm if (15 * 3_600..18 * 3_600).contains(&second) => 6.0,
            Self::NewYear if second < 600 => 40.0 / HOURS[0],
            _ => 1.0,
        }
    }

    fn is_out(self, second: usize) -> bool {
        self == Self::Outage && (18 * 3_600..19 * 3_600).contains(&second)
    }
}

fn captures_a_day() -> f64 {
    SITES.iter().map(|(_, captures, share)| captures * share).sum::<f64>() * CAMERAS
}

fn mb_an_event() -> f64 {
    (CLIP_MB + STILLS_A_CLIP * STILL_MB) / (1.0 + STILLS_A_CLIP)
}

/// What one day brought.
struct Seen {
    mean: f64,
    peak: f64,
    /// Seconds between the object's arrival and the record; the 99th percentile of events, and the longest.
    wait_p99: f64,
    wait_max: f64,
}

/// One deployment: `sites` that share tables, with so many shards of the timeline. Arrivals wait where the shared parts
/// are at their limits; the platform's queue keeps them.
fn simulate(sites: f64, shards: f64, day: Day, dice: &mut Dice) -> Seen {
    let limit = served_a_second(shards);
    let mean = sites * captures_a_day() / DAY_S as f64;
    // An empty line ships a site's backlog as fast as it can carry it.
    let line = sites * LINE_MBIT / 8.0 / mb_an_event();
    let (mut held, mut waiting, mut queued) = (0.0, VecDeque::new(), 0.0);
    let (mut total, mut peak): (f64, f64) = (0.0, 0.0);
    let mut waits: Vec<(f64, f64)> = Vec::new();
    for second in 0..2 * DAY_S {
        // The second day is for what still waits.
        let rate = if second < DAY_S { mean * HOURS[second / 3_600 % 24] * day.factor(second) } else { 0.0 };
        held += dice.poisson(rate);
        let arrived = if day.is_out(second) { 0.0 } else { held.min(line.max(1.0)) };
        held -= arrived;
        total += arrived;
        peak = peak.max(arrived);
        if arrived > 0.0 {
            waiting.push_back((second, arrived));
            queued += arrived;
        }
        let mut served = limit;
        while served > 0.0
            && let Some((since, count)) = waiting.front_mut()
        {
            let now = served.min(*count);
            waits.push(((second - *since) as f64, now));
            *count -= now;
            served -= now;
            queued -= now;
            if *count <= 0.0 {
                waiting.pop_front();
            }
        }
        if second > DAY_S && queued <= 0.0 && held <= 0.0 {
            break;
        }
    }
    waits.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut below = 0.0;
    let p99 = waits.iter().find(|(_, count)| {
        below += count;
        below >= total * 0.99
    });
    Seen {
        mean: total / DAY_S as f64,
        peak,
        wait_p99: p99.map_or(0.0, |wait| wait.0),
        wait_max: waits.last().map_or(0.0, |wait| wait.0),
    }
}

/// Events a second that a deployment's shared parts take.
fn served_a_second(shards: f64) -> f64 {
    let timeline = shards * PARTITION_WRITES / TIMELINE_WRITES;
    let counter = PARTITION_WRITES / COUNTER_WRITES;
    // The counter is drawn once an event; a poster's number comes later, so the mean is what counts.
    timeline.min(counter).min(FUNCTIONS / FUNCTION_S).min(PUTS / PUTS_AN_EVENT)
}

/// USD a month for one camera.
struct Cost {
    name: &'static str,
    captures: f64,
    parts: [(&'static str, f64); 5],
}

fn cost(name: &'static str, captures_a_day: f64) -> Cost {
    const DAYS: f64 = 30.0;
    let events = captures_a_day * DAYS;
    let stored_gb = events * mb_an_event() / 1_000.0;
    Cost {
        name,
        captures: captures_a_day,
        parts: [
            // Kept thirty days, so a month's captures are there at any time; posters and statements 20 kB each.
            ("S3 storage", (stored_gb + events * 20e-6) * 0.023),
            ("S3 requests", events * (PUTS_AN_EVENT * 5e-6 + 4.0 * 4e-7)),
            // A life of an event is 40 write units.
            ("DynamoDB", events * (40.0 * 0.625e-6 + 10.0 * 0.125e-6) + events * 5e-6 * 0.25),
            // Two notifications (object, poster), 256 MB.
            ("functions", events * 2.0 * (2e-7 + FUNCTION_S * 0.25 * 1.667e-5)),
            // One in ten is looked at, once; the first 100 GB a month of an account are free and not counted on.
            ("egress", events * 0.1 * mb_an_event() / 1_000.0 * 0.09),
        ],
    }
}

fn main() {
    let mut dice = Dice(20_261_130);
    println!(
        "{:.0} captures a site and day, {:.2} MB each; the counter of changes and each shard of the",
        captures_a_day(),
        mb_an_event()
    );
    println!("timeline take {:.0} events a second.\n", PARTITION_WRITES / TIMELINE_WRITES);
    println!("| sites in one deployment | day | events/s, mean | peak | wait p99 | longest wait |");
    println!("|---|---|---|---|---|---|");
    for sites in [50.0, 250.0, 500.0, 1_000.0, 10_000.0] {
        for (day, name) in Day::ALL {
            let seen = simulate(sites, 4.0, day, &mut dice);
            println!(
                "| {sites:.0} | {name} | {:.1} | {:.0} | {:.0} s | {:.0} s |",
                seen.mean, seen.peak, seen.wait_p99, seen.wait_max
            );
        }
    }
    println!(
        "\n| USD a camera and month | captures a day | S3 storage | S3 requests | DynamoDB | functions | egress | all |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, captures, _) in SITES {
        let cost = cost(name, captures);
        let sum: f64 = cost.parts.iter().map(|(_, usd)| usd).sum();
        let parts: Vec<String> = cost.parts.iter().map(|(_, usd)| format!("{usd:.3}")).collect();
        println!("| {} | {:.0} | {} | **{sum:.2}** |", cost.name, cost.captures, parts.join(" | "));
    }
}
