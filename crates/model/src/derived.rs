//! Where derived objects live: posters, playable copies, small renditions, the local store's sidecars, and statements:
//! what a person or the gateway decided about an object.
//!
//! Everything derived stands under `derived/`, keyed by the *whole* original key, so that two cameras in one
//! second never get each other's picture (NEVER-7) and no derived object can be taken for a capture.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::object_key::ObjectKey;

/// The folder, beside every object base, in which derived objects live.
pub const DERIVED_PREFIX: &str = "derived/";

/// How many pictures a row of `preview.jpg` holds; rows follow until all are shown.
pub const PREVIEW_COLUMNS: u32 = 4;

/// What can be derived from a capture, by file name under `derived/{key}/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DerivedFiles {
    /// A picture that stands for the capture in lists.
    Poster,
    /// A copy that browsers play, made after the original was stored as it came.
    Playable,
    /// A low-bitrate copy for phones.
    Small,
    /// An H.264 copy for browsers that can't play the clip's own codec, made when somebody asks for it.
    H264,
    /// Pictures of the whole clip in one file, for hover and scrubbing, made when somebody asks for it.
    Preview,
    /// The bytes as the camera sent them, where the object is a remuxed copy. Without the camera's extension: who
    /// removes an event must know every name without looking.
    Original,
    /// Which derived objects exist and what is known of the media; written last.
    Manifest,
    /// The object's user metadata, where the store can't keep it itself (the local directory).
    Sidecar,
    /// What a person decided about the event ([`crate::EventState`]).
    State,
    /// That a fuller upload took the place of this cut one ([`crate::Superseded`]).
    Superseded,
}

impl DerivedFiles {
    /// Every file that may exist beside a capture: what removal must take along.
    pub const ALL: [Self; 10] = [
        Self::Poster,
        Self::Playable,
        Self::Small,
        Self::H264,
        Self::Preview,
        Self::Original,
        Self::Manifest,
        Self::Sidecar,
        Self::State,
        Self::Superseded,
    ];

    /// The file's name.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Poster => "poster.jpg",
            Self::Playable => "playable.mp4",
            Self::Small => "small.mp4",
            Self::H264 => "h264.mp4",
            Self::Preview => "preview.jpg",
            Self::Original => "original",
            Self::Manifest => "media.json",
            Self::Sidecar => "object.json",
            Self::State => "state.json",
            Self::Superseded => "superseded.json",
        }
    }

    /// The media type that it is served with.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Poster | Self::Preview => "image/jpeg",
            Self::Playable | Self::Small | Self::H264 => "video/mp4",
            // Only ever saved, under the name that the camera gave it.
            Self::Original => "application/octet-stream",
            Self::Manifest | Self::Sidecar | Self::State | Self::Superseded => "application/json",
        }
    }
}

/// The key of a derived object: `derived/{original key}/{file}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DerivedKey(String);

