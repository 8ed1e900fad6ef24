//! Previews: up to 16 pictures of a whole clip in one JPEG, for hover and scrubbing.
//!
//! Owns which pictures those are and how they are laid out. Key frames decode alone and cheaply: a short clip is read once
//! and only its key frames are decoded; a long one is sought in, once a picture. Only a short clip with hardly any key
//! frames is decoded whole. Promises: fewer than 150 kB, whatever the pictures show.

use std::{ffi::OsString, path::Path, time::Duration};

use camtrail_model::{
    PREVIEW_COLUMNS,
    media::MediaFacts,
    ports::{MediaError, Preview},
};
use image::{RgbImage, imageops};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    input::Input,
    poster::{encode::encode, ppm},
    process::{Deadline, Job, Runner},
};

/// Each picture's width, in pixels; what is taller than 16:9 on its side is made smaller, with bars beside it.
const CELL_WIDTH: u32 = 160;
const CELL_MAX_HEIGHT: u32 = 284;
/// Reading an hour from a slow disk; decoding a minute of 4K on a small board.
const LIMIT: Duration = Duration::from_mins(2);
/// Above this, reading all of it costs more than seeking in it, in milliseconds.
const LONG_MS: u64 = 600_000;
/// Fewer key frames than this don't show how a clip went.
const FEW: usize = 4;
/// Up to this length a clip with few key frames is decoded whole, in milliseconds.
const DECODED_WHOLE_MS: u64 = 60_000;
/// JPEG quality, 1 to 100, until it fits; the last one fits noise.
const QUALITIES: [u8; 8] = [72, 60, 48, 36, 24, 12, 6, 1];
/// Pixels of one picture, and a header of a few dozen bytes.
const CELL_MAX_BYTES: usize = CELL_WIDTH as usize * CELL_MAX_HEIGHT as usize * 3 + 64;

/// What making previews needs.
pub(crate) struct Maker<'a> {
    pub(crate) runner: &'a Runner,
    pub(crate) slot: &'a OwnedSemaphorePermit,
    pub(crate) ffmpeg: &'a Path,
}

impl Maker<'_> {
    /// In bounded time.
    pub(crate) async fn make(&self, input: &Input, facts: &MediaFacts) -> Result<Preview, MediaError> {
        if input.is_still() {
            return Err(MediaError::Unusable(
                "a still has no preview: its poster shows all of it".to_owned(),
            ));
        }
        let deadline = Deadline::after(LIMIT);
        let frames = match facts.duration_ms {
            Some(duration_ms) if duration_ms > LONG_MS && !input.is_elementary() => {
                self.sought(input, duration_ms, deadline).await?
            }
            duration_ms => self.read_through(input, duration_ms, deadline).await?,
        };
        self.runner.decode(self.slot, move || lay_out(&frames)).await
    }

    /// One run over all of it.
    async fn read_through(
        &self,
        input: &Input,
        duration_ms: Option<u64>,
        deadline: Deadline,
    ) -> Result<Vec<RgbImage>, MediaError> {
        let keys = self.decode(input, &Pick::keys(duration_ms), deadline).await;
        let enough = keys.as_ref().is_ok_and(|keys| keys.len() >= FEW);
        let is_short = duration_ms.is_some_and(|ms| ms <= DECODED_WHOLE_MS);
        if enough || !is_short || matches!(keys, Err(MediaError::Missing(_) | MediaError::TimedOut { .. })) {
            return keys;
        }
        let all = self.decode(input, &Pick { only_keys: false, ..Pick::keys(duration_ms) }, deadline).await;
        match (keys, all) {
            // What decodes badly between its key frames has those.
            (Ok(keys), Err(_)) if !keys.is_empty() => Ok(keys),
            (_, all) => all,
        }
    }

    /// One run for each picture: each reads and decodes one key frame.
    async fn sought(
        &self,
        input: &Input,
        duration_ms: u64,
        deadline: Deadline,
    ) -> Result<Vec<RgbImage>, MediaError> {
        let mut frames = Vec::new();
        let mut last_error = None;
        for n in 0..u64::from(Preview::MAX_FRAMES) {
            let from_ms = duration_ms / u64::from(Preview::MAX_FRAMES) * n;
            let pick = Pick { from_ms: Some(from_ms), step_s: 0.0, frames: 1, only_keys: true };
            match self.decode(input, &pick, deadline).await {
                Ok(found) => frames.extend(found),
                Err(
                    error @ (MediaError::Missing(_) | MediaError::TimedOut { .. } | MediaError::Failed(_)),
                ) => {
                    return Err(error);
                }
                // A damaged place costs its own picture.
                Err(error) => last_error = Some(error),
            }
        }
        match last_error {
            Some(error) if frames.is_empty() => Err(error),
            _ => Ok(frames),
        }
    }

    async fn decode(
        &self,
        input: &Input,
        pick: &Pick,
        deadline: Deadline,
    ) -> Result<Vec<RgbImage>, MediaError> {
        let max_bytes = pick.frames as usize * CELL_MAX_BYTES;
        let job = Job::new(self.ffmpeg, arguments(input, pick), max_bytes);
        let finished = self.runner.run(self.slot, job, deadline).await?;
        let failure = finished.check();
        let frames = self.runner.decode(self.slot, move || Ok(ppm::pictures(&finished.stdout))).await?;
        match failure {
            // Pictures that came before the damage are as good as any.
            Err(error) if frames.is_empty() => Err(error),
            _ => Ok(frames),
        }
    }
}

