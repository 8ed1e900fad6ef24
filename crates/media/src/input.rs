//! How a file is handed to ffmpeg: by its sniffed format, as an absolute `file:` URL, with no other protocol.
//!
//! An explicit demuxer means that a playlist or a concat script with a video's name is never interpreted: it has
//! no signature, so no process is started at all (NEVER-27).

use std::{
    ffi::{OsStr, OsString},
    io::Read,
    path::{self, Path},
};

use camtrail_model::{
    capture::CaptureKind,
    media::{Container, MediaSource},
    ports::MediaError,
    sniff::{SNIFF_BYTES, sniff},
};
use tokio::task::JoinError;

/// A file of a known format.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) container: Container,
    url: OsString,
}

impl Input {
    /// Sniffs `source`; content that is nothing we know is refused.
    pub(crate) async fn open(source: &MediaSource) -> Result<Self, MediaError> {
        let path = source.path.clone();
        blocking(move || Self::open_blocking(&path)).await
    }

    fn open_blocking(path: &Path) -> Result<Self, MediaError> {
        let mut head = Vec::with_capacity(SNIFF_BYTES);
        std::fs::File::open(path)
            .and_then(|file| file.take(SNIFF_BYTES as u64).read_to_end(&mut head))
            .map_err(|error| unreadable(&error))?;
        if head.is_empty() {
            return Err(MediaError::Unusable("the file is empty".to_owned()));
        }
        let container = sniff(&head)
            .ok_or_else(|| MediaError::Unusable("the content is neither a clip nor a still".to_owned()))?;
        Ok(Self { container, url: file_url(path)? })
    }

    /// The arguments up to and with `-i`; `decoder` options go between.
    pub(crate) fn arguments(&self, decoder: &[&str]) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ["-protocol_whitelist", "file"].map(OsString::from).into();
        arguments.extend(decoder.iter().map(OsString::from));
        arguments.extend(["-f", self.demuxer(), "-i"].map(OsString::from));
        arguments.push(self.url.clone());
        arguments
    }

    pub(crate) fn is_still(&self) -> bool {
        self.container.kind() == CaptureKind::Snap
    }

    /// Elementary streams carry no times: theirs are made from the frame rate.
    pub(crate) fn is_elementary(&self) -> bool {
        matches!(self.container, Container::H264 | Container::H265)
    }

    /// ffmpeg's word for the format.
    fn demuxer(&self) -> &'static str {
        match self.container {
            Container::Jpeg => "jpeg_pipe",
            Container::Png => "png_pipe",
            Container::Webp => "webp_pipe",
            Container::Gif => "gif",
            Container::Bmp => "bmp_pipe",
            Container::Mp4 => "mp4",
            Container::Matroska | Container::Webm => "matroska",
            Container::MpegPs => "mpeg",
            Container::MpegTs => "mpegts",
            Container::Avi => "avi",
            Container::Flv => "flv",
            Container::Asf => "asf",
            Container::Dahua => "dhav",
            Container::H264 => "h264",
            Container::H265 => "hevc",
        }
    }
}

/// `file:` and the absolute path: whatever the name holds, ffmpeg sees neither an option nor another protocol.
pub(crate) fn file_url(path: &Path) -> Result<OsString, MediaError> {
    let absolute = path::absolute(path).map_err(|error| unreadable(&error))?;
    let mut url = OsString::from("file:");
    url.push::<&OsStr>(absolute.as_ref());
    Ok(url)
}

/// The machine's fault, not the file's: the caller named a file that should be there.
pub(crate) fn unreadable(error: &std::io::Error) -> MediaError {
    MediaError::Failed(format!("the file can't be read: {error}"))
}

/// Runs file work off the async threads. What decodes has [threads of its own](crate::process::Runner::decode).
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
) -> Result<T, MediaError> {
    finished(tokio::task::spawn_blocking(work).await)
}

/// What came of work on another thread.
pub(crate) fn finished<T>(joined: Result<Result<T, MediaError>, JoinError>) -> Result<T, MediaError> {
    joined.unwrap_or_else(|error| {
        // A decoder that panics on a file will do so again.
        Err(if error.is_panic() {
            MediaError::Unusable("decoding broke off on this content".to_owned())
        } else {
            MediaError::Failed("the service is shutting down".to_owned())
        })
    })
}
