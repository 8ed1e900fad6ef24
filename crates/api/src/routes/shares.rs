//! Shares: making, listing and revoking public links to one event each. What whoever has one sees is `shared`'s.
//!
//! Promises: a link's secret is told once, to whoever made it; nobody shares what they may not see, and nobody but an
//! admin knows of another's shares. Refuses: shares without an end.

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use camtrail_auth::Token;
use camtrail_model::{
    EventState, Millis,
    ports::{AuditAction, Openings, SHARES_MAX, Share},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    dto::utc,
    problem::Problem,
    routes::events::{moment, visible},
    signed_in::{May, SignedIn, ToShare},
    state::Api,
};

const DAY_MS: i64 = 86_400_000;
/// The shortest share, in seconds.
const SHORTEST_S: i64 = 60;
/// Shares that can be opened, at most; the rest of what is kept are ones that ended.
const OPEN_MAX: usize = SHARES_MAX / 2;
/// A share that ended is remembered for so long: its page says what became of it.
const REMEMBERED_MS: i64 = 30 * DAY_MS;

/// What is to be shared.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewShare {
    /// Which event.
    #[schema(example = "0g00002ms6h00000…")]
    event_id: String,
    /// When the share ends: in so many seconds. Without it and `expires_at`, in seven days (or as configured).
    #[schema(minimum = 60, example = 86_400)]
    expires_in_s: Option<i64>,
    /// The same as a moment, RFC 3339, instead of `expires_in_s`.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// A word to whoever opens it: one line, at most 2,000 characters.
    #[schema(max_length = 2000, example = "our fox")]
    note: Option<String>,
}

/// Whether a share can be opened.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ShareState {
    /// It can.
    Open,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}

/// A share.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShareInfo {
    /// What it is called here; it opens nothing.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015")]
    id: String,
    /// The event that it shows.
    event_id: String,
    /// Its camera.
    #[schema(example = "backyard")]
    camera_name: String,
    /// Who made it.
    #[schema(example = "anna")]
    created_by: String,
    /// When.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    expires_at: String,
    /// When somebody ended it.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// Whether it can be opened. Where its event is gone, or its maker may see it no more, it shows that.
    state: ShareState,
    /// A word to whoever opens it.
    note: Option<String>,
    /// How often it was opened.
    #[schema(example = 3)]
    opened: u64,
    /// How often somebody came when it had ended.
    refused: u64,
    /// When it was last opened.
    #[schema(format = DateTime)]
    last_opened_at: Option<String>,
}

/// A share that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeShare {
    /// What opens it, for everybody who has it. Told only now. Without `http.public_url` in the configuration it is a path
    /// below this server's address.
    #[schema(example = "https://cams.example.org/s/4dYhPq…")]
    url: String,
    #[serde(flatten)]
    share: ShareInfo,
}

/// Shares.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShareList {
    /// The newest first; those that ended for 30 days.
    items: Vec<ShareInfo>,
}

impl ShareInfo {
    fn new(share: &Share, now: Millis) -> Self {
        let state = match share.revoked_at {
            Some(_) => ShareState::Revoked,
            None if now >= share.expires_at => ShareState::Expired,
            None => ShareState::Open,
        };
        Self {
            id: share.id(),
            event_id: share.event.to_string(),
            camera_name: share.event.camera.to_string(),
            created_by: share.by.clone(),
            created_at: utc(share.created_at),
            expires_at: utc(share.expires_at),
            revoked_at: share.revoked_at.map(utc),
            state,
            note: share.note.clone(),
            opened: share.openings.opened,
            refused: share.openings.refused,
            last_opened_at: share.openings.last_at.map(utc),
        }
    }
}

impl NewShare {
    /// When the share ends.
    fn end(&self, api: &Api, now: Millis) -> Result<Millis, Problem> {
        let people = &api.parts.config.people;
        let longest = now.plus(DAY_MS * i64::from(people.share_max_days));
        let end = match (self.expires_in_s, &self.expires_at) {
            (Some(_), Some(_)) => {
                return Err(Problem::bad_request("expected one of expires_in_s and expires_at, found both"));
            }
            (Some(seconds), None) => now.plus(seconds.saturating_mul(1_000)),
            (None, Some(text)) => moment("expires_at", text)?,
            (None, None) => now.plus(DAY_MS * i64::from(people.share_days)).min(longest),
        };
        // An end of exactly the longest is reckoned by the client's clock.
        if end < now.plus(SHORTEST_S * 1_000) || end > longest.plus(SHORTEST_S * 1_000) {
            let (found, days) = (utc(end), people.share_max_days);
            let detail = format!(
                "the share would end {found}: expected at least {SHORTEST_S} seconds and at most {days} days from now"
            );
            return Err(Problem::bad_request(detail));
        }
        Ok(end.min(longest))
    }

    fn note(&self) -> Result<Option<String>, Problem> {
        let note = self.note.as_deref().unwrap_or_default();
        EventState::note(note).map_err(|error| Problem::bad_request(format!("note: {error}")))
    }
}

