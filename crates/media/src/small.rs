//! Small renditions: H.264 of at most 640 pixels' width and about 300 kbit/s, for phones on the road.
//!
//! One encode at a time, of its own place: it takes minutes on a small board, and probes and posters must not wait for
//! it. The hardware's encoder where there is a working one; what that can't do, the processor does.

use std::{ffi::OsString, path::Path, time::Duration};

use camtrail_model::{
    media::{MediaFacts, MediaSource},
    ports::{MediaError, Rendition},
};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    discover::Programs,
    encoder::Encoder,
    ffprobe,
    input::{Input, blocking, unreadable},
    output::Output,
    process::{Deadline, Job, Runner},
    structure,
};

/// Pixels; a phone's width.
const MAX_WIDTH: u32 = 640;
/// What the picture gets, in bits a second, as a rule and at most for seconds.
const VIDEO_BPS: u64 = 300_000;
const PEAK_BPS: u64 = 450_000;
/// Below that, no picture is worth looking at.
const LEAST_VIDEO_BPS: u64 = 64_000;
/// What speech takes.
const AUDIO_BPS: u64 = 32_000;
/// A clip of no more than this, and no wider than the rendition would be, needs none.
const SMALL_ALREADY_BPS: u64 = 400_000;
/// Key frames at least so often, in seconds: seeking on a phone.
const KEY_EVERY_S: &str = "expr:gte(t,n_forced*4)";

/// However short the clip: starting, reading, a busy machine.
const LEAST_LIMIT: Duration = Duration::from_mins(1);
/// A board that takes longer than so many times the clip's length has no business to try.
const LIMIT_PER_DURATION: u32 = 4;
const LONGEST_LIMIT: Duration = Duration::from_hours(2);
/// A clip whose length nobody knows.
const LIMIT_OF_UNKNOWN: Duration = Duration::from_mins(10);
/// How much of the clip's length the rendition must have, in percent: hardware that drops half of it has failed.
const LEAST_LENGTH_PERCENT: u64 = 80;

/// Everything that one small rendition needs.
pub(crate) struct Small<'a> {
    pub(crate) runner: &'a Runner,
    pub(crate) programs: &'a Programs,
    pub(crate) source: &'a MediaSource,
    pub(crate) facts: &'a MediaFacts,
    pub(crate) dest: &'a Path,
}

