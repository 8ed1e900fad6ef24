//! Records to rows and back.

use camtrail_model::{
    CameraName, CaptureKind, CaptureTime, CatalogRecord, Digest, EventId, Millis, ObjectBase, ObjectKey,
    ObjectMetadata, TimeSource, ports::CatalogError,
};
use rusqlite::Row;

/// The columns that [`record`] reads, in its order.
pub(crate) const COLUMNS: &str = "object_key, size, event_ts, offset_s, time_source, clock_error_ms, received_at, \
     stored_at, sha256, original_sha256, original_size, original_name, complete, content_type, duration_ms, width, \
     height, video_codec, poster, playable_copy, small_copy, original_copy, protected, note, frame_rate_milli, \
     key_frames, h264_copy, preview_frames, blur";

/// A stored kind.
pub(crate) fn kind(number: i64) -> Option<CaptureKind> {
    CaptureKind::ALL.get(usize::try_from(number).ok()?).copied()
}

/// What a row of [`COLUMNS`] says. The outer error is SQLite's; the inner one says that the row can't be read.
pub(crate) fn record(
    base: &ObjectBase,
    row: &Row<'_>,
) -> rusqlite::Result<Result<CatalogRecord, CatalogError>> {
    let key: String = row.get(0)?;
    let corrupt = |what: &str| CatalogError::Corrupt(format!("event {key:?}: {what}"));
    let object_key = match ObjectKey::parse(base, &key) {
        Ok(object_key) => object_key,
        Err(reason) => return Ok(Err(corrupt(&reason.to_string()))),
    };
    let source: String = row.get(4)?;
    let digest = |text: Option<String>| text.as_deref().and_then(Digest::parse);
    let metadata = ObjectMetadata {
        camera: object_key.camera().clone(),
        time: CaptureTime {
            instant: Millis(row.get(2)?),
            offset_s: row.get(3)?,
            source: TimeSource::parse(&source).unwrap_or(TimeSource::Metadata),
            clock_error_ms: row.get(5)?,
        },
        received_at: Millis(row.get(6)?),
        stored_at: Millis(row.get(7)?),
        sha256: digest(row.get(8)?),
        original_sha256: digest(row.get(9)?),
        original_size: row.get::<_, i64>(10)?.unsigned_abs(),
        original_name: row.get(11)?,
        complete: row.get(12)?,
        content_type: row.get(13)?,
        duration_ms: row.get::<_, Option<i64>>(14)?.map(i64::unsigned_abs),
        width: row.get(15)?,
        height: row.get(16)?,
        video_codec: row.get(17)?,
        frame_rate_milli: row.get(24)?,
        key_frames: row.get(25)?,
    };
    Ok(Ok(CatalogRecord {
        object_key,
        size: row.get::<_, i64>(1)?.unsigned_abs(),
        metadata,
        poster: row.get(18)?,
        playable_copy: row.get(19)?,
        small_copy: row.get(20)?,
        original_copy: row.get(21)?,
        protected: row.get(22)?,
        note: row.get(23)?,
        h264_copy: row.get(26)?,
        preview_frames: row.get(27)?,
        blur: row.get(28)?,
    }))
}

/// The id that four columns make: `event_ts`, `fraction`, `kind`, `camera`.
pub(crate) fn id(
    event_ts: i64,
    fraction: i64,
    kind_number: i64,
    camera: &str,
) -> Result<EventId, CatalogError> {
    let corrupt = |what: String| CatalogError::Corrupt(what);
    Ok(EventId {
        event_ts: Millis(event_ts),
        fraction: u32::try_from(fraction).map_err(|_| corrupt(format!("fraction {fraction}")))?,
        kind: kind(kind_number).ok_or_else(|| corrupt(format!("kind {kind_number}")))?,
        camera: CameraName::parse(camera).map_err(|error| corrupt(error.to_string()))?,
    })
}
