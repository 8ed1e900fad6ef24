//! Encoding a clip anew: what small renditions and H.264 copies have in common.
//!
//! Owns the ffmpeg run, its bounds and the look at what came out. One encode at a time, of its own place: it takes minutes
//! on a small board, and probes and posters must not wait for it. The hardware's encoder where there is a working one;
//! what that can't do, the processor does. What is to come out, a [`Shape`] says.

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

/// However short the clip: starting, reading, a busy machine.
const LEAST_LIMIT: Duration = Duration::from_mins(1);
const LONGEST_LIMIT: Duration = Duration::from_hours(2);
/// A clip whose length nobody knows.
const LIMIT_OF_UNKNOWN: Duration = Duration::from_mins(10);
/// How much of the clip's length the rendition must have, in percent: hardware that drops half of it has failed.
const LEAST_LENGTH_PERCENT: u64 = 80;

/// What is to come out: H.264 of 4:2:0 and 8 bits, square pixels, even sizes, index in front; and AAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// What it is called in messages.
    pub(crate) name: &'static str,
    /// Pixels; never more than the clip has.
    pub(crate) max_width: u32,
    /// What the picture gets, in bits a second, as a rule and at most for seconds.
    pub(crate) video_bps: u64,
    pub(crate) peak_bps: u64,
    /// What stands behind `-c:a aac`.
    pub(crate) audio: &'static [&'static str],
    /// Key frames at least so often, in seconds: seeking.
    pub(crate) key_every_s: u32,
    /// How long it may take.
    pub(crate) limit: Duration,
    /// The largest file, in bytes.
    pub(crate) max_bytes: u64,
}

/// How long an encode may take: a minute, and so many times the clip's length.
pub(crate) fn limit(facts: &MediaFacts, per_duration: u32) -> Duration {
    let Some(duration_ms) = facts.duration_ms else { return LIMIT_OF_UNKNOWN };
    let scaled = Duration::from_millis(duration_ms).saturating_mul(per_duration);
    scaled.saturating_add(LEAST_LIMIT).min(LONGEST_LIMIT)
}

/// Bits a second of the whole file, where its length is known.
pub(crate) fn bits_per_second(source: &MediaSource, facts: &MediaFacts) -> Option<u64> {
    let duration_ms = facts.duration_ms.filter(|&ms| ms > 0)?;
    Some(source.size.saturating_mul(8_000).div_ceil(duration_ms))
}

/// Twice what `bps` would take all along, and room for the index; a clip of unknown length may take its own size.
pub(crate) fn max_bytes(source: &MediaSource, facts: &MediaFacts, bps: u64) -> u64 {
    const ROOM_BYTES: u64 = 4 * 1024 * 1024;
    let of_length = facts.duration_ms.map(|ms| ms.saturating_mul(bps.saturating_mul(2)) / 8_000);
    of_length.unwrap_or(source.size).saturating_add(ROOM_BYTES)
}

/// Everything that one rendition needs.
pub(crate) struct Encode<'a> {
    pub(crate) runner: &'a Runner,
    pub(crate) programs: &'a Programs,
    pub(crate) source: &'a MediaSource,
    pub(crate) facts: &'a MediaFacts,
    pub(crate) shape: &'a Shape,
    pub(crate) dest: &'a Path,
}

