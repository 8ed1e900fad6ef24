//! What is measured, for Prometheus and its kin.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{StatusCode, header, request::Parts},
    response::IntoResponse,
};

use camtrail_model::Sight;

use crate::{
    problem::Problem,
    signed_in::{May, ToRead},
    state::{Api, MetricsAccess},
};

/// Prometheus' text format, version 0.0.4.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics.
///
/// Prometheus' text format. Programs of this machine may read it as long as no `http.public_url` is configured; all
/// others need a session or a token; `http.metrics` says otherwise.
#[utoipa::path(
    get, path = "/metrics", tag = "system", security((), ("session" = []), ("api_token" = ["read"])),
    responses(
        (status = 200, description = "All figures.", body = String),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "You may not see all cameras.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Metrics are off here.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn metrics(State(api): State<Api>, request: Request) -> Result<impl IntoResponse, Problem> {
    let (mut request, _) = request.into_parts();
    let Some(source) = &api.parts.metrics else {
        return Err(Problem::not_found("page: metrics are told elsewhere"));
    };
    match api.parts.config.metrics {
        MetricsAccess::Off => return Err(Problem::not_found("page: http.metrics is \"off\"")),
        MetricsAccess::Open => {}
        MetricsAccess::Local if is_local(&api, &request) => {}
        MetricsAccess::Local => {
            let who = May::<ToRead>::from_request_parts(&mut request, &api).await?;
            if who.user.sight != Sight::All {
                let detail =
                    "metrics tell of all cameras, and you may see some: ask with an account that may see all";
                return Err(Problem::new(StatusCode::FORBIDDEN, detail));
            }
        }
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], source.text().await))
}

/// A program of this machine, and not a proxy that speaks for another.
fn is_local(api: &Api, request: &Parts) -> bool {
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>();
    let is_here = peer.is_some_and(|ConnectInfo(peer)| peer.ip().to_canonical().is_loopback());
    let is_passed_on = request.headers.keys().any(|name| {
        let name = name.as_str();
        name == "forwarded" || name == "via" || name == "x-real-ip" || name.starts_with("x-forwarded-")
    });
    is_here && !is_passed_on && api.parts.config.public_url.is_none()
}
