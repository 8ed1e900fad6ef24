//! How many captures there are: what scrubbers, calendars and charts draw, in one call.

use axum::{Json, extract::State};
use camtrail_model::{
    EventQuery,
    counts::{
        Bucket, BucketOf, CAMERA_HOURS_MAX, CivilHour, CountBy, CountQuery, DAY_HOURS, DAYS_MAX, HOURS_MAX,
    },
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    asked::Asked,
    dto::EventKind,
    problem::Problem,
    routes::{
        events::{cameras, moment},
        groups,
    },
    signed_in::{May, ToRead},
    state::Api,
};

const NS_PER_HOUR: i128 = 3_600_000_000_000;

/// What to count.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct CountsQuery {
    /// What is counted together.
    #[param(inline, required = true)]
    by: Option<CountedBy>,
    /// From this date on, in each camera's own calendar; or from the hour of a moment (RFC 3339, or milliseconds since
    /// 1970), read in the site's time zone. By day and camera whole days count. Without it, from the oldest on.
    #[param(example = "2016-08-01")]
    from: Option<String>,
    /// Before this date; or before the end of the hour of a moment.
    #[param(example = "2016-09-01")]
    to: Option<String>,
    /// Only this camera; may stand several times.
    #[serde(default)]
    camera: Vec<String>,
    /// Only cameras of this group; with `camera` as well, only those that are both.
    group: Option<String>,
    /// Only clips (`record`) or stills (`snap`).
    kind: Option<EventKind>,
}

/// What is counted together.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CountedBy {
    /// Each hour of the cameras' calendars: 366 days at most.
    Hour,
    /// Each date: 3,660 days at most.
    Day,
    /// Each camera.
    Camera,
}

impl From<CountedBy> for CountBy {
    fn from(by: CountedBy) -> Self {
        match by {
            CountedBy::Hour => Self::Hour,
            CountedBy::Day => Self::Day,
            CountedBy::Camera => Self::Camera,
        }
    }
}

/// Counts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountList {
    /// What is counted together.
    by: CountedBy,
    /// Hours and days newest first, cameras by name. Only those that have any.
    items: Vec<Count>,
    /// There are older ones than one answer holds: ask again with `to`.
    older: bool,
}

/// One hour, day or camera.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Count {
    /// The date; null by camera.
    #[schema(example = "2016-08-30", format = Date)]
    date: Option<String>,
    /// The hour, 0 to 23; null but by hour.
    #[schema(example = 15)]
    hour: Option<u8>,
    /// The camera; null but by camera.
    camera_name: Option<String>,
    /// Clips.
    #[schema(example = 12)]
    records: u64,
    /// Stills.
    #[schema(example = 31)]
    snaps: u64,
    /// Bytes of their objects.
    #[schema(example = 64_000_000)]
    bytes: u64,
}

impl From<Bucket> for Count {
    fn from(Bucket { of, kinds: [records, snaps] }: Bucket) -> Self {
        let (date, hour, camera_name) = match of {
            BucketOf::Hour(at) => (Some(at.date().to_string()), Some(at.hour()), None),
            BucketOf::Day(date) => (Some(date.to_string()), None, None),
            BucketOf::Camera(camera) => (None, None, Some(camera.to_string())),
        };
        let bytes = records.bytes.saturating_add(snaps.bytes);
        Self { date, hour, camera_name, records: records.events, snaps: snaps.events, bytes }
    }
}

/// The hour from which `text` says that something begins; `is_end`: before which it ends.
fn hour(api: &Api, (key, is_end): (&str, bool), text: &str) -> Result<CivilHour, Problem> {
    if let Some(date) = text.parse::<Date>().ok().filter(|date| date.to_string() == text) {
        return Ok(CivilHour::new(date, 0));
    }
    let at = moment(key, text).map_err(|_| {
        Problem::bad_request(format!(
            "{key}: found {text:?}, expected a date such as 2016-08-30, a moment such as 2016-08-30T22:00:00Z, or \
             milliseconds since 1970"
        ))
    })?;
    let local = api.parts.zones.default_zone().to_datetime(at.timestamp());
    let since_midnight = local.time().duration_since(jiff::civil::Time::midnight());
    let is_within = since_midnight.as_nanos() % NS_PER_HOUR != 0;
    Ok(CivilHour(CivilHour::of(local).0 + i64::from(is_end && is_within)))
}

