//! Media work on local files: probing, remuxing, posters, previews, renditions.

use std::{path::Path, time::Duration};

use async_trait::async_trait;

use crate::media::{MediaFacts, MediaSource};

/// Why media work failed. It never costs an event its record (NEVER-6).
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The tool isn't installed.
    #[error("{0}")]
    Missing(String),
    /// It took longer than it may.
    #[error("took longer than {} ms", limit.as_millis())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// It can't make anything of this file; trying again won't help.
    #[error("{0}")]
    Unusable(String),
    /// The machine failed it (disk, memory, processes): a retry may help.
    #[error("{0}")]
    Failed(String),
}

impl MediaError {
    /// Whether the same call may succeed later.
    pub fn may_retry(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::TimedOut { .. })
    }
}

/// A poster that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poster {
    /// JPEG bytes, 10 to 20 kB as a rule.
    pub jpeg: Vec<u8>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What a list shows until it is there: a ThumbHash, base 64.
    pub blur: Option<String>,
}

/// A preview that was made: pictures of a whole clip in one, row by row, [`crate::PREVIEW_COLUMNS`] in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// JPEG bytes, fewer than [`Self::MAX_BYTES`].
    pub jpeg: Vec<u8>,
    /// How many pictures: 1 to [`Self::MAX_FRAMES`].
    pub frames: u32,
}

impl Preview {
    /// The most pictures of one.
    pub const MAX_FRAMES: u32 = 16;
    /// A list of events stays quick.
    pub const MAX_BYTES: usize = 150_000;
}

/// A rendition that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rendition {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Bytes.
    pub size: u64,
}

/// ffmpeg, or none.
#[async_trait]
pub trait MediaTool: Send + Sync {
    /// What is missing, in one line for a person; `None` where everything is there.
    fn problem(&self) -> Option<String>;

    /// Finds out what `source` is: by its content, without decoding all of it.
    async fn probe(&self, source: &MediaSource) -> Result<MediaFacts, MediaError>;

    /// Adds to `facts` what [`Self::probe`] leaves out where only a pass over the whole file tells it: frame rate and key
    /// frames. Costs nothing where they are known.
    async fn count_pictures(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
    ) -> Result<MediaFacts, MediaError>;

    /// Writes a fast-start MP4 with the same encoded video to `dest` (which must not exist), in at most
    /// `limit`. Ok: `dest` is whole and durable. Otherwise `dest` doesn't exist.
    async fn remux(&self, source: &MediaSource, dest: &Path, limit: Duration) -> Result<(), MediaError>;

    /// Writes a small rendition of a clip for phones to `dest` (which must not exist): fast-start MP4, H.264 of at most
    /// 640 pixels' width and about 300 kbit/s. Takes its time, bounded by the clip's length; one at a time. `Some`: `dest`
    /// is whole and durable. Otherwise `dest` doesn't exist; `None`: the clip is as small itself.
    async fn small(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        dest: &Path,
    ) -> Result<Option<Rendition>, MediaError>;

    /// Writes an H.264 copy of a clip for browsers that can't play its codec to `dest` (which must not exist): fast-start
    /// MP4 of the clip's own size, at most 1920 pixels wide. Takes its time, bounded by the clip's length; one encode at a
    /// time. Ok: `dest` is whole and durable. Otherwise `dest` doesn't exist.
    async fn h264(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        dest: &Path,
    ) -> Result<Rendition, MediaError>;

    /// Makes a preview of a clip: pictures at equal distances.
    async fn preview(&self, source: &MediaSource, facts: &MediaFacts) -> Result<Preview, MediaError>;

    /// Makes a poster of a clip or still.
    async fn poster(&self, source: &MediaSource, facts: &MediaFacts) -> Result<Poster, MediaError>;
}
