//! What benchmarks share: servers to measure, a camera that uploads, files that are all different, and tables.
//!
//! A benchmark is an example of this crate (`examples/`), takes its sizes as arguments, runs all that it compares in
//! turn, and prints medians with their spread and the ratio to a peer or limit of the same run. Nothing of the program
//! is linked here: the release build is started as a user would.

mod camera;
mod files;
mod process;
mod servers;
mod spread;

pub use camera::Camera;
pub use files::{Upload, clip, program_stream, still};
pub use process::cpu_of;
pub use servers::{Camtrail, FtpServer, Kind};
pub use spread::{Spread, percentile};

/// What a benchmark may fail with: it says so and ends.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;
