//! What the signed-in person has seen. Times are the server's: a client's clock is never asked.

use std::collections::HashSet;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use camtrail_model::{
    CatalogRecord, EventId, Millis,
    ports::{REVIEWS_MAX, Viewed},
    review::Reviewed,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    asked::Asked,
    cursor,
    dto::{Event, utc},
    problem::Problem,
    routes::events::{moment, visible},
    signed_in::{May, SignedIn, ToRead, ToReview},
    state::Api,
};

/// Events that are looked up at once.
const AT_ONCE: usize = 16;
/// Marks in a page, unless asked otherwise.
const PAGE_DEFAULT: usize = 100;
/// Marks in a page, at most.
const PAGE_MAX: usize = 500;

/// Whether an event is to be seen as viewed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MarkOne {
    /// Seen, or to be seen again.
    viewed: bool,
}

/// Which events have been seen: either `ids` or `up_to`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MarkMany {
    /// These, 500 at most.
    #[schema(max_items = 500)]
    ids: Option<Vec<String>>,
    /// Everything up to this event that is stored by now: it, and all that stand behind it when the newest are first.
    up_to: Option<String>,
}

/// A marked event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewedEvent {
    /// Its id.
    id: String,
    /// When it was marked.
    #[schema(format = DateTime)]
    viewed_at: String,
}

/// A page of marked events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewedList {
    /// Events that were marked by themselves and still are, by the time of marking.
    items: Vec<ViewedEvent>,
    /// The cursor of the next page; null on the last.
    next_cursor: Option<String>,
    /// What was marked with `up_to`: everything up to `id` that was stored until `viewed_at` is viewed too, but for
    /// what was marked as unviewed after that. The same on every page.
    up_to: Vec<ViewedEvent>,
}

/// Since when, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ViewedQuery {
    /// Only what was marked at this moment or later: RFC 3339, or milliseconds since 1970. Whoever keeps up asks from a
    /// minute before the newest mark they know: servers' clocks differ.
    since: Option<String>,
    /// How many: 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before, of the same query.
    cursor: Option<String>,
}

/// What of a page of events a person has seen; `None`, and a line in the log, where that can't be read: events are
/// worth more than marks.
pub(crate) async fn of(
    api: &Api,
    user: &str,
    records: impl Iterator<Item = &CatalogRecord> + Send,
) -> Option<HashSet<EventId>> {
    let events = records
        .map(|record| Reviewed { id: record.id(), stored_at: record.metadata.stored_at })
        .collect::<Vec<_>>();
    let mut viewed = HashSet::new();
    for some in events.chunks(REVIEWS_MAX) {
        match api.parts.review.viewed_of(user, some).await {
            Ok(found) => viewed.extend(found),
            Err(error) => {
                tracing::error!(%error, "what was viewed can't be read: events are listed without");
                return None;
            }
        }
    }
    Some(viewed)
}

/// Events as one person sees them, in the records' order.
pub(crate) async fn events(api: &Api, user: &str, records: &[CatalogRecord]) -> Vec<Event> {
    let viewed = of(api, user, records.iter()).await;
    let mut events = Vec::with_capacity(records.len());
    for record in records {
        let viewed = viewed.as_ref().map(|viewed| viewed.contains(&record.id()));
        events.push(Event::new(api, record).await.seen(viewed));
    }
    events
}

/// One event as one person sees it.
pub(crate) async fn event(api: &Api, user: &str, record: CatalogRecord) -> Result<Json<Event>, Problem> {
    let one = events(api, user, &[record]).await.pop();
    one.map(Json).ok_or_else(|| Problem::not_found("event"))
}

/// An event that is there, for this person.
async fn existing(api: &Api, who: &SignedIn, text: &str) -> Result<EventId, Problem> {
    Ok(visible(api, who, text).await?.id())
}

fn read<T>(body: Result<Json<T>, JsonRejection>, expected: &str) -> Result<T, Problem> {
    body.map(|Json(body)| body).map_err(|error| Problem::of_body(&error, expected))
}

