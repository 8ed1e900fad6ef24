//! Candidate frames of a clip, and the choice among them.
//!
//! Key frames decode alone and cheaply; a handful over the first seconds mostly holds one that shows something.
//! Where there are none (streams with rolling refresh) or all are black, every 25th picture is looked at.

use std::{ffi::OsString, path::Path};

use camtrail_model::ports::MediaError;
use image::RgbImage;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    encode::{MAX_HEIGHT, MAX_WIDTH},
    ppm,
};
use crate::{
    input::Input,
    process::{Deadline, Job, Runner},
};

const CANDIDATES: usize = 5;
/// How far into a clip candidates are looked for, in seconds: what set the camera off is at the start.
const SEARCH_S: &str = "30";
/// Pixels, and a header of a few dozen bytes each.
const MAX_STREAM_BYTES: usize = CANDIDATES * (MAX_WIDTH as usize * MAX_HEIGHT as usize * 3 + 64);
/// Luma, 0 to 255: darker on average, and flatter, is black to the eye (video black is 16).
const BLACK_MEAN: f64 = 24.0;
const BLACK_DEVIATION: f64 = 6.0;

/// Decodes a few frames; empty where there are none.
pub(super) async fn candidates(
    runner: &Runner,
    slot: &OwnedSemaphorePermit,
    ffmpeg: &Path,
    input: &Input,
    deadline: Deadline,
) -> Result<Vec<RgbImage>, MediaError> {
    let keys = decode(runner, slot, ffmpeg, input, deadline, Pick::KeyFrames).await;
    if let Err(error @ (MediaError::Missing(_) | MediaError::TimedOut { .. })) = keys {
        return Err(error);
    }
    if let Ok(frames) = &keys
        && frames.iter().any(|frame| !Look::of(frame).is_black())
    {
        return keys;
    }
    let sampled = decode(runner, slot, ffmpeg, input, deadline, Pick::Sampled).await;
    match (keys, sampled) {
        (Ok(mut keys), Ok(sampled)) => {
            keys.extend(sampled);
            Ok(keys)
        }
        // A black key frame is better than nothing.
        (Ok(keys), Err(error)) if !keys.is_empty() => {
            tracing::debug!(%error, "only key frames can be decoded");
            Ok(keys)
        }
        (_, sampled) => sampled,
    }
}

/// The frame that shows most: the one with the most contrast.
pub(super) fn best(frames: Vec<RgbImage>) -> Option<RgbImage> {
    let scored = frames.into_iter().map(|frame| (Look::of(&frame).deviation, frame));
    scored.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, frame)| frame)
}

#[derive(Clone, Copy)]
enum Pick {
    KeyFrames,
    Sampled,
}

async fn decode(
    runner: &Runner,
    slot: &OwnedSemaphorePermit,
    ffmpeg: &Path,
    input: &Input,
    deadline: Deadline,
    pick: Pick,
) -> Result<Vec<RgbImage>, MediaError> {
    let job = Job::new(ffmpeg, arguments(input, pick), MAX_STREAM_BYTES);
    let finished = runner.run(slot, job, deadline).await?;
    let failure = finished.check();
    let frames = runner.decode(slot, move || Ok(ppm::pictures(&finished.stdout))).await?;
    match failure {
        // Frames that came before the damage are as good as any.
        Err(error) if frames.is_empty() => Err(error),
        _ => Ok(frames),
    }
}

fn arguments(input: &Input, pick: Pick) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["-nostdin", "-hide_banner", "-v", "error"].map(OsString::from).into();
    let decoder: &[&str] = match (input.is_still(), pick) {
        (true, _) => &["-threads", "1"],
        (false, Pick::KeyFrames) => &["-threads", "1", "-skip_frame", "nokey", "-t", SEARCH_S],
        (false, Pick::Sampled) => &["-threads", "1", "-t", SEARCH_S],
    };
    arguments.extend(input.arguments(decoder));
    let select = match (input.is_still(), pick) {
        (false, Pick::Sampled) => r"select=not(mod(n\,25)),",
        _ => "",
    };
    // Pixels needn't be square (704x576 for 16:9): the poster's are.
    let filter = format!(
        "{select}scale=w=iw*sar:h=ih,scale=w=min({MAX_WIDTH}\\,iw):h=min({MAX_HEIGHT}\\,ih):force_original_aspect_ratio=decrease\
         :flags=bilinear,setsar=1"
    );
    let count = CANDIDATES.to_string();
    let output = [
        "-map",
        "0:V:0",
        "-an",
        "-sn",
        "-dn",
        "-filter_threads",
        "1",
        "-vf",
        &filter,
        "-frames:v",
        &count,
        "-fps_mode",
        "passthrough",
        "-c:v",
        "ppm",
        "-f",
        "image2pipe",
        "pipe:1",
    ];
    arguments.extend(output.map(OsString::from));
    arguments
}

/// How bright and how varied a frame is.
struct Look {
    mean: f64,
    deviation: f64,
}

impl Look {
    fn of(frame: &RgbImage) -> Self {
        /// Every 7th pixel tells as much.
        const STRIDE: usize = 7;
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for pixel in frame.pixels().step_by(STRIDE) {
            let [r, g, b] = pixel.0.map(f64::from);
            // ITU-R BT.601
            let luma = 0.114_f64.mul_add(b, 0.299_f64.mul_add(r, 0.587 * g));
            count += 1.0;
            sum += luma;
            squares += luma * luma;
        }
        let mean = sum / f64::max(count, 1.0);
        Self { mean, deviation: (squares / f64::max(count, 1.0) - mean * mean).max(0.0).sqrt() }
    }

    fn is_black(&self) -> bool {
        self.mean < BLACK_MEAN && self.deviation < BLACK_DEVIATION
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn a_frame_with_something_in_it_beats_a_black_or_grey_one() {
        let black = RgbImage::from_pixel(64, 36, Rgb([16; 3]));
        let grey = RgbImage::from_pixel(64, 36, Rgb([128; 3]));
        let scene = RgbImage::from_fn(64, 36, |x, y| Rgb([(x * 4) as u8, (y * 7) as u8, 90]));
        assert!(Look::of(&black).is_black() && !Look::of(&grey).is_black() && !Look::of(&scene).is_black());
        assert_eq!(best(vec![black, scene.clone(), grey]), Some(scene));
        assert_eq!(best(Vec::new()), None);
    }
}
