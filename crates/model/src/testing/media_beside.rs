//! Media tools of tests that differ from [`PlainMedia`] in what they say.

use std::{path::Path, time::Duration};

use async_trait::async_trait;

use super::PlainMedia;
use crate::{
    MediaFacts, MediaSource,
    ports::{MediaError, MediaTool, Poster, Preview, Rendition},
};

/// A [`MediaTool`] as if there were an ffmpeg; what it doesn't say is as [`PlainMedia`] does it.
#[async_trait]
pub trait MediaBeside: Send + Sync {
    /// As [`MediaTool::probe`].
    async fn probe(&self, source: &MediaSource) -> Result<MediaFacts, MediaError> {
        PlainMedia.probe(source).await
    }

    /// As [`MediaTool::remux`].
    async fn remux(&self, source: &MediaSource, dest: &Path, limit: Duration) -> Result<(), MediaError> {
        PlainMedia.remux(source, dest, limit).await
    }

    /// As [`MediaTool::small`].
    async fn small(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        dest: &Path,
    ) -> Result<Option<Rendition>, MediaError> {
        PlainMedia.small(source, facts, dest).await
    }

    /// As [`MediaTool::h264`].
    async fn h264(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        dest: &Path,
    ) -> Result<Rendition, MediaError> {
        PlainMedia.h264(source, facts, dest).await
    }

    /// As [`MediaTool::poster`].
    async fn poster(&self, source: &MediaSource, facts: &MediaFacts) -> Result<Poster, MediaError> {
        PlainMedia.poster(source, facts).await
    }
}

#[async_trait]
impl<T: MediaBeside> MediaTool for T {
    fn problem(&self) -> Option<String> {
        None
    }

    async fn probe(&self, source: &MediaSource) -> Result<MediaFacts, MediaError> {
        MediaBeside::probe(self, source).await
    }

    async fn count_pictures(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
    ) -> Result<MediaFacts, MediaError> {
        PlainMedia.count_pictures(source, facts).await
    }

    async fn remux(&self, source: &MediaSource, dest: &Path, limit: Duration) -> Result<(), MediaError> {
        MediaBeside::remux(self, source, dest, limit).await
    }

    async fn small(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        dest: &Path,
    ) -> Result<Option<Rendition>, MediaError> {
        MediaBeside::small(self, source, facts, dest).await
    }

    async fn h264(
        &self,
        source: &MediaSource,
        facts: &MediaFacts,
        dest: &Path,
    ) -> Result<Rendition, MediaError> {
        MediaBeside::h264(self, source, facts, dest).await
    }

    async fn preview(&self, source: &MediaSource, facts: &MediaFacts) -> Result<Preview, MediaError> {
        PlainMedia.preview(source, facts).await
    }

    async fn poster(&self, source: &MediaSource, facts: &MediaFacts) -> Result<Poster, MediaError> {
        MediaBeside::poster(self, source, facts).await
    }
}
