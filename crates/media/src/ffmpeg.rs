//! [`Ffmpeg`]: the media tool over ffmpeg's programs, or over none.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use camtrail_model::{
    capture::CaptureKind,
    media::{Container, MediaFacts, MediaSource},
    ports::{MediaError, MediaTool, Poster, Preview, Rendition},
};
use tokio::sync::{OnceCell, OwnedSemaphorePermit};

use crate::{
    config::FfmpegConfig,
    discover::{self, Programs},
    encoder::Encoder,
    ffprobe::{self, Streams},
    h264,
    input::{Input, blocking, unreadable},
    poster, preview,
    process::{Deadline, Job, Runner},
    remux::Remux,
    rendition::{Encode, Shape},
    small, structure,
};

const MS_PER_S: u64 = 1000;

/// Probes, remuxes and makes posters with the machine's ffmpeg; without it, by structure as far as that goes.
#[derive(Debug)]
pub struct Ffmpeg {
    /// The programs, or the sentence about what is missing.
    programs: Result<Programs, String>,
    runner: Runner,
    config: FfmpegConfig,
    /// Chosen once, when it is first asked for.
    encoder: OnceCell<Encoder>,
}

impl Ffmpeg {
    /// Finds the programs that `config` names. Never fails: see [`MediaTool::problem`].
    ///
    /// Blocks for a few milliseconds (it tries the helpers that bound child processes), so it belongs in start-up.
    pub fn discover(config: FfmpegConfig) -> Self {
        let programs = discover::programs(&config);
        let wrappers = discover::wrappers(&config);
        let runner = Runner::new(wrappers, config.max_processes.get(), config.memory_limit_bytes);
        Self { programs, runner, config, encoder: OnceCell::new() }
    }

    fn programs(&self) -> Result<&Programs, MediaError> {
        self.programs.as_ref().map_err(|problem| MediaError::Missing(problem.clone()))
    }

    /// Finds out which encoder renditions are made with, and says so once; `None` without ffmpeg.
    ///
    /// Runs a few short child processes at the first call, so it belongs in start-up, where any are to be made.
    pub async fn encoder(&self) -> Option<&'static str> {
        let programs = self.programs.as_ref().ok()?;
        let slot = self.runner.encode_slot().await.ok()?;
        Some(self.chosen(programs, &slot).await.name())
    }

    /// What it says of itself, such as `ffmpeg version 5.1.6-0+deb12u1`; `None` where it doesn't run.
    pub async fn version(&self) -> Option<String> {
        const MAX_ANSWER_BYTES: usize = 64 * 1024;
        let programs = self.programs.as_ref().ok()?;
        let slot = self.runner.slot().await.ok()?;
        let job = Job::new(&programs.ffmpeg, vec!["-version".into()], MAX_ANSWER_BYTES);
        let finished = self.runner.run(&slot, job, Deadline::after(self.config.probe_limit())).await.ok()?;
        finished.check().ok()?;
        let said = String::from_utf8_lossy(&finished.stdout).into_owned();
        let first = said.lines().next()?;
        Some(first.split(" Copyright").next().unwrap_or(first).to_owned())
    }

    async fn chosen(&self, programs: &Programs, slot: &OwnedSemaphorePermit) -> &Encoder {
        let choose = Box::pin(async {
            let encoder = Encoder::choose(&self.runner, slot, &programs.ffmpeg).await;
            tracing::info!(encoder = encoder.name(), "renditions are made with this encoder");
            encoder
        });
        self.encoder.get_or_init(|| choose).await
    }

    async fn encode(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        shape: &Shape,
        dest: &Path,
    ) -> Result<Rendition, MediaError> {
        let programs = self.programs()?;
        let slot = self.runner.encode_slot().await?;
        let encoder = self.chosen(programs, &slot).await;
        Encode { runner: &self.runner, programs, source, facts, shape, dest }.run(&slot, encoder).await
    }

    async fn ask_ffprobe(&self, programs: &Programs, source: &MediaSource) -> Result<Streams, MediaError> {
        let input = Input::open(source).await?;
        // An event's record waits for this, and not for other clips' posters.
        let deadline = Deadline::after(self.config.probe_limit());
        let slot = self.runner.slot_by(deadline).await?;
        ffprobe::streams(&self.runner, &slot, &programs.ffprobe, &input, deadline).await
    }
}

#[async_trait]
impl MediaTool for Ffmpeg {
    fn problem(&self) -> Option<String> {
        self.programs.as_ref().err().cloned()
    }

