//! Which H.264 encoder this machine has: the hardware's where it really works, else libx264.
//!
//! What ffmpeg lists says nothing of the machine: each hardware encoder is asked to encode a few pictures, once, and
//! what comes out is looked at. Refuses to believe an exit code.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::OwnedSemaphorePermit;

use crate::process::{Deadline, Job, Runner};

/// Encoding ten pictures; a driver that hangs is no encoder.
const TRIAL_LIMIT: Duration = Duration::from_secs(10);
/// Far more than ten small pictures take.
const TRIAL_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Where Linux shows graphics cards that encode.
const RENDER_NODES: &str = "/dev/dri";

/// An H.264 encoder of ffmpeg's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Encoder {
    /// NVIDIA's.
    Nvenc,
    /// Intel's and AMD's, by this device.
    Vaapi(PathBuf),
    /// The Raspberry Pi's and other boards'.
    V4l2,
    /// None: the processor does it.
    Software,
}

impl Encoder {
    /// ffmpeg's word.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Nvenc => "h264_nvenc",
            Self::Vaapi(_) => "h264_vaapi",
            Self::V4l2 => "h264_v4l2m2m",
            Self::Software => "libx264",
        }
    }

    /// Its results are looked at more closely, and its driver maps more address space than it uses.
    pub(crate) fn is_hardware(&self) -> bool {
        *self != Self::Software
    }

    /// What stands before the input.
    pub(crate) fn global(&self) -> Vec<OsString> {
        match self {
            Self::Vaapi(device) => vec!["-vaapi_device".into(), device.into()],
            _ => Vec::new(),
        }
    }

    /// What the pictures must go through last.
    pub(crate) fn filter(&self) -> &'static str {
        match self {
            Self::Vaapi(_) => "format=nv12,hwupload",
            _ => "format=yuv420p",
        }
    }

    /// The encoder's own options.
    pub(crate) fn arguments(&self) -> &'static [&'static str] {
        match self {
            Self::Nvenc => &["-c:v", "h264_nvenc", "-profile:v", "main", "-bf", "0"],
            Self::Vaapi(_) => &["-c:v", "h264_vaapi", "-profile:v", "main", "-bf", "0"],
            Self::V4l2 => &["-c:v", "h264_v4l2m2m"],
            Self::Software => {
                &["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "main", "-threads:v", "1"]
            }
        }
    }

    /// The best that works here. Each trial is a bounded child process.
    pub(crate) async fn choose(runner: &Runner, slot: &OwnedSemaphorePermit, ffmpeg: &Path) -> Self {
        let device = tokio::task::spawn_blocking(render_node).await.unwrap_or_default();
        let candidates = [Some(Self::Nvenc), device.map(Self::Vaapi), Some(Self::V4l2)];
        for candidate in candidates.into_iter().flatten() {
            match candidate.works(runner, slot, ffmpeg).await {
                Ok(()) => return candidate,
                Err(why) => tracing::debug!(encoder = candidate.name(), why, "no such hardware"),
            }
        }
        Self::Software
    }

    async fn works(&self, runner: &Runner, slot: &OwnedSemaphorePermit, ffmpeg: &Path) -> Result<(), String> {
        let mut arguments: Vec<OsString> =
            ["-nostdin", "-hide_banner", "-v", "error"].map(OsString::from).into();
        arguments.extend(self.global());
        let mut add = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
        add(&["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=10", "-frames:v", "10", "-an"]);
        add(&["-vf", self.filter()]);
        add(self.arguments());
        add(&["-b:v", "300k", "-f", "h264", "pipe:1"]);
        let job = Job { maps_devices: self.is_hardware(), ..Job::new(ffmpeg, arguments, TRIAL_MAX_BYTES) };
        let finished =
            runner.run(slot, job, Deadline::after(TRIAL_LIMIT)).await.map_err(|error| error.to_string())?;
        finished.check().map_err(|error| error.to_string())?;
        if has_picture(&finished.stdout) { Ok(()) } else { Err("nothing came out of it".to_owned()) }
    }
}

/// Whether an Annex B stream holds a picture that stands by itself.
fn has_picture(stream: &[u8]) -> bool {
    const START: &[u8] = &[0, 0, 1];
    const TYPE_MASK: u8 = 0x1F;
    const IDR: u8 = 5;
    stream.windows(4).any(|window| window.starts_with(START) && window[3] & TYPE_MASK == IDR)
}

/// The first card that renders.
fn render_node() -> Option<PathBuf> {
    let mut nodes: Vec<PathBuf> = std::fs::read_dir(RENDER_NODES)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("renderD")))
        .collect();
    nodes.sort();
    nodes.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_told_from_headers() {
        assert!(has_picture(&[0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x65, 9]));
        assert!(!has_picture(&[0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x41, 9]));
        assert!(!has_picture(b""));
    }
}
