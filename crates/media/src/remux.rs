//! Remuxing: the same encoded video in a fast-start MP4, whole and durable or not there at all.
//!
//! Written under a temporary name beside the destination, checked, synced, renamed. The temporary file goes with
//! its guard, also when the future is dropped; only a killed process leaves one (`.remux-*`).

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
};

use camtrail_model::{media::MediaSource, ports::MediaError};
use tempfile::TempPath;
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    discover::Programs,
    ffprobe::{self, Streams},
    input::{Input, blocking, file_url, unreadable},
    process::{Deadline, Job, Runner},
    structure,
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
        let video = playable(&streams)?;
        let temporary = self.temporary().await?;
        let written = self.write(&slot, &input, video, streams.audio_codec.as_deref(), &temporary).await;
        if let (Err(MediaError::Unusable(reason)), Some(audio)) = (&written, &streams.audio_codec) {
            // Sound that can't be converted must not cost the picture.
            tracing::warn!(%reason, audio, "the clip's audio can't be kept");
            self.write(&slot, &input, video, None, &temporary).await?;
        } else {
            written?;
        }
        drop(slot);
        self.publish(temporary).await
    }

    /// A file of our own beside the destination, so that the rename stays in one file system.
    async fn temporary(&self) -> Result<TempPath, MediaError> {
        let dest = self.dest.to_owned();
        blocking(move || {
            let exists = dest.try_exists().map_err(|error| unwritable(&error))?;
            if exists {
                return Err(MediaError::Failed("the remux's destination exists already".to_owned()));
            }
            let file = tempfile::Builder::new()
                .prefix(".remux-")
                .suffix(".mp4")
                .tempfile_in(folder(&dest))
                .map_err(|error| unwritable(&error))?;
            Ok(file.into_temp_path())
        })
        .await
    }

    async fn write(
        &self,
        slot: &OwnedSemaphorePermit,
        input: &Input,
        video: &str,
        audio: Option<&str>,
        temporary: &TempPath,
    ) -> Result<(), MediaError> {
        let max_bytes = self.source.size.saturating_mul(2).saturating_add(EXTRA_OUTPUT_BYTES);
        let arguments = arguments(input, video, audio, max_bytes, file_url(temporary)?);
        let job = Job {
            program: &self.programs.ffmpeg,
            arguments,
            stdout_max_bytes: 0,
            file_max_bytes: Some(max_bytes.saturating_add(EXTRA_OUTPUT_BYTES)),
        };
        self.runner.run(slot, job, self.deadline).await?.check()?;
        let path = temporary.to_path_buf();
        blocking(move || verify(&path, max_bytes)).await
    }

    async fn publish(&self, temporary: TempPath) -> Result<(), MediaError> {
        let dest = self.dest.to_owned();
        blocking(move || {
            OpenOptions::new()
                .write(true)
                .open(&temporary)
                .and_then(|file| file.sync_all())
                .map_err(|error| unwritable(&error))?;
            temporary.persist_noclobber(&dest).map_err(|error| unwritable(&error.error))?;
            let synced = File::open(folder(&dest)).and_then(|folder| folder.sync_all());
            if let Err(error) = synced {
                // Not durable: then it isn't there, as promised.
                std::fs::remove_file(&dest).map_err(|error| unwritable(&error))?;
                return Err(unwritable(&error));
            }
            Ok(())
        })
        .await
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

/// ffmpeg's Ok isn't proof: the file itself is.
fn verify(path: &Path, max_bytes: u64) -> Result<(), MediaError> {
    let size = path.metadata().map_err(|error| unreadable(&error))?.len();
    // `-fs` ends quietly at its limit, with a file that looks whole.
    if size >= max_bytes {
        return Err(MediaError::Unusable(format!("the copy grew beyond {max_bytes} bytes")));
    }
    let movie = structure::inspect_movie(path).map_err(|error| unreadable(&error))?;
    if !movie.is_whole() || !movie.fast_start {
        return Err(MediaError::Unusable("the copy has no index in front".to_owned()));
    }
    if !movie.has_video() {
        return Err(MediaError::Unusable("the copy has no picture".to_owned()));
    }
    Ok(())
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn unwritable(error: &std::io::Error) -> MediaError {
    MediaError::Failed(format!("the browser-playable copy can't be written: {error}"))
}
