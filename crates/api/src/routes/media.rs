//! Media by signed link, with `Range`.

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use axum_extra::extract::{Query, QueryRejection};
use camtrail_model::{CatalogRecord, DerivedFiles, DerivedKey, EventId};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use crate::{
    links::{self, LinkQuery, MediaFile},
    problem::Problem,
    state::Api,
};

/// What a camera sent must never run as a page of ours, whatever it is.
const MEDIA_POLICY: &str = "default-src 'none'; sandbox";

/// Media of an event.
///
/// The link is `media_url`, `poster_url` or `original_url` of an event; it needs no session and ends within the
/// hour. Answers `Range` with 206.
#[utoipa::path(
    get, path = "/media/{id}/{file}", tag = "events",
    params(
        ("id" = String, Path, description = "An event's id."),
        ("file" = String, Path, description = "`object`, `poster` or `playable`."),
        LinkQuery
    ),
    responses(
        (status = 200, description = "The whole file.", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The part that `Range` asked for.", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "Not changed since `If-Modified-Since`."),
        (status = 400, description = "The link lacks a part.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The link was altered or has expired.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such file (any more).", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The file is shorter than `Range` wants.")
    )
)]
pub(crate) async fn media(
    State(api): State<Api>,
    Path((id, file)): Path<(String, String)>,
    query: Result<Query<LinkQuery>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let missing = || Problem::not_found("file");
    let (id, file) = EventId::parse(&id).zip(MediaFile::parse(&file)).ok_or_else(missing)?;
    links::check(&api.parts.key, &id, file, &query, api.parts.clock.now())?;
    let record = api.parts.catalog.event(&id).await?.ok_or_else(missing)?;
    let (key, content_type) = place(&record, file);
    let path = api.parts.store.local_path(&key).ok_or_else(missing)?;
    let mime = content_type.parse().unwrap_or(mime::APPLICATION_OCTET_STREAM);
    let served = ServeFile::new_with_mime(path, &mime).oneshot(request).await;
    let mut response = match served {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    };
    if response.status() == StatusCode::NOT_FOUND {
        return Err(missing());
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(MEDIA_POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=900, immutable"));
    if query.download == Some(1) {
        headers.insert(header::CONTENT_DISPOSITION, attachment(record.object_key.file().as_str()));
    }
    Ok(response.into_response())
}

fn place(record: &CatalogRecord, file: MediaFile) -> (String, String) {
    let derived = |file: DerivedFiles| {
        (DerivedKey::new(&record.object_key, file).to_string(), file.content_type().to_owned())
    };
    match file {
        MediaFile::Object => (record.object_key.to_string(), record.metadata.content_type.clone()),
        MediaFile::Poster => derived(DerivedFiles::Poster),
        MediaFile::Playable => derived(DerivedFiles::Playable),
    }
}

/// RFC 6266: a name that old programs understand, and the true one percent-encoded.
fn attachment(name: &str) -> HeaderValue {
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
    let text = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NEVER-27: a name never ends the header or the quotes.
    #[test]
    fn a_hostile_name_stays_a_name() {
        let value = attachment("a\"; x=\r\nü.mp4");
        assert_eq!(
            value.to_str().unwrap(),
            "attachment; filename=\"a__ x____.mp4\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0A%C3%BC.mp4"
        );
    }
}
