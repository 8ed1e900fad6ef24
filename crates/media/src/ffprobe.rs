//! ffprobe's answer: which streams really are in a file.

use serde::Deserialize;

use camtrail_model::ports::MediaError;

use crate::{
    input::Input,
    process::{Deadline, Job, Runner},
};
use std::path::Path;
use tokio::sync::OwnedSemaphorePermit;

/// Far more than the few fields of a few streams that are asked for.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// Some five bytes a picture: eight hours at 25 a second.
const MAX_FLAGS_BYTES: usize = 4 * 1024 * 1024;
/// A longer duration is a broken timestamp, not a clip.
const MAX_DURATION_S: f64 = 7.0 * 86_400.0;
const MS_PER_S: f64 = 1000.0;
const FIELDS: &str = "stream=codec_type,codec_name,width,height,sample_rate,channels,duration,avg_frame_rate,\
                      nb_read_packets:stream_disposition=attached_pic:format=duration";

/// The streams that count: the first real video and the first real audio.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Streams {
    pub(crate) video: Option<Video>,
    pub(crate) audio_codec: Option<String>,
    pub(crate) duration_ms: Option<u64>,
}

/// The first video stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Video {
    pub(crate) codec: String,
    pub(crate) size: Option<(u32, u32)>,
}

/// Asks ffprobe about `input`.
pub(crate) async fn streams(
    runner: &Runner,
    slot: &OwnedSemaphorePermit,
    ffprobe: &Path,
    input: &Input,
    deadline: Deadline,
) -> Result<Streams, MediaError> {
    let mut arguments: Vec<_> =
        ["-hide_banner", "-v", "error", "-of", "json", "-show_entries", FIELDS].map(Into::into).into();
    if input.is_elementary() {
        // Nothing but the number of pictures tells how long it is.
        arguments.push("-count_packets".into());
    }
    arguments.extend(input.arguments(&[]));
    let job = Job::new(ffprobe, arguments, MAX_ANSWER_BYTES);
    let finished = runner.run(slot, job, deadline).await?;
    finished.check()?;
    parse(&finished.stdout)
}

/// What is counted picture by picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) pictures: u64,
    pub(crate) keys: u32,
}

/// Counts the pictures of `input`: all of it is read, nothing decoded.
pub(crate) async fn count(
    runner: &Runner,
    slot: &OwnedSemaphorePermit,
    ffprobe: &Path,
    input: &Input,
    deadline: Deadline,
) -> Result<Counted, MediaError> {
    let mut arguments: Vec<_> =
        ["-hide_banner", "-v", "error", "-select_streams", "V:0"].map(Into::into).into();
    arguments.extend(["-show_entries", "packet=flags", "-of", "csv=p=0"].map(Into::into));
    // A last picture that was cut in two doesn't count: no copy has it.
    arguments.extend(input.arguments(&["-fflags", "+discardcorrupt"]));
    let job = Job::new(ffprobe, arguments, MAX_FLAGS_BYTES);
    let finished = runner.run(slot, job, deadline).await?;
    finished.check()?;
    Ok(parse_flags(&finished.stdout))
}

/// A line a packet: `K` where it is a key frame, then what else there is to say.
fn parse_flags(answer: &[u8]) -> Counted {
    let packets = answer.split(|&byte| byte == b'\n').filter(|line| matches!(line, [b'K' | b'_', ..]));
    packets.fold(Counted::default(), |counted, packet| Counted {
        pictures: counted.pictures + 1,
        keys: counted.keys + u32::from(packet.starts_with(b"K")),
    })
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Format,
}

