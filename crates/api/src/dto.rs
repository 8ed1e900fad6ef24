//! The shapes that clients see. Unknown values are `null`, never an error.

use camtrail_model::{CatalogRecord, Container, Millis, PREVIEW_COLUMNS, ports::CameraSummary};
use jiff::tz::Offset;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{links::Links, state::Api};

/// One clip or still.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Event {
    /// Opaque; stable across a rebuild of the catalog; sorts as the timeline does.
    id: String,
    /// `record` is video, `snap` is still.
    #[schema(example = "record")]
    kind: EventKind,
    /// The camera.
    #[schema(example = "backyard")]
    camera_name: String,
    /// When it was taken: milliseconds since 1970, UTC.
    #[schema(example = 1_472_596_194_000_i64)]
    event_ts: i64,
    /// The same with the camera's offset, RFC 3339.
    #[schema(example = "2016-08-30T15:29:54.000-07:00", format = DateTime)]
    captured_at: String,
    /// The camera's date.
    #[schema(example = "2016-08-30", format = Date)]
    capture_date: String,
    /// The camera's hour, 0 to 23.
    #[schema(example = "Hour-15")]
    capture_hour: String,
    /// Where the time comes from; `arrival` means that the camera gave none that could be used.
    time_source: EventTimeSource,
    /// How far the camera's clock was off, in milliseconds (positive: ahead), where it was.
    clock_error_ms: Option<i64>,
    /// The file's name.
    #[schema(example = "MDalarm_20160830_152954.mp4")]
    name: String,
    /// The object's size in bytes.
    size: u64,
    /// The object's media type.
    #[schema(example = "video/mp4")]
    content_type: String,
    /// Playing time in milliseconds.
    duration_ms: Option<u64>,
    /// Width in pixels.
    width: Option<u32>,
    /// Height in pixels.
    height: Option<u32>,
    /// The video codec.
    #[schema(example = "h264")]
    video_codec: Option<String>,
    /// Pictures a second; the mean where it varies.
    #[schema(example = 25.0)]
    frame_rate: Option<f64>,
    /// How many key frames it has.
    key_frames: Option<u32>,
    /// Whether all of it arrived.
    complete: bool,
    /// Whether browsers open what `media_url` gives (an HEVC clip may still not play everywhere).
    playable: bool,
    /// Where the object is in the store.
    object_key: String,
    /// A signed link to the media; answers `Range`.
    media_url: String,
    /// A signed link that saves what `media_url` shows.
    download_url: String,
    /// A signed link to the bytes as the camera sent them, for saving, where they are kept and `media_url` gives others: a
    /// playable copy, or what was remuxed.
    original_url: Option<String>,
    /// A signed link to a small rendition for phones: H.264 of at most 640 pixels' width. Null where there is none (yet):
    /// none is configured, or the clip is as small itself.
    small_url: Option<String>,
    /// A signed link to an H.264 copy, for browsers that can't play `video_codec`. Null until somebody asks for one.
    h264_url: Option<String>,
    /// A signed link to a poster.
    poster_url: Option<String>,
    /// What to show until the poster is there: a ThumbHash, base 64.
    #[schema(example = "1QcSHQRnh493V4dIh4eXh1h4kJUI")]
    blur: Option<String>,
    /// Pictures of the whole clip in one file. Null until somebody asks for them.
    preview: Option<Preview>,
    /// When these links end; load the event again for fresh ones.
    #[schema(format = DateTime)]
    media_expires_at: String,
    /// When its last byte arrived.
    #[schema(format = DateTime)]
    received_at: String,
    /// When it was stored; retention counts from here.
    #[schema(format = DateTime)]
    stored_at: String,
    /// SHA-256 of the object, hex.
    sha256: Option<String>,
    /// SHA-256 of the bytes as the camera sent them, hex.
    original_sha256: Option<String>,
    /// Whether you have seen it; null where that isn't told: in live updates, and while it can't be read.
    viewed: Option<bool>,
    /// Exempt from retention.
    protected: bool,
    /// A person's note.
    note: Option<String>,
}

/// Pictures of a clip at equal distances, in one JPEG: row by row, from left to right, all of one size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Preview {
    /// A signed link to the file.
    url: String,
    /// How many pictures it shows.
    #[schema(example = 16)]
    frames: u32,
    /// How many stand in a row.
    #[schema(example = 4)]
    columns: u32,
    /// How many rows there are.
    #[schema(example = 4)]
    rows: u32,
}

impl Preview {
    fn new(url: Option<String>, frames: Option<u32>) -> Option<Self> {
        let (url, frames) = url.zip(frames)?;
        Some(Self {
            url,
            frames,
            columns: frames.min(PREVIEW_COLUMNS),
            rows: frames.div_ceil(PREVIEW_COLUMNS),
        })
    }
}

/// Clip or still.
#[derive(Debug, Clone, Copy, Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventKind {
    /// A clip.
    Record,
    /// A still.
    Snap,
}

impl From<camtrail_model::CaptureKind> for EventKind {
    fn from(kind: camtrail_model::CaptureKind) -> Self {
        match kind {
            camtrail_model::CaptureKind::Record => Self::Record,
            camtrail_model::CaptureKind::Snap => Self::Snap,
        }
    }
}

impl From<EventKind> for camtrail_model::CaptureKind {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::Record => Self::Record,
            EventKind::Snap => Self::Snap,
        }
    }
}

/// Where a capture's time comes from.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum EventTimeSource {
    Metadata,
    Name,
    Folder,
    File,
    Arrival,
}

