//! Media by signed link, with `Range`.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use camtrail_model::{CatalogRecord, EventId};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use crate::{
    asked::Asked,
    links::{self, LinkQuery, MediaFile},
    problem::Problem,
    state::Api,
};

/// What a camera sent must never run as a page of ours, whatever it is.
const MEDIA_POLICY: &str = "default-src 'none'; sandbox";

/// How long a link to the store is good that a redirect gives: it is followed at once.
const REDIRECT_VALID: Duration = Duration::from_mins(15);

/// Media of an event.
///
/// The link is `media_url`, `poster_url`, `small_url`, `h264_url`, `preview` or `original_url` of an event; it needs no
/// session and ends within the hour. Answers `Range` with 206.
#[utoipa::path(
    get, path = "/media/{id}/{file}", tag = "events",
    params(
        ("id" = String, Path, description = "An event's id."),
        ("file" = String, Path, description = "`object`, `poster`, `playable`, `small`, `h264`, `preview` or `original`."),
        LinkQuery
    ),
    responses(
        (status = 200, description = "The whole file.", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The part that `Range` asked for.", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 307, description = "The store has an address of its own for it."),
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
    Asked(query): Asked<LinkQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("file");
    let (id, file) = EventId::parse(&id).zip(MediaFile::parse(&file)).ok_or_else(missing)?;
    links::check(&api.parts.key, &id, file, &query, api.parts.clock.now())?;
    let record = api.parts.catalog.event(&id).await?.ok_or_else(missing)?;
    let wanted = Wanted { file, download: query.download == Some(1), redirect_valid: REDIRECT_VALID };
    serve(&api, &record, &wanted, request).await
}

/// What is to be answered.
pub(crate) struct Wanted {
    pub(crate) file: MediaFile,
    pub(crate) download: bool,
    /// How long the store's own link is good, where it has one.
    pub(crate) redirect_valid: Duration,
}

/// A file of an event, for somebody who may have it.
pub(crate) async fn serve(
    api: &Api,
    record: &CatalogRecord,
    wanted: &Wanted,
    request: Request,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("file");
    let &Wanted { file, download, redirect_valid } = wanted;
    let (key, content_type) = links::place(record, file);
    let Some(path) = api.parts.store.local_path(&key) else {
        let link =
            links::store_link(api, record, file, download, redirect_valid).await.ok_or_else(missing)?;
        return Ok(([(header::CACHE_CONTROL, "no-store")], Redirect::temporary(&link)).into_response());
    };
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
    if download {
        let value = links::attachment(links::saved_name(record, file));
        if let Ok(value) = value.parse() {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    Ok(response.into_response())
}
