//! Records to rows of the views and back.
//!
//! Both views hold the whole record, under the article's names where it has one. Ours carry `layout`; a row without it
//! was written by the article's own function ([`crate::article`]).

use aws_sdk_dynamodb::types::AttributeValue;
use camtrail_model::{
    CaptureKind, CaptureTime, CatalogRecord, DerivedFiles, DerivedKey, Digest, ObjectBase, ObjectKey,
    ObjectMetadata, TimeSource, ports::CatalogError,
};

use crate::{
    attributes::{
        Item, corrupt, get_bool, get_number, get_number_opt, get_text, get_text_opt, number, put_some, text,
    },
    days::timeline_date,
    place::Place,
    tables::{CAMERA_NAME, CAPTURE_DATE, EVENT_TS, EXPIRES_AT},
};

/// Marks our rows, with the version of their attributes.
pub(crate) const LAYOUT: &str = "layout";
const LAYOUT_VERSION: u8 = 1;
/// In the view by camera: the partition of the same event's row in the view by day.
pub(crate) const TIMELINE_KEY: &str = "timeline_key";

const DAY_S: i64 = 86_400;

/// The article's names of a capture's file and its size.
pub(crate) fn name_and_size(kind: CaptureKind) -> (&'static str, &'static str) {
    match kind {
        CaptureKind::Record => ("video_name", "video_size"),
        CaptureKind::Snap => ("image_name", "image_size"),
    }
}

/// Seconds since 1970 at which a row goes by itself, if ever.
pub(crate) fn expires_at(record: &CatalogRecord, retention_days: u32) -> Option<AttributeValue> {
    let stored_s = record.metadata.stored_at.0.div_euclid(1_000);
    let expires = stored_s.saturating_add(i64::from(retention_days) * DAY_S);
    (retention_days > 0 && !record.protected).then(|| number(expires))
}

/// The partition of the view by day.
pub(crate) fn timeline_key(record: &CatalogRecord, shards: u16) -> String {
    let date = timeline_date(record).to_string();
    if shards <= 1 {
        return date;
    }
    let shard = record.object_key.fraction() % u32::from(shards);
    format!("{date}#{shard:02}")
}

/// What the article's `object_key_small` names: the small rendition; where there is none, the copy that plays, which is
/// what its readers play in place of the object.
pub(crate) fn small_file(record: &CatalogRecord) -> Option<DerivedFiles> {
    match (record.small_copy, record.playable_copy) {
        (true, _) => Some(DerivedFiles::Small),
        (false, true) => Some(DerivedFiles::Playable),
        (false, false) => None,
    }
}

/// What stands in both views but the partition key of the second.
fn shared(record: &CatalogRecord, retention_days: u32) -> Item {
    let (metadata, key) = (&record.metadata, &record.object_key);
    let (name, size) = name_and_size(key.kind());
    let flag = AttributeValue::Bool;
    let mut item = Item::new();
    let mut put = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    put(EVENT_TS, Place::of(&record.id()).value());
    put(CAMERA_NAME, text(key.camera().as_str()));
    put(name, text(key.file().as_str()));
    put(size, number(record.size));
    put("capture_hour", text(format!("Hour-{}", key.hour())));
    put("object_key", text(key.as_str()));
    put(LAYOUT, number(LAYOUT_VERSION));
    put("offset_s", number(metadata.time.offset_s));
    put("time_source", text(metadata.time.source.as_str()));
    put("received_at", number(metadata.received_at.0));
    put("stored_at", number(metadata.stored_at.0));
    put("original_size", number(metadata.original_size));
    put("original_name", text(&metadata.original_name));
    put("complete", flag(metadata.complete));
    put("content_type", text(&metadata.content_type));
    put("poster", flag(record.poster));
    put("playable_copy", flag(record.playable_copy));
    put("protected", flag(record.protected));
    let derived = |file, is_there: bool| is_there.then(|| text(DerivedKey::new(key, file).as_str()));
    for (name, value) in [
        ("clock_error_ms", metadata.time.clock_error_ms.map(number)),
        ("sha256", metadata.sha256.map(|digest| text(digest.to_string()))),
        ("original_sha256", metadata.original_sha256.map(|digest| text(digest.to_string()))),
        ("duration_ms", metadata.duration_ms.map(number)),
        ("width", metadata.width.map(number)),
        ("height", metadata.height.map(number)),
        ("video_codec", metadata.video_codec.as_ref().map(text)),
        ("frame_rate_milli", metadata.frame_rate_milli.map(number)),
        ("key_frames", metadata.key_frames.map(number)),
        ("note", record.note.as_ref().map(text)),
        ("thumbnail_key", derived(DerivedFiles::Poster, record.poster)),
        ("small_copy", record.small_copy.then(|| flag(true))),
        ("original_copy", record.original_copy.then(|| flag(true))),
        ("h264_copy", record.h264_copy.then(|| flag(true))),
        ("preview_frames", record.preview_frames.map(number)),
        ("blur", record.blur.as_ref().map(text)),
        ("object_key_small", small_file(record).map(|file| text(DerivedKey::new(key, file).as_str()))),
        (EXPIRES_AT, expires_at(record, retention_days)),
    ] {
        put_some(&mut item, name, value);
    }
    item
}

