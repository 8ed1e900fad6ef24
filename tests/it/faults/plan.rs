//! What a campaign uploads: which files, in which batches, and what else happens to them. The seed decides.

use crate::support::{CLIP, Dice, mp4_with, program_stream, program_stream_with, sample, still_with};

const CAMERAS: usize = 5;
/// Captures are so far apart, so that a campaign covers many hours and some days of the month.
const SECONDS_APART: usize = 37;
const DAY_SECONDS: usize = 86_400;
/// All within one month of summer time: the camera's zone is seven hours behind UTC.
const DAYS: usize = 28;
const ZONE_BEHIND_SECONDS: i64 = 7 * 3600;
/// 2016-08-01T00:00:00Z.
const MONTH_BEGAN_SECONDS: i64 = 1_470_009_600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Still,
    Mp4,
    /// Large enough to be sent in parts.
    BigMp4,
    /// Has no end mark, and is moved into an MP4.
    Stream,
    /// The same, of some megabytes.
    BigStream,
}

/// One file of one camera.
#[derive(Debug, Clone)]
pub(super) struct Shot {
    pub(super) camera: usize,
    pub(super) content: Content,
    /// Number of the capture in time.
    moment: usize,
    /// No two contents share one.
    seed: u64,
    length: usize,
}

impl Shot {
    pub(super) fn camera_name(&self) -> String {
        format!("cam{}", self.camera)
    }

    pub(super) fn kind(&self) -> &'static str {
        if self.content == Content::Still { "snap" } else { "record" }
    }

    pub(super) fn folder(&self) -> String {
        format!("/cam{}/{}", self.camera, self.kind())
    }

    /// Seconds since the month began, by the camera's clock.
    fn local(&self) -> usize {
        self.moment * SECONDS_APART % (DAYS * DAY_SECONDS)
    }

    fn day(&self) -> usize {
        self.local() / DAY_SECONDS + 1
    }

    fn hour(&self) -> usize {
        self.local() % DAY_SECONDS / 3600
    }

    fn stem(&self) -> String {
        let (minute, second) = (self.local() % 3600 / 60, self.local() % 60);
        let (day, hour) = (self.day(), self.hour());
        match self.content {
            Content::Still => format!("MDAlarm_201608{day:02}-{hour:02}{minute:02}{second:02}"),
            _ => format!("MDalarm_201608{day:02}_{hour:02}{minute:02}{second:02}"),
        }
    }

    fn extension(&self) -> &'static str {
        match self.content {
            Content::Still => "jpg",
            Content::Mp4 | Content::BigMp4 => "mp4",
            Content::Stream | Content::BigStream => "mkv",
        }
    }

    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.stem(), self.extension())
    }

    pub(super) fn wants_remux(&self) -> bool {
        matches!(self.content, Content::Stream | Content::BigStream)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        match self.content {
            Content::Still => still_with(self.seed, self.length),
            Content::Mp4 | Content::BigMp4 => mp4_with(self.seed, self.length),
            Content::Stream => program_stream_with(program_stream(), self.seed),
            Content::BigStream => program_stream_with(&sample(CLIP), self.seed),
        }
    }

    pub(super) fn capture_ms(&self) -> i64 {
        (MONTH_BEGAN_SECONDS + self.local() as i64 + ZONE_BEHIND_SECONDS) * 1000
    }

    /// The keys that it may have: its own, or with the first digits of its digest where another has that one; and
    /// the name as it came, where a clip was not remuxed (there may have been no room).
    pub(super) fn keys(&self, sha256: &str) -> Vec<String> {
        let folder = format!(
            "patrolcams/cam{}/2016-08-{:02}/Hour-{}/{}",
            self.camera,
            self.day(),
            self.hour(),
            self.kind()
        );
        let stem = self.stem();
        let own = self.extension();
        let extensions = if self.wants_remux() { vec!["mp4", own] } else { vec![own] };
        let keys = extensions.iter().flat_map(|extension| {
            [format!("{folder}/{stem}.{extension}"), format!("{folder}/{stem}.{}.{extension}", &sha256[..8])]
        });
        keys.collect()
    }
}

/// What happens to a batch besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twist {
    Plain,
    /// All is sent again after it was acknowledged.
    Again,
    /// The program is killed in the middle, once or twice; then the whole file is sent.
    Cut,
    /// The program hangs in the middle, the whole file is sent by another, and only then the first one dies.
    Stalled,
}

/// Files of one camera and folder with different names, sent together.
#[derive(Debug, Clone)]
pub(super) struct Shots {
    pub(super) shots: Vec<Shot>,
    pub(super) twist: Twist,
}

/// Whole batches of altogether at least `count` files.
pub(super) fn plan(count: usize, dice: &mut Dice) -> Vec<Shots> {
    assert!(count < DAYS * DAY_SECONDS / SECONDS_APART, "names would repeat");
    let mut batches: Vec<Shots> = Vec::new();
    let (mut files, mut moment, mut seed) = (0, 0, dice.next() >> 20);
    while files < count {
        let number = batches.len();
        let (content, size, twist) = match number % 40 {
            7 => (Content::BigMp4, 1, Twist::Plain),
            27 => (Content::BigMp4, 1, Twist::Cut),
            13 => (Content::Stream, 1, Twist::Plain),
            33 if number % 80 == 33 => (Content::BigStream, 1, Twist::Cut),
            33 => (Content::Stream, 1, Twist::Again),
            3 | 23 => (Content::Mp4, dice.between(1, 3), Twist::Plain),
            5 | 25 | 35 => (Content::Still, 1, Twist::Cut),
            15 => (Content::Still, 1, Twist::Stalled),
            6 | 26 => (Content::Still, dice.between(2, 10), Twist::Again),
            _ => (Content::Still, dice.between(3, 13), Twist::Plain),
        };
        let mut shots: Vec<Shot> = (0..size)
            .map(|_| {
                (moment, seed) = (moment + 1, seed + 1);
                let length = match (content, twist) {
                    // On both sides of the size from which a bucket gets a file in parts.
                    (Content::BigMp4, Twist::Cut) => dice.between(6_000_000, 10_000_000),
                    (Content::BigMp4, _) => dice.between(9_000_000, 18_000_000),
                    (Content::Mp4, _) => dice.between(200_000, 400_000),
                    // Long enough to be cut well behind its first 16 KiB, whatever a program reads ahead.
                    (_, Twist::Cut | Twist::Stalled) => dice.between(500_000, 700_000),
                    // Most are small.
                    _ => {
                        dice.between(10_000, 40_000)
                            + if dice.one_in(4) { dice.between(0, 60_000) } else { 0 }
                    }
                };
                Shot { camera: number % CAMERAS, content, moment, seed, length }
            })
            .collect();
        match number % 20 {
            // Names that a batch had a moment ago, with other bytes: maybe at the same time.
            12 => {
                shots = like(&batches[number - 1 - dice.between(0, 2)], |shot| {
                    seed += 1;
                    Shot { seed, length: shot.length + 1_000, ..shot.clone() }
                });
            }
            // Bytes that another camera sends, too.
            9 => shots = like(&batches[number - 1], |shot| Shot { camera: number % CAMERAS, ..shot.clone() }),
            _ => {}
        }
        files += shots.len();
        batches.push(Shots { shots, twist });
    }
    batches
}

fn like(other: &Shots, change: impl FnMut(&Shot) -> Shot) -> Vec<Shot> {
    other.shots.iter().map(change).collect()
}