/// Which pictures one run gives.
struct Pick {
    /// From where on; else from the beginning.
    from_ms: Option<u64>,
    /// At least so far apart, in seconds; none drifts because of the one before.
    step_s: f64,
    /// At most so many.
    frames: u32,
    /// Key frames only.
    only_keys: bool,
}

impl Pick {
    /// Over the whole length; the first ones where that is unknown.
    fn keys(duration_ms: Option<u64>) -> Self {
        let step_s = duration_ms.unwrap_or(0) as f64 / 1_000.0 / f64::from(Preview::MAX_FRAMES);
        Self { from_ms: None, step_s, frames: Preview::MAX_FRAMES, only_keys: true }
    }
}

fn arguments(input: &Input, pick: &Pick) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["-nostdin", "-hide_banner", "-v", "error"].map(OsString::from).into();
    let from = pick.from_ms.map(|ms| format!("{}.{:03}", ms / 1_000, ms % 1_000));
    let mut decoder = vec!["-threads", "1"];
    if let Some(from) = &from {
        // The key frame before that place, not the picture at it: that would take decoding all between.
        decoder.extend(["-noaccurate_seek", "-ss", from]);
    }
    if pick.only_keys {
        decoder.extend(["-discard", "nokey", "-skip_frame", "nokey"]);
    }
    arguments.extend(input.arguments(&decoder));
    // Elementary streams may have no times: then the first ones. Pixels needn't be square: the preview's are.
    let filter = format!(
        "select=if(isnan(t)\\,1\\,gte(t\\,selected_n*{:.3})),scale=w=iw*sar:h=ih,scale=w={CELL_WIDTH}:h={CELL_MAX_HEIGHT}\
         :force_original_aspect_ratio=decrease:flags=area,pad={CELL_WIDTH}:ih:(ow-iw)/2:0,setsar=1",
        pick.step_s
    );
    let count = pick.frames.to_string();
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
    add(&["-map", "0:V:0", "-an", "-sn", "-dn", "-filter_threads", "1", "-vf", &filter]);
    add(&["-frames:v", &count, "-fps_mode", "passthrough", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"]);
    arguments
}

/// All of one size: a camera that changes its picture's shape in the middle of a clip loses the rest here.
fn lay_out(frames: &[RgbImage]) -> Result<Preview, MediaError> {
    let Some(first) = frames.first() else {
        return Err(MediaError::Unusable("no picture can be decoded from it".to_owned()));
    };
    let (width, height) = first.dimensions();
    let frames: Vec<_> = frames.iter().filter(|frame| frame.dimensions() == (width, height)).collect();
    let count = frames.len() as u32;
    let (columns, rows) = (count.min(PREVIEW_COLUMNS), count.div_ceil(PREVIEW_COLUMNS));
    let mut sheet = RgbImage::new(width * columns, height * rows);
    for (n, frame) in (0_u32..).zip(frames) {
        let (x, y) = (n % PREVIEW_COLUMNS * width, n / PREVIEW_COLUMNS * height);
        imageops::replace(&mut sheet, frame, x.into(), y.into());
    }
    for quality in QUALITIES {
        let jpeg = encode(&sheet, quality)?;
        if jpeg.len() < Preview::MAX_BYTES {
            return Ok(Preview { jpeg, frames: count });
        }
    }
    Err(MediaError::Unusable(format!("its pictures don't fit into {} bytes", Preview::MAX_BYTES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u32) -> RgbImage {
        let mut state = seed;
        RgbImage::from_fn(CELL_WIDTH, CELL_MAX_HEIGHT, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [_, r, g, b] = state.to_be_bytes();
            image::Rgb([r, g, b])
        })
    }

    #[test]
    fn noise_fits_by_getting_coarser() {
        let frames: Vec<_> = (1..=Preview::MAX_FRAMES).map(noise).collect();
        let preview = lay_out(&frames).unwrap();
        assert_eq!(preview.frames, Preview::MAX_FRAMES);
        assert!(preview.jpeg.len() < Preview::MAX_BYTES, "{} bytes", preview.jpeg.len());
    }

    #[test]
    fn a_sheet_has_full_rows_but_the_last() {
        let grey = |value| RgbImage::from_pixel(160, 90, image::Rgb([value; 3]));
        for (count, size) in
            [(1, (160, 90)), (3, (480, 90)), (4, (640, 90)), (5, (640, 180)), (16, (640, 360))]
        {
            let frames: Vec<_> = (0..count).map(|n| grey(n as u8 * 10)).collect();
            let preview = lay_out(&frames).unwrap();
            let picture = image::load_from_memory(&preview.jpeg).unwrap().to_rgb8();
            assert_eq!((preview.frames, picture.dimensions()), (count, size));
            let last = count - 1;
            let middle = picture.get_pixel(last % 4 * 160 + 80, last / 4 * 90 + 45).0[0];
            assert!(middle.abs_diff(last as u8 * 10) < 6, "{count}: {middle}");
        }
        assert!(matches!(lay_out(&[]), Err(MediaError::Unusable(_))));
        let mixed = lay_out(&[grey(1), RgbImage::new(160, 120), grey(2)]).unwrap();
        assert_eq!(mixed.frames, 2);
    }
}
