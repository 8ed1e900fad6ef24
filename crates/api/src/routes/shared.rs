//! What whoever has a share's link sees: one event, without a session.
//!
//! Promises: nothing but this event; nothing once the share ended, its event is gone, or its maker may see it no more;
//! pages without a script, that no search engine keeps and no other page learns of. A link can't be guessed (256 random
//! bits), and whoever tries slows down. Refuses: to say whether there ever was a share that isn't remembered.

mod page;

use std::{net::IpAddr, time::Duration};

use axum::{
    Json,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use camtrail_auth::{Rule, Token};
use camtrail_model::{
    CatalogRecord,
    ports::{AuditAction, Share, public_id},
};
use jiff::tz::Offset;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    asked::Asked,
    dto::{EventKind, is_playable, utc},
    links::{self, LinkQuery, MediaFile, SharedLinks},
    problem::Problem,
    routes::media::{Wanted, serve},
    state::Api,
    tries,
};

/// How long a link to the bucket is good that a shared link leads to: nobody can take it back.
const REDIRECT_VALID: Duration = Duration::from_mins(5);

/// A shared event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SharedEvent {
    /// `record` is video, `snap` is still.
    kind: EventKind,
    /// What people call the camera.
    #[schema(example = "Back yard")]
    camera: String,
    /// When it was taken, with the camera's offset, RFC 3339.
    #[schema(example = "2016-08-30T15:29:54.000-07:00", format = DateTime)]
    captured_at: String,
    /// The media type of what `media_url` gives.
    #[schema(example = "video/mp4")]
    content_type: String,
    /// Playing time in milliseconds.
    duration_ms: Option<u64>,
    /// Width in pixels.
    width: Option<u32>,
    /// Height in pixels.
    height: Option<u32>,
    /// Whether all of it arrived.
    complete: bool,
    /// Whether browsers open it.
    playable: bool,
    /// A word of whoever shared it.
    note: Option<String>,
    /// A signed link to the media; answers `Range`. Ends with the share.
    media_url: String,
    /// A signed link that saves it.
    download_url: String,
    /// A signed link to a poster.
    poster_url: Option<String>,
    /// When these links end; ask again for fresh ones.
    #[schema(format = DateTime)]
    media_expires_at: String,
    /// When the share ends.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Why nothing is shown.
#[derive(Debug, Clone, Copy)]
enum Ended {
    /// There is no such share, or none that is remembered.
    Unknown,
    Expired,
    Revoked,
    /// The event went: deleted, or after its time.
    Gone,
}

impl From<Ended> for Problem {
    fn from(ended: Ended) -> Self {
        let (status, detail) = match ended {
            Ended::Unknown => (StatusCode::NOT_FOUND, "there is no such share: is the link whole?"),
            Ended::Expired => (StatusCode::GONE, "this share's time is over: ask for a new link"),
            Ended::Revoked => (StatusCode::GONE, "whoever shared this has ended it"),
            Ended::Gone => (StatusCode::GONE, "what was shared has been deleted"),
        };
        Self::new(status, detail)
    }
}

/// A share that may be shown, with its event.
async fn opened(api: &Api, share: &Share) -> Result<Result<CatalogRecord, Ended>, Problem> {
    if share.revoked_at.is_some() {
        return Ok(Err(Ended::Revoked));
    }
    if api.parts.clock.now() >= share.expires_at {
        return Ok(Err(Ended::Expired));
    }
    // A share is worth what its maker's right is.
    let maker = api.parts.accounts.user(&share.by).await?;
    if !maker.is_some_and(|maker| !maker.disabled && maker.sight.sees(&share.event.camera)) {
        return Ok(Err(Ended::Revoked));
    }
    Ok(api.parts.catalog.event(&share.event).await?.ok_or(Ended::Gone))
}

/// Show what was shared.
///
/// For everybody who has the link: a page for people, or JSON where `Accept` asks for it. Wrong links slow down whoever
/// tries them.
#[utoipa::path(
    get, path = "/s/{token}", operation_id = "show_share", tag = "shares",
    params(("token" = String, Path, description = "The secret of a share's link.")),
    responses(
        (status = 200, description = "The shared event; a page, unless `Accept` says `application/json`.", content((SharedEvent = "application/json"), (String = "text/html"))),
        (status = 404, description = "There is no such share.", content((Problem = "application/problem+json"), (String = "text/html"))),
        (status = 410, description = "The share ended, or its event is gone.", content((Problem = "application/problem+json"), (String = "text/html"))),
        (status = 429, description = "Too many wrong links.", content((Problem = "application/problem+json"), (String = "text/html")))
    )
)]
pub(crate) async fn show(
    State(api): State<Api>,
    token: Result<Path<String>, PathRejection>,
    method: Method,
    headers: HeaderMap,
    extensions: axum::http::Extensions,
) -> Response {
    let as_json = wants_json(&headers);
    // What isn't even text is nobody's.
    let token = token.map(|Path(token)| token).unwrap_or_default();
    let shown = look(&api, &token, tries::peer(&extensions), method == Method::HEAD).await;
    let response = match shown {
        Ok((share, record)) => {
            let event = SharedEvent::new(&api, &share, &record);
            if as_json {
                Json(event).into_response()
            } else {
                Html(page::event(&api, &event)).into_response()
            }
        }
        Err(problem) if as_json => problem.into_response(),
        Err(problem) => {
            let page = page::problem(&api, &problem);
            let headers = problem.into_response().headers().clone();
            let retry = headers.get(header::RETRY_AFTER).cloned();
            let mut response = (StatusCode::OK, Html(page.1)).into_response();
            *response.status_mut() = page.0;
            if let Some(retry) = retry {
                response.headers_mut().insert(header::RETRY_AFTER, retry);
            }
            response
        }
    };
    kept_private(&api, response)
}

