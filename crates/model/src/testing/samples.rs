//! Records for tests.

use crate::{
    CameraName, CaptureKind, CaptureTime, CatalogRecord, Digest, FileName, Millis, ObjectBase, ObjectKey,
    ObjectMetadata, TimeSource,
};

/// A record of `camera` taken at `event_ts` (UTC), under `file`.
pub fn record(camera: &str, event_ts: i64, kind: CaptureKind, file: &str) -> CatalogRecord {
    let camera = CameraName::from_folder(camera);
    let time = CaptureTime {
        instant: Millis(event_ts),
        offset_s: 0,
        source: TimeSource::Name,
        clock_error_ms: None,
    };
    let key = ObjectKey::new(&ObjectBase::default(), &camera, &time, kind, FileName::from_upload(file));
    let digest = Digest::of(key.as_str().as_bytes());
    let metadata = ObjectMetadata {
        camera,
        time,
        received_at: Millis(event_ts + 2_000),
        stored_at: Millis(event_ts + 3_000),
        sha256: Some(digest),
        original_sha256: Some(digest),
        original_size: 4,
        original_name: file.to_owned(),
        complete: true,
        content_type: "video/mp4".to_owned(),
        duration_ms: Some(1_000),
        width: Some(640),
        height: Some(360),
        video_codec: Some("h264".to_owned()),
        frame_rate_milli: Some(25_000),
        key_frames: Some(1),
    };
    CatalogRecord::new(key, 4, metadata)
}
