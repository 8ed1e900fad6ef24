//! Notifications: how deliveries went, tests, and browsers that want Web Push.

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use camtrail_model::{
    Digest, Millis,
    ports::{DeliveryOutcome, DeliveryRow, PushSubscription, Role},
};
use data_encoding::BASE64URL;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    asked::Asked,
    problem::Problem,
    signed_in::SignedIn,
    state::{Api, NotificationRule, Notifications, TestOutcome},
};

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 500;
/// An uncompressed point of P-256: a 4, and two numbers.
const KEY_BYTES: usize = 65;
const AUTH_BYTES: usize = 16;

/// How a delivery is doing.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// Not delivered yet.
    Waiting,
    /// The other end took it.
    Delivered,
    /// The other end refused it, or it was tried often enough.
    Failed,
    /// Given up: too many waited for the channel.
    Dropped,
}

/// One message for one receiver.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Delivery {
    /// Its number; grows.
    id: i64,
    /// The message's id: the same on every channel (`webhook-id`).
    #[schema(example = "msg_5e2c3f0a9d1b4c7e8f6a2b3c4d5e6f70")]
    message_id: String,
    /// The channel.
    #[schema(example = "phone")]
    channel: String,
    /// What happened.
    #[schema(example = "event")]
    kind: String,
    /// Its title.
    #[schema(example = "backyard: motion")]
    title: String,
    /// How it is doing.
    outcome: Outcome,
    /// How often it was tried.
    attempts: u32,
    /// Why it failed last time.
    problem: Option<String>,
    /// When it was made, RFC 3339.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was tried last.
    #[schema(format = DateTime)]
    updated_at: String,
    /// When it is tried (again); null: it is decided.
    #[schema(format = DateTime)]
    next_at: Option<String>,
}

/// A page of deliveries, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    /// The deliveries.
    items: Vec<Delivery>,
    /// `before` of the next page; null: this is the last.
    next_before: Option<i64>,
}

/// A way out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChannelInfo {
    /// Its name.
    #[schema(example = "phone")]
    name: String,
    /// `webhook`, `mqtt`, `email`, `ntfy` or `web_push`.
    #[schema(example = "ntfy")]
    kind: &'static str,
}

/// What is told to whom.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleInfo {
    /// Its name.
    #[schema(example = "at night")]
    name: String,
    /// What it waits for: `event`, `camera_silent`, `camera_back` or `gateway_trouble`.
    #[schema(example = "event")]
    on: &'static str,
    /// These cameras; none: all.
    cameras: Vec<String>,
    /// And only those of this group.
    group: Option<String>,
    /// And only at these hours, by the camera's clock.
    #[schema(example = "22:00-06:00")]
    hours: Option<String>,
    /// And only `record`, or `snap`.
    kind: Option<&'static str>,
    /// The channels' names.
    targets: Vec<String>,
}

/// What the configuration says of notifications.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotificationSettings {
    /// The ways out.
    channels: Vec<ChannelInfo>,
    /// What is told to whom.
    rules: Vec<RuleInfo>,
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryQuery {
    /// Only older ones than this: `next_before` of the page before.
    #[param(minimum = 0)]
    before: Option<i64>,
    /// How many: 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
}

/// A test.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {
    /// The channel's name.
    #[schema(example = "phone")]
    channel: String,
}

/// What a test came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tested {
    /// The channel's name.
    channel: String,
    /// Whether the other end took it.
    delivered: bool,
    /// Why not.
    problem: Option<String>,
}

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

fn utc(at: Millis) -> String {
    format!("{:.3}", at.timestamp())
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id,
            message_id: row.message_id,
            channel: row.channel,
            kind: row.kind,
            title: row.title,
            outcome: match row.outcome {
                DeliveryOutcome::Waiting => Outcome::Waiting,
                DeliveryOutcome::Delivered => Outcome::Delivered,
                DeliveryOutcome::Failed => Outcome::Failed,
                DeliveryOutcome::Dropped => Outcome::Dropped,
            },
            attempts: row.attempts,
            problem: row.problem,
            created_at: utc(row.created_at),
            updated_at: utc(row.updated_at),
            next_at: row.next_at.map(utc),
        }
    }
}

