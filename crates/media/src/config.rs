//! Configuration of media work: where ffmpeg is and how much it may take.

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf, time::Duration};

use serde::Deserialize;

/// Where ffmpeg is and what it may use. The default works wherever the distribution's ffmpeg is installed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FfmpegConfig {
    /// The `ffmpeg` program; looked up on `PATH` where unset.
    pub ffmpeg: Option<PathBuf>,
    /// The `ffprobe` program; looked up on `PATH` where unset.
    pub ffprobe: Option<PathBuf>,
    /// Where to look instead of the environment's `PATH`. Not a configuration key.
    #[serde(skip)]
    pub search_path: Option<OsString>,
    /// How many media jobs (child processes, decodes of stills) run at once.
    pub max_processes: NonZeroUsize,
    /// How much memory one child process may allocate, in bytes.
    pub memory_limit_bytes: u64,
    /// How long ffprobe may take, in milliseconds.
    pub probe_limit_ms: u64,
    /// How long a poster may take, in milliseconds.
    pub poster_limit_ms: u64,
}

impl Default for FfmpegConfig {
    fn default() -> Self {
        /// Two keep a small box responsive while one child waits for its disk.
        const MAX_PROCESSES: NonZeroUsize = NonZeroUsize::new(2).expect("two is not zero");
        /// Several times what decoding 4K HEVC with one thread takes.
        const MEMORY_LIMIT_BYTES: u64 = 512 * 1024 * 1024;
        const PROBE_LIMIT_MS: u64 = 10_000;
        const POSTER_LIMIT_MS: u64 = 20_000;
        Self {
            ffmpeg: None,
            ffprobe: None,
            search_path: None,
            max_processes: MAX_PROCESSES,
            memory_limit_bytes: MEMORY_LIMIT_BYTES,
            probe_limit_ms: PROBE_LIMIT_MS,
            poster_limit_ms: POSTER_LIMIT_MS,
        }
    }
}

impl FfmpegConfig {
    pub(crate) fn probe_limit(&self) -> Duration {
        Duration::from_millis(self.probe_limit_ms)
    }

    pub(crate) fn poster_limit(&self) -> Duration {
        Duration::from_millis(self.poster_limit_ms)
    }
}