/// Mark an event as viewed, or as unviewed.
///
/// For the signed-in user. Doing it again changes nothing.
#[utoipa::path(
    put, path = "/events/{id}/viewed", operation_id = "mark_event", tag = "events", security(("session" = []), ("api_token" = ["review"])),
    params(("id" = String, Path, description = "An event's id.")), request_body = MarkOne,
    responses(
        (status = 204, description = "Marked."),
        (status = 400, description = "The body is no such JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn mark_one(
    State(api): State<Api>,
    who: May<ToReview>,
    Path(id): Path<String>,
    body: Result<Json<MarkOne>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let MarkOne { viewed } = read(body, "{\"viewed\": true} or {\"viewed\": false}")?;
    let id = existing(&api, &who, &id).await?;
    api.parts.review.mark(&who.user.name, &[id], viewed, api.parts.clock.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Mark many events as viewed.
///
/// For the signed-in user: the events `ids`, or everything up to an event. If one of the ids doesn't exist, none is
/// marked.
#[utoipa::path(
    post, path = "/events/viewed", operation_id = "mark_events", tag = "events", security(("session" = []), ("api_token" = ["review"])),
    request_body = MarkMany,
    responses(
        (status = 204, description = "Marked."),
        (status = 400, description = "The body is no such JSON, or has too many ids.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn mark_many(
    State(api): State<Api>,
    who: May<ToReview>,
    body: Result<Json<MarkMany>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    const EXPECTED: &str = "either {\"ids\": […]} or {\"up_to\": id}";
    let (review, now) = (&api.parts.review, api.parts.clock.now());
    match read(body, EXPECTED)? {
        MarkMany { ids: Some(ids), up_to: None } => {
            if ids.len() > REVIEWS_MAX {
                let found = ids.len();
                return Err(Problem::bad_request(format!(
                    "ids: found {found}, expected {REVIEWS_MAX} at most"
                )));
            }
            let lookups = ids.into_iter().map(|id| {
                let (api, who) = (&api, &who);
                async move { existing(api, who, &id).await }
            });
            let ids: Vec<_> = stream::iter(lookups).buffer_unordered(AT_ONCE).try_collect().await?;
            review.mark(&who.user.name, &ids, true, now).await?;
        }
        MarkMany { ids: None, up_to: Some(id) } => {
            let id = existing(&api, &who, &id).await?;
            review.mark_up_to(&who.user.name, &id, now).await?;
        }
        _ => return Err(Problem::bad_request(format!("expected {EXPECTED}"))),
    }
    Ok(StatusCode::NO_CONTENT)
}

/// List what was viewed.
///
/// By the signed-in user, in the order of marking; also events that are gone since.
#[utoipa::path(
    get, path = "/viewed", operation_id = "list_viewed", tag = "events", params(ViewedQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses(
        (status = 200, description = "A page of marks.", body = ViewedList),
        (status = 400, description = "A parameter or the cursor is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    who: May<ToRead>,
    Asked(asked): Asked<ViewedQuery>,
) -> Result<Json<ViewedList>, Problem> {
    let since = asked.since.as_deref().map(|text| moment("since", text)).transpose()?.unwrap_or(Millis(0));
    let limit = asked.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Problem::bad_request(format!("limit: found {limit}, expected 1 to {PAGE_MAX}")));
    }
    let key = &api.parts.key;
    let after = asked.cursor.as_deref();
    let after = after.map(|text| cursor::decode_viewed(key, &who.user.name, since, text)).transpose()?;
    let review = &api.parts.review;
    let mut page = review.viewed_since(&who.user.name, since, after.as_ref(), limit).await?;
    let last = loop {
        let last = page.items.last().cloned();
        page.items.retain(|viewed| who.sees(&viewed.id.camera));
        // No page is empty while more follows.
        if !page.more || !page.items.is_empty() {
            break last;
        }
        page = review.viewed_since(&who.user.name, since, last.as_ref(), limit).await?;
    };
    let up_to = review.viewed_up_to(&who.user.name).await?;
    let steps = up_to.steps().iter().filter(|step| who.sees(&step.up_to.camera));
    let next = last.as_ref().filter(|_| page.more);
    Ok(Json(ViewedList {
        next_cursor: next.map(|last| cursor::encode_viewed(key, &who.user.name, since, last)),
        items: page.items.iter().map(|Viewed { at, id }| told(id, *at)).collect(),
        up_to: steps.map(|step| told(&step.up_to, step.at)).collect(),
    }))
}

fn told(id: &EventId, at: Millis) -> ViewedEvent {
    ViewedEvent { id: id.to_string(), viewed_at: utc(at) }
}
