//! Incidents: what all cameras saw around one moment.

use std::collections::{BTreeSet, HashSet};

use axum::{
    Json,
    extract::{Path, State},
};
use camtrail_model::{
    CaptureKind, CatalogRecord, EventId, Gap, IncidentId, PageSize, Position,
    incident_walk::{self, incident_page},
    incidents::end_of,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    asked::Asked,
    cursor,
    dto::{Event, EventKind, utc},
    links::Links,
    problem::Problem,
    routes::{
        events::{ListOrder, ListQuery, none_fits, sieve},
        groups, viewed,
    },
    signed_in::{May, SignedIn, ToRead},
    state::{Api, LiveMode},
};

/// Events that a list shows of each incident.
const SHOWN_IN_LIST: usize = 12;
/// Incidents in one answer of a function, whose answers the platform bounds (6 MB; an event is some 5 kB).
const IN_ONE_ANSWER: PageSize = PageSize::at_most(60);
/// Events that one incident shows by itself.
const SHOWN_ALONE: usize = PageSize::MAX as usize;

/// Which incidents: those that have events that fit, with these events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncidentsQuery {
    /// Only this camera; may stand several times.
    #[serde(default)]
    camera: Vec<String>,
    /// Only cameras of this group; with `camera` as well, only those that are both.
    #[param(example = "Front")]
    group: Option<String>,
    /// Only clips (`record`) or stills (`snap`).
    kind: Option<EventKind>,
    /// Only this date, in each camera's own zone.
    #[param(value_type = Option<String>, format = Date, example = "2016-08-30")]
    date: Option<String>,
    /// Only events at or after this moment: RFC 3339, or milliseconds since 1970.
    #[param(example = "2016-08-30T00:00:00Z")]
    from: Option<String>,
    /// Only events before this moment: RFC 3339, or milliseconds since 1970.
    to: Option<String>,
    /// Only what you have not viewed (`true`), or only what you have (`false`).
    unviewed: Option<bool>,
    /// Only what is exempt from retention (`true`), or only what isn't (`false`).
    protected: Option<bool>,
    /// For how many seconds nothing happens before an incident has ended: 1 to 600.
    #[param(minimum = 1, maximum = 600, default = 60)]
    gap: Option<u16>,
    /// How many incidents: 1 to 500. A page may hold fewer where they are large.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
    /// The `next_cursor` of the page before, of the same query.
    cursor: Option<String>,
    /// Newest first, or oldest first.
    #[param(inline)]
    order: Option<ListOrder>,
}

/// One incident.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Incident {
    /// Opaque; the same whatever is filtered. Changes only where an earlier capture joins it, or its first one goes.
    id: String,
    /// When its first event was taken, RFC 3339.
    #[schema(example = "2016-08-30T22:29:54.000Z", format = DateTime)]
    started_at: String,
    /// The same in milliseconds since 1970, UTC.
    #[schema(example = 1_472_596_194_000_i64)]
    started_ts: i64,
    /// When what was taken ended, RFC 3339.
    #[schema(example = "2016-08-30T22:30:31.500Z", format = DateTime)]
    ended_at: String,
    /// The same in milliseconds since 1970, UTC.
    #[schema(example = 1_472_596_231_500_i64)]
    ended_ts: i64,
    /// The cameras, by name.
    #[schema(example = json!(["backyard", "gate"]))]
    cameras: Vec<String>,
    /// How many clips.
    #[schema(example = 2)]
    records: u64,
    /// How many stills.
    #[schema(example = 5)]
    snaps: u64,
    /// A signed link to the picture that stands for it: the longest clip's poster, else the first there is.
    poster_url: Option<String>,
    /// Whether you have seen all of it; null while that can't be read.
    viewed: Option<bool>,
    /// Whether any of it is exempt from retention.
    protected: bool,
    /// Its events in the order of time: the first 12 in a list, 500 where it is asked for by itself.
    events: Vec<Event>,
    /// How many events it has beyond these.
    more: u64,
}

/// A page of incidents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncidentList {
    /// The incidents, in order.
    items: Vec<Incident>,
    /// The cursor of the next page; null on the last.
    next_cursor: Option<String>,
}

impl Incident {
    async fn new(
        api: &Api,
        incident: &incident_walk::Incident,
        viewed: Option<&HashSet<EventId>>,
        shown: usize,
    ) -> Self {
        let captures = &incident.captures;
        let is_viewed = |record: &CatalogRecord| viewed.map(|viewed| viewed.contains(&record.id()));
        let started = captures.first().map(|record| record.time().instant).unwrap_or_default();
        let ended = captures.iter().map(end_of).max().unwrap_or(started);
        let cameras: BTreeSet<_> = captures.iter().map(|record| record.object_key.camera()).collect();
        let clips = captures.iter().filter(|record| record.object_key.kind() == CaptureKind::Record).count();
        let poster_url = match poster(captures) {
            Some(record) => Links::of(api, record).await.poster,
            None => None,
        };
        let mut events = Vec::with_capacity(captures.len().min(shown));
        for record in captures.iter().take(shown) {
            events.push(Event::new(api, record).await.seen(is_viewed(record)));
        }
        Self {
            id: incident.id.to_string(),
            started_at: utc(started),
            started_ts: started.0,
            ended_at: utc(ended),
            ended_ts: ended.0,
            cameras: cameras.into_iter().map(ToString::to_string).collect(),
            records: clips as u64,
            snaps: (captures.len() - clips) as u64,
            poster_url,
            viewed: viewed.map(|_| captures.iter().all(|record| is_viewed(record) == Some(true))),
            protected: captures.iter().any(|record| record.protected),
            more: (captures.len() - events.len()) as u64,
            events,
        }
    }
}

