//! Lists of events, and one event.

use axum::{
    Json,
    extract::{Path, State},
};
use camtrail_model::{
    CameraName, CatalogRecord, EventId, EventQuery, Gap, Millis, Order, PageSize, Position, Sieve,
    SieveError, sieve::LOOKED_MAX,
};
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    asked::Asked,
    cursor::{self, Walk},
    dto::{Event, EventKind, EventPage},
    problem::Problem,
    routes::{groups, viewed},
    signed_in::{May, SignedIn, ToRead},
    state::Api,
};

/// Cameras in one query: each is a range of the index to read.
const CAMERAS_MAX: usize = 500;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// Only this camera; may stand several times.
    #[serde(default)]
    pub(crate) camera: Vec<String>,
    /// Only cameras of this group; with `camera` as well, only those that are both.
    #[param(example = "Front")]
    pub(crate) group: Option<String>,
    /// Only clips (`record`) or stills (`snap`).
    pub(crate) kind: Option<EventKind>,
    /// Only this date, in each camera's own zone.
    #[param(value_type = Option<String>, format = Date, example = "2016-08-30")]
    pub(crate) date: Option<String>,
    /// Only events at or after this moment: RFC 3339, or milliseconds since 1970.
    #[param(example = "2016-08-30T00:00:00Z")]
    pub(crate) from: Option<String>,
    /// Only events before this moment: RFC 3339, or milliseconds since 1970.
    pub(crate) to: Option<String>,
    /// Only what you have not viewed (`true`), or only what you have (`false`).
    pub(crate) unviewed: Option<bool>,
    /// Only what is exempt from retention (`true`), or only what isn't (`false`).
    pub(crate) protected: Option<bool>,
    /// How many: 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub(crate) limit: Option<u16>,
    /// The `next_cursor` of the page before, of the same query.
    pub(crate) cursor: Option<String>,
    /// Newest first, or oldest first.
    #[param(inline)]
    pub(crate) order: Option<ListOrder>,
}

/// The direction of a list.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ListOrder {
    /// Newest first.
    Newest,
    /// Oldest first.
    Oldest,
}

impl ListQuery {
    /// What its cursors are of.
    pub(crate) fn walk(&self, gap: Option<Gap>) -> Walk {
        let Self { unviewed, protected, .. } = *self;
        Walk { group: self.group.clone(), unviewed, protected, gap_s: gap.map(Gap::seconds) }
    }

    pub(crate) fn parse(&self) -> Result<(EventQuery, PageSize), Problem> {
        let cameras = cameras(&self.camera)?;
        let query = EventQuery {
            cameras,
            kind: self.kind.map(Into::into),
            date: self.date.as_deref().map(date).transpose()?,
            from: self.from.as_deref().map(|text| moment("from", text)).transpose()?,
            to: self.to.as_deref().map(|text| moment("to", text)).transpose()?,
            order: match self.order {
                Some(ListOrder::Oldest) => Order::OldestFirst,
                _ => Order::NewestFirst,
            },
        };
        let limit = self.limit.map_or(Some(PageSize::DEFAULT), PageSize::new).ok_or_else(|| {
            let found = self.limit.unwrap_or_default();
            Problem::bad_request(format!("limit: found {found}, expected 1 to {}", PageSize::MAX))
        })?;
        Ok((query, limit))
    }
}

/// What a person wants of what they have viewed and what is protected.
pub(crate) fn sieve<'a>(api: &'a Api, user: &'a str, walk: &Walk) -> Sieve<'a> {
    let unviewed = walk.unviewed.map(|unviewed| (&*api.parts.review, user, unviewed));
    Sieve { unviewed, protected: walk.protected }
}

/// A walk that found nothing for too long says up to where it looked, and how to go on behind that: an empty page with a
/// cursor would look like the end to whoever stops at one (NEVER-21). `cursor` makes one of a place.
pub(crate) fn none_fits(
    order: Order,
    error: SieveError,
    cursor: impl FnOnce(&Position) -> String,
) -> Problem {
    match error {
        SieveError::Catalog(error) => error.into(),
        SieveError::NoneFits { upto } => {
            let (at, key) = (upto.event_ts, if order == Order::NewestFirst { "to" } else { "from" });
            let detail = format!(
                "unviewed, protected: none of {LOOKED_MAX} events fits, which is how many one page looks at; go on behind \
                 them with next_cursor or {key}={at}, or ask for less with camera, date, from or to"
            );
            Problem::none_yet(detail, cursor(&upto))
        }
    }
}

