//! Health, status, and the documents about the API itself.

use std::fmt::Write;

use axum::{
    Json, Router,
    extract::State,
    http::header,
    response::{Html, IntoResponse},
    routing::get,
};
use camtrail_model::Sight;
use utoipa::openapi::OpenApi;

use crate::{
    problem::Problem,
    signed_in::{May, ToRead},
    state::{Api, Status},
};

/// Alive.
#[utoipa::path(get, path = "/healthz", tag = "system", responses((status = 200, description = "The process answers.", body = String)))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Ready.
#[utoipa::path(
    get, path = "/readyz", tag = "system",
    responses(
        (status = 200, description = "Events can be listed.", body = String),
        (status = 503, description = "The catalog can't answer.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn readyz(State(api): State<Api>) -> Result<&'static str, Problem> {
    api.parts.catalog.latest_change().await?;
    Ok("ready\n")
}

/// How the box is doing.
///
/// Who may see some cameras only isn't told of folders and troubles at the door: they name others.
#[utoipa::path(
    get, path = "/status", tag = "system", security(("session" = []), ("api_token" = ["read"])),
    responses(
        (status = 200, description = "The gateway, the spool, and the media tool.", body = Status),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn status(State(api): State<Api>, who: May<ToRead>) -> Json<Status> {
    let mut status = api.parts.status.status();
    if who.user.sight != Sight::All {
        // Accounts, folders and troubles tell of cameras that they may not see.
        status.watches.clear();
        if let Some(ftp) = &mut status.ftp {
            ftp.troubles.clear();
        }
        if let Some(spool) = &mut status.spool {
            spool.problem = None;
        }
    }
    Json(status)
}

/// `/openapi.json` and `/docs`.
pub(crate) fn documents(document: OpenApi) -> Router<Api> {
    let page = page(&document);
    let json = document.to_pretty_json().unwrap_or_default();
    Router::new()
        .route(
            "/openapi.json",
            get(async move || ([(header::CONTENT_TYPE, "application/json")], json.clone()).into_response()),
        )
        .route("/docs", get(async move || Html(page.clone())))
}

/// A page that lists the calls, without scripts and without anything from elsewhere.
fn page(document: &OpenApi) -> String {
    let mut rows = String::new();
    let value = serde_json::to_value(document).unwrap_or_default();
    let paths = value["paths"].as_object().into_iter().flatten();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let text = |key: &str| operation[key].as_str().unwrap_or_default();
            let (summary, description) = (escape(text("summary")), escape(text("description")));
            let (method, path) = (escape(&method.to_uppercase()), escape(path));
            let _ = writeln!(
                rows,
                "<dt><code>{method} {path}</code></dt><dd><p>{summary}</p><p>{description}</p></dd>"
            );
        }
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Camtrail API</title>\
         <meta name=\"viewport\" content=\"width=device-width\"></head><body><main><h1>Camtrail API</h1>\
         <p>The whole of it, for tools: <a href=\"openapi.json\">openapi.json</a> (OpenAPI 3.1).</p>\
         <dl>{rows}</dl></main></body></html>"
    )
}

/// Text that can stand in an element or a quoted attribute (NEVER-27).
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
