//! What travels with every object, so that the bucket alone can rebuild the catalog.
//!
//! On S3 this is user metadata: at most 2 kB, ASCII only, so text is percent-encoded where it has to be. The
//! local store writes the same map into a sidecar.

use std::collections::BTreeMap;

use crate::{
    camera::CameraName,
    capture::{CaptureTime, TimeSource},
    time::{Digest, Millis},
};

/// The user metadata of a capture's object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectMetadata {
    /// The camera.
    pub camera: CameraName,
    /// When it was taken, and how we know.
    pub time: CaptureTime,
    /// When the upload's last byte was durable.
    pub received_at: Millis,
    /// When the object was put. Retention counts from here.
    pub stored_at: Millis,
    /// Digest of the object's bytes; unknown for objects that others put.
    pub sha256: Option<Digest>,
    /// Digest of the bytes as received: sameness is judged by this.
    pub original_sha256: Option<Digest>,
    /// How many bytes were received.
    pub original_size: u64,
    /// The path as the camera sent it, below its own folder.
    pub original_name: String,
    /// Whether all of the capture is there.
    pub complete: bool,
    /// The object's media type.
    pub content_type: String,
    /// Playing time in milliseconds.
    pub duration_ms: Option<u64>,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// Video codec in ffmpeg's word.
    pub video_codec: Option<String>,
    /// Frame rate in thousandths of a picture a second (29,970 is NTSC's); the mean where it varies.
    pub frame_rate_milli: Option<u32>,
    /// How many key frames it has: where a player can start.
    pub key_frames: Option<u32>,
}

/// Metadata that can't be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("object metadata {key:?}: found {found:?}, expected {expected}")]
pub struct MetadataError {
    /// The metadata's key.
    pub key: &'static str,
    /// The value that was there; empty where it was missing.
    pub found: String,
    /// What should stand there.
    pub expected: &'static str,
}

/// Longest `original_name` kept in metadata, in bytes after encoding: all of it must fit S3's 2 kB.
const ORIGINAL_NAME_MAX_BYTES: usize = 1024;
/// What no object that we put lacks. Other programs have words of their own (`mtime`).
const ALWAYS: [&str; 4] = ["camera", "camera_timestamp", "received_timestamp", "complete"];

impl ObjectMetadata {
    /// Whether a name is one of those that every object of ours carries.
    pub fn is_ours(name: &str) -> bool {
        ALWAYS.contains(&name)
    }

    /// Pictures a second.
    pub fn frame_rate(&self) -> Option<f64> {
        self.frame_rate_milli.map(|milli| f64::from(milli) / 1_000.0)
    }

    /// The map that the store keeps. Absent values have no entry.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        let mut put = |key: &str, value: String| map.insert(key.to_owned(), value);
        put("camera", encode(self.camera.as_str()));
        put("camera_timestamp", self.time.instant.0.to_string());
        put("camera_utc_offset", self.time.offset_s.to_string());
        put("camera_time_source", self.time.source.as_str().to_owned());
        if let Some(error_ms) = self.time.clock_error_ms {
            put("camera_clock_error", error_ms.to_string());
        }
        put("received_timestamp", self.received_at.0.to_string());
        put("stored_timestamp", self.stored_at.0.to_string());
        for (key, digest) in [("sha256", self.sha256), ("original_sha256", self.original_sha256)] {
            if let Some(digest) = digest {
                put(key, digest.to_string());
            }
        }
        put("original_size", self.original_size.to_string());
        let mut name = encode(&self.original_name);
        name.truncate(floor_escape(&name, ORIGINAL_NAME_MAX_BYTES));
        put("original_name", name);
        put("complete", self.complete.to_string());
        put("content_type", self.content_type.clone());
        let numbers = [
            ("duration_ms", self.duration_ms),
            ("width", self.width.map(u64::from)),
            ("height", self.height.map(u64::from)),
            ("frame_rate_milli", self.frame_rate_milli.map(u64::from)),
            ("key_frames", self.key_frames.map(u64::from)),
        ];
        for (key, value) in numbers {
            if let Some(value) = value {
                put(key, value.to_string());
            }
        }
        if let Some(codec) = &self.video_codec {
            put("video_codec", codec.clone());
        }
        map
    }

    /// Reads a map back. Unknown entries are ignored (a later version may have written them).
    pub fn from_map(map: &BTreeMap<String, String>) -> Result<Self, MetadataError> {
        let reader = Reader(map);
        let camera = decode(reader.text("camera", "a camera's name")?);
        Ok(Self {
            camera: CameraName::parse(&camera).map_err(|_| MetadataError {
                key: "camera",
                found: camera.clone(),
                expected: "a camera's name",
            })?,
            time: CaptureTime {
                instant: Millis(reader.number("camera_timestamp")?),
                offset_s: reader.optional_number("camera_utc_offset")?.unwrap_or(0),
                source: reader
                    .0
                    .get("camera_time_source")
                    .and_then(|text| TimeSource::parse(text))
                    .unwrap_or(TimeSource::Metadata),
                clock_error_ms: reader.optional_number("camera_clock_error")?,
            },
            received_at: Millis(reader.number("received_timestamp")?),
            stored_at: Millis(reader.number("stored_timestamp")?),
            sha256: reader.digest("sha256")?,
            original_sha256: reader.digest("original_sha256")?,
            original_size: reader.number("original_size")?,
            original_name: decode(reader.text("original_name", "a path")?),
            complete: reader.text("complete", "true or false")? == "true",
            content_type: reader.text("content_type", "a media type")?.to_owned(),
            duration_ms: reader.optional_number("duration_ms")?,
            width: reader.optional_number("width")?,
            height: reader.optional_number("height")?,
            video_codec: map.get("video_codec").cloned(),
            frame_rate_milli: reader.optional_number("frame_rate_milli")?,
            key_frames: reader.optional_number("key_frames")?,
        })
    }
}

