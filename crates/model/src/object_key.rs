//! Object keys: the only place where they are built or parsed.
//!
//! `{object_base}/{camera}/{YYYY-MM-DD}/Hour-{H}/{snap|record}/{file}`. A key that parses prints back to the
//! same text; a key that doesn't is skipped with a reason that a person can act on.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    camera::CameraName,
    capture::{CaptureKind, CaptureTime},
    derived::{DERIVED_PREFIX, DerivedFiles},
    text::key_segment,
    time::Digest,
};

/// Longest file segment we make, in bytes: file systems take 255, and an extension and three digests may have to go
/// in (a camera's own `-small`, and other contents under its name).
const FILE_NAME_MAX_BYTES: usize = 220;
/// How the article marks its derived small renditions, which must never be taken for captures.
const SMALL_SUFFIX: &str = "-small.mp4";

/// The folder in the bucket under which all captures stand: one or more key segments, not `derived`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectBase(String);

impl ObjectBase {
    /// Parses `a` or `a/b`; outer slashes are dropped.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim_matches('/');
        if trimmed.is_empty() || trimmed.split('/').any(|segment| key_segment(segment, 200) != segment) {
            return Err(format!(
                "{text:?} can't be an object base: expected folder names joined by '/', such as patrolcams"
            ));
        }
        if trimmed.split('/').next() == Some(DERIVED_PREFIX.trim_end_matches('/')) {
            return Err(format!(
                "{text:?} can't be an object base: derived/ holds posters and other derived files"
            ));
        }
        Ok(Self(trimmed.to_owned()))
    }

    /// The base as text, without slashes around it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ObjectBase {
    /// The article's: `patrolcams`.
    fn default() -> Self {
        Self("patrolcams".to_owned())
    }
}

impl TryFrom<String> for ObjectBase {
    type Error = String;
    fn try_from(value: String) -> Result<Self, Self::Error> {
        Self::parse(&value)
    }
}

impl From<ObjectBase> for String {
    fn from(value: ObjectBase) -> Self {
        value.0
    }
}

/// The last segment of a capture's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(String);

impl FileName {
    /// The nearest valid name for what a camera sent.
    pub fn from_upload(name: &str) -> Self {
        Self(key_segment(name, FILE_NAME_MAX_BYTES))
    }

    /// The same name with another extension (without the dot); one is added where there is none.
    #[must_use]
    pub fn with_extension(&self, extension: &str) -> Self {
        Self(format!("{}.{extension}", self.split().0))
    }

    /// The name that other content under the same name gets: 8 digits of `digest` before the extension.
    #[must_use]
    pub fn with_digest(&self, digest: &Digest) -> Self {
        let (stem, extension) = self.split();
        match extension {
            Some(extension) => Self(format!("{stem}.{}.{extension}", digest.short())),
            None => Self(format!("{stem}.{}", digest.short())),
        }
    }

    /// A camera's own name that ends like one of the article's derived files (NEVER-14).
    pub fn looks_derived(&self) -> bool {
        looks_small(&self.0)
    }

    /// The extension without its dot, as written.
    pub fn extension(&self) -> Option<&str> {
        self.split().1
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that begins with its only dot has no extension.
    fn split(&self) -> (&str, Option<&str>) {
        match self.0.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() && !extension.is_empty() => (stem, Some(extension)),
            _ => (self.0.as_str(), None),
        }
    }
}

/// Object keys are case-sensitive; the article's own code compares exactly, cameras don't.
fn looks_small(name: &str) -> bool {
    name.len() >= SMALL_SUFFIX.len()
        && name.is_char_boundary(name.len() - SMALL_SUFFIX.len())
        && name[name.len() - SMALL_SUFFIX.len()..].eq_ignore_ascii_case(SMALL_SUFFIX)
}

/// The key of a capture.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    text: String,
    camera: CameraName,
    date: Date,
    hour: u8,
    kind: CaptureKind,
    file: FileName,
}

/// Why a key is not a capture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkipReason {
    /// It stands under `derived/`.
    #[error("it is a derived object (under derived/)")]
    Derived,
    /// It ends in `-small.mp4`.
    #[error("it is a small rendition (its name ends in -small.mp4)")]
    SmallRendition,
    /// It stands outside the object base.
    #[error("it isn't under {base}/")]
    OtherBase {
        /// The configured base.
        base: String,
    },
    /// It has another shape.
    #[error("it isn't camera/YYYY-MM-DD/Hour-H/snap|record/file: {what}")]
    OtherShape {
        /// Which part, and what was found.
        what: String,
    },
}

