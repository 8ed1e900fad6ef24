//! Stills and clips: the real samples, and what ffmpeg generates; any of them made unique without harm.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use sha2::{Digest, Sha256};

use super::run;

/// The real clip: an MPEG program stream in spite of its name.
pub(crate) const CLIP: &str = "MDalarm_20160830_152954.mkv";
/// The real still.
pub(crate) const STILL: &str = "MDAlarm_20160830-155137.jpg";

pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

pub(crate) fn sample(name: &str) -> Vec<u8> {
    fs::read(data(name)).unwrap()
}

/// Hex, as the API shows it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What ffmpeg makes of these arguments, in a file with this name.
fn ffmpeg(arguments: &[&str], name: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join(name);
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i"]).args(arguments).arg(&made);
    let output = run(&mut command);
    assert!(output.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&output.stderr));
    fs::read(made).unwrap()
}

/// A still of one colour.
pub(crate) fn still_of(colour: &str) -> Vec<u8> {
    ffmpeg(&[&format!("color=c={colour}:s=320x240"), "-frames:v", "1"], "still.jpg")
}

/// A still of a few thousand bytes.
pub(crate) fn still() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| ffmpeg(&["testsrc=s=320x240", "-frames:v", "1"], "still.jpg"))
}

/// A short MP4 that browsers play.
fn mp4() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let source = "testsrc=s=160x120:r=10:d=2";
        ffmpeg(&[source, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart"], "clip.mp4")
    })
}

/// A short MP4 that Chromium doesn't play: HEVC, with a key frame each half second; longer by `seconds`.
pub(crate) fn hevc(seconds: u32) -> Vec<u8> {
    let source = format!("testsrc2=s=320x240:r=10:d={seconds}");
    let codec = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=5"];
    ffmpeg(
        &[&[source.as_str()], &codec[..], &["-tag:v", "hvc1", "-movflags", "+faststart"]].concat(),
        "clip.mp4",
    )
}

/// A short MPEG program stream with H.264, as Foscam cameras send it: a format without a sure end mark.
pub(crate) fn program_stream() -> &'static [u8] {
    static MADE: OnceLock<Vec<u8>> = OnceLock::new();
    MADE.get_or_init(|| {
        let source = "testsrc=s=160x120:r=10:d=2";
        ffmpeg(&[source, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-f", "vob"], "clip.mpg")
    })
}

/// Bytes that no other seed gives and no compressor likes.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            // xorshift64 (Marsaglia 2003): good enough to be incompressible.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

/// The still with comment segments behind its start mark: whole, unique by `seed`, of about `length` bytes.
pub(crate) fn still_with(seed: u64, length: usize) -> Vec<u8> {
    const SEGMENT_MAX: usize = 60_000;
    let plain = still();
    let mut made = plain[..2].to_vec();
    let comment = noise(seed, length.saturating_sub(plain.len()).max(16));
    for piece in comment.chunks(SEGMENT_MAX) {
        made.extend([0xFF, 0xFE]);
        made.extend(u16::try_from(piece.len() + 2).unwrap().to_be_bytes());
        made.extend(piece);
    }
    made.extend(&plain[2..]);
    made
}

/// The clip with a `free` box behind it.
pub(crate) fn mp4_with(seed: u64, length: usize) -> Vec<u8> {
    let padding = noise(seed, length);
    let size = u32::try_from(padding.len() + 8).unwrap();
    [mp4(), &size.to_be_bytes(), b"free", &padding].concat()
}

/// A program stream with padding packets (ISO/IEC 13818-1, stream id BE) behind it.
pub(crate) fn program_stream_with(clip: &[u8], seed: u64) -> Vec<u8> {
    const PADDING_BYTES: usize = 1_000;
    let padding = noise(seed, PADDING_BYTES);
    let size = u16::try_from(padding.len()).unwrap();
    [clip, &[0, 0, 1, 0xBE], &size.to_be_bytes(), &padding].concat()
}

/// Every file in a folder and the folders in it.
pub(crate) fn files_below(dir: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}