fn desk<'a>(api: &'a Api, session: &SignedIn) -> Result<&'a dyn Notifications, Problem> {
    if session.user.role != Role::Admin {
        return Err(Problem::new(StatusCode::FORBIDDEN, "only an admin sees and tests notifications"));
    }
    api.parts.notifications.as_deref().ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "nothing is told to anybody from here: [[notify.channel]] of the configuration makes a channel",
        )
    })
}

/// Channels and rules.
///
/// As the configuration says; admins only.
#[utoipa::path(
    get, path = "/notifications", operation_id = "notification_settings", tag = "notifications",
    security(("session" = [])),
    responses(
        (status = 200, description = "Channels and rules.", body = NotificationSettings),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The signed-in user is no admin.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No channel is configured.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn settings(
    State(api): State<Api>,
    session: SignedIn,
) -> Result<Json<NotificationSettings>, Problem> {
    let desk = desk(&api, &session)?;
    let channels = desk.channels().into_iter().map(|(name, kind)| ChannelInfo { name, kind }).collect();
    let rule = |rule: NotificationRule| {
        let NotificationRule { name, on, cameras, group, hours, kind, targets } = rule;
        RuleInfo { name, on, cameras, group, hours, kind, targets }
    };
    Ok(Json(NotificationSettings { channels, rules: desk.rules().into_iter().map(rule).collect() }))
}

/// List deliveries.
///
/// Newest first, of the last two weeks; admins only.
#[utoipa::path(
    get, path = "/notifications/deliveries", operation_id = "list_deliveries", tag = "notifications", params(DeliveryQuery),
    security(("session" = [])),
    responses(
        (status = 200, description = "A page of deliveries.", body = DeliveryList),
        (status = 400, description = "A parameter is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The signed-in user is no admin.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No channel is configured.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn deliveries(
    State(api): State<Api>,
    session: SignedIn,
    Asked(asked): Asked<DeliveryQuery>,
) -> Result<Json<DeliveryList>, Problem> {
    let limit = asked.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit: found {limit}, expected 1 to {PAGE_MAX}")));
    }
    if let Some(before) = asked.before.filter(|before| *before < 0) {
        return Err(Problem::bad_request(format!("before: found {before}, expected a delivery's number")));
    }
    let mut rows = desk(&api, &session)?.deliveries(asked.before, limit + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_before = rows.last().filter(|_| more).map(|row| row.id);
    Ok(Json(DeliveryList { items: rows.into_iter().map(Delivery::from).collect(), next_before }))
}

/// Send a test message.
///
/// Now, by one channel, and past the queue; by Web Push to your own browsers only. Admins only.
#[utoipa::path(
    post, path = "/notifications/test", operation_id = "test_notification", tag = "notifications", request_body = Test,
    security(("session" = [])),
    responses(
        (status = 200, description = "It was tried.", body = Tested),
        (status = 400, description = "The body is no such JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The signed-in user is no admin.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such channel.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn test(
    State(api): State<Api>,
    session: SignedIn,
    body: Result<Json<Test>, JsonRejection>,
) -> Result<Json<Tested>, Problem> {
    let desk = desk(&api, &session)?;
    let Json(Test { channel }) = body.map_err(|error| {
        Problem::bad_request(format!(
            "expected {{\"channel\": …}} as application/json: {}",
            error.body_text()
        ))
    })?;
    let (delivered, problem) = match desk.test(&channel, &session.user.name).await {
        TestOutcome::Delivered => (true, None),
        TestOutcome::Failed(problem) => (false, Some(problem)),
        TestOutcome::NoChannel => {
            let known: Vec<_> = desk.channels().into_iter().map(|(name, _)| name).collect();
            let detail = format!("there is no channel {channel:?}; there are: {}", known.join(", "));
            return Err(Problem::new(StatusCode::NOT_FOUND, detail));
        }
    };
    tracing::info!(username = session.user.name, channel, delivered, "a test message was sent");
    Ok(Json(Tested { channel, delivered, problem }))
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
        Problem::bad_request(format!(
            "expected {{\"endpoint\": …, \"keys\": {{\"p256dh\": …, \"auth\": …}}}} as application/json: {}",
            error.body_text()
        ))
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
    let Json(Unsubscribe { endpoint }) = body.map_err(|error| {
        Problem::bad_request(format!(
            "expected {{\"endpoint\": …}} as application/json: {}",
            error.body_text()
        ))
    })?;
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
