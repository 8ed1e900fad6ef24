//! One event of the catalog, and its id.

use std::fmt;

use crate::{
    camera::CameraName,
    capture::{CaptureKind, CaptureTime},
    derived::MediaManifest,
    metadata::ObjectMetadata,
    object_key::ObjectKey,
    time::Millis,
};

/// An event's id: opaque to clients, stable across a rebuild, and in the order of the timeline.
///
/// It carries the whole catalog key (capture time, fraction, kind, camera), so that one event is found with
/// one read in any catalog, and its text sorts as the events do (docs/design/order.md).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// Capture time.
    pub event_ts: Millis,
    /// Nine digits of the object key's hash.
    pub fraction: u32,
    /// Clip or still.
    pub kind: CaptureKind,
    /// The camera.
    pub camera: CameraName,
}

const ID_VERSION: u8 = 1;
const FIXED_BYTES: usize = 14;

impl EventId {
    /// Parses an id; `None` for anything that this code wouldn't have printed.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = data_encoding::BASE32_DNSSEC.decode(text.as_bytes()).ok()?;
        let (fixed, camera) = bytes.split_at_checked(FIXED_BYTES)?;
        if fixed[0] != ID_VERSION {
            return None;
        }
        let event_ts = u64::from_be_bytes(fixed[1..9].try_into().ok()?) ^ (1 << 63);
        let fraction = u32::from_be_bytes(fixed[9..13].try_into().ok()?);
        let kind = *CaptureKind::ALL.get(usize::from(fixed[13]))?;
        let camera = CameraName::parse(std::str::from_utf8(camera).ok()?).ok()?;
        let id = Self { event_ts: Millis(event_ts as i64), fraction, kind, camera };
        (fraction < 1_000_000_000 && id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::with_capacity(FIXED_BYTES + self.camera.as_str().len());
        bytes.push(ID_VERSION);
        // With the sign bit turned, big-endian bytes sort as the numbers do.
        bytes.extend(((self.event_ts.0 as u64) ^ (1 << 63)).to_be_bytes());
        bytes.extend(self.fraction.to_be_bytes());
        bytes.push(self.kind as u8);
        bytes.extend(self.camera.as_str().as_bytes());
        // Base 32 with the extended hex alphabet (RFC 4648 section 7) keeps the order of the bytes.
        f.write_str(&data_encoding::BASE32_DNSSEC.encode(&bytes))
    }
}

/// One event: what the store's object says of itself, plus what was derived and what a person decided.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogRecord {
    /// Where the object is.
    pub object_key: ObjectKey,
    /// The object's size in bytes.
    pub size: u64,
    /// What travels with the object.
    pub metadata: ObjectMetadata,
    /// Whether a poster exists under `derived/`.
    pub poster: bool,
    /// Whether a playable copy exists under `derived/` (the object itself isn't playable).
    pub playable_copy: bool,
    /// Whether a small rendition exists under `derived/`.
    pub small_copy: bool,
    /// Whether an H.264 copy exists under `derived/` (the clip's own codec is another).
    pub h264_copy: bool,
    /// How many pictures the preview under `derived/` shows; `None`: there is none (yet).
    pub preview_frames: Option<u32>,
    /// What lists show until the poster is there: a ThumbHash, base 64.
    pub blur: Option<String>,
    /// Whether the bytes as received exist under `derived/` (the object is a remuxed copy of them).
    pub original_copy: bool,
    /// Exempt from retention.
    pub protected: bool,
    /// A person's note.
    pub note: Option<String>,
}

impl CatalogRecord {
    /// A record as the object alone gives it.
    pub fn new(object_key: ObjectKey, size: u64, metadata: ObjectMetadata) -> Self {
        Self {
            object_key,
            size,
            metadata,
            poster: false,
            playable_copy: false,
            small_copy: false,
            h264_copy: false,
            preview_frames: None,
            blur: None,
            original_copy: false,
            protected: false,
            note: None,
        }
    }

    /// The same with what `manifest` says was derived. That it is of this object's content is for the caller to know.
    #[must_use]
    pub fn completed(self, manifest: &MediaManifest) -> Self {
        Self {
            poster: manifest.poster,
            playable_copy: manifest.playable,
            small_copy: manifest.has_small(),
            h264_copy: manifest.has_h264(),
            preview_frames: manifest.preview_frames(),
            blur: manifest.blur.clone(),
            original_copy: manifest.original,
            ..self
        }
    }

    /// The event's id.
    pub fn id(&self) -> EventId {
        EventId {
            event_ts: self.metadata.time.instant,
            fraction: self.object_key.fraction(),
            kind: self.object_key.kind(),
            camera: self.object_key.camera().clone(),
        }
    }

    /// When it was taken.
    pub fn time(&self) -> &CaptureTime {
        &self.metadata.time
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> impl Strategy<Value = EventId> {
        (any::<i64>(), 0..1_000_000_000_u32, any::<bool>(), "[a-zA-Z0-9 é]{0,8}x").prop_map(
            |(ts, fraction, snap, camera)| EventId {
                event_ts: Millis(ts),
                fraction,
                kind: if snap { CaptureKind::Snap } else { CaptureKind::Record },
                camera: CameraName::from_folder(&camera),
            },
        )
    }

    proptest! {
        #[test]
        fn ids_read_back(id in id()) {
            prop_assert_eq!(EventId::parse(&id.to_string()), Some(id));
        }

        #[test]
        fn ids_sort_as_events_do(a in id(), b in id()) {
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }

    #[test]
    fn strange_ids_are_none() {
        for text in ["", "x", "0", "zzzzzzzz", "04200000000000000000000000"] {
            assert_eq!(EventId::parse(text), None, "{text}");
        }
    }
}
