//! What a camera sends becomes what a browser plays.
//!
//! Owns probing, remuxing, posters, previews, small renditions and H.264 copies: [`Ffmpeg`] implements the port
//! [`MediaTool`](camtrail_model::ports::MediaTool). Promises: content decides, never a name; every child
//! process is bounded in time, memory, output and number; a failure leaves no file behind and costs nothing but
//! the media work. Refuses: linking ffmpeg, a shell, any protocol but `file`, and content without a signature.
//!
//! Without ffmpeg, [`Ffmpeg`] still tells completeness, size and mostly codec and duration, and makes posters of
//! stills; the rest answers [`MediaError::Missing`](camtrail_model::ports::MediaError::Missing).

mod config;
mod discover;
mod encoder;
mod ffmpeg;
mod ffprobe;
mod h264;
mod input;
#[cfg(any(test, feature = "testing"))]
pub mod invariants;
mod output;
mod poster;
mod preview;
mod process;
mod remux;
mod rendition;
mod small;
mod structure;

pub use config::FfmpegConfig;
pub use ffmpeg::Ffmpeg;
