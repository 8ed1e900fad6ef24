//! What a person decides about one event: protection, a note, deletion.
//!
//! Owns `PATCH` and `DELETE` on `/api/v1/events/{id}`: who may, and what a body may say. Promises: the answer is the event
//! as it was decided, also where the catalog learns of it only from the store's notification. Refuses: viewers, and to
//! guess what a wrong body meant.

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use camtrail_arrival::{DecideError, Decision};
use camtrail_model::{
    CatalogRecord, EventState,
    ports::{ArrivalError, AuditAction, StoreError},
};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    dto::Event,
    problem::Problem,
    routes::{events, viewed},
    signed_in::{May, SignedIn, ToAdminister, ToReview},
    state::Api,
};

/// How much of a wrong value an answer repeats.
const QUOTED_MAX_CHARS: usize = 100;

/// What is to be otherwise; what isn't named stays.
#[derive(Debug, PartialEq, Eq, ToSchema)]
pub(crate) struct EventChanges {
    /// Exempt from retention, or not any more.
    #[schema(value_type = bool, required = false)]
    protected: Option<bool>,
    /// A note in one line, at most 2,000 characters; null takes it away.
    #[schema(max_length = 2000, example = "the fox, again")]
    note: Option<String>,
}

impl EventChanges {
    fn parse(body: Map<String, Value>) -> Result<Self, Problem> {
        let mut changes = Self { protected: None, note: None };
        for (name, value) in body {
            let wrong = |expected: &str| {
                let found: String = value.to_string().chars().take(QUOTED_MAX_CHARS).collect();
                Problem::bad_request(format!("{name}: found {found}, expected {expected}"))
            };
            match (name.as_str(), &value) {
                ("protected", Value::Bool(protected)) => changes.protected = Some(*protected),
                ("protected", _) => return Err(wrong("true or false")),
                ("note", Value::Null) => changes.note = Some(String::new()),
                ("note", Value::String(note)) => {
                    EventState::note(note).map_err(|error| Problem::bad_request(format!("note: {error}")))?;
                    changes.note = Some(note.clone());
                }
                ("note", _) => return Err(wrong("a text or null")),
                _ => {
                    let name: String = name.chars().take(QUOTED_MAX_CHARS).collect();
                    let detail = format!("found the unknown field {name:?}, expected protected or note");
                    return Err(Problem::bad_request(detail));
                }
            }
        }
        Ok(changes)
    }
}

impl From<EventChanges> for Decision {
    fn from(changes: EventChanges) -> Self {
        Self { protected: changes.protected, note: changes.note }
    }
}

/// What stands in the store stays there: the same call again does the rest.
impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Note(error) => Self::bad_request(format!("note: {error}")),
            DecideError::Gone => Self::new(StatusCode::NOT_FOUND, error.to_string()),
            DecideError::Protected => Self::new(StatusCode::CONFLICT, error.to_string()),
            DecideError::Store(StoreError::Refused(why)) => {
                tracing::error!(why, "the store refused what a person decided");
                let detail = "the store doesn't allow this server to do that; the server's log says why";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
            DecideError::Store(error) => error.into(),
            DecideError::Arrival(ArrivalError::Retry(why)) => {
                tracing::error!(why, "the catalog doesn't show yet what a person decided");
                Self::unavailable("it is written down, and the list can't show it now: try again")
            }
            DecideError::Arrival(ArrivalError::Permanent(why)) => {
                tracing::error!(why, "the catalog can't show what a person decided");
                let detail = "it is written down, and the list can't show it; the server's log says why";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
        }
    }
}

/// The event, for somebody who may change it.
async fn changeable(api: &Api, who: &SignedIn, id: &str) -> Result<CatalogRecord, Problem> {
    if !who.is_admin() {
        let detail = "you may look, and not change events: ask an admin";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    events::visible(api, who, id).await
}

/// Protect an event, or write a note.
///
/// For admins. What isn't named stays. A protected event outlives retention. It stands in the store, so a rebuild of the
/// catalog keeps it; lists and live streams may show it a moment later than this answer. After an error the same call may
/// be repeated.
#[utoipa::path(
    patch, path = "/events/{id}", operation_id = "change_event", tag = "events", security(("session" = []), ("api_token" = ["review"])),
    params(("id" = String, Path, description = "An event's id.")), request_body = EventChanges,
    responses(
        (status = 200, description = "The event as decided.", body = Event),
        (status = 400, description = "The body says something else than protection and note.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not an admin.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event.", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The store doesn't allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Store or catalog are out of reach: try again.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn change(
    State(api): State<Api>,
    who: May<ToReview>,
    Path(id): Path<String>,
    body: Result<Json<Map<String, Value>>, JsonRejection>,
) -> Result<Json<Event>, Problem> {
    let record = changeable(&api, &who, &id).await?;
    let Json(body) = body.map_err(|error| {
        Problem::of_body(&error, "{\"protected\": true or false, \"note\": a text or null}")
    })?;
    let decision: Decision = EventChanges::parse(body)?.into();
    let decided = api.parts.decisions.decide(&record, &decision, &who.user.name).await?;
    let id = record.id().to_string();
    if let Some(protected) = decision.protected {
        let action = if protected { AuditAction::EventProtected } else { AuditAction::EventUnprotected };
        api.noted(&who, action, &id, "").await;
    }
    if decision.note.is_some() {
        api.noted(&who, AuditAction::EventNoted, &id, "").await;
    }
    viewed::event(&api, &who.user.name, decided).await
}

/// Delete an event.
///
/// For admins. The clip or still goes for good, with all that was made of it. What is protected stays: take the protection
/// away first. After an error the same call may be repeated.
#[utoipa::path(
    delete, path = "/events/{id}", operation_id = "delete_event", tag = "events", security(("session" = []), ("api_token" = ["admin"])),
    params(("id" = String, Path, description = "An event's id.")),
    responses(
        (status = 204, description = "It is gone."),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not an admin.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event (any more).", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is protected.", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "The store doesn't allow it.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Store or catalog are out of reach: try again.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    who: May<ToAdminister>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let record = changeable(&api, &who, &id).await?;
    api.parts.decisions.delete(&record, &who.user.name).await?;
    api.noted(&who, AuditAction::EventDeleted, &id, record.object_key.as_str()).await;
    Ok(StatusCode::NO_CONTENT)
}
