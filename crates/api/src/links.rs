//! Signed media links: whoever holds one may load this one file until it expires, within the hour. They are the
//! store's own where it has an address that browsers reach (S3), else ours.
//!
//! The signing time is rounded, so that a poster keeps its address (and its place in the browser's cache) for a
//! quarter of an hour; the client is told when a link ends and renews it silently.

use std::time::Duration;

use camtrail_auth::SigningKey;
use camtrail_model::{
    CatalogRecord, DerivedFiles, DerivedKey, EventId, Millis,
    ports::{Link, Share},
};

use crate::{problem::Problem, state::Api};

const PURPOSE: &str = "media";
const SHARED_PURPOSE: &str = "shared media";
/// How long a shared page's links are good at most: it has no script that could renew them. They end with their share.
const SHARED_MS: i64 = 3_600_000;
const STEP_MS: i64 = 15 * 60_000;

/// Which file of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaFile {
    /// The object itself.
    Object,
    /// Its poster.
    Poster,
    /// A copy that browsers play, where the object isn't one.
    Playable,
    /// A low-bitrate copy for phones.
    Small,
    /// An H.264 copy, where the clip has another codec.
    H264,
    /// Pictures of the whole clip.
    Preview,
    /// The bytes as received, where the object is a remuxed copy.
    Original,
}

impl MediaFile {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Poster => "poster",
            Self::Playable => "playable",
            Self::Small => "small",
            Self::H264 => "h264",
            Self::Preview => "preview",
            Self::Original => "original",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        const ALL: [MediaFile; 7] = [
            MediaFile::Object,
            MediaFile::Poster,
            MediaFile::Playable,
            MediaFile::Small,
            MediaFile::H264,
            MediaFile::Preview,
            MediaFile::Original,
        ];
        ALL.into_iter().find(|file| file.as_str() == text)
    }
}

/// When links that are made now end: 15 to 30 minutes from now.
fn expiry(now: Millis) -> Millis {
    Millis((now.0.div_euclid(STEP_MS) + 2) * STEP_MS)
}

/// All links of one event.
pub(crate) struct Links {
    pub(crate) media: String,
    pub(crate) download: String,
    pub(crate) original: Option<String>,
    pub(crate) small: Option<String>,
    pub(crate) h264: Option<String>,
    pub(crate) preview: Option<String>,
    pub(crate) poster: Option<String>,
    pub(crate) expires: Millis,
}

impl Links {
    pub(crate) async fn of(api: &Api, record: &CatalogRecord) -> Self {
        let now = api.parts.clock.now();
        let maker = Maker { api, record, now, expires: expiry(now) };
        let shown = if record.playable_copy { MediaFile::Playable } else { MediaFile::Object };
        Self {
            media: maker.link(shown, false).await,
            download: maker.link(shown, true).await,
            original: match original_of(record) {
                Some(file) => Some(maker.link(file, true).await),
                None => None,
            },
            small: maker.link_if(record.small_copy, MediaFile::Small).await,
            h264: maker.link_if(record.h264_copy, MediaFile::H264).await,
            preview: maker.link_if(record.preview_frames.is_some(), MediaFile::Preview).await,
            poster: maker.link_if(record.poster, MediaFile::Poster).await,
            expires: maker.expires,
        }
    }
}

/// Which file holds the bytes as received, where `media_url` doesn't give them.
fn original_of(record: &CatalogRecord) -> Option<MediaFile> {
    match (record.original_copy, record.playable_copy) {
        (true, _) => Some(MediaFile::Original),
        (false, true) => Some(MediaFile::Object),
        (false, false) => None,
    }
}

/// The links of a shared event: below the share, which is looked at whenever one is followed.
pub(crate) struct SharedLinks {
    pub(crate) media: String,
    pub(crate) download: String,
    pub(crate) poster: Option<String>,
    pub(crate) expires: Millis,
}

