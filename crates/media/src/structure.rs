//! What a file's structure tells without decoding: completeness, and mostly size, duration and codecs.
//!
//! Owns one walker per format. Promises: bounded memory and steps on any content, no panic, no recursion deeper
//! than the format needs. Refuses to guess: what the structure doesn't say stays `None`.

mod avi;
mod bmp;
mod bytes;
mod dahua;
mod fourcc;
mod gif;
mod jpeg;
mod matroska;
mod mp4;
mod mp4_boxes;
mod mp4_fragments;
mod mp4_samples;
mod mpeg_ps;
mod pictures;
mod png;
mod webp;

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
};

use camtrail_model::{
    capture::CaptureKind,
    media::{Completeness, Container, MediaFacts},
    sniff::{SNIFF_BYTES, sniff},
};

use bytes::Bytes;
use mp4::{Movie, read as read_movie};
pub(crate) use pictures::rate_milli;

/// Walks end after so many elements (boxes, chunks, blocks): a day of fragments, not an hour of garbage.
const MAX_STEPS: usize = 2_000_000;

/// What a file's structure tells.
pub(crate) struct Told {
    pub(crate) facts: MediaFacts,
    /// A decoder would say nothing else.
    pub(crate) is_all: bool,
}

/// The facts of the file at `path`, by its structure alone.
pub(crate) fn inspect(path: &Path) -> io::Result<MediaFacts> {
    told(path).map(|told| told.facts)
}

/// The same, and whether that is all that there is to know.
pub(crate) fn told(path: &Path) -> io::Result<Told> {
    told_of(&mut Bytes::new(File::open(path)?)?)
}

/// The index of an MP4 at `path`.
pub(crate) fn inspect_movie(path: &Path) -> io::Result<Movie> {
    read_movie(&mut Bytes::new(File::open(path)?)?)
}

/// The same of content that is no file yet.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn inspect_content(content: impl Read + Seek) -> io::Result<MediaFacts> {
    told_of(&mut Bytes::new(content)?).map(|told| told.facts)
}

/// The same of content that is no file yet.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn inspect_movie_content(content: impl Read + Seek) -> io::Result<Movie> {
    read_movie(&mut Bytes::new(content)?)
}

fn told_of<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<Told> {
    if bytes.len() == 0 {
        let completeness = Completeness::Cut("the file is empty".to_owned());
        return Ok(Told { facts: MediaFacts { completeness, ..MediaFacts::unknown() }, is_all: true });
    }
    let mut head = [0; SNIFF_BYTES];
    let known = bytes.fill(0, &mut head)?;
    let Some(container) = sniff(&head[..known]) else {
        return Ok(Told { facts: MediaFacts::unknown(), is_all: true });
    };
    let mut is_all = container.kind() == CaptureKind::Snap;
    let facts = match container {
        Container::Jpeg => jpeg::inspect(bytes)?,
        Container::Png => png::inspect(bytes)?,
        Container::Webp => webp::inspect(bytes)?,
        Container::Gif => gif::inspect(bytes)?,
        Container::Bmp => bmp::inspect(bytes)?,
        Container::Mp4 => {
            let movie = read_movie(bytes)?;
            is_all = movie.tells_all();
            movie.into_facts()
        }
        Container::Matroska | Container::Webm => matroska::inspect(bytes)?,
        Container::Avi => avi::inspect(bytes)?,
        Container::MpegPs => mpeg_ps::inspect(bytes)?,
        Container::Dahua => dahua::inspect(bytes)?,
        Container::H264 => codec("h264"),
        Container::H265 => codec("hevc"),
        // No end mark that could be missing: the transfer decides.
        Container::MpegTs | Container::Flv | Container::Asf => MediaFacts::unknown(),
    };
    Ok(Told { facts: MediaFacts { container: Some(container), ..with_pixels(facts) }, is_all })
}

/// A picture without a pixel, as damage and unfinished headers claim, has no known size.
fn with_pixels(facts: MediaFacts) -> MediaFacts {
    let (width, height) =
        facts.width.zip(facts.height).filter(|&(width, height)| width > 0 && height > 0).unzip();
    MediaFacts { width, height, ..facts }
}

fn codec(name: &str) -> MediaFacts {
    MediaFacts { video_codec: Some(name.to_owned()), ..MediaFacts::unknown() }
}

/// Facts of a still.
fn still(size: Option<(u32, u32)>, completeness: Completeness) -> MediaFacts {
    MediaFacts {
        completeness,
        width: size.map(|(width, _)| width),
        height: size.map(|(_, height)| height),
        ..MediaFacts::unknown()
    }
}

/// Whole where `declared` bytes (from the start of the file) are there.
fn reaches(declared: u64, len: u64, what: &str) -> Completeness {
    match declared.checked_sub(len) {
        None | Some(0) => Completeness::Whole,
        Some(missing) => Completeness::Cut(format!("the file ends {missing} bytes before its {what} does")),
    }
}