/// Share an event.
///
/// Makes a public link to this one event: whoever has it sees the clip or still, its camera's name and its time, without
/// signing in, until it ends. It shows the event as long as its maker may see it.
#[utoipa::path(
    post, path = "/shares", operation_id = "create_share", tag = "shares",
    request_body(content = NewShare, example = json!({ "event_id": "0g00002ms6h00000…", "expires_in_s": 604_800, "note": "our fox" })),
    security(("session" = []), ("api_token" = ["share"])),
    responses(
        (status = 201, description = "The share; its link is told only now.", body = MadeShare),
        (status = 400, description = "The body is no such JSON, or the end can't be.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Shares are off, or the token isn't good for them.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There are too many shares: revoke some.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    who: May<ToShare>,
    body: Result<Json<NewShare>, JsonRejection>,
) -> Result<(StatusCode, Json<MadeShare>), Problem> {
    let (parts, now) = (&api.parts, api.parts.clock.now());
    if parts.config.people.share_max_days == 0 {
        return Err(Problem::new(StatusCode::FORBIDDEN, "shares are off here (shares.max_days = 0)"));
    }
    let Json(new) = body
        .map_err(|error| Problem::of_body(&error, "{\"event_id\": …, \"expires_in_s\": …, \"note\": …}"))?;
    let (expires_at, note) = (new.end(&api, now)?, new.note()?);
    let record = visible(&api, &who, &new.event_id).await?;
    make_room(&api, now).await?;
    let token = Token::new().map_err(|error| Problem::no_secret(&error))?;
    let share = Share {
        token_sha256: Token::sha256(token.text()),
        event: record.id(),
        by: who.user.name.clone(),
        created_at: now,
        expires_at,
        revoked_at: None,
        note,
        openings: Openings::default(),
    };
    parts.shares.put_share(&share).await?;
    let detail = format!("event {}, until {}", share.event, utc(expires_at));
    api.noted(&who, AuditAction::ShareCreated, &share.id(), &detail).await;
    Ok((StatusCode::CREATED, Json(MadeShare { url: url(&api, &token), share: ShareInfo::new(&share, now) })))
}

/// Forgets what ended long ago (or long enough, where that is many), and says where too many can be opened.
async fn make_room(api: &Api, now: Millis) -> Result<(), Problem> {
    let mut ended = api.parts.shares.shares().await?;
    let kept = ended.len();
    ended.retain(|share| share.ends_at() <= now);
    if kept - ended.len() >= OPEN_MAX {
        let detail = format!("there are {OPEN_MAX} shares that can be opened: revoke some");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    ended.sort_by_key(Share::ends_at);
    let too_many = (kept + 1).saturating_sub(SHARES_MAX);
    for (at, share) in ended.iter().enumerate() {
        if at < too_many || share.ends_at().plus(REMEMBERED_MS) <= now {
            api.parts.shares.forget_share(&share.id()).await?;
        }
    }
    Ok(())
}

/// Below the address that is configured: what a request says its host is, isn't believed.
fn url(api: &Api, token: &Token) -> String {
    let (config, token) = (&api.parts.config, token.text());
    let public = config.public_url.as_deref().unwrap_or_default();
    let public = public.strip_suffix(config.base_path.as_str()).unwrap_or(public);
    format!("{public}{}/s/{token}", config.base_path)
}

/// List shares.
///
/// Your own; an admin gets everybody's.
#[utoipa::path(
    get, path = "/shares", operation_id = "list_shares", tag = "shares",
    security(("session" = []), ("api_token" = ["share"])),
    responses(
        (status = 200, description = "The shares.", body = ShareList),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(State(api): State<Api>, who: May<ToShare>) -> Result<Json<ShareList>, Problem> {
    let now = api.parts.clock.now();
    let shares = api.parts.shares.shares().await?;
    let shown = shares.iter().filter(|share| {
        who.sees(&share.event.camera) && is_theirs(&who, share) && share.ends_at().plus(REMEMBERED_MS) > now
    });
    Ok(Json(ShareList { items: shown.map(|share| ShareInfo::new(share, now)).collect() }))
}

fn is_theirs(who: &SignedIn, share: &Share) -> bool {
    who.is_admin() || share.by == who.user.name
}

/// Revoke a share.
///
/// Your own, or as an admin anybody's. It shows nothing more from now on; a video that is being loaded from a bucket may
/// go on for five minutes. Doing it again changes nothing.
#[utoipa::path(
    delete, path = "/shares/{id}", operation_id = "revoke_share", tag = "shares",
    security(("session" = []), ("api_token" = ["share"])),
    params(("id" = String, Path, description = "A share's id.")),
    responses(
        (status = 204, description = "It opens nothing any more."),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such share of yours.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn revoke(
    State(api): State<Api>,
    who: May<ToShare>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let share = api.parts.shares.share(&id).await?.filter(|share| is_theirs(&who, share));
    let share = share.ok_or_else(|| Problem::not_found("share of yours"))?;
    if api.parts.shares.revoke_share(&id, api.parts.clock.now()).await? {
        api.noted(&who, AuditAction::ShareRevoked, &share.id(), &format!("event {}", share.event)).await;
    }
    Ok(StatusCode::NO_CONTENT)
}
