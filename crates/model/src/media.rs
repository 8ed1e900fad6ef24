//! What is known of a file's media: container, codecs, size, duration, completeness.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::capture::CaptureKind;

/// A container or picture format, judged by content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Container {
    /// JPEG picture.
    Jpeg,
    /// PNG picture.
    Png,
    /// WebP picture.
    Webp,
    /// GIF picture.
    Gif,
    /// Windows bitmap.
    Bmp,
    /// ISO base media (MP4, MOV, 3GP).
    Mp4,
    /// Matroska.
    Matroska,
    /// WebM.
    Webm,
    /// MPEG program stream (what Foscam calls `.mkv`).
    MpegPs,
    /// MPEG transport stream.
    MpegTs,
    /// RIFF AVI.
    Avi,
    /// Flash video.
    Flv,
    /// ASF (WMV).
    Asf,
    /// Dahua's container (`.dav`).
    Dahua,
    /// H.264 elementary stream, Annex B.
    H264,
    /// H.265 elementary stream, Annex B.
    H265,
}

impl Container {
    /// Still or video.
    pub fn kind(self) -> CaptureKind {
        match self {
            Self::Jpeg | Self::Png | Self::Webp | Self::Gif | Self::Bmp => CaptureKind::Snap,
            _ => CaptureKind::Record,
        }
    }

    /// The registered (or customary) media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Bmp => "image/bmp",
            Self::Mp4 => "video/mp4",
            Self::Matroska => "video/x-matroska",
            Self::Webm => "video/webm",
            Self::MpegPs => "video/mpeg",
            Self::MpegTs => "video/mp2t",
            Self::Avi => "video/x-msvideo",
            Self::Flv => "video/x-flv",
            Self::Asf => "video/x-ms-asf",
            Self::Dahua => "video/x-dahua",
            Self::H264 => "video/h264",
            Self::H265 => "video/h265",
        }
    }

    /// Whether browsers open the container itself (the codec inside is another question).
    pub fn opens_in_browsers(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::Webp | Self::Gif | Self::Bmp | Self::Mp4 | Self::Webm)
    }

    /// The family that an extension names, where content says nothing. Case-insensitive, without the dot.
    pub fn kind_of_extension(extension: &str) -> Option<CaptureKind> {
        match extension.to_ascii_lowercase().as_str() {
            "jpg" | "jpeg" | "png" | "webp" | "gif" | "bmp" => Some(CaptureKind::Snap),
            "mp4" | "m4v" | "mov" | "mkv" | "webm" | "avi" | "dav" | "mpg" | "mpeg" | "ts" | "m2ts"
            | "flv" | "asf" | "wmv" | "3gp" | "264" | "h264" | "265" | "h265" | "hevc" | "raw" => {
                Some(CaptureKind::Record)
            }
            _ => None,
        }
    }
}

/// Whether all of a file is there, judged by its structure: an FTP connection that ends says nothing
/// (FTP marks end of file by closing, so a cut looks like success).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completeness {
    /// The format's own end is there.
    Whole,
    /// The format's end is missing; with what is missing, for a person.
    Cut(String),
    /// The format has no end mark (MPEG program stream, elementary streams): the transfer decides.
    Unmarked,
}

/// What probing found. Everything unknown is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MediaFacts {
    /// The container; `None` where the content is nothing that we know.
    pub container: Option<Container>,
    /// Whether the whole file is there.
    pub completeness: Completeness,
    /// Playing time in milliseconds; `None` for stills.
    pub duration_ms: Option<u64>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// The video codec, in ffmpeg's word: `h264`, `hevc`, `mjpeg`, …
    pub video_codec: Option<String>,
    /// Frame rate in thousandths of a picture a second; the mean where it varies. `None` for stills.
    #[serde(default)]
    pub frame_rate_milli: Option<u32>,
    /// How many key frames it has. `None` for stills.
    #[serde(default)]
    pub key_frames: Option<u32>,
    /// The audio codec, likewise; `None` for silence.
    pub audio_codec: Option<String>,
    /// Its times begin well after 0 (a camera whose clock runs on from clip to clip), in a container where players
    /// take that for a wait.
    #[serde(default)]
    pub starts_late: bool,
}

impl MediaFacts {
    /// Facts of a file of which nothing is known.
    pub fn unknown() -> Self {
        Self {
            container: None,
            completeness: Completeness::Unmarked,
            duration_ms: None,
            width: None,
            height: None,
            video_codec: None,
            frame_rate_milli: None,
            key_frames: None,
            audio_codec: None,
            starts_late: false,
        }
    }

    /// Whether browsers show it, from beginning to end, as it is (the codec inside is another question).
    ///
    /// Not a cut MP4, either: its index promises pictures that never came, and a player breaks off with an error.
    pub fn plays_as_it_is(&self) -> bool {
        let is_cut = matches!(self.completeness, Completeness::Cut(_));
        match self.container {
            Some(Container::Mp4) => !is_cut && !self.starts_late,
            Some(container) => container.opens_in_browsers(),
            None => false,
        }
    }
}

/// A local file that media work reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaSource {
    /// Where the bytes are; named by us, never by a camera.
    pub path: PathBuf,
    /// How many bytes.
    pub size: u64,
}