impl From<camtrail_model::TimeSource> for EventTimeSource {
    fn from(source: camtrail_model::TimeSource) -> Self {
        match source {
            camtrail_model::TimeSource::Metadata => Self::Metadata,
            camtrail_model::TimeSource::Name => Self::Name,
            camtrail_model::TimeSource::Folder => Self::Folder,
            camtrail_model::TimeSource::File => Self::File,
            camtrail_model::TimeSource::Arrival => Self::Arrival,
        }
    }
}

/// A page of events.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct EventPage {
    /// The events, in order.
    pub(crate) items: Vec<Event>,
    /// The cursor of the next page; null on the last.
    pub(crate) next_cursor: Option<String>,
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn utc(at: Millis) -> String {
    format!("{:.3}", at.timestamp())
}

impl Event {
    pub(crate) async fn new(api: &Api, record: &CatalogRecord) -> Self {
        let (metadata, key) = (&record.metadata, &record.object_key);
        let links = Links::of(api, record).await;
        let offset = Offset::from_seconds(metadata.time.offset_s).unwrap_or(Offset::UTC);
        Self {
            id: record.id().to_string(),
            kind: key.kind().into(),
            camera_name: key.camera().to_string(),
            event_ts: metadata.time.instant.0,
            captured_at: format!("{:.3}", metadata.time.instant.timestamp().display_with_offset(offset)),
            capture_date: key.date().to_string(),
            capture_hour: format!("Hour-{}", key.hour()),
            time_source: metadata.time.source.into(),
            clock_error_ms: metadata.time.clock_error_ms,
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
            playable: is_playable(record),
            object_key: key.to_string(),
            media_url: links.media,
            download_url: links.download,
            original_url: links.original,
            small_url: links.small,
            h264_url: links.h264,
            poster_url: links.poster,
            blur: record.blur.clone(),
            preview: Preview::new(links.preview, record.preview_frames),
            media_expires_at: utc(links.expires),
            received_at: utc(metadata.received_at),
            stored_at: utc(metadata.stored_at),
            sha256: metadata.sha256.map(|digest| digest.to_string()),
            original_sha256: metadata.original_sha256.map(|digest| digest.to_string()),
            viewed: None,
            protected: record.protected,
            note: record.note.clone(),
        }
    }
}

impl Event {
    /// As one person sees it.
    pub(crate) fn seen(self, viewed: Option<bool>) -> Self {
        Self { viewed, ..self }
    }
}

/// Whether browsers open what is shown of it.
pub(crate) fn is_playable(record: &CatalogRecord) -> bool {
    record.playable_copy || (opens(&record.metadata.content_type) && is_understood(record))
}

/// Whether anything was made of the content: an MP4 by name alone plays nowhere.
fn is_understood(record: &CatalogRecord) -> bool {
    let metadata = &record.metadata;
    metadata.width.is_some()
        || metadata.duration_ms.is_some()
        || metadata.video_codec.is_some()
        || metadata.sha256.is_none()
}

/// Whether browsers open media of this type.
fn opens(content_type: &str) -> bool {
    const OPENED: [Container; 7] = [
        Container::Jpeg,
        Container::Png,
        Container::Webp,
        Container::Gif,
        Container::Bmp,
        Container::Mp4,
        Container::Webm,
    ];
    OPENED.iter().any(|container| container.content_type() == content_type)
}

/// A camera.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Camera {
    /// Its name in paths and filters.
    #[schema(example = "backyard")]
    name: String,
    /// What people call it.
    #[schema(example = "Back yard")]
    display_name: String,
    /// Its time zone, IANA.
    #[schema(example = "America/Los_Angeles")]
    time_zone: String,
    /// How many events it has.
    events: u64,
    /// When its newest upload arrived.
    #[schema(format = DateTime)]
    last_seen_at: Option<String>,
    /// The newest capture time, milliseconds since 1970, UTC.
    last_event_ts: Option<i64>,
    /// It has not been heard from for longer than it should.
    silent: bool,
    /// How far its clock was off at its last upload, in milliseconds, where it was.
    clock_error_ms: Option<i64>,
    /// Its last upload that was neither clip nor still.
    last_test_upload: Option<TestUpload>,
}

/// An upload that is no event: a maker's test file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TestUpload {
    /// Its path, as sent.
    #[schema(example = "test.txt")]
    name: String,
    /// Its size in bytes.
    size: u64,
    /// When it arrived.
    #[schema(format = DateTime)]
    at: String,
}

/// All cameras.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CameraList {
    /// By name.
    pub(crate) items: Vec<Camera>,
}

impl Camera {
    pub(crate) fn new(api: &Api, summary: &CameraSummary) -> Self {
        let settings = api.parts.cameras.get(&summary.name).cloned().unwrap_or_default();
        let silent = summary.is_silent(settings.silent_after, api.parts.clock.now());
        Self {
            name: summary.name.to_string(),
            display_name: settings.display_name.unwrap_or_else(|| summary.name.to_string()),
            time_zone: api.parts.zones.name_of(&summary.name),
            events: summary.events,
            last_seen_at: summary.last_seen_at.map(utc),
            last_event_ts: summary.last_event_ts.map(|at| at.0),
            silent,
            clock_error_ms: summary.clock_error_ms,
            last_test_upload: summary.last_test.as_ref().map(|test| TestUpload {
                name: test.name.clone(),
                size: test.size,
                at: utc(test.at),
            }),
        }
    }
}