/// The capture whose poster stands for all.
fn poster(captures: &[CatalogRecord]) -> Option<&CatalogRecord> {
    let with_poster = || captures.iter().filter(|record| record.poster);
    let clips = with_poster().filter(|record| record.object_key.kind() == CaptureKind::Record);
    // Of equally long ones the first.
    let longest = clips.rev().max_by_key(|record| record.metadata.duration_ms);
    longest.or_else(|| with_poster().next())
}

/// What a person may see of an incident. Its id names its first capture; where that is of a camera that they may not
/// see, the first that they may stands for it.
fn seen_by(who: &SignedIn, mut incident: incident_walk::Incident) -> Option<incident_walk::Incident> {
    incident.captures.retain(|record| who.sees(record.object_key.camera()));
    let first = incident.captures.first()?.id();
    if !who.sees(&incident.id.first.camera) {
        incident.id.first = first;
    }
    Some(incident)
}

/// List incidents.
///
/// Captures of all cameras, grouped by nearness in time: an incident ends where nothing was taken for `gap` seconds, and
/// what would last longer than ten minutes is cut where the clock shows a multiple of ten minutes. Filters choose which
/// incidents are listed and which of their events are told of; they never change where one begins or ends.
#[utoipa::path(
    get, path = "/incidents", operation_id = "list_incidents", tag = "events", params(IncidentsQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses(
        (status = 200, description = "A page of incidents.", body = IncidentList),
        (status = 400, description = "A filter or the cursor is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "With `unviewed` or `protected`: none of the 20,000 events that one page looks at fits. `next_cursor` goes on behind them.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(
    State(api): State<Api>,
    who: May<ToRead>,
    Asked(asked): Asked<IncidentsQuery>,
) -> Result<Json<IncidentList>, Problem> {
    let gap = asked.gap.map_or(Some(Gap::DEFAULT), Gap::new).ok_or_else(|| {
        let found = asked.gap.unwrap_or_default();
        Problem::bad_request(format!("gap: found {found}, expected 1 to {} seconds", Gap::MAX_S))
    })?;
    let asked = asked.of_events();
    let (query, asked_limit) = asked.parse()?;
    let limit = match api.parts.config.live {
        LiveMode::Stream => asked_limit,
        LiveMode::Poll => asked_limit.min(IN_ONE_ANSWER),
    };
    let walk = asked.walk(Some(gap));
    let key = &api.parts.key;
    let after = asked.cursor.as_deref().map(|text| cursor::decode(key, &query, &walk, text)).transpose()?;
    let narrowed = match &walk.group {
        None => Some(query.clone()),
        Some(name) => groups::narrowed(&api, &query, name).await?,
    };
    let Some(narrowed) = narrowed.and_then(|query| who.user.sight.narrow(query)) else {
        return Ok(Json(IncidentList { items: Vec::new(), next_cursor: None }));
    };
    let sieve = sieve(&api, &who.user.name, &walk);
    let page = incident_page(&*api.parts.catalog, (&narrowed, &sieve), gap, limit, after.as_ref()).await;
    let cursor_at = |position: &Position| cursor::encode(key, &query, &walk, position);
    let page = page.map_err(|error| none_fits(query.order, error, cursor_at))?;
    let next_cursor = page.next.as_ref().map(cursor_at);
    let found: Vec<_> = page.items.into_iter().filter_map(|incident| seen_by(&who, incident)).collect();
    let captures = found.iter().flat_map(|incident| &incident.captures);
    let viewed = viewed::of(&api, &who.user.name, captures).await;
    let mut items = Vec::with_capacity(found.len());
    for incident in &found {
        items.push(Incident::new(&api, incident, viewed.as_ref(), SHOWN_IN_LIST).await);
    }
    Ok(Json(IncidentList { items, next_cursor }))
}

/// One incident.
///
/// With all of its events, whatever was filtered where its id comes from.
#[utoipa::path(
    get, path = "/incidents/{id}", operation_id = "get_incident", tag = "events", security(("session" = []), ("api_token" = ["read"])),
    params(("id" = String, Path, description = "An incident's id.")),
    responses(
        (status = 200, description = "The incident.", body = Incident),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such incident (any more).", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn one(
    State(api): State<Api>,
    who: May<ToRead>,
    Path(id): Path<String>,
) -> Result<Json<Incident>, Problem> {
    let missing = || Problem::not_found("incident");
    let id = IncidentId::parse(&id).ok_or_else(missing)?;
    let id = Some(id).filter(|id| who.sees(&id.first.camera)).ok_or_else(missing)?;
    let incident = incident_walk::incident(&*api.parts.catalog, &id).await?;
    let incident = incident.and_then(|incident| seen_by(&who, incident)).ok_or_else(missing)?;
    let viewed = viewed::of(&api, &who.user.name, incident.captures.iter()).await;
    Ok(Json(Incident::new(&api, &incident, viewed.as_ref(), SHOWN_ALONE).await))
}

impl IncidentsQuery {
    /// The same filters of events.
    fn of_events(self) -> ListQuery {
        let Self { camera, group, kind, date, from, to, unviewed, protected, limit, cursor, order, gap: _ } =
            self;
        ListQuery { camera, group, kind, date, from, to, unviewed, protected, limit, cursor, order }
    }
}
