//! The webhook: notifications of a store, by HTTP, for the arrival function.
//!
//! Owns `POST /api/v1/arrivals`: who may, how large a notification is, what the sender is answered. Promises: 200 only
//! when every record is done; else 503, so that the sender sends it again. Refuses: cookies (only the configured token
//! lets in, so no other site's page can), and to open the address that a topic sends for its confirmation.

use std::net::SocketAddr;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode, header},
};
use camtrail_arrival::{Done, Function, Outcome, Report, notification};
use camtrail_auth::{Rule, Token, place};
use data_encoding::BASE64;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{problem::Problem, state::Api};

/// Notifications at once; each is a body and a few requests to the store.
pub(crate) const ARRIVALS_MAX: usize = 16;
/// The largest notification: what queues and topics carry.
const BODY_MAX_BYTES: usize = 1024 * 1024;
/// Failures that a refusal names.
const NAMED_MAX: usize = 3;

/// What the webhook works with.
pub struct Webhook {
    /// Does it.
    pub function: Function,
    /// Who sends this may.
    pub token: Token,
}

/// What became of a notification.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Arrived {
    /// One for each record, in the notification's order.
    results: Vec<ArrivalResult>,
}

/// What became of one record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArrivalResult {
    /// The object's key, decoded.
    #[schema(example = "patrolcams/backyard/2016-10-19/Hour-16/record/MDalarm_20161018_113706.mp4")]
    key: Option<String>,
    /// What was done.
    outcome: ArrivalOutcome,
    /// Why, where the outcome doesn't say it all.
    reason: Option<String>,
    /// The object's size in bytes, as the store says it.
    size: Option<u64>,
    /// The event's id, where it was recorded or replaced.
    event_id: Option<String>,
    /// How long it took, in milliseconds.
    took_ms: f64,
}

/// What was done for a record.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ArrivalOutcome {
    /// A new event.
    Recorded,
    /// The event has another content now.
    Replaced,
    /// The catalog said it already.
    Already,
    /// The event went with its object.
    Removed,
    /// Neither object nor event is there.
    Absent,
    /// The event shows now what was derived of it.
    Completed,
    /// It is not about a capture of ours.
    Skipped,
    /// It must come again (never in an answer of 200).
    Failed,
}

impl From<Outcome> for ArrivalOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Recorded => Self::Recorded,
            Outcome::Replaced => Self::Replaced,
            Outcome::Already => Self::Already,
            Outcome::Removed => Self::Removed,
            Outcome::Absent => Self::Absent,
            Outcome::Completed => Self::Completed,
            Outcome::Skipped => Self::Skipped,
            Outcome::Failed => Self::Failed,
        }
    }
}

impl From<Done> for ArrivalResult {
    fn from(done: Done) -> Self {
        Self {
            key: done.key,
            outcome: done.outcome.into(),
            reason: done.reason,
            size: done.size,
            event_id: done.event.map(|event| event.id().to_owned()),
            took_ms: done.took_ms,
        }
    }
}

/// Take a store's notification.
///
/// For MinIO's and Ceph's webhooks, SNS topics, and gateways elsewhere: S3 event notifications, EventBridge events, and
/// either in SQS or SNS envelopes. The token is the one in `arrival.token_file`, as a bearer token or (SNS) as the
/// password of Basic authentication. Each object that is named is looked at in the store: what the notification claims
/// is not believed. May come twice and in any order. A topic's request for confirmation is logged, never followed.
#[utoipa::path(
    post, path = "/api/v1/arrivals", operation_id = "arrivals", tag = "arrivals", security(("arrival_token" = [])),
    request_body(content_type = "application/json", description = "The notification, at most 1 MiB, whatever its Content-Type says."),
    responses(
        (status = 200, description = "Every record is done.", body = Arrived),
        (status = 400, description = "That is no notification.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "No token is configured here.", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "It took too long: send it again.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Larger than 1 MiB.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong tokens from this address.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "A record failed, or too many notifications come at once: send it again.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn post(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Arrived>, Problem> {
    let webhook = api.parts.webhook.as_ref().ok_or_else(|| {
        let detail = "nobody may send notifications here: put a token into a file (openssl rand -hex 32 makes one), and \
                      name it as arrival.token_file in the configuration";
        Problem::new(StatusCode::FORBIDDEN, detail)
    })?;
    authorize(&api, webhook, peer, &headers)?;
    let permit = api.parts.arrivals.clone().try_acquire_owned();
    let _permit =
        permit.map_err(|_| Problem::unavailable("too many notifications at once: send it again"))?;
    let bytes = to_bytes(body, BODY_MAX_BYTES).await.map_err(|_| {
        let detail = format!("the notification has more than {BODY_MAX_BYTES} bytes, or was cut");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;
    let notification = notification::read(&bytes).map_err(|error| {
        tracing::warn!(%peer, %error, "what came to the webhook is no notification");
        Problem::bad_request(error.to_string())
    })?;
    let report = webhook.function.run(&notification).await;
    if report.failed() {
        return Err(Problem::unavailable(&failures(&report)));
    }
    Ok(Json(Arrived { results: report.done.into_iter().map(Into::into).collect() }))
}

fn failures(report: &Report) -> String {
    let failed = report.done.iter().filter(|done| done.outcome == Outcome::Failed);
    let named: Vec<String> = failed
        .take(NAMED_MAX)
        .map(|done| {
            format!("{}: {}", done.key.as_deref().unwrap_or("?"), done.reason.as_deref().unwrap_or_default())
        })
        .collect();
    format!("{}; send it again ({})", report.totals, named.join("; "))
}

/// A right token is never slowed down by a neighbour's wrong ones.
fn authorize(api: &Api, webhook: &Webhook, peer: SocketAddr, headers: &HeaderMap) -> Result<(), Problem> {
    let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(secret);
    if sent.is_some_and(|sent| webhook.token.is(&sent)) {
        return Ok(());
    }
    let now = api.parts.clock.now();
    let attempt = api.parts.ingest_throttle.attempt(Rule::ACCOUNT, place(peer.ip()), now);
    attempt.map_err(|wait| Problem::too_many("wrong tokens", wait))?.failed(now);
    tracing::warn!(%peer, "a notification was refused: no token, or a wrong one");
    Err(Problem::no_arrival_token())
}

/// What lets in: a bearer token, or the password of Basic authentication (topics have no other way).
fn secret(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64.decode(rest.trim().as_bytes()).ok()?).ok()?;
    Some(pair.split_once(':')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::secret;

    #[test]
    fn topics_send_the_token_as_a_password() {
        assert_eq!(secret("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(secret("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!(secret("Basic dXNlcjphOmI=").as_deref(), Some("a:b"));
        for wrong in ["abc", "Basic abc", "Basic YWJj", "Digest abc", ""] {
            assert_eq!(secret(wrong), None, "{wrong}");
        }
    }
}