impl CountsQuery {
    fn parse(&self, api: &Api) -> Result<CountQuery, Problem> {
        let by = self.by.ok_or_else(|| {
            Problem::bad_request("by: found nothing, expected hour, day or camera: GET /api/v1/counts?by=day")
        })?;
        let from = self.from.as_deref().map(|text| hour(api, ("from", false), text)).transpose()?;
        let to = self.to.as_deref().map(|text| hour(api, ("to", true), text)).transpose()?;
        let by = CountBy::from(by);
        // The day that an end lies in counts.
        let whole = |at: CivilHour| CivilHour(-(-at.0).div_euclid(DAY_HOURS) * DAY_HOURS);
        let to = if by == CountBy::Hour { to } else { to.map(whole) };
        Ok(CountQuery { by, cameras: cameras(&self.camera)?, kind: self.kind.map(Into::into), from, to })
    }
}

/// What an answer may be summed from, or how much of it there may be.
fn check(query: &CountQuery) -> Result<(), Problem> {
    let (most, what) = match query.by {
        CountBy::Hour => (HOURS_MAX as i64, "hours (366 days)"),
        CountBy::Day => (DAYS_MAX as i64, "days"),
        CountBy::Camera => return Ok(()),
    };
    let (from, to) = query.slots();
    let is_bounded = query.from.is_some() && query.to.is_some();
    let found = to.saturating_sub(from).max(0);
    if is_bounded && found > most {
        return Err(Problem::bad_request(format!(
            "from, to: found {found} {}, expected {most} {what} at most; without `from` the newest are given",
            what.split(' ').next().unwrap_or(what)
        )));
    }
    let (cameras, each) = (query.cameras.len() as i64, if is_bounded { found } else { most });
    if cameras.saturating_mul(each) > CAMERA_HOURS_MAX {
        let most = CAMERA_HOURS_MAX / cameras.max(1);
        return Err(Problem::bad_request(format!(
            "from, to: {cameras} cameras are asked for, and of so many {most} {} at most; expected a shorter time, or by=day",
            what.split(' ').next().unwrap_or(what)
        )));
    }
    Ok(())
}

/// Count captures.
///
/// By hour, day or camera, in one call. Hours and days are those that stood on the cameras' clocks, as in
/// `capture_date` and `capture_hour`. From counters that are kept with each event: it costs the same with ten events or
/// millions.
#[utoipa::path(
    get, path = "/counts", operation_id = "count_events", tag = "events", params(CountsQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses(
        (status = 200, description = "The counts.", body = CountList, example = json!({
            "by": "hour", "older": false, "items": [
                {"date": "2016-08-30", "hour": 16, "camera_name": null, "records": 3, "snaps": 11, "bytes": 17_500_321},
                {"date": "2016-08-30", "hour": 15, "camera_name": null, "records": 1, "snaps": 0, "bytes": 4_102_998}
            ]
        })),
        (status = 400, description = "A parameter is wrong, or the time is too long.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn counts(
    State(api): State<Api>,
    who: May<ToRead>,
    Asked(asked): Asked<CountsQuery>,
) -> Result<Json<CountList>, Problem> {
    let mut query = asked.parse(&api)?;
    let by = match query.by {
        CountBy::Hour => CountedBy::Hour,
        CountBy::Day => CountedBy::Day,
        CountBy::Camera => CountedBy::Camera,
    };
    let of = EventQuery { cameras: query.cameras, ..EventQuery::default() };
    let of = match &asked.group {
        None => Some(of),
        Some(group) => groups::narrowed(&api, &of, group).await?,
    };
    let Some(of) = of.and_then(|of| who.user.sight.narrow(of)) else {
        return Ok(Json(CountList { by, items: Vec::new(), older: false }));
    };
    query.cameras = of.cameras;
    check(&query)?;
    let counts = api.parts.catalog.counts(&query).await?;
    let items = counts.buckets.into_iter().map(Count::from).collect();
    Ok(Json(CountList { by, items, older: counts.older }))
}
