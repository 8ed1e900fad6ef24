//! H.264 copies: the clip at its own size for browsers that can't play its codec (HEVC, MPEG-4 part 2, Motion JPEG).

use camtrail_model::media::{MediaFacts, MediaSource};

use crate::rendition::{Shape, bits_per_second, limit, max_bytes};

/// Pixels: what every decoder of the last fifteen years takes, and most screens show.
const MAX_WIDTH: u32 = 1920;
/// A picture's cost: a tenth of a bit a pixel, at 25 pictures a second, is where `veryfast` stops to look bad.
const BPS_PER_PIXEL: f64 = 2.5;
/// Where nobody knows how large the picture is, and bounds for whatever a header claims.
const UNKNOWN_BPS: u64 = 4_000_000;
const LEAST_BPS: u64 = 300_000;
const MOST_BPS: u64 = 8_000_000;
/// HEVC of the same quality has about half the bits of H.264.
const PER_SOURCE: u64 = 2;
/// Sound.
const AUDIO_BPS: u64 = 96_000;
const AUDIO: &[&str] = &["-b:a", "96000"];
/// A person scrubs in it.
const KEY_EVERY_S: u32 = 2;
/// HEVC of 4K decodes at a quarter of its speed on a small board, and is encoded beside that.
const LIMIT_PER_DURATION: u32 = 8;

/// What a clip's H.264 copy is to be.
pub(crate) fn shape(source: &MediaSource, facts: &MediaFacts) -> Shape {
    let video_bps = video_bps(source, facts);
    let peak_bps = video_bps * 3 / 2;
    Shape {
        name: "H.264 copy",
        max_width: MAX_WIDTH,
        video_bps,
        peak_bps,
        audio: AUDIO,
        key_every_s: KEY_EVERY_S,
        limit: limit(facts, LIMIT_PER_DURATION),
        max_bytes: max_bytes(source, facts, peak_bps + AUDIO_BPS),
    }
}

/// By the picture's size, and never more than twice what the clip itself has (Motion JPEG has far more than that).
fn video_bps(source: &MediaSource, facts: &MediaFacts) -> u64 {
    let of_size = facts.width.zip(facts.height).map_or(UNKNOWN_BPS, |(width, height)| {
        let (width, height) = (f64::from(width), f64::from(height));
        let scale = f64::min(1.0, f64::from(MAX_WIDTH) / width.max(1.0));
        (width * height * scale * scale * BPS_PER_PIXEL) as u64
    });
    let of_source = bits_per_second(source, facts).unwrap_or(MOST_BPS).saturating_mul(PER_SOURCE);
    of_size.min(of_source).clamp(LEAST_BPS, MOST_BPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_size_and_source_within_bounds() {
        let hour = 3_600_000;
        for (size, duration_ms, pixels, bps) in [
            (u64::MAX, None, Some((1920, 1080)), 5_184_000),
            (u64::MAX, None, Some((3840, 2160)), 5_184_000),
            (450_000_000, Some(hour), Some((1920, 1080)), 2_000_000),
            (1, Some(hour), Some((1920, 1080)), LEAST_BPS),
            (u64::MAX, None, None, UNKNOWN_BPS),
            (u64::MAX, Some(1), Some((u32::MAX, u32::MAX)), MOST_BPS),
            (u64::MAX, None, Some((0, 0)), LEAST_BPS),
        ] {
            let source = MediaSource { path: "x".into(), size };
            let (width, height) = pixels.unzip();
            let facts = MediaFacts { duration_ms, width, height, ..MediaFacts::unknown() };
            assert_eq!(shape(&source, &facts).video_bps, bps, "{size} {duration_ms:?} {pixels:?}");
        }
    }
}