impl SharedLinks {
    pub(crate) fn of(api: &Api, share: &Share, record: &CatalogRecord) -> Self {
        let expires = api.parts.clock.now().plus(SHARED_MS).min(share.ends_at());
        // Whole seconds: that is what a link can say.
        let expires = Millis(expires.0.div_euclid(1_000) * 1_000);
        let shown = if record.playable_copy { MediaFile::Playable } else { MediaFile::Object };
        let link = |file: MediaFile, download: &str| {
            let (base_path, id, version) = (&api.parts.config.base_path, share.id(), version(record));
            let message = shared_message(&id, file, &version, expires);
            let signature = api.parts.key.sign(SHARED_PURPOSE, &message);
            let (file, expires_s) = (file.as_str(), expires.0 / 1_000);
            format!(
                "{base_path}/s/media/{id}/{file}?v={version}&expires={expires_s}&signature={signature}{download}"
            )
        };
        Self {
            media: link(shown, ""),
            download: link(shown, "&download=1"),
            poster: record.poster.then(|| link(MediaFile::Poster, "")),
            expires,
        }
    }
}

/// 403 for a shared link that was altered or has ended.
pub(crate) fn check_shared(
    key: &SigningKey,
    share_id: &str,
    file: MediaFile,
    query: &LinkQuery,
    now: Millis,
) -> Result<(), Problem> {
    let expires = Millis(query.expires.saturating_mul(1000));
    let is_ours =
        key.verify(SHARED_PURPOSE, &shared_message(share_id, file, &query.v, expires), &query.signature);
    if is_ours && now < expires {
        return Ok(());
    }
    let detail = "this link was altered or has expired: open the shared page again for a fresh one";
    Err(Problem::new(axum::http::StatusCode::FORBIDDEN, detail))
}

fn shared_message(share_id: &str, file: MediaFile, version: &str, expires: Millis) -> String {
    format!("{share_id}\0{}\0{version}\0{}", file.as_str(), expires.0)
}

struct Maker<'a> {
    api: &'a Api,
    record: &'a CatalogRecord,
    now: Millis,
    expires: Millis,
}

impl Maker<'_> {
    async fn link(&self, file: MediaFile, download: bool) -> String {
        match self.of_store(file, download).await {
            Some(link) => link,
            None => self.ours(file, download),
        }
    }

    async fn link_if(&self, there: bool, file: MediaFile) -> Option<String> {
        if there { Some(self.link(file, false).await) } else { None }
    }

    /// `None` where the store has none, or can't sign just now: then ours leads there later.
    async fn of_store(&self, file: MediaFile, download: bool) -> Option<String> {
        let valid_ms = (self.expires.0 - self.now.0).max(0).unsigned_abs();
        store_link(self.api, self.record, file, download, Duration::from_millis(valid_ms)).await
    }

    /// A link below `base_path`.
    fn ours(&self, file: MediaFile, download: bool) -> String {
        let parts = &self.api.parts;
        let (id, version) = (self.record.id(), version(self.record));
        let signature = parts.key.sign(PURPOSE, &message(&id, file, &version, self.expires));
        let (base_path, file, expires_s) = (&parts.config.base_path, file.as_str(), self.expires.0 / 1000);
        let download = if download { "&download=1" } else { "" };
        format!(
            "{base_path}/api/v1/media/{id}/{file}?v={version}&expires={expires_s}&signature={signature}{download}"
        )
    }
}

/// The store's own link, where it has one.
pub(crate) async fn store_link(
    api: &Api,
    record: &CatalogRecord,
    file: MediaFile,
    download: bool,
    valid: Duration,
) -> Option<String> {
    let (key, content_type) = place(record, file);
    let disposition = download.then(|| attachment(saved_name(record, file)));
    let link = Link {
        content_type: &content_type,
        content_disposition: disposition.as_deref(),
        now: api.parts.clock.now(),
        valid,
    };
    match api.parts.store.link(&key, &link).await {
        Ok(link) => link,
        Err(error) => {
            tracing::warn!(key, %error, "no link to the store could be signed");
            None
        }
    }
}