    async fn probe(&self, source: &MediaSource) -> Result<MediaFacts, MediaError> {
        let path = source.path.clone();
        let told = blocking(move || structure::told(&path).map_err(|error| unreadable(&error))).await?;
        let facts = told.facts;
        // A still's structure says all there is, and so does the index of a whole MP4: an event's record need not wait for
        // a process to start.
        let (false, Ok(programs)) = (told.is_all, &self.programs) else { return Ok(facts) };
        match self.ask_ffprobe(programs, source).await {
            Ok(streams) => Ok(merge(facts, streams)),
            Err(error) => {
                tracing::warn!(%error, path = %source.path.display(), "ffprobe doesn't tell: structure alone counts");
                Ok(facts)
            }
        }
    }

    async fn count_pictures(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
    ) -> Result<MediaFacts, MediaError> {
        let is_clip = facts.container.is_some_and(|container| container.kind() == CaptureKind::Record);
        if !is_clip || facts.key_frames.is_some() {
            return Ok(facts.clone());
        }
        let programs = self.programs()?;
        let input = Input::open(source).await?;
        let deadline = Deadline::after(self.config.probe_limit());
        let slot = self.runner.slot_by(deadline).await?;
        let counted = ffprobe::count(&self.runner, &slot, &programs.ffprobe, &input, deadline).await?;
        let rate = |ms| structure::rate_milli(counted.pictures, ms, MS_PER_S);
        Ok(MediaFacts {
            frame_rate_milli: facts.frame_rate_milli.or_else(|| facts.duration_ms.and_then(rate)),
            key_frames: (counted.pictures > 0).then_some(counted.keys),
            ..facts.clone()
        })
    }

    async fn remux(&self, source: &MediaSource, dest: &Path, limit: Duration) -> Result<(), MediaError> {
        let programs = self.programs()?;
        let deadline = Deadline::after(limit);
        Remux { runner: &self.runner, programs, source, dest, deadline }.run().await
    }

    async fn small(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        dest: &Path,
    ) -> Result<Option<Rendition>, MediaError> {
        self.programs()?;
        match small::shape(source, facts) {
            Some(shape) => self.encode(source, facts, &shape, dest).await.map(Some),
            None => Ok(None),
        }
    }

    async fn h264(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        dest: &Path,
    ) -> Result<Rendition, MediaError> {
        self.encode(source, facts, &h264::shape(source, facts), dest).await
    }

    async fn preview(&self, source: &MediaSource, facts: &MediaFacts) -> Result<Preview, MediaError> {
        let programs = self.programs()?;
        let input = Input::open(source).await?;
        let slot = self.runner.slot().await?;
        let maker = preview::Maker { runner: &self.runner, slot: &slot, ffmpeg: &programs.ffmpeg };
        maker.make(&input, facts).await
    }

    async fn poster(&self, source: &MediaSource, _facts: &MediaFacts) -> Result<Poster, MediaError> {
        // Sniffed anew: facts may be of an earlier version's making, and the demuxer must fit the content.
        let input = Input::open(source).await?;
        let maker = poster::Maker {
            runner: &self.runner,
            programs: self.programs.as_ref().map_err(String::as_str),
            limit: self.config.poster_limit(),
        };
        maker.make(&input, source).await
    }
}

/// ffprobe knows codecs and sizes; durations come from our own walk where the container has a table of what is
/// really there (ffprobe believes the header of a cut file, and knows whole seconds of Dahua's).
fn merge(facts: MediaFacts, streams: Streams) -> MediaFacts {
    let walked = matches!(
        facts.container,
        Some(Container::Mp4 | Container::Matroska | Container::Webm | Container::Avi | Container::Dahua)
    );
    let duration_ms = match (walked, facts.duration_ms, streams.duration_ms) {
        (true, Some(ours), _) => Some(ours),
        (_, ours, theirs) => theirs.or(ours),
    };
    let Some(video) = streams.video else { return MediaFacts { duration_ms, ..facts } };
    MediaFacts {
        container: facts.container,
        completeness: facts.completeness,
        duration_ms,
        width: video.size.map(|(width, _)| width).or(facts.width),
        height: video.size.map(|(_, height)| height).or(facts.height),
        video_codec: Some(video.codec),
        audio_codec: streams.audio_codec,
        frame_rate_milli: facts.frame_rate_milli,
        key_frames: facts.key_frames,
        starts_late: facts.starts_late,
    }
}