pub(crate) fn cameras(names: &[String]) -> Result<Vec<CameraName>, Problem> {
    if names.len() > CAMERAS_MAX {
        let found = names.len();
        return Err(Problem::bad_request(format!(
            "camera: found {found} of them, expected {CAMERAS_MAX} at most"
        )));
    }
    let cameras = names.iter().map(|name| CameraName::parse(name));
    cameras.collect::<Result<_, _>>().map_err(|error| Problem::bad_request(format!("camera: {error}")))
}

fn date(text: &str) -> Result<Date, Problem> {
    let date = text.parse::<Date>().ok().filter(|date| date.to_string() == text);
    date.ok_or_else(|| {
        Problem::bad_request(format!("date: found {text:?}, expected a date such as 2016-08-30"))
    })
}

pub(crate) fn moment(key: &str, text: &str) -> Result<Millis, Problem> {
    if let Ok(millis) = text.parse::<i64>() {
        return Ok(Millis(millis));
    }
    text.parse::<Timestamp>().map(Millis::from).map_err(|_| {
        Problem::bad_request(format!(
            "{key}: found {text:?}, expected a moment such as 2016-08-30T22:29:54Z, or milliseconds since 1970"
        ))
    })
}

/// List events.
///
/// Strict pages: whatever comes or goes meanwhile, nothing is repeated and nothing that stays is skipped.
#[utoipa::path(
    get, path = "/events", operation_id = "list_events", tag = "events", params(ListQuery), security(("session" = []), ("api_token" = ["read"])),
    responses(
        (status = 200, description = "A page of events.", body = EventPage),
        (status = 400, description = "A filter or the cursor is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "With `unviewed` or `protected`: none of the 20,000 events that one page looks at fits. `next_cursor` goes on behind them.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    who: May<ToRead>,
    Asked(asked): Asked<ListQuery>,
) -> Result<Json<EventPage>, Problem> {
    let (query, limit) = asked.parse()?;
    let walk = asked.walk(None);
    let after = asked
        .cursor
        .as_deref()
        .map(|text| cursor::decode(&api.parts.key, &query, &walk, text))
        .transpose()?;
    // Cursors belong to what was asked for: a camera that joins the group meanwhile breaks no walk.
    // Nor does a camera that somebody may see (no more).
    let narrowed = match &walk.group {
        None => Some(query.clone()),
        Some(name) => groups::narrowed(&api, &query, name).await?,
    };
    let Some(narrowed) = narrowed.and_then(|query| who.user.sight.narrow(query)) else {
        return Ok(Json(EventPage { items: Vec::new(), next_cursor: None }));
    };
    let page =
        sieve(&api, &who.user.name, &walk).page(&*api.parts.catalog, &narrowed, limit, after.as_ref()).await;
    let cursor_at = |position: &Position| cursor::encode(&api.parts.key, &query, &walk, position);
    let page = page.map_err(|error| none_fits(query.order, error, cursor_at))?;
    let next_cursor = page.next.as_ref().map(cursor_at);
    Ok(Json(EventPage { items: viewed::events(&api, &who.user.name, &page.items).await, next_cursor }))
}

/// One event.
#[utoipa::path(
    get, path = "/events/{id}", operation_id = "get_event", tag = "events", security(("session" = []), ("api_token" = ["read"])),
    params(("id" = String, Path, description = "An event's id.")),
    responses(
        (status = 200, description = "The event.", body = Event),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such event.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn one(
    State(api): State<Api>,
    who: May<ToRead>,
    Path(id): Path<String>,
) -> Result<Json<Event>, Problem> {
    viewed::event(&api, &who.user.name, visible(&api, &who, &id).await?).await
}

/// An event that is there and that this person may see; where they may not, it is as if there were none.
pub(crate) async fn visible(api: &Api, who: &SignedIn, text: &str) -> Result<CatalogRecord, Problem> {
    let missing = || Problem::not_found("event");
    let id = EventId::parse(text).filter(|id| who.sees(&id.camera)).ok_or_else(missing)?;
    api.parts.catalog.event(&id).await?.ok_or_else(missing)
}
