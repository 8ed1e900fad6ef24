//! Small renditions: H.264 of at most 640 pixels' width and about 300 kbit/s, for phones on the road.

use camtrail_model::media::{MediaFacts, MediaSource};

use crate::rendition::{Shape, bits_per_second, limit, max_bytes};

/// Pixels; a phone's width.
const MAX_WIDTH: u32 = 640;
/// What the picture gets, in bits a second, as a rule and at most for seconds.
const VIDEO_BPS: u64 = 300_000;
const PEAK_BPS: u64 = 450_000;
/// Below that, no picture is worth looking at.
const LEAST_VIDEO_BPS: u64 = 64_000;
/// What speech takes, and how it is asked for.
const AUDIO_BPS: u64 = 32_000;
const AUDIO: &[&str] = &["-ac", "1", "-b:a", "32000"];
/// A clip of no more than this, and no wider than the rendition would be, needs none.
const SMALL_ALREADY_BPS: u64 = 400_000;
/// Seeking on a phone.
const KEY_EVERY_S: u32 = 4;
/// A board that takes longer than so many times the clip's length has no business to try.
const LIMIT_PER_DURATION: u32 = 4;

/// What a clip's small rendition is to be; `None`: the clip is as small itself.
pub(crate) fn shape(source: &MediaSource, facts: &MediaFacts) -> Option<Shape> {
    if is_small_already(source, facts) {
        return None;
    }
    let video_bps = video_bps(source, facts);
    Some(Shape {
        name: "small rendition",
        max_width: MAX_WIDTH,
        video_bps,
        peak_bps: PEAK_BPS.max(video_bps),
        audio: AUDIO,
        key_every_s: KEY_EVERY_S,
        limit: limit(facts, LIMIT_PER_DURATION),
        max_bytes: max_bytes(source, facts, PEAK_BPS + AUDIO_BPS),
    })
}

/// Whether a phone may as well load the clip itself. One that not every phone plays (HEVC) gets its rendition.
fn is_small_already(source: &MediaSource, facts: &MediaFacts) -> bool {
    facts.video_codec.as_deref() == Some("h264")
        && facts.width.is_some_and(|width| width <= MAX_WIDTH)
        && bits_per_second(source, facts).is_some_and(|rate| rate <= SMALL_ALREADY_BPS)
}

/// Never more than the clip itself has.
fn video_bps(source: &MediaSource, facts: &MediaFacts) -> u64 {
    bits_per_second(source, facts).unwrap_or(VIDEO_BPS).clamp(LEAST_VIDEO_BPS, VIDEO_BPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(size: u64, duration_ms: Option<u64>, width: u32, codec: &str) -> (MediaSource, MediaFacts) {
        let source = MediaSource { path: "x".into(), size };
        let (width, video_codec) = (Some(width), Some(codec.to_owned()));
        (source, MediaFacts { duration_ms, width, video_codec, ..MediaFacts::unknown() })
    }

    #[test]
    fn a_clip_is_small_by_width_and_rate_together() {
        for (size, duration_ms, width, codec, small) in [
            (500_000, Some(10_000), 640, "h264", true),
            (500_001, Some(10_000), 640, "h264", false),
            (500_000, Some(10_000), 642, "h264", false),
            (500_000, None, 640, "h264", false),
            (500_000, Some(0), 640, "h264", false),
            (500_000, Some(10_000), 640, "hevc", false),
        ] {
            let (source, facts) = clip(size, duration_ms, width, codec);
            assert_eq!(shape(&source, &facts).is_none(), small, "{size} {duration_ms:?} {width} {codec}");
        }
    }

    #[test]
    fn it_never_has_more_than_the_clip_nor_less_than_a_picture_takes() {
        for (size, duration_ms, bps) in [
            (u64::MAX, Some(u64::MAX), LEAST_VIDEO_BPS),
            (100_000, Some(8_000), 100_000),
            (100_000_000, Some(8_000), VIDEO_BPS),
            (1, None, VIDEO_BPS),
        ] {
            let (source, facts) = clip(size, duration_ms, 1, "hevc");
            assert_eq!(shape(&source, &facts).unwrap().video_bps, bps, "{size} {duration_ms:?}");
        }
    }
}
