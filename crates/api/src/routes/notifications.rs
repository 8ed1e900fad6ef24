//! Notifications: channels and rules, how deliveries went, and tests.

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use camtrail_model::{
    Millis,
    ports::{DeliveryOutcome, DeliveryRow, Role},
};
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
    let Json(Test { channel }) = body.map_err(|error| Problem::of_body(&error, "{\"channel\": …}"))?;
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