/// What a key in the bucket is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyVerdict {
    /// A capture.
    Capture(ObjectKey),
    /// The manifest that completes the record of a capture.
    Manifest(ObjectKey),
    /// What a person decided about a capture.
    State(ObjectKey),
    /// The tombstone of a cut capture.
    Superseded(ObjectKey),
    /// Neither, and why.
    Skip(SkipReason),
}

impl ObjectKey {
    /// Files a capture under the camera's own date and hour.
    pub fn new(
        base: &ObjectBase,
        camera: &CameraName,
        time: &CaptureTime,
        kind: CaptureKind,
        file: FileName,
    ) -> Self {
        let (date, hour) = time.local_date_hour();
        Self::from_parts(base.as_str(), camera.clone(), date, hour, kind, file)
    }

    fn from_parts(
        base: &str,
        camera: CameraName,
        date: Date,
        hour: u8,
        kind: CaptureKind,
        file: FileName,
    ) -> Self {
        let text = format!("{base}/{camera}/{date}/Hour-{hour}/{kind}/{}", file.as_str());
        Self { text, camera, date, hour, kind, file }
    }

    /// The same place under another file name.
    #[must_use]
    pub fn with_file(&self, file: FileName) -> Self {
        let folder = &self.text[..self.text.len() - self.file.as_str().len()];
        Self { text: format!("{folder}{}", file.as_str()), file, ..self.clone() }
    }

    /// Judges a key of the bucket, as text (already URL-decoded).
    pub fn judge(base: &ObjectBase, text: &str) -> KeyVerdict {
        if let Some(rest) = text.strip_prefix(DERIVED_PREFIX) {
            let Some((original, file)) = rest.rsplit_once('/') else {
                return KeyVerdict::Skip(SkipReason::Derived);
            };
            let verdict = match DerivedFiles::ALL.into_iter().find(|known| known.file_name() == file) {
                Some(DerivedFiles::Manifest) => KeyVerdict::Manifest,
                Some(DerivedFiles::State) => KeyVerdict::State,
                Some(DerivedFiles::Superseded) => KeyVerdict::Superseded,
                _ => return KeyVerdict::Skip(SkipReason::Derived),
            };
            return match Self::parse(base, original) {
                Ok(original) => verdict(original),
                Err(_) => KeyVerdict::Skip(SkipReason::Derived),
            };
        }
        match Self::parse(base, text) {
            Ok(key) => KeyVerdict::Capture(key),
            Err(reason) => KeyVerdict::Skip(reason),
        }
    }

    /// Parses the key of a capture.
    pub fn parse(base: &ObjectBase, text: &str) -> Result<Self, SkipReason> {
        let other = |what: String| SkipReason::OtherShape { what };
        let rest = text
            .strip_prefix(base.as_str())
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or_else(|| SkipReason::OtherBase { base: base.as_str().to_owned() })?;
        let parts: Vec<&str> = rest.split('/').collect();
        let [camera, date, hour, kind, file] = parts[..] else {
            return Err(other(format!("expected 5 parts after {}/, found {}", base.as_str(), parts.len())));
        };
        let camera = CameraName::parse(camera).map_err(|error| other(error.to_string()))?;
        let date = parse_date(date).ok_or_else(|| other(format!("{date:?} is not a date")))?;
        let hour = parse_hour(hour).ok_or_else(|| other(format!("{hour:?} is not Hour-0 to Hour-23")))?;
        let kind =
            CaptureKind::parse(kind).ok_or_else(|| other(format!("{kind:?} is neither snap nor record")))?;
        if file.is_empty() || file.chars().any(char::is_control) || file == "." || file == ".." {
            return Err(other(format!("{file:?} is not a file name")));
        }
        if looks_small(file) {
            return Err(SkipReason::SmallRendition);
        }
        Ok(Self::from_parts(base.as_str(), camera, date, hour, kind, FileName(file.to_owned())))
    }

    /// The whole key.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// The camera.
    pub fn camera(&self) -> &CameraName {
        &self.camera
    }
    /// The capture's date in the camera's zone.
    pub fn date(&self) -> Date {
        self.date
    }
    /// The capture's hour, 0 to 23, in the camera's zone.
    pub fn hour(&self) -> u8 {
        self.hour
    }
    /// Clip or still.
    pub fn kind(&self) -> CaptureKind {
        self.kind
    }
    /// The last segment.
    pub fn file(&self) -> &FileName {
        &self.file
    }

