//! A [`MediaTool`] without ffmpeg: looks at the first and last bytes, can't remux, and what it makes is a word.

use std::{io::Read, path::Path, time::Duration};

use async_trait::async_trait;

use crate::{
    Completeness, Container, MediaFacts, MediaSource,
    ports::{MediaError, MediaTool, Poster, Preview, Rendition},
    sniff::{SNIFF_BYTES, sniff},
};

/// The fake.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainMedia;

impl PlainMedia {
    /// Clips of no more bytes are small themselves.
    pub const SMALL_ALREADY_BYTES: u64 = 64;
}

#[async_trait]
impl MediaTool for PlainMedia {
    fn problem(&self) -> Option<String> {
        Some("tests have no ffmpeg".to_owned())
    }

    async fn probe(&self, source: &MediaSource) -> Result<MediaFacts, MediaError> {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&source.path);
        file.and_then(|mut file| file.read_to_end(&mut bytes))
            .map_err(|e| MediaError::Failed(e.to_string()))?;
        let container = sniff(&bytes[..bytes.len().min(SNIFF_BYTES)]);
        let completeness = match container {
            Some(Container::Jpeg) if bytes.ends_with(&[0xFF, 0xD9]) => Completeness::Whole,
            Some(Container::Jpeg) => Completeness::Cut("no end marker".to_owned()),
            _ => Completeness::Unmarked,
        };
        Ok(MediaFacts { container, completeness, ..MediaFacts::unknown() })
    }

    async fn count_pictures(&self, _: &MediaSource, facts: &MediaFacts) -> Result<MediaFacts, MediaError> {
        Ok(facts.clone())
    }

    async fn remux(&self, _: &MediaSource, _: &Path, _: Duration) -> Result<(), MediaError> {
        Err(MediaError::Missing("tests have no ffmpeg".to_owned()))
    }

    async fn small(
        &self,
        source: &MediaSource,
        _: &MediaFacts,
        dest: &Path,
    ) -> Result<Option<Rendition>, MediaError> {
        if source.size <= Self::SMALL_ALREADY_BYTES {
            return Ok(None);
        }
        std::fs::write(dest, b"small").map_err(|error| MediaError::Failed(error.to_string()))?;
        Ok(Some(Rendition { width: 640, height: 360, size: 5 }))
    }

    async fn h264(&self, _: &MediaSource, _: &MediaFacts, dest: &Path) -> Result<Rendition, MediaError> {
        std::fs::write(dest, b"h264").map_err(|error| MediaError::Failed(error.to_string()))?;
        Ok(Rendition { width: 1920, height: 1080, size: 4 })
    }

    async fn preview(&self, _: &MediaSource, _: &MediaFacts) -> Result<Preview, MediaError> {
        Ok(Preview { jpeg: b"preview".to_vec(), frames: 16 })
    }

    async fn poster(&self, _: &MediaSource, _: &MediaFacts) -> Result<Poster, MediaError> {
        Ok(Poster { jpeg: b"poster".to_vec(), width: 320, height: 180, blur: Some("blur".to_owned()) })
    }
}
