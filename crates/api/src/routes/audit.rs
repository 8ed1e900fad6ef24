//! Reading the audit log.

use axum::{Json, extract::State};
use camtrail_model::{
    Millis,
    ports::{AuditEntry, AuditPlace},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    asked::Asked,
    dto::utc,
    problem::Problem,
    routes::events::moment,
    signed_in::{May, ToAdminister},
    state::Api,
};

const DAY_MS: i64 = 86_400_000;
/// Entries in a page, unless asked otherwise.
const PAGE_DEFAULT: usize = 100;
/// Entries in a page, at most.
const PAGE_MAX: usize = 500;
const PURPOSE: &str = "cursor of audit";

/// From when to when, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// Only entries at or after this moment: RFC 3339, or milliseconds since 1970.
    #[param(example = "2016-08-30T00:00:00Z")]
    from: Option<String>,
    /// Only entries before this moment: RFC 3339, or milliseconds since 1970.
    to: Option<String>,
    /// How many: 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before, of the same query.
    cursor: Option<String>,
}

/// What somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditItem {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who; null: nobody who is known (a wrong sign-in, an opened share).
    #[schema(example = "anna")]
    who: Option<String>,
    /// What: `signed_in`, `sign_in_failed`, `signed_out`, `password_changed`, `user_added`, `user_changed`,
    /// `user_disabled`, `token_created`, `token_revoked`, `share_created`, `share_opened`, `share_revoked`,
    /// `share_refused`, `event_protected`, `event_unprotected`, `event_noted`, `event_deleted`, `groups_replaced`,
    /// `camera_added`, `camera_token_created`, `camera_tokens_revoked`; later versions may know more.
    #[schema(example = "share_created")]
    action: String,
    /// To whom or what: a user's name, or an id.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015")]
    subject: String,
    /// From which address; null: from the server's own command line.
    #[schema(example = "192.0.2.7")]
    from: Option<String>,
    /// What else is worth knowing; never a secret.
    #[schema(example = "event 0g00002ms6h00000…, until 2016-09-06T22:29:54.000Z")]
    detail: String,
}

/// A page of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditList {
    /// The newest first.
    items: Vec<AuditItem>,
    /// The cursor of the next page; null on the last.
    next_cursor: Option<String>,
}

impl From<AuditEntry> for AuditItem {
    fn from(entry: AuditEntry) -> Self {
        Self {
            at: utc(entry.place.at),
            who: entry.who,
            action: entry.action.as_str().to_owned(),
            subject: entry.subject,
            from: entry.from,
            detail: entry.detail,
        }
    }
}

/// Who did what, when, from where.
///
/// For admins, the newest first. Kept for 400 days, or as configured. Wrong sign-ins are noted up to 200 an hour, with
/// how many more there were; openings of a share the first time (its count tells the rest).
#[utoipa::path(
    get, path = "/audit", operation_id = "list_audit", tag = "people", params(AuditQuery),
    security(("session" = []), ("api_token" = ["admin"])),
    responses(
        (status = 200, description = "A page of the log.", body = AuditList),
        (status = 400, description = "A parameter or the cursor is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not an admin.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    _: May<ToAdminister>,
    Asked(asked): Asked<AuditQuery>,
) -> Result<Json<AuditList>, Problem> {
    let read = |key: &str, text: &Option<String>| text.as_deref().map(|text| moment(key, text)).transpose();
    let (from, to) = (read("from", &asked.from)?, read("to", &asked.to)?);
    let limit = asked.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit: found {limit}, expected 1 to {PAGE_MAX}")));
    }
    let after = asked.cursor.as_deref().map(|text| decode(&api, from, to, text)).transpose()?;
    // What is older is forgotten; nothing is noted for tomorrow.
    let now = api.parts.clock.now();
    let oldest = now.plus(-DAY_MS * (i64::from(api.parts.config.people.audit_days) + 1)).max(Millis(0));
    let newest = now.plus(DAY_MS);
    let (first, end) = (from.unwrap_or(oldest).max(oldest), to.unwrap_or(newest).min(newest));
    let page = api.parts.audit.audit(first, end, after, limit).await?;
    let last = page.items.last().map(|entry| entry.place).filter(|_| page.more);
    Ok(Json(AuditList {
        next_cursor: last.map(|place| encode(&api, from, to, place)),
        items: page.items.into_iter().map(AuditItem::from).collect(),
    }))
}

fn message(from: Option<Millis>, to: Option<Millis>, place: &str) -> String {
    let text = |at: Option<Millis>| at.map_or_else(String::new, |at| at.0.to_string());
    format!("{}\0{}\0{place}", text(from), text(to))
}

fn encode(api: &Api, from: Option<Millis>, to: Option<Millis>, place: AuditPlace) -> String {
    let place = format!("{}-{:016x}", place.at.0, place.tie);
    let signature = api.parts.key.sign(PURPOSE, &message(from, to, &place));
    format!("{place}.{signature}")
}

fn decode(api: &Api, from: Option<Millis>, to: Option<Millis>, text: &str) -> Result<AuditPlace, Problem> {
    let read = || {
        let (place, signature) = text.split_once('.')?;
        let is_ours = api.parts.key.verify(PURPOSE, &message(from, to, place), signature);
        let (at, tie) = place.split_once('-').filter(|_| is_ours)?;
        Some(AuditPlace { at: Millis(at.parse().ok()?), tie: u64::from_str_radix(tie, 16).ok()? })
    };
    read().ok_or_else(|| {
        Problem::bad_request(
            "cursor: this is not a cursor of this query; expected the next_cursor of a page with the same from and to",
        )
    })
}