/// The rows of both views: by camera, by day.
pub(crate) fn rows(record: &CatalogRecord, retention_days: u32, shards: u16) -> (Item, Item) {
    let mut by_camera = shared(record, retention_days);
    let mut by_day = by_camera.clone();
    let partition = timeline_key(record, shards);
    by_camera.insert(CAPTURE_DATE.to_owned(), text(record.object_key.date().to_string()));
    by_camera.insert(TIMELINE_KEY.to_owned(), text(&partition));
    by_day.insert(CAPTURE_DATE.to_owned(), text(partition));
    (by_camera, by_day)
}

/// Where a row stands.
pub(crate) fn place(item: &Item) -> Result<Place, CatalogError> {
    let digits = item.get(EVENT_TS).and_then(|value| value.as_n().ok());
    digits.and_then(|digits| Place::parse(digits)).ok_or_else(|| corrupt(item, EVENT_TS))
}

/// Reads a row of ours.
pub(crate) fn record(base: &ObjectBase, item: &Item) -> Result<CatalogRecord, CatalogError> {
    let key = get_text(item, "object_key")?;
    let object_key = ObjectKey::parse(base, key)
        .map_err(|reason| CatalogError::Corrupt(format!("event {key:?}: {reason}")))?;
    let digest = |name| Ok::<_, CatalogError>(get_text_opt(item, name)?.and_then(Digest::parse));
    let metadata = ObjectMetadata {
        camera: object_key.camera().clone(),
        time: CaptureTime {
            instant: place(item)?.parts().0,
            offset_s: get_number(item, "offset_s")?,
            source: TimeSource::parse(get_text(item, "time_source")?).unwrap_or(TimeSource::Metadata),
            clock_error_ms: get_number_opt(item, "clock_error_ms")?,
        },
        received_at: camtrail_model::Millis(get_number(item, "received_at")?),
        stored_at: camtrail_model::Millis(get_number(item, "stored_at")?),
        sha256: digest("sha256")?,
        original_sha256: digest("original_sha256")?,
        original_size: get_number(item, "original_size")?,
        original_name: get_text(item, "original_name")?.to_owned(),
        complete: get_bool(item, "complete")?,
        content_type: get_text(item, "content_type")?.to_owned(),
        duration_ms: get_number_opt(item, "duration_ms")?,
        width: get_number_opt(item, "width")?,
        height: get_number_opt(item, "height")?,
        video_codec: get_text_opt(item, "video_codec")?.map(str::to_owned),
        frame_rate_milli: get_number_opt(item, "frame_rate_milli")?,
        key_frames: get_number_opt(item, "key_frames")?,
    };
    Ok(CatalogRecord {
        size: get_number(item, name_and_size(object_key.kind()).1)?,
        object_key,
        metadata,
        poster: get_bool(item, "poster")?,
        playable_copy: get_bool(item, "playable_copy")?,
        // Only there where it is so, which saves bytes and reads rows of earlier versions.
        small_copy: item.contains_key("small_copy") && get_bool(item, "small_copy")?,
        original_copy: item.contains_key("original_copy") && get_bool(item, "original_copy")?,
        h264_copy: item.contains_key("h264_copy") && get_bool(item, "h264_copy")?,
        preview_frames: get_number_opt(item, "preview_frames")?,
        blur: get_text_opt(item, "blur")?.map(str::to_owned),
        protected: get_bool(item, "protected")?,
        note: get_text_opt(item, "note")?.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use camtrail_model::testing::record as sample;

    use super::*;

    /// DynamoDB counts the bytes of names and values; a number is about half its digits.
    fn size(item: &Item) -> usize {
        let value = |value: &AttributeValue| match value {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(digits) => digits.len() / 2 + 1,
            _ => 1,
        };
        item.iter().map(|(name, of)| name.len() + value(of)).sum()
    }

    #[test]
    fn a_usual_row_costs_one_unit() {
        let file = "MDalarm_20160830_152954.mp4";
        let mut clip = sample("backyard east 12", 1_472_596_194_123, CaptureKind::Record, file);
        (clip.poster, clip.small_copy) = (true, true);
        let (by_camera, by_day) = rows(&clip, 30, 4);
        for row in [by_camera, by_day] {
            assert!(size(&row) <= 1_024, "{} bytes", size(&row));
        }
    }
}
