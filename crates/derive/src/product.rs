//! What can be made later, and whether an event lacks it.

use camtrail_model::{CaptureKind, CatalogRecord, DerivedFiles, MediaManifest};

/// Something that can be made of a stored event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Product {
    /// A picture for lists.
    Poster,
    /// Pictures of the whole clip.
    Preview,
    /// A copy for phones.
    Small,
    /// A copy for browsers that can't play the clip's codec.
    H264,
}

impl Product {
    /// The derived file that it is.
    pub fn file(self) -> DerivedFiles {
        match self {
            Self::Poster => DerivedFiles::Poster,
            Self::Preview => DerivedFiles::Preview,
            Self::Small => DerivedFiles::Small,
            Self::H264 => DerivedFiles::H264,
        }
    }

    /// In words for a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Poster => "poster",
            Self::Preview => "preview",
            Self::Small => "small rendition",
            Self::H264 => "H.264 copy",
        }
    }

    /// Whether the event could have one and has none, as far as its record tells.
    pub fn is_lacking(self, record: &CatalogRecord) -> bool {
        let is_clip = record.object_key.kind() == CaptureKind::Record;
        match self {
            // One of a time before there were ThumbHashes is made again.
            Self::Poster => !record.poster || record.blur.is_none(),
            Self::Preview => is_clip && record.preview_frames.is_none(),
            Self::Small => is_clip && !record.small_copy,
            Self::H264 => is_clip && !record.h264_copy && !plays_everywhere(record),
        }
    }

    /// What a manifest says of it; `None`: nobody has tried, or (a poster) nobody has succeeded.
    pub(crate) fn known(self, manifest: &MediaManifest) -> Option<Known> {
        let tried = |exists: bool, problem: &Option<String>| match (exists, problem) {
            (true, _) => Known::There,
            (false, Some(problem)) => Known::Impossible(problem.clone()),
            (false, None) => Known::NotNeeded,
        };
        match self {
            Self::Poster => (manifest.poster && manifest.blur.is_some()).then_some(Known::There),
            Self::Preview => {
                manifest.preview.map(|frames| match tried(frames > 0, &manifest.preview_problem) {
                    Known::NotNeeded => Known::Impossible("no preview can be made of it".to_owned()),
                    known => known,
                })
            }
            Self::Small => manifest.small.map(|small| tried(small, &None)),
            Self::H264 => manifest.h264.map(|h264| tried(h264, &manifest.h264_problem)),
        }
    }

    /// Makes `manifest` say nothing of it.
    pub(crate) fn forget(self, manifest: &mut MediaManifest) {
        match self {
            Self::Poster => {
                (manifest.poster, manifest.poster_width, manifest.poster_height) = (false, None, None);
                (manifest.poster_of, manifest.blur) = (None, None);
            }
            Self::Preview => (manifest.preview, manifest.preview_problem) = (None, None),
            Self::Small => manifest.small = None,
            Self::H264 => (manifest.h264, manifest.h264_problem) = (None, None),
        }
    }

    /// Makes `manifest` say that it can't be made, and why.
    pub(crate) fn is_impossible(self, manifest: &mut MediaManifest, why: &str) {
        let why = Some(why.to_owned());
        match self {
            Self::Poster => manifest.problem = why,
            Self::Preview => (manifest.preview, manifest.preview_problem) = (Some(0), why),
            Self::Small => manifest.small = Some(false),
            Self::H264 => (manifest.h264, manifest.h264_problem) = (Some(false), why),
        }
    }
}

/// What is known of a product before anything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    There,
    NotNeeded,
    Impossible(String),
}

/// H.264 in something that browsers open. A cut MP4 that was stored as it came is none.
fn plays_everywhere(record: &CatalogRecord) -> bool {
    let metadata = &record.metadata;
    let was_remuxed = metadata.sha256.is_some() && metadata.sha256 != metadata.original_sha256;
    let opens =
        record.playable_copy || (metadata.content_type == "video/mp4" && (metadata.complete || was_remuxed));
    metadata.video_codec.as_deref() == Some("h264") && opens
}

#[cfg(test)]
mod tests {
    use camtrail_model::testing;

    use super::*;

    #[test]
    fn what_plays_everywhere_lacks_no_copy() {
        let clip = testing::record("backyard", 1_000, CaptureKind::Record, "x.mp4");
        let with = |codec: Option<&str>, content_type: &str, complete: bool, playable_copy: bool| {
            let mut clip = CatalogRecord { playable_copy, ..clip.clone() };
            clip.metadata.video_codec = codec.map(str::to_owned);
            clip.metadata.content_type = content_type.to_owned();
            clip.metadata.complete = complete;
            clip.metadata.original_sha256 = clip.metadata.sha256;
            Product::H264.is_lacking(&clip)
        };
        for (codec, content_type, complete, playable, lacks) in [
            (Some("h264"), "video/mp4", true, false, false),
            (Some("h264"), "video/mp4", false, false, true),
            (Some("h264"), "video/mp4", false, true, false),
            (Some("h264"), "video/x-msvideo", true, false, true),
            (Some("h264"), "video/x-msvideo", true, true, false),
            (Some("hevc"), "video/mp4", true, false, true),
            (None, "video/mp4", true, false, true),
        ] {
            assert_eq!(
                with(codec, content_type, complete, playable),
                lacks,
                "{codec:?} {content_type} {complete} {playable}"
            );
        }
        let still = testing::record("backyard", 1_000, CaptureKind::Snap, "x.jpg");
        let of_still =
            [Product::Preview, Product::Small, Product::H264].map(|product| product.is_lacking(&still));
        assert_eq!(of_still, [false; 3]);
    }
}
