//! Browsers that want Web Push.

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use camtrail_model::{Digest, ports::PushSubscription};
use data_encoding::BASE64URL;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    problem::Problem,
    signed_in::SignedIn,
    state::{Api, Notifications},
};

/// An uncompressed point of P-256: a 4, and two numbers.
const KEY_BYTES: usize = 65;
const AUTH_BYTES: usize = 16;

/// The key that browsers subscribe with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PushPublicKey {
    /// `applicationServerKey`: an uncompressed point of P-256, base64url.
    key: String,
}

/// What `PushSubscription.toJSON()` gives; an `expirationTime` is ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Subscribe {
    /// Where the browser's push service takes messages.
    #[schema(example = "https://push.example.net/send/abc", max_length = 2000)]
    endpoint: String,
    /// The browser's keys.
    keys: SubscriptionKeys,
}

/// A browser's keys.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SubscriptionKeys {
    /// Its public key, base64url.
    #[schema(
        example = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
    )]
    p256dh: String,
    /// Its authentication secret, base64url.
    #[schema(example = "BTBZMqHH6r4Tts7J_aSIgg")]
    auth: String,
}

/// A subscription that is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Subscribed {
    /// Its id.
    id: String,
}

/// Which browser.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unsubscribe {
    /// Its endpoint.
    #[schema(example = "https://push.example.net/send/abc")]
    endpoint: String,
}

async fn pushing(api: &Api) -> Result<(&dyn Notifications, String), Problem> {
    if let Some(desk) = api.parts.notifications.as_deref()
        && let Some(key) = desk.push_key().await?
    {
        return Ok((desk, key));
    }
    let detail = "nothing is pushed from here: a [[notify.channel]] of kind \"web_push\" makes it so";
    Err(Problem::new(StatusCode::NOT_FOUND, detail))
}

/// The key for Web Push.
///
/// What `pushManager.subscribe` wants as `applicationServerKey`.
#[utoipa::path(
    get, path = "/push/key", operation_id = "push_key", tag = "notifications", security(("session" = [])),
    responses(
        (status = 200, description = "The key.", body = PushPublicKey),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nothing is pushed from here.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn push_key(State(api): State<Api>, _: SignedIn) -> Result<Json<PushPublicKey>, Problem> {
    Ok(Json(PushPublicKey { key: pushing(&api).await?.1 }))
}

/// Subscribe a browser to Web Push.
///
/// For the signed-in user; the same browser again replaces what it said before. A user's oldest go above 20.
#[utoipa::path(
    post, path = "/push/subscriptions", operation_id = "push_subscribe", tag = "notifications", request_body = Subscribe,
    security(("session" = [])),
    responses(
        (status = 200, description = "It is kept.", body = Subscribed),
        (status = 400, description = "The body is no subscription, or leads nowhere that may be pushed to.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Nothing is pushed from here.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn subscribe(
    State(api): State<Api>,
    SignedIn { user, .. }: SignedIn,
    body: Result<Json<Subscribe>, JsonRejection>,
) -> Result<Json<Subscribed>, Problem> {
    let (desk, _) = pushing(&api).await?;
    let Json(asked) = body.map_err(|error| {
        Problem::of_body(&error, "{\"endpoint\": …, \"keys\": {\"p256dh\": …, \"auth\": …}}")
    })?;
    if let Some(problem) = desk.push_problem(&asked.endpoint) {
        return Err(Problem::bad_request(format!(
            "endpoint: expected the https address of a push service in the Internet: {problem}"
        )));
    }
    let p256dh = decoded("keys.p256dh", &asked.keys.p256dh, KEY_BYTES)?;
    if p256dh.first() != Some(&4) {
        return Err(Problem::bad_request("keys.p256dh: expected an uncompressed point of P-256"));
    }
    let subscription = PushSubscription {
        id: id_of(&asked.endpoint),
        user: user.name,
        endpoint: asked.endpoint,
        p256dh,
        auth: decoded("keys.auth", &asked.keys.auth, AUTH_BYTES)?,
        created_at: api.parts.clock.now(),
    };
    api.parts.pushes.put_push(&subscription).await?;
    tracing::info!(username = subscription.user, "a browser asked for Web Push");
    Ok(Json(Subscribed { id: subscription.id }))
}

/// Unsubscribe a browser from Web Push.
///
/// One of the signed-in user's; Ok also where it isn't subscribed.
#[utoipa::path(
    delete, path = "/push/subscriptions", operation_id = "push_unsubscribe", tag = "notifications", request_body = Unsubscribe,
    security(("session" = [])),
    responses(
        (status = 204, description = "It is told nothing more."),
        (status = 400, description = "The body is no such JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn unsubscribe(
    State(api): State<Api>,
    SignedIn { user, .. }: SignedIn,
    body: Result<Json<Unsubscribe>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(Unsubscribe { endpoint }) =
        body.map_err(|error| Problem::of_body(&error, "{\"endpoint\": …}"))?;
    api.parts.pushes.remove_push(&id_of(&endpoint), Some(&user.name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn id_of(endpoint: &str) -> String {
    Digest::of(endpoint.as_bytes()).to_string()
}

/// Base 64 of either alphabet, padded or not: browsers differ.
fn decoded(key: &str, text: &str, bytes: usize) -> Result<Vec<u8>, Problem> {
    let mut padded = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    while !padded.is_empty() && !padded.len().is_multiple_of(4) && padded.len() < 4 * KEY_BYTES {
        padded.push('=');
    }
    let decoded = BASE64URL.decode(padded.as_bytes()).ok().filter(|decoded| decoded.len() == bytes);
    decoded.ok_or_else(|| Problem::bad_request(format!("{key}: expected {bytes} bytes, base64url")))
}