struct Reader<'a>(&'a BTreeMap<String, String>);

impl<'a> Reader<'a> {
    fn text(&self, key: &'static str, expected: &'static str) -> Result<&'a str, MetadataError> {
        self.0.get(key).map(String::as_str).ok_or(MetadataError { key, found: String::new(), expected })
    }

    fn number<T: std::str::FromStr>(&self, key: &'static str) -> Result<T, MetadataError> {
        let text = self.text(key, "a number")?;
        text.parse().map_err(|_| MetadataError { key, found: text.to_owned(), expected: "a number" })
    }

    fn optional_number<T: std::str::FromStr>(&self, key: &'static str) -> Result<Option<T>, MetadataError> {
        if self.0.contains_key(key) { self.number(key).map(Some) } else { Ok(None) }
    }

    fn digest(&self, key: &'static str) -> Result<Option<Digest>, MetadataError> {
        let parse = |text: &String| {
            let wrong = || MetadataError { key, found: text.clone(), expected: "64 hex digits" };
            Digest::parse(text).ok_or_else(wrong)
        };
        self.0.get(key).map(parse).transpose()
    }
}

/// Percent-encodes what HTTP header values can't hold: everything but visible ASCII and inner spaces, and `%`.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, 0x21..=0x7E) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    out
}

/// The reverse of [`encode`]; what isn't a whole escape stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        if let Some(byte) = escape.and_then(|hex| data_encoding::HEXUPPER_PERMISSIVE.decode(hex).ok()) {
            out.extend(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The largest cut at or below `max` that doesn't split an escape.
fn floor_escape(encoded: &str, max: usize) -> usize {
    if encoded.len() <= max {
        return encoded.len();
    }
    match encoded[..max].rfind('%') {
        Some(percent) if percent + 3 > max => percent,
        _ => max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        let metadata = ObjectMetadata {
            camera: CameraName::parse("Garé 1").unwrap(),
            time: CaptureTime {
                instant: Millis(1_472_596_194_000),
                offset_s: -25_200,
                source: TimeSource::Name,
                clock_error_ms: Some(-5),
            },
            received_at: Millis(1),
            stored_at: Millis(2),
            sha256: Some(Digest::of(b"a")),
            original_sha256: Some(Digest::of(b"b")),
            original_size: 3,
            original_name: "record/100% ü\n.mkv".to_owned(),
            complete: false,
            content_type: "video/mp4".to_owned(),
            duration_ms: Some(27_810),
            width: Some(1280),
            height: None,
            video_codec: Some("h264".to_owned()),
            frame_rate_milli: Some(29_970),
            key_frames: Some(14),
        };
        let map = metadata.to_map();
        assert!(map.values().all(|value| value.bytes().all(|byte| (0x20..0x7F).contains(&byte))));
        assert_eq!(ObjectMetadata::from_map(&map), Ok(metadata));
    }

    #[test]
    fn a_missing_entry_is_named() {
        let error = ObjectMetadata::from_map(&BTreeMap::new()).unwrap_err();
        assert_eq!(error.to_string(), r#"object metadata "camera": found "", expected a camera's name"#);
    }
}
