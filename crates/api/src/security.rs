//! What stands around every route: headers, cross-site refusal, limits, traces, panics.

use std::time::Duration;

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{Next, from_fn, from_fn_with_state, map_response},
    response::{IntoResponse, Response},
};
use camtrail_model::metrics::HTTP;
use tower_http::{catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};

use crate::{
    problem::Problem,
    reached::{self, Reached},
    state::Api,
};

/// The largest request body. Sign-ins and the like are small; media never come this way.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// A request that isn't answered by then (live streams and media answer at once and go on).
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Only our own scripts, styles and media, and the store's media where it has an address; no frames.
fn content_security_policy(api: &Api) -> HeaderValue {
    let store = api.parts.store.links_from().map_or_else(String::new, |store| format!(" {store}"));
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{store}; media-src 'self' \
         blob:{store}; connect-src 'self'{store}; font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri \
         'self'; form-action 'self'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'self'"))
}

/// Tells OpenAPI readers how sessions and tokens travel.
pub(crate) struct Credentials;

impl utoipa::Modify for Credentials {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("camtrail_session")));
        components.add_security_scheme("session", session);
        for name in ["api_token", "camera_token", "arrival_token"] {
            components.add_security_scheme(name, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        }
    }
}

/// What people's and programs' calls keep to, innermost first. Uploads have bounds of their own, and no cookie that
/// another site could abuse (`routes::ingest`).
pub(crate) fn bounds(router: Router<Api>, api: &Api) -> Router<Api> {
    router
        .layer(RequestBodyLimitLayer::new(BODY_MAX_BYTES))
        .layer(map_response(in_words))
        .layer(from_fn_with_state(api.clone(), refuse_cross_site))
        .layer(from_fn(answer_in_time))
}

/// What stands around everything, innermost first.
pub(crate) fn around(router: Router<Api>, api: &Api) -> Router<Api> {
    router
        .layer(from_fn_with_state(content_security_policy(api), secure_headers))
        .layer(CatchPanicLayer::custom(|_| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says why")
                .into_response()
        }))
        .layer(from_fn(trace))
        .layer(from_fn_with_state(api.clone(), reached::find))
}

/// A browser says where a request comes from; another site's must not act with our cookie (NEVER-31). Programs
/// that are no browsers send neither header, and have no cookie to be abused.
async fn refuse_cross_site(State(api): State<Api>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || is_same_site(&api, &request)
    {
        return next.run(request).await;
    }
    Problem::new(StatusCode::FORBIDDEN, "a page of another site sent this request: refused").into_response()
}

fn is_same_site(api: &Api, request: &Request) -> bool {
    let text = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(&HeaderName::from_static("sec-fetch-site")) {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(&header::ORIGIN) else { return true };
    let authority =
        |url: &str| url.parse::<Uri>().ok().and_then(|uri| uri.authority().map(|a| a.as_str().to_owned()));
    let Some(from) = authority(origin) else { return false };
    let host = request.extensions().get::<Reached>().and_then(|reached| reached.host.clone());
    let public = api.parts.config.public_url.as_deref().and_then(authority);
    host.as_ref() == Some(&from) || public.as_ref() == Some(&from)
}

/// `/s/…` below whatever base path; its media links name the share by its id, which opens nothing.
fn without_secret(path: &str) -> String {
    match path.rsplit_once("/s/") {
        Some((before, token)) if !token.contains('/') => format!("{before}/s/…"),
        _ => path.to_owned(),
    }
}

/// Refusals of the layers below, which say it in plain text, as problems like all others.
async fn in_words(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_plain = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !(status.is_client_error() || status.is_server_error()) || !is_plain {
        return response;
    }
    let detail = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            format!("the body is too large: expected {BODY_MAX_BYTES} bytes at most")
        }
        StatusCode::BAD_REQUEST => "the address can't be read: expected percent-encoded UTF-8".to_owned(),
        StatusCode::RANGE_NOT_SATISFIABLE => return response,
        _ => format!("refused: {status}"),
    };
    Problem::new(status, detail).into_response()
}

pub(crate) async fn answer_in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::new(StatusCode::REQUEST_TIMEOUT, "the request took too long to arrive").into_response()
        }
    }
}

/// What no page of ours needs, and no page in our place may ask for.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), \
                           magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), serial=(), usb=()";
/// A year; the domain's other hosts are not ours to speak for.
const HTTPS_ONLY: &str = "max-age=31536000";

async fn secure_headers(State(policy): State<HeaderValue>, request: Request, next: Next) -> Response {
    let is_https = request.extensions().get::<Reached>().is_some_and(|reached| reached.is_https);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        // Media are drawn by our own pages only.
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", PERMISSIONS),
    ] {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    if is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
    response
}

/// One line a request, at debug. The path only: queries hold signatures. And not a share's, which is its secret.
async fn trace(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), without_secret(request.uri().path()));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let started = std::time::Instant::now();
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), started.elapsed());
    let took_ms = took.as_millis() as u64;
    measure(&method, route.as_ref(), status, took);
    tracing::debug!(%method, path, status, took_ms, "answered");
    response
}

/// By route, not by path: of those there are as many as callers like.
fn measure(method: &Method, route: Option<&MatchedPath>, status: u16, took: Duration) {
    let method = match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    let route = route.map_or_else(|| "other".to_owned(), |route| route.as_str().to_owned());
    let status = status.to_string();
    metrics::histogram!(HTTP, "method" => method, "route" => route, "status" => status).record(took);
}

#[cfg(test)]
mod tests;
