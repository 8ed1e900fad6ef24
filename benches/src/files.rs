//! Files that cameras send, of one size and all different: nothing may be told twice.

use std::{fs, path::Path, process::Command};

use crate::Failed;

/// One file: the bytes that all of its kind share, and its own end.
#[derive(Debug, Clone)]
pub struct Upload<'a> {
    /// The picture or clip.
    pub body: &'a [u8],
    /// What players skip.
    pub end: Vec<u8>,
}

impl<'a> Upload<'a> {
    /// A still whose end (after the picture's) is `number`.
    #[must_use]
    pub fn still(body: &'a [u8], number: u64) -> Self {
        Self { body, end: number.to_be_bytes().to_vec() }
    }

    /// A clip with a box of `number` behind it that players skip (ISO/IEC 14496-12, `free`).
    #[must_use]
    pub fn clip(body: &'a [u8], number: u64) -> Self {
        Self { body, end: [&16_u32.to_be_bytes()[..], b"free", &number.to_be_bytes()].concat() }
    }

    /// A program stream with a padding packet of `number` behind it (ISO/IEC 13818-1, stream id BE).
    #[must_use]
    pub fn program_stream(body: &'a [u8], number: u64) -> Self {
        Self { body, end: [&[0, 0, 1, 0xBE][..], &8_u16.to_be_bytes(), &number.to_be_bytes()].concat() }
    }

    /// Its size.
    #[must_use]
    pub fn len(&self) -> usize {
        self.body.len() + self.end.len()
    }

    /// Never: a file without bytes measures nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn ffmpeg(arguments: &[&str], made: &Path) -> Result<Vec<u8>, Failed> {
    let done = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi"])
        .args(arguments)
        .arg(made)
        .output()
        .map_err(|error| format!("ffmpeg: {error} (scripts/setup installs it)"))?;
    if !done.status.success() {
        return Err(format!("ffmpeg: {}", String::from_utf8_lossy(&done.stderr)).into());
    }
    Ok(fs::read(made)?)
}

/// A JPEG of `bytes` bytes: a picture, and comments before it.
pub fn still(scratch: &Path, bytes: usize) -> Result<Vec<u8>, Failed> {
    const COMMENT_MAX: usize = 60_000;
    let picture =
        ffmpeg(&["-i", "testsrc2=size=1280x720", "-frames:v", "1", "-q:v", "8"], &scratch.join("still.jpg"))?;
    let mut made = picture.get(..2).ok_or("an empty picture")?.to_vec();
    let mut missing = bytes.saturating_sub(picture.len());
    while missing > 4 {
        let comment = (missing - 4).min(COMMENT_MAX);
        made.extend([0xFF, 0xFE]);
        made.extend(u16::try_from(comment + 2)?.to_be_bytes());
        made.resize(made.len() + comment, b'.');
        missing -= comment + 4;
    }
    made.extend(picture.get(2..).unwrap_or_default());
    Ok(made)
}

/// An MP4 that browsers play as it is, of `bytes` bytes: ten seconds of H.264, and a box that players skip.
pub fn clip(scratch: &Path, bytes: usize) -> Result<Vec<u8>, Failed> {
    let rate = (bytes / 10 * 8 * 9 / 10).to_string();
    let of_ten_seconds =
        ["-i", "testsrc2=size=1280x720:rate=25:duration=10", "-c:v", "libx264", "-preset", "veryfast"];
    let rest = [
        "-pix_fmt",
        "yuv420p",
        "-b:v",
        &rate,
        "-maxrate",
        &rate,
        "-bufsize",
        &rate,
        "-movflags",
        "+faststart",
    ];
    let mut made = ffmpeg(&[&of_ten_seconds[..], &rest[..]].concat(), &scratch.join("clip.mp4"))?;
    let missing = bytes.saturating_sub(made.len());
    if missing >= 8 {
        made.extend(u32::try_from(missing)?.to_be_bytes());
        made.extend(b"free");
        made.resize(made.len() + missing - 8, 0);
    }
    Ok(made)
}

/// An MPEG program stream of ten seconds that must be remuxed.
pub fn program_stream(scratch: &Path) -> Result<Vec<u8>, Failed> {
    let of_ten_seconds =
        ["-i", "testsrc2=size=1280x720:rate=25:duration=10", "-c:v", "libx264", "-preset", "veryfast"];
    let rest = ["-pix_fmt", "yuv420p", "-b:v", "800k", "-f", "vob"];
    ffmpeg(&[&of_ten_seconds[..], &rest[..]].concat(), &scratch.join("clip.mpg"))
}
