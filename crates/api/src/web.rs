//! The web app's static files, whoever holds them, below any base path.

use std::borrow::Cow;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};

use crate::{problem::Problem, state::Api};

/// One static file.
pub struct WebFile {
    /// Its bytes.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type.
    pub content_type: String,
    /// A strong validator, without quotes.
    pub etag: String,
    /// Its name holds a hash of its content: it may be kept for ever.
    pub immutable: bool,
}

/// Holds the built web app.
pub trait WebFiles: Send + Sync {
    /// The file at `path` (no slash before).
    fn file(&self, path: &str) -> Option<WebFile>;
}

/// Any path that is no route: a file, or the app itself, which knows its own pages.
pub(crate) async fn serve(State(api): State<Api>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") {
        return Problem::not_found("address in this API (see /docs)").into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return crate::problem::method_not_allowed().await.into_response();
    }
    if !matches!(path, "" | "index.html")
        && let Some(file) = api.parts.web.file(path)
    {
        return answer(file, &headers);
    }
    // A missing script or picture is an error; a missing page is the app's to draw.
    if path.rsplit('/').next().is_some_and(|name| name.contains('.') && path != "index.html") {
        return Problem::not_found("file").into_response();
    }
    match api.parts.web.file("index.html") {
        Some(index) => answer(with_base(&api, index), &headers),
        None => Problem::new(
            StatusCode::NOT_FOUND,
            "this build has no web app: run `make build`, which builds it before the program; the API is at /docs",
        )
        .into_response(),
    }
}

/// The app finds everything by the document's base, so that one build serves any base path.
fn with_base(api: &Api, index: WebFile) -> WebFile {
    let html = String::from_utf8_lossy(&index.bytes);
    let base = format!("<base href=\"{}/\">", api.parts.config.base_path);
    let html = html.replacen("<head>", &format!("<head>{base}"), 1);
    WebFile { bytes: Cow::Owned(html.into_bytes()), ..index }
}

fn answer(file: WebFile, headers: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", file.etag);
    let cache = if file.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response = if known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == etag)) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = match file.bytes {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        };
        body.into_response()
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, file.content_type.as_str()),
        (header::ETAG, &etag),
        (header::CACHE_CONTROL, cache),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}
