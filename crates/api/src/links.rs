//! Signed media links: whoever holds one may load this one file until it expires, within the hour.
//!
//! The signing time is rounded, so that a poster keeps its address (and its place in the browser's cache) for a
//! quarter of an hour; the client is told when a link ends and renews it silently.

use camtrail_auth::SigningKey;
use camtrail_model::{CatalogRecord, EventId, Millis};

use crate::problem::Problem;

const PURPOSE: &str = "media";
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
}

impl MediaFile {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Poster => "poster",
            Self::Playable => "playable",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Object, Self::Poster, Self::Playable].into_iter().find(|file| file.as_str() == text)
    }
}

/// When links that are made now end: 15 to 30 minutes from now.
pub(crate) fn expiry(now: Millis) -> Millis {
    Millis((now.0.div_euclid(STEP_MS) + 2) * STEP_MS)
}

/// A link below `base_path`, good until `expires`.
pub(crate) fn link(
    key: &SigningKey,
    base_path: &str,
    record: &CatalogRecord,
    file: MediaFile,
    expires: Millis,
) -> String {
    let id = record.id();
    let version = version(record);
    let signature = key.sign(PURPOSE, &message(&id, file, &version, expires));
    let (file, expires_s) = (file.as_str(), expires.0 / 1000);
    format!("{base_path}/api/v1/media/{id}/{file}?v={version}&expires={expires_s}&signature={signature}")
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
    v: String,
    /// When the link ends, in seconds since 1970.
    expires: i64,
    /// The signature over all of it.
    signature: String,
    /// `1`: the browser saves the file instead of showing it.
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
