//! The web app's static files, whoever holds them, below any base path.

use std::borrow::Cow;

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use crate::{
    first_answers::{FirstAnswers, Told},
    problem::Problem,
    state::Api,
};

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
    /// The file at `path` (no slash before). `path` with `.gz` behind it is the same file packed, where the build made it.
    fn file(&self, path: &str) -> Option<WebFile>;
}

/// Any path that is no route: a file, or the app itself, which knows its own pages.
pub(crate) async fn serve(
    State(api): State<Api>,
    Extension(first): Extension<FirstAnswers>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let Parts { method, uri, headers, extensions, .. } = parts;
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
        return match api.parts.web.file(&format!("{path}.gz")) {
            Some(packed) => answer_packed(file, packed, &headers),
            None => answer(file, &headers),
        };
    }
    // A missing script or picture is an error; a missing page is the app's to draw.
    if path.rsplit('/').next().is_some_and(|name| name.contains('.') && path != "index.html") {
        return Problem::not_found("file").into_response();
    }
    match api.parts.web.file("index.html") {
        Some(index) => match first.told(below(&api, uri.path()), uri.query().unwrap_or_default(), &headers, &extensions).await {
            Some(told) => answer_to_one(with_base(&api, index, &told)),
            None => answer(with_base(&api, index, &Told::default()), &headers),
        },
        None => Problem::new(
            StatusCode::NOT_FOUND,
            "this build has no web app: run `make build`, which builds it before the program; the API is at /docs",
        )
        .into_response(),
    }
}

/// The app finds everything by the document's base, so that one build serves any base path.
fn with_base(api: &Api, index: WebFile, told: &Told) -> WebFile {
    let html = String::from_utf8_lossy(&index.bytes);
    let base = format!("<base href=\"{}/\">", api.parts.config.base_path);
    // What the page must load first stands first; answers are read when the app runs.
    let html = html.replacen("<head>", &format!("<head>{base}{}", told.top), 1);
    let html = html.replacen("</head>", &format!("{}</head>", told.head), 1);
    let html = html.replacen("<div id=\"app\">", &format!("{}<div id=\"app\">", told.body), 1);
    WebFile { bytes: Cow::Owned(html.into_bytes()), ..index }
}

/// The path below the base path, which the way home still has.
fn below<'a>(api: &Api, path: &'a str) -> &'a str {
    path.strip_prefix(api.parts.config.base_path.as_str()).unwrap_or(path)
}

/// A page with somebody's own answers: for this person, this once.
fn answer_to_one(page: WebFile) -> Response {
    let mut response = answer(page, &HeaderMap::new());
    let headers = response.headers_mut();
    headers.remove(header::ETAG);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A third of the bytes over a phone's line: packed by the build and not at each answer.
fn answer_packed(file: WebFile, packed: WebFile, headers: &HeaderMap) -> Response {
    let unpacks = takes_gzip(headers);
    let sent = if unpacks { WebFile { bytes: packed.bytes, etag: packed.etag, ..file } } else { file };
    let mut response = answer(sent, headers);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if unpacks {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// RFC 9110, 12.5.3: `gzip`, or `*`, and not with a weight of nothing.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let weight = |coding: &str| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |weight| weight.parse().ok());
        (name.trim().to_ascii_lowercase(), weight.unwrap_or(0.0_f32))
    };
    let told: Vec<_> = codings.flat_map(|value| value.split(',')).map(weight).collect();
    let of = |name: &str| told.iter().find(|(told, _)| told == name).map(|(_, weight)| *weight > 0.0);
    of("gzip").or_else(|| of("*")).unwrap_or(false)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &'static str, content_type: &str) -> WebFile {
        WebFile {
            bytes: Cow::Borrowed(text.as_bytes()),
            content_type: content_type.to_owned(),
            etag: text.to_owned(),
            immutable: true,
        }
    }

    fn asked(accepts: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_str(accepts).unwrap());
        answer_packed(file("plain", "text/javascript"), file("packed", "application/gzip"), &headers)
    }

    #[test]
    fn who_can_unpack_gets_it_packed_and_no_cache_mixes_them_up() {
        for accepts in ["gzip", "br, GZIP;q=0.5", "deflate, gzip", "*"] {
            let answer = asked(accepts);
            assert_eq!(answer.headers()[header::CONTENT_ENCODING], "gzip", "{accepts}");
            assert_eq!(answer.headers()[header::ETAG], "\"packed\"");
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/javascript");
            assert_eq!(answer.headers()[header::VARY], "accept-encoding");
        }
        for accepts in ["", "br", "gzip;q=0", "*, gzip;q=0", "gzip;q=much"] {
            let answer = asked(accepts);
            assert!(!answer.headers().contains_key(header::CONTENT_ENCODING), "{accepts}");
            assert_eq!(answer.headers()[header::ETAG], "\"plain\"");
            assert_eq!(answer.headers()[header::VARY], "accept-encoding");
        }
    }
}
