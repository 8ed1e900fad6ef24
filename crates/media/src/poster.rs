//! Posters: one small JPEG that shows what a clip or still is about.
//!
//! Owns choosing a frame (never a black one where there is another) and fitting it into 640 pixels and 20 kB.
//! Stills are decoded in memory-safe code, within limits that are checked before any pixel is; only what that
//! can't read (a cut picture, a huge one) goes to ffmpeg.

mod blur;
pub(crate) mod encode;
mod frames;
pub(crate) mod ppm;
mod scale;
mod still;

use std::{path::PathBuf, time::Duration};

use camtrail_model::{
    media::MediaSource,
    ports::{MediaError, Poster},
};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    discover::Programs,
    input::Input,
    process::{Deadline, Runner},
};

/// What making posters needs.
pub(crate) struct Maker<'a> {
    pub(crate) runner: &'a Runner,
    /// The programs, or the sentence about what is missing.
    pub(crate) programs: Result<&'a Programs, &'a str>,
    pub(crate) limit: Duration,
}

impl Maker<'_> {
    /// Makes a poster in bounded time, waiting for a place not included: posters come from a queue.
    pub(crate) async fn make(&self, input: &Input, source: &MediaSource) -> Result<Poster, MediaError> {
        let slot = self.runner.slot().await?;
        let deadline = Deadline::after(self.limit);
        if input.is_still() {
            let path = source.path.clone();
            match self.still(&slot, path, input).await? {
                still::Outcome::Poster(poster) => return Ok(poster),
                still::Outcome::Undecodable(reason) if self.programs.is_err() => {
                    return Err(MediaError::Unusable(reason));
                }
                still::Outcome::Undecodable(reason) => {
                    tracing::debug!(reason, "ffmpeg tries a still that can't be decoded here");
                }
            }
        }
        let programs = self.programs.map_err(|problem| MediaError::Missing(problem.to_owned()))?;
        let frames = frames::candidates(self.runner, &slot, &programs.ffmpeg, input, deadline).await?;
        let picture = move || {
            let frame = frames::best(frames)
                .ok_or_else(|| MediaError::Unusable("no picture can be decoded from it".to_owned()))?;
            encode::fit(&frame)
        };
        self.runner.decode(&slot, picture).await
    }

    async fn still(
        &self,
        slot: &OwnedSemaphorePermit,
        path: PathBuf,
        input: &Input,
    ) -> Result<still::Outcome, MediaError> {
        let container = input.container;
        self.runner.decode(slot, move || still::poster(&path, container)).await
    }
}
