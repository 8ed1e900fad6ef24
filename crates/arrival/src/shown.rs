//! A record as one JSON object: what `camtrail invoke` prints, and what two catalogs are compared by.
//!
//! The names are the API's.

use camtrail_model::{CatalogRecord, Millis};
use jiff::tz::Offset;
use serde::Serialize;

/// All that the store says of an event. Unknown values are null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownEvent {
    id: String,
    kind: &'static str,
    camera_name: String,
    event_ts: i64,
    captured_at: String,
    capture_date: String,
    capture_hour: String,
    time_source: &'static str,
    clock_error_ms: Option<i64>,
    name: String,
    size: u64,
    content_type: String,
    duration_ms: Option<u64>,
    width: Option<u32>,
    height: Option<u32>,
    video_codec: Option<String>,
    frame_rate: Option<f64>,
    key_frames: Option<u32>,
    complete: bool,
    object_key: String,
    received_at: String,
    stored_at: String,
    sha256: Option<String>,
    original_sha256: Option<String>,
    original_size: u64,
    original_name: String,
    poster: bool,
    playable_copy: bool,
    small_copy: bool,
    original_copy: bool,
    h264_copy: bool,
    preview_frames: Option<u32>,
    blur: Option<String>,
    protected: bool,
    note: Option<String>,
}

impl ShownEvent {
    /// The event's id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

fn utc(at: Millis) -> String {
    format!("{:.3}", at.timestamp())
}

impl From<&CatalogRecord> for ShownEvent {
    fn from(record: &CatalogRecord) -> Self {
        let (key, metadata) = (&record.object_key, &record.metadata);
        let time = &metadata.time;
        let offset = Offset::from_seconds(time.offset_s).unwrap_or(Offset::UTC);
        Self {
            id: record.id().to_string(),
            kind: key.kind().as_str(),
            camera_name: key.camera().to_string(),
            event_ts: time.instant.0,
            captured_at: format!("{:.3}", time.instant.timestamp().display_with_offset(offset)),
            capture_date: key.date().to_string(),
            capture_hour: format!("Hour-{}", key.hour()),
            time_source: time.source.as_str(),
            clock_error_ms: time.clock_error_ms,
            name: key.file().as_str().to_owned(),
            size: record.size,
            content_type: metadata.content_type.clone(),
            duration_ms: metadata.duration_ms,
            width: metadata.width,
            height: metadata.height,
            video_codec: metadata.video_codec.clone(),
            frame_rate: metadata.frame_rate(),
            key_frames: metadata.key_frames,
            complete: metadata.complete,
            object_key: key.as_str().to_owned(),
            received_at: utc(metadata.received_at),
            stored_at: utc(metadata.stored_at),
            sha256: metadata.sha256.map(|digest| digest.to_string()),
            original_sha256: metadata.original_sha256.map(|digest| digest.to_string()),
            original_size: metadata.original_size,
            original_name: metadata.original_name.clone(),
            poster: record.poster,
            playable_copy: record.playable_copy,
            small_copy: record.small_copy,
            original_copy: record.original_copy,
            h264_copy: record.h264_copy,
            preview_frames: record.preview_frames,
            blur: record.blur.clone(),
            protected: record.protected,
            note: record.note.clone(),
        }
    }
}
