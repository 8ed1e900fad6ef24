//! Remuxing: the same encoded video in a fast-start MP4. Sound that an MP4 doesn't carry or browsers don't play (G.711,
//! ADPCM, PCM) becomes AAC; times begin at 0, whatever the camera counts from.

use std::{ffi::OsString, path::Path};

use camtrail_model::{media::MediaSource, ports::MediaError};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    discover::Programs,
    ffprobe::{self, Streams},
    input::Input,
    output::Output,
    process::{Deadline, Job, Runner},
};

/// What browsers play out of an MP4. Anything else stays in the file that the camera sent.
const PLAYABLE_VIDEO: &[&str] = &["h264", "hevc", "av1", "vp9"];
/// What an MP4 carries and browsers play; other audio becomes AAC.
const COPYABLE_AUDIO: &[&str] = &["aac", "mp3"];
/// Room for the index and for audio that grows as AAC; beyond twice the source something runs wild.
const EXTRA_OUTPUT_BYTES: u64 = 16 * 1024 * 1024;

/// Everything that one remux needs.
pub(crate) struct Remux<'a> {
    pub(crate) runner: &'a Runner,
    pub(crate) programs: &'a Programs,
    pub(crate) source: &'a MediaSource,
    pub(crate) dest: &'a Path,
    pub(crate) deadline: Deadline,
}

impl Remux<'_> {
    pub(crate) async fn run(&self) -> Result<(), MediaError> {
        let input = Input::open(self.source).await?;
        if input.is_still() {
            return Err(MediaError::Unusable("a still can't become a clip".to_owned()));
        }
        let slot = self.runner.slot_by(self.deadline).await?;
        let streams =
            ffprobe::streams(self.runner, &slot, &self.programs.ffprobe, &input, self.deadline).await?;
        playable(&streams)?;
        let output = Output::begin(self.dest).await?;
        let written = self.write(&slot, &input, &streams, streams.audio_codec.as_deref(), &output).await;
        if let (Err(MediaError::Unusable(reason)), Some(audio)) = (&written, &streams.audio_codec) {
            // Sound that can't be converted must not cost the picture.
            tracing::warn!(%reason, audio, "the clip's audio can't be kept");
            self.write(&slot, &input, &streams, None, &output).await?;
        } else {
            written?;
        }
        drop(slot);
        output.publish().await
    }

    async fn write(
        &self,
        slot: &OwnedSemaphorePermit,
        input: &Input,
        streams: &Streams,
        audio: Option<&str>,
        output: &Output,
    ) -> Result<(), MediaError> {
        let video = playable(streams)?;
        let max_bytes = self.source.size.saturating_mul(2).saturating_add(EXTRA_OUTPUT_BYTES);
        let arguments = arguments(input, video, audio, max_bytes, output.url()?);
        let job = Job {
            file_max_bytes: Some(max_bytes.saturating_add(EXTRA_OUTPUT_BYTES)),
            ..Job::new(&self.programs.ffmpeg, arguments, 0)
        };
        self.runner.run(slot, job, self.deadline).await?.check()?;
        let copy_bytes = output.verify(max_bytes).await?;
        self.holds_enough(copy_bytes, audio, streams.audio_codec.is_some())
    }

    /// ffmpeg takes damage in the middle for the end, and says that all went well. The copy is going to be the only one:
    /// where much is missing, the file as it came is kept instead.
    fn holds_enough(&self, copy_bytes: u64, audio: Option<&str>, has_sound: bool) -> Result<(), MediaError> {
        // By bytes: clocks that wrap or run on tell nothing of how much there is. Sound that is made anew, or left out, may
        // have been much of it.
        let is_as_it_was = audio.is_some_and(|codec| COPYABLE_AUDIO.contains(&codec)) || !has_sound;
        let is_short = copy_bytes < self.source.size / if is_as_it_was { 2 } else { 4 };
        if is_short {
            let reason = "the copy holds much less than what came: the file is damaged in the middle";
            return Err(MediaError::Unusable(reason.to_owned()));
        }
        Ok(())
    }
}

fn arguments(
    input: &Input,
    video: &str,
    audio: Option<&str>,
    max_bytes: u64,
    output: OsString,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> =
        ["-nostdin", "-hide_banner", "-v", "error", "-y"].map(OsString::from).into();
    // A last picture that was cut in two would stop strict players: corrupt packets are left out. Missing times
    // are made. ffmpeg itself moves the first time to 0; forcing non-negative decoding times on top of that would
    // move the first picture away from 0 again.
    arguments.extend(input.arguments(&["-threads", "1", "-fflags", "+genpts+discardcorrupt"]));
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
    add(&["-map", "0:V:0", "-c:v", "copy"]);
    if video == "hevc" {
        // Apple's players know HEVC by this tag only.
        add(&["-tag:v", "hvc1"]);
    }
    match audio {
        None => add(&["-an"]),
        Some(codec) if COPYABLE_AUDIO.contains(&codec) => add(&["-map", "0:a:0", "-c:a", "copy"]),
        Some(_) => add(&["-map", "0:a:0", "-c:a", "aac", "-threads", "1"]),
    }
    // No title, device name or place of the camera's: what is known of a clip stands in its record.
    add(&["-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1"]);
    add(&["-movflags", "+faststart", "-fs", &max_bytes.to_string(), "-f", "mp4"]);
    arguments.push(output);
    arguments
}

fn playable(streams: &Streams) -> Result<&str, MediaError> {
    let Some(video) = &streams.video else {
        return Err(MediaError::Unusable("there is no video in it".to_owned()));
    };
    if PLAYABLE_VIDEO.contains(&video.codec.as_str()) {
        return Ok(&video.codec);
    }
    Err(MediaError::Unusable(format!("browsers don't play {} video without re-encoding", video.codec)))
}