/// The share of a link, and its event. What is only looked at (`HEAD`: a messenger's preview, say) isn't counted.
async fn look(
    api: &Api,
    token: &str,
    peer: IpAddr,
    is_head: bool,
) -> Result<(Share, CatalogRecord), Problem> {
    let (parts, now, place) = (&api.parts, api.parts.clock.now(), tries::place(peer));
    let attempt = parts.share_throttle.attempt(Rule::ACCOUNT, place, now);
    let attempt = attempt.map_err(|wait| Problem::too_many("wrong links", wait))?;
    let token_sha256 = Token::sha256(token);
    let id = public_id(&token_sha256);
    let found = parts.shares.share(&id).await?.filter(|share| share.token_sha256 == token_sha256);
    let Some(share) = found else {
        attempt.failed(now);
        return Err(Ended::Unknown.into());
    };
    drop(attempt);
    let outcome = opened(api, &share).await?;
    if !is_head {
        let (counted, action) = match &outcome {
            Ok(_) => (share.openings.opened, AuditAction::ShareOpened),
            Err(_) => (share.openings.refused, AuditAction::ShareRefused),
        };
        // How often is counted with the share; the log has the first time of each.
        if let Err(error) = parts.shares.count_opening(&id, now, outcome.is_err()).await {
            tracing::warn!(%error, "the opening of a share could not be counted");
        }
        if counted == 0 {
            let detail = match &outcome {
                Ok(_) => format!("event {}", share.event),
                Err(ended) => format!("event {}: {ended:?}", share.event).to_lowercase(),
            };
            api.noted_of(None, peer, action, &id, &detail).await;
        }
    }
    Ok((share, outcome?))
}

impl SharedEvent {
    fn new(api: &Api, share: &Share, record: &CatalogRecord) -> Self {
        let (metadata, key) = (&record.metadata, &record.object_key);
        let links = SharedLinks::of(api, share, record);
        let offset = Offset::from_seconds(metadata.time.offset_s).unwrap_or(Offset::UTC);
        let camera = api.parts.cameras.get(key.camera()).and_then(|camera| camera.display_name.clone());
        let shown = if record.playable_copy { MediaFile::Playable } else { MediaFile::Object };
        Self {
            kind: key.kind().into(),
            camera: camera.unwrap_or_else(|| key.camera().to_string()),
            captured_at: format!("{:.3}", metadata.time.instant.timestamp().display_with_offset(offset)),
            content_type: links::place(record, shown).1,
            duration_ms: metadata.duration_ms,
            width: metadata.width,
            height: metadata.height,
            complete: metadata.complete,
            playable: is_playable(record),
            note: share.note.clone(),
            media_url: links.media,
            download_url: links.download,
            poster_url: links.poster,
            media_expires_at: utc(links.expires),
            expires_at: utc(share.expires_at),
        }
    }
}

/// Media of a shared event.
///
/// The links of a shared page. They need no session, are good for an hour at most, and end with their share.
#[utoipa::path(
    get, path = "/s/media/{id}/{file}", operation_id = "shared_media", tag = "shares",
    params(
        ("id" = String, Path, description = "A share's id."),
        ("file" = String, Path, description = "`object`, `poster` or `playable`."),
        LinkQuery
    ),
    responses(
        (status = 200, description = "The whole file.", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The part that `Range` asked for.", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 307, description = "The store has an address of its own for it, good for five minutes."),
        (status = 304, description = "Not changed since `If-Modified-Since`."),
        (status = 400, description = "The link lacks a part.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The link was altered or has expired.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such file (any more).", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "The share ended, or its event is gone.", body = Problem, content_type = "application/problem+json"),
        (status = 416, description = "The file is shorter than `Range` wants.")
    )
)]
pub(crate) async fn media(
    State(api): State<Api>,
    Path((id, file)): Path<(String, String)>,
    Asked(query): Asked<LinkQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let file = MediaFile::parse(&file).ok_or_else(|| Problem::not_found("file"))?;
    links::check_shared(&api.parts.key, &id, file, &query, api.parts.clock.now())?;
    let share = api.parts.shares.share(&id).await?.ok_or(Ended::Unknown)?;
    let record = opened(&api, &share).await??;
    let wanted = Wanted { file, download: query.download == Some(1), redirect_valid: REDIRECT_VALID };
    let mut response = serve(&api, &record, &wanted, request).await?;
    // A browser asks each time: a copy that it kept would outlive the share.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response.headers_mut().insert(ROBOTS.0, HeaderValue::from_static(ROBOTS.1));
    Ok(response)
}

const ROBOTS: (HeaderName, &str) = (HeaderName::from_static("x-robots-tag"), "noindex, nofollow, noarchive");

fn kept_private(api: &Api, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, page::policy(api));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(ROBOTS.0, HeaderValue::from_static(ROBOTS.1));
    response
}

/// Browsers name HTML; programs that name JSON and no HTML get that.
fn wants_json(headers: &HeaderMap) -> bool {
    let accepted: Vec<_> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|v| v.split(','))
        .collect();
    let names = |wanted: &str| {
        accepted
            .iter()
            .any(|entry| entry.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(wanted)))
    };
    (names("application/json") || names("application/problem+json")) && !names("text/html")
}