    /// The fixed nine decimal digits that tell this object from any other of the same millisecond
    /// (docs/design/order.md): 0 to 999,999,999, from the key's SHA-256.
    pub fn fraction(&self) -> u32 {
        let digest = Digest::of(self.text.as_bytes()).0;
        let mut head = [0_u8; 8];
        head.copy_from_slice(&digest[..8]);
        (u64::from_be_bytes(head) % 1_000_000_000) as u32
    }
}

fn parse_date(text: &str) -> Option<Date> {
    let date: Date = text.parse().ok()?;
    (date.to_string() == text).then_some(date)
}

fn parse_hour(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("Hour-")?;
    let hour: u8 = digits.parse().ok()?;
    (hour < 24 && hour.to_string() == digits).then_some(hour)
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: &str = "patrolcams/backyard/2016-10-19/Hour-16/record/MDalarm_20161018_113706.mp4";

    #[test]
    fn the_articles_key_parses_and_prints_back() {
        let key = ObjectKey::parse(&ObjectBase::default(), ARTICLE).unwrap();
        assert_eq!(key.as_str(), ARTICLE);
        assert_eq!((key.camera().as_str(), key.hour(), key.kind()), ("backyard", 16, CaptureKind::Record));
        assert!(key.fraction() < 1_000_000_000);
    }

    #[test]
    fn other_keys_are_skipped_with_a_reason() {
        let base = ObjectBase::default();
        let small = "patrolcams/b/2016-10-19/Hour-16/record/a-small.mp4";
        assert_eq!(ObjectKey::parse(&base, small), Err(SkipReason::SmallRendition));
        for (key, want) in [
            ("elsewhere/b/2016-10-19/Hour-16/record/a.mp4", "isn't under patrolcams/"),
            ("patrolcams/b/2016-10-19/Hour-16/a.mp4", "found 4"),
            ("patrolcams/b/2016-1-9/Hour-16/record/a.mp4", "not a date"),
            ("patrolcams/b/2016-10-19/Hour-07/record/a.mp4", "not Hour-0"),
            ("patrolcams/b/2016-10-19/Hour-24/record/a.mp4", "not Hour-0"),
            ("patrolcams/b/2016-10-19/Hour-7/video/a.mp4", "neither snap nor record"),
            ("patrolcams/b/2016-10-19/Hour-7/record/", "not a file name"),
        ] {
            let reason = ObjectKey::parse(&base, key).unwrap_err().to_string();
            assert!(reason.contains(want), "{key}: {reason}");
        }
    }

    #[test]
    fn a_manifest_names_its_capture_and_other_derived_objects_nothing() {
        let base = ObjectBase::default();
        let key = ObjectKey::parse(&base, ARTICLE).unwrap();
        assert_eq!(
            ObjectKey::judge(&base, &format!("derived/{ARTICLE}/media.json")),
            KeyVerdict::Manifest(key.clone())
        );
        let statement = |file| ObjectKey::judge(&base, &format!("derived/{ARTICLE}/{file}"));
        assert_eq!(statement("state.json"), KeyVerdict::State(key.clone()));
        assert_eq!(statement("superseded.json"), KeyVerdict::Superseded(key));
        assert_eq!(statement("object.json"), KeyVerdict::Skip(SkipReason::Derived));
        let poster = format!("derived/{ARTICLE}/poster.jpg");
        assert_eq!(ObjectKey::judge(&base, &poster), KeyVerdict::Skip(SkipReason::Derived));
    }

    #[test]
    fn other_content_gets_eight_digits_before_the_extension() {
        let digest = Digest::of(b"x");
        let name = FileName::from_upload("snapshot.jpg").with_digest(&digest);
        assert_eq!(name.as_str(), format!("snapshot.{}.jpg", digest.short()));
        assert_eq!(FileName::from_upload("clip.MKV").with_extension("mp4").as_str(), "clip.mp4");
        assert_eq!(FileName::from_upload("a.b.mp4x").with_extension("mp4").as_str(), "a.b.mp4");
        assert!(FileName::from_upload("x-SMALL.mp4").looks_derived());
        assert!(!FileName::from_upload("x.mp4-small.jpg").looks_derived());
    }

    /// Found by the fuzzer: a camera's own `-small`, remuxed, beside others under its name.
    #[test]
    fn the_longest_names_still_fit_a_file_system_with_all_that_is_added() {
        let digest = Digest::of(b"x");
        for name in ["x".repeat(300), format!("{}-small.mpg", "ä".repeat(200))] {
            let remuxed = FileName::from_upload(&name).with_extension("mp4");
            let longest = remuxed.with_digest(&digest).with_digest(&digest).with_digest(&digest);
            assert!(longest.as_str().len() <= 255, "{} bytes: {longest:?}", longest.as_str().len());
        }
    }
}