/// Where a file of an event is, and what it is.
pub(crate) fn place(record: &CatalogRecord, file: MediaFile) -> (String, String) {
    let derived = |file: DerivedFiles| {
        (DerivedKey::new(&record.object_key, file).to_string(), file.content_type().to_owned())
    };
    match file {
        MediaFile::Object => (record.object_key.to_string(), record.metadata.content_type.clone()),
        MediaFile::Poster => derived(DerivedFiles::Poster),
        MediaFile::Playable => derived(DerivedFiles::Playable),
        MediaFile::Small => derived(DerivedFiles::Small),
        MediaFile::H264 => derived(DerivedFiles::H264),
        MediaFile::Preview => derived(DerivedFiles::Preview),
        MediaFile::Original => derived(DerivedFiles::Original),
    }
}

/// What a saved file is called: as the event is, or as the camera called what it sent.
pub(crate) fn saved_name(record: &CatalogRecord, file: MediaFile) -> &str {
    let ours = record.object_key.file().as_str();
    if file != MediaFile::Original {
        return ours;
    }
    let sent = record.metadata.original_name.rsplit('/').next().unwrap_or_default();
    if sent.is_empty() { ours } else { sent }
}

/// RFC 6266: a name that old programs understand, and the true one percent-encoded.
pub(crate) fn attachment(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || ".-_ ".contains(c) { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// Replaced content gets another address, so that no cache shows the old one.
fn version(record: &CatalogRecord) -> String {
    record.metadata.sha256.map_or_else(|| record.size.to_string(), |digest| digest.short())
}

/// What a link's query says.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LinkQuery {
    /// Which content the link was made for.
    #[param(min_length = 1)]
    v: String,
    /// When the link ends, in seconds since 1970.
    expires: i64,
    /// The signature over all of it.
    #[param(min_length = 1)]
    signature: String,
    /// `1`: the browser saves the file instead of showing it.
    #[param(minimum = 0, maximum = 255)]
    #[serde(default)]
    pub(crate) download: Option<u8>,
}

/// 403 for a link that was altered or has ended.
pub(crate) fn check(
    key: &SigningKey,
    id: &EventId,
    file: MediaFile,
    query: &LinkQuery,
    now: Millis,
) -> Result<(), Problem> {
    let refuse = |detail: &str| Err(Problem::new(axum::http::StatusCode::FORBIDDEN, detail));
    let expires = Millis(query.expires.saturating_mul(1000));
    if !key.verify(PURPOSE, &message(id, file, &query.v, expires), &query.signature) {
        return refuse("this media link is not one of ours: load the event again for a fresh one");
    }
    if now >= expires {
        return refuse("this media link has expired: load the event again for a fresh one");
    }
    Ok(())
}

fn message(id: &EventId, file: MediaFile, version: &str, expires: Millis) -> String {
    format!("{id}\0{}\0{version}\0{}", file.as_str(), expires.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NEVER-27: a name never ends the header or the quotes.
    #[test]
    fn a_hostile_name_stays_a_name() {
        assert_eq!(
            attachment("a\"; x=\r\nü.mp4"),
            "attachment; filename=\"a__ x____.mp4\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0A%C3%BC.mp4"
        );
    }

    #[test]
    fn the_original_is_saved_under_the_cameras_name() {
        use camtrail_model::CaptureKind;
        let mut clip = camtrail_model::testing::record("backyard", 1, CaptureKind::Record, "a.mp4");
        assert_eq!(original_of(&clip), None);
        clip.playable_copy = true;
        assert_eq!(original_of(&clip), Some(MediaFile::Object));
        clip.original_copy = true;
        assert_eq!(original_of(&clip), Some(MediaFile::Original));
        clip.metadata.original_name = "record/a.mkv".to_owned();
        assert_eq!(saved_name(&clip, MediaFile::Original), "a.mkv");
        assert_eq!(saved_name(&clip, MediaFile::Small), "a.mp4");
        clip.metadata.original_name = String::new();
        assert_eq!(saved_name(&clip, MediaFile::Original), "a.mp4");
    }
}