impl DerivedKey {
    /// The key of `file` beside `original`.
    pub fn new(original: &ObjectKey, file: DerivedFiles) -> Self {
        Self(format!("{DERIVED_PREFIX}{original}/{}", file.file_name()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `derived/{key}/media.json`: what was derived, written after the derived objects themselves.
///
/// It completes a record that exists and never makes one. Fields were added since the first release; one that lacks them
/// is read, and a program that doesn't know them passes over them: the version is still 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaManifest {
    /// The format's version; 1.
    pub version: u32,
    /// The SHA-256 of the object that this was derived from: a manifest of replaced content is ignored.
    pub sha256: crate::time::Digest,
    /// Whether `poster.jpg` exists.
    pub poster: bool,
    /// The poster's width in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster_width: Option<u32>,
    /// The poster's height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster_height: Option<u32>,
    /// The key of the still that the poster is a copy of, where the camera took one within the clip's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poster_of: Option<String>,
    /// Whether `playable.mp4` exists.
    #[serde(default)]
    pub playable: bool,
    /// Whether `small.mp4` exists. `false`: it was tried, or none is needed; absent: nobody tried (yet).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub small: Option<bool>,
    /// Whether `h264.mp4` exists. `false`: none is needed, or none can be made; absent: nobody asked (yet).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h264: Option<bool>,
    /// Why `h264` is `false`, in words for a person, where one was wanted and can't be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h264_problem: Option<String>,
    /// How many pictures `preview.jpg` shows. 0: none can be made; absent: nobody asked (yet).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<u32>,
    /// Why `preview` is 0, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview_problem: Option<String>,
    /// What a list shows until the poster is there: a ThumbHash, base 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blur: Option<String>,
    /// Whether `original` exists.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub original: bool,
    /// Why there is no poster, in words for a person, where making one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl MediaManifest {
    /// The version that this code writes.
    pub const VERSION: u32 = 1;
    /// A manifest is a few hundred bytes; more is not one.
    pub const MAX_BYTES: u64 = 64 * 1024;

    /// A manifest of the object with this digest, with nothing derived so far.
    pub fn new(sha256: crate::time::Digest) -> Self {
        Self {
            version: Self::VERSION,
            sha256,
            poster: false,
            poster_width: None,
            poster_height: None,
            poster_of: None,
            playable: false,
            small: None,
            h264: None,
            h264_problem: None,
            preview: None,
            preview_problem: None,
            blur: None,
            original: false,
            problem: None,
        }
    }

    /// What this and `known`, of the same object, say together; what both say of one thing, this says.
    #[must_use]
    pub fn beside(self, known: Self) -> Self {
        // A poster and what is said of it go together.
        let of_poster =
            |of: &Self| (of.poster_width, of.poster_height, of.poster_of.clone(), of.blur.clone());
        let (poster_width, poster_height, poster_of, blur) =
            of_poster(if self.poster { &self } else { &known });
        let (h264, h264_problem) = match self.h264 {
            Some(_) => (self.h264, self.h264_problem),
            None => (known.h264, known.h264_problem),
        };
        let (preview, preview_problem) = match self.preview {
            Some(_) => (self.preview, self.preview_problem),
            None => (known.preview, known.preview_problem),
        };
        let poster = self.poster || known.poster;
        Self {
            version: self.version,
            sha256: self.sha256,
            poster,
            poster_width,
            poster_height,
            poster_of,
            playable: self.playable || known.playable,
            small: self.small.or(known.small),
            h264,
            h264_problem,
            preview,
            preview_problem,
            blur,
            original: self.original || known.original,
            problem: self.problem.or(known.problem).filter(|_| !poster),
        }
    }

    /// The derived files that it says exist.
    pub fn files(&self) -> Vec<DerivedFiles> {
        let claims = [
            (self.poster, DerivedFiles::Poster),
            (self.playable, DerivedFiles::Playable),
            (self.has_small(), DerivedFiles::Small),
            (self.has_h264(), DerivedFiles::H264),
            (self.preview_frames().is_some(), DerivedFiles::Preview),
            (self.original, DerivedFiles::Original),
        ];
        claims.into_iter().filter_map(|(there, file)| there.then_some(file)).collect()
    }

    /// Whether there is a small rendition.
    pub fn has_small(&self) -> bool {
        self.small == Some(true)
    }

    /// Whether there is an H.264 copy.
    pub fn has_h264(&self) -> bool {
        self.h264 == Some(true)
    }

    /// How many pictures the preview shows, where there is one.
    pub fn preview_frames(&self) -> Option<u32> {
        self.preview.filter(|&frames| frames > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Digest;

    /// Two at one manifest: neither's word is lost, whoever comes last.
    #[test]
    fn what_two_say_together_is_all_of_it() {
        let new = || MediaManifest::new(Digest::of(b"x"));
        let gateway = MediaManifest { poster: true, poster_width: Some(640), small: Some(false), ..new() };
        let asked = MediaManifest {
            h264: Some(true),
            preview: Some(0),
            preview_problem: Some("no picture".to_owned()),
            problem: Some("no poster".to_owned()),
            ..new()
        };
        let both = gateway.clone().beside(asked.clone());
        assert_eq!(both, asked.beside(gateway));
        assert_eq!(both.files(), [DerivedFiles::Poster, DerivedFiles::H264]);
        assert_eq!((both.small, both.preview, &both.problem), (Some(false), Some(0), &None));
        let made = MediaManifest { preview: Some(16), ..new() };
        assert_eq!(made.beside(both).preview_problem, None);
    }
}