impl Encode<'_> {
    /// Ok: `dest` is whole and durable.
    pub(crate) async fn run(
        &self,
        slot: &OwnedSemaphorePermit,
        encoder: &Encoder,
    ) -> Result<Rendition, MediaError> {
        let input = Input::open(self.source).await?;
        if input.is_still() {
            return Err(MediaError::Unusable(format!("a still has no {}", self.shape.name)));
        }
        let deadline = Deadline::after(self.shape.limit);
        let streams = ffprobe::streams(self.runner, slot, &self.programs.ffprobe, &input, deadline).await?;
        if streams.video.is_none() {
            return Err(MediaError::Unusable("there is no video in it".to_owned()));
        }
        let has_audio = streams.audio_codec.is_some();
        let output = Output::begin(self.dest).await?;
        let mut made = self.encode(slot, &input, encoder, has_audio, &output, deadline).await;
        if let (Err(error), true) = (&made, encoder.is_hardware()) {
            tracing::warn!(%error, encoder = encoder.name(), "the hardware can't encode this clip: the processor does");
            let deadline = Deadline::after(self.shape.limit);
            made = self.encode(slot, &input, &Encoder::Software, has_audio, &output, deadline).await;
        }
        if let (Err(MediaError::Unusable(reason)), true) = (&made, has_audio) {
            tracing::warn!(reason, rendition = self.shape.name, "the clip's audio can't be kept in it");
            let deadline = Deadline::after(self.shape.limit);
            made = self.encode(slot, &input, &Encoder::Software, false, &output, deadline).await;
        }
        let rendition = made?;
        output.publish().await?;
        Ok(rendition)
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
        let max_bytes = self.shape.max_bytes;
        let arguments = self.arguments(input, encoder, has_audio, output.url()?);
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

    /// That it is of its shape, and of about the clip's length where hardware made it: what the processor can't decode isn't
    /// there, whatever the clip says of its length.
    fn compare(&self, made: &MediaFacts, encoder: &Encoder) -> Result<(), MediaError> {
        if let (Some(want), Some(have)) = (self.facts.duration_ms, made.duration_ms)
            && encoder.is_hardware()
            && have < want.saturating_mul(LEAST_LENGTH_PERCENT) / 100
        {
            return Err(MediaError::Unusable(format!("only {have} of {want} ms could be encoded")));
        }
        if made.width.is_none_or(|width| width > self.shape.max_width) {
            return Err(MediaError::Unusable(format!("the {} is too wide", self.shape.name)));
        }
        if made.video_codec.as_deref() != Some("h264") {
            let found = made.video_codec.as_deref().unwrap_or("nothing that is known");
            return Err(MediaError::Unusable(format!("the {} is {found} and not H.264", self.shape.name)));
        }
        Ok(())
    }

    fn arguments(
        &self,
        input: &Input,
        encoder: &Encoder,
        has_audio: bool,
        output: OsString,
    ) -> Vec<OsString> {
        let mut arguments: Vec<OsString> =
            ["-nostdin", "-hide_banner", "-v", "error", "-y"].map(OsString::from).into();
        arguments.extend(encoder.global());
        arguments.extend(input.arguments(&["-threads", "1", "-fflags", "+genpts+discardcorrupt"]));
        let mut add = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
        // Pixels needn't be square (704x576 for 16:9): the rendition's are. Even sizes, never larger than the source;
        // the hundredth is against 359.9999.
        let Shape { max_width, video_bps, peak_bps, max_bytes, key_every_s, .. } = self.shape;
        let filter = format!(
            "scale=w=max(2\\,min({max_width}\\,trunc(iw*sar/2)*2)):h=max(2\\,trunc(ow/dar/2+0.01)*2):flags=bilinear,\
             setsar=1,{}",
            encoder.filter()
        );
        add(&["-map", "0:V:0", "-filter_threads", "1", "-vf", &filter]);
        // Each picture keeps its own time: some streams claim 90,000 pictures a second, and would get them.
        add(&["-fps_mode", "passthrough", "-enc_time_base:v", "1:90000"]);
        add(encoder.arguments());
        let (video, peak, buffer) =
            (video_bps.to_string(), peak_bps.to_string(), peak_bps.saturating_mul(2).to_string());
        add(&["-b:v", &video, "-maxrate", &peak, "-bufsize", &buffer]);
        add(&["-force_key_frames", &format!("expr:gte(t,n_forced*{key_every_s})")]);
        if has_audio {
            add(&["-map", "0:a:0", "-c:a", "aac", "-threads:a", "1"]);
            add(self.shape.audio);
        } else {
            add(&["-an"]);
        }
        add(&["-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"]);
        add(&["-movflags", "+faststart", "-fs", &max_bytes.to_string(), "-f", "mp4"]);
        arguments.push(output);
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_follow_the_length_and_end() {
        let source = MediaSource { path: "x".into(), size: u64::MAX };
        let of = |duration_ms| MediaFacts { duration_ms, ..MediaFacts::unknown() };
        assert_eq!(limit(&of(Some(30_000)), 4), Duration::from_mins(3));
        assert_eq!(limit(&of(Some(u64::MAX)), u32::MAX), LONGEST_LIMIT);
        assert_eq!(limit(&of(None), 4), LIMIT_OF_UNKNOWN);
        for duration_ms in [None, Some(0), Some(1), Some(u64::MAX)] {
            assert!(max_bytes(&source, &of(duration_ms), u64::MAX) > 0, "{duration_ms:?}");
        }
    }
}