impl Small<'_> {
    /// `None`: the clip is small itself.
    pub(crate) async fn run(
        &self,
        slot: &OwnedSemaphorePermit,
        encoder: &Encoder,
    ) -> Result<Option<Rendition>, MediaError> {
        if is_small_already(self.source, self.facts) {
            return Ok(None);
        }
        let input = Input::open(self.source).await?;
        if input.is_still() {
            return Err(MediaError::Unusable("a still has no small rendition".to_owned()));
        }
        let deadline = Deadline::after(limit(self.facts));
        let streams = ffprobe::streams(self.runner, slot, &self.programs.ffprobe, &input, deadline).await?;
        if streams.video.is_none() {
            return Err(MediaError::Unusable("there is no video in it".to_owned()));
        }
        let has_audio = streams.audio_codec.is_some();
        let output = Output::begin(self.dest).await?;
        let mut made = self.encode(slot, &input, encoder, has_audio, &output, deadline).await;
        if let (Err(error), true) = (&made, encoder.is_hardware()) {
            tracing::warn!(%error, encoder = encoder.name(), "the hardware can't encode this clip: the processor does");
            let deadline = Deadline::after(limit(self.facts));
            made = self.encode(slot, &input, &Encoder::Software, has_audio, &output, deadline).await;
        }
        if let (Err(MediaError::Unusable(reason)), true) = (&made, has_audio) {
            tracing::warn!(reason, "the clip's audio can't be kept in its small rendition");
            let deadline = Deadline::after(limit(self.facts));
            made = self.encode(slot, &input, &Encoder::Software, false, &output, deadline).await;
        }
        let rendition = made?;
        output.publish().await?;
        Ok(Some(rendition))
    }

    async fn encode(
        &self,
        slot: &OwnedSemaphorePermit,
        input: &Input,
        encoder: &Encoder,
        has_audio: bool,
        output: &Output,
        deadline: Deadline,
    ) -> Result<Rendition, MediaError> {
        let max_bytes = max_bytes(self.source, self.facts);
        let arguments = self.arguments(input, encoder, has_audio, max_bytes, output.url()?);
        let job = Job {
            file_max_bytes: Some(max_bytes.saturating_mul(2)),
            maps_devices: encoder.is_hardware(),
            ..Job::new(&self.programs.ffmpeg, arguments, 0)
        };
        self.runner.run(slot, job, deadline).await?.check()?;
        let size = output.verify(max_bytes).await?;
        let path = output.path().to_owned();
        let facts = blocking(move || structure::inspect(&path).map_err(|error| unreadable(&error))).await?;
        self.compare(&facts, encoder)?;
        let (width, height) = facts.width.zip(facts.height).unwrap_or_default();
        Ok(Rendition { width, height, size })
    }

    /// That it is small, and of about the clip's length where hardware made it: what the processor can't decode isn't
    /// there, whatever the clip says of its length.
    fn compare(&self, made: &MediaFacts, encoder: &Encoder) -> Result<(), MediaError> {
        if let (Some(want), Some(have)) = (self.facts.duration_ms, made.duration_ms)
            && encoder.is_hardware()
            && have < want.saturating_mul(LEAST_LENGTH_PERCENT) / 100
        {
            return Err(MediaError::Unusable(format!("only {have} of {want} ms could be encoded")));
        }
        if made.width.is_none_or(|width| width > MAX_WIDTH) {
            return Err(MediaError::Unusable("the small rendition isn't small".to_owned()));
        }
        Ok(())
    }

    fn arguments(
        &self,
        input: &Input,
        encoder: &Encoder,
        has_audio: bool,
        max_bytes: u64,
        output: OsString,
    ) -> Vec<OsString> {
        let mut arguments: Vec<OsString> =
            ["-nostdin", "-hide_banner", "-v", "error", "-y"].map(OsString::from).into();
        arguments.extend(encoder.global());
        arguments.extend(input.arguments(&["-threads", "1", "-fflags", "+genpts+discardcorrupt"]));
        let mut add = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
        // Pixels needn't be square (704x576 for 16:9): the rendition's are. Even sizes, never larger than the source;
        // the hundredth is against 359.9999.
        let filter = format!(
            "scale=w=max(2\\,min({MAX_WIDTH}\\,trunc(iw*sar/2)*2)):h=max(2\\,trunc(ow/dar/2+0.01)*2):flags=bilinear,\
             setsar=1,{}",
            encoder.filter()
        );
        add(&["-map", "0:V:0", "-filter_threads", "1", "-vf", &filter]);
        // Each picture keeps its own time: some streams claim 90,000 pictures a second, and would get them.
        add(&["-fps_mode", "passthrough", "-enc_time_base:v", "1:90000"]);
        add(encoder.arguments());
        let video = video_bps(self.source, self.facts);
        let (peak, buffer) = (PEAK_BPS.max(video), 2 * PEAK_BPS);
        add(&["-b:v", &video.to_string(), "-maxrate", &peak.to_string(), "-bufsize", &buffer.to_string()]);
        add(&["-force_key_frames", KEY_EVERY_S]);
        if has_audio {
            add(&["-map", "0:a:0", "-c:a", "aac", "-ac", "1", "-b:a", &AUDIO_BPS.to_string()]);
        } else {
            add(&["-an"]);
        }
        add(&["-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"]);
        add(&["-movflags", "+faststart", "-fs", &max_bytes.to_string(), "-f", "mp4"]);
        arguments.push(output);
        arguments
    }
}

/// Bits a second of the whole file, where its length is known.
fn bits_per_second(source: &MediaSource, facts: &MediaFacts) -> Option<u64> {
    let duration_ms = facts.duration_ms.filter(|&ms| ms > 0)?;
    Some(source.size.saturating_mul(8_000).div_ceil(duration_ms))
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

/// Twice what the peak would take all along; a clip of unknown length may take its own size.
fn max_bytes(source: &MediaSource, facts: &MediaFacts) -> u64 {
    const ROOM_BYTES: u64 = 4 * 1024 * 1024;
    let of_length = facts.duration_ms.map(|ms| ms.saturating_mul(2 * (PEAK_BPS + AUDIO_BPS)) / 8_000);
    of_length.unwrap_or(source.size).saturating_add(ROOM_BYTES)
}

fn limit(facts: &MediaFacts) -> Duration {
    let Some(duration_ms) = facts.duration_ms else { return LIMIT_OF_UNKNOWN };
    let scaled = Duration::from_millis(duration_ms).saturating_mul(LIMIT_PER_DURATION);
    scaled.saturating_add(LEAST_LIMIT).min(LONGEST_LIMIT)
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
            assert_eq!(is_small_already(&source, &facts), small, "{size} {duration_ms:?} {width} {codec}");
        }
    }

    #[test]
    fn limits_follow_the_length_and_end() {
        let limit_of = |duration_ms| limit(&clip(1, duration_ms, 1, "h264").1);
        assert_eq!(limit_of(Some(30_000)), Duration::from_mins(3));
        assert_eq!(limit_of(Some(u64::MAX)), LONGEST_LIMIT);
        assert_eq!(limit_of(None), LIMIT_OF_UNKNOWN);
        let (source, facts) = clip(u64::MAX, Some(u64::MAX), 1, "h264");
        assert_eq!(video_bps(&source, &facts), LEAST_VIDEO_BPS.max(1));
        assert!(max_bytes(&source, &facts) > 0);
    }
}