#[derive(Deserialize, Default)]
struct Format {
    duration: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stream {
    codec_type: String,
    codec_name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    sample_rate: Option<String>,
    channels: Option<u32>,
    duration: Option<String>,
    avg_frame_rate: Option<String>,
    nb_read_packets: Option<String>,
    disposition: Disposition,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Disposition {
    attached_pic: u8,
}

fn parse(answer: &[u8]) -> Result<Streams, MediaError> {
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|error| MediaError::Failed(format!("ffprobe's answer can't be read: {error}")))?;
    let video = answer.streams.iter().find(|stream| stream.is_picture());
    let audio = answer.streams.iter().find(|stream| stream.is_sound());
    let duration = video
        .and_then(|stream| stream.duration().or_else(|| stream.counted_duration()))
        .or_else(|| seconds(answer.format.duration.as_deref()));
    Ok(Streams {
        video: video.and_then(|stream| {
            let size = stream.width.zip(stream.height).filter(|&(width, height)| width > 0 && height > 0);
            Some(Video { codec: stream.codec_name.clone()?, size })
        }),
        audio_codec: audio.and_then(|stream| stream.codec_name.clone()),
        duration_ms: duration.map(|seconds| (seconds * MS_PER_S).round() as u64),
    })
}

impl Stream {
    fn is_picture(&self) -> bool {
        self.codec_type == "video" && self.disposition.attached_pic == 0 && self.codec_name.is_some()
    }

    /// A stream map may announce audio that never comes: then nothing of it is known.
    fn is_sound(&self) -> bool {
        let has_rate = self.sample_rate.as_deref().and_then(|rate| rate.parse::<u32>().ok()).unwrap_or(0) > 0;
        self.codec_type == "audio" && self.channels.unwrap_or(0) > 0 && has_rate
    }

    fn duration(&self) -> Option<f64> {
        seconds(self.duration.as_deref())
    }

    fn counted_duration(&self) -> Option<f64> {
        let pictures: f64 = self.nb_read_packets.as_deref()?.parse().ok()?;
        let (numerator, denominator) = self.avg_frame_rate.as_deref()?.split_once('/')?;
        let rate = numerator.parse::<f64>().ok()? / denominator.parse::<f64>().ok()?;
        plausible(pictures / rate)
    }
}

fn seconds(text: Option<&str>) -> Option<f64> {
    plausible(text?.parse().ok()?)
}

fn plausible(seconds: f64) -> Option<f64> {
    (seconds > 0.0 && seconds < MAX_DURATION_S).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announced_audio_stream_without_a_sample_is_silence() {
        let answer = br#"{"streams": [
            {"codec_type": "audio", "codec_name": "pcm_mulaw", "sample_rate": "0", "channels": 0},
            {"codec_type": "video", "codec_name": "h264", "width": 1280, "height": 720, "duration": "27.810011"}
        ], "format": {"duration": "31865.2"}}"#;
        let streams = parse(answer).unwrap();
        assert_eq!(streams.audio_codec, None);
        assert_eq!(streams.duration_ms, Some(27_810));
        assert_eq!(streams.video, Some(Video { codec: "h264".into(), size: Some((1280, 720)) }));
    }

    #[test]
    fn pictures_are_counted_where_there_are_no_times() {
        let answer = br#"{"streams": [{"codec_type": "video", "codec_name": "hevc", "avg_frame_rate": "15/1",
            "nb_read_packets": "60"}]}"#;
        assert_eq!(parse(answer).unwrap().duration_ms, Some(4000));
    }

    #[test]
    fn key_frames_are_counted_by_their_flag() {
        let answer = b"K_\n__\n__\n\nKD,\nK__,side data\nrubbish\n";
        assert_eq!(parse_flags(answer), Counted { pictures: 5, keys: 3 });
        assert_eq!(parse_flags(b""), Counted::default());
    }

    #[test]
    fn nonsense_is_unknown() {
        let answer = br#"{"streams": [{"codec_type": "video", "codec_name": "h264", "avg_frame_rate": "0/0",
            "nb_read_packets": "60", "duration": "N/A"}], "format": {"duration": "1e300"}}"#;
        assert_eq!(parse(answer).unwrap().duration_ms, None);
        assert!(parse(b"not json").is_err());
        assert_eq!(parse(b"{}").unwrap(), Streams::default());
    }
}
