//! Pages: a merge of index ranges, each read only as far as the page needs.
//!
//! A query is a set of *streams*, one a kind (whole timeline) or one a kind and camera. Each stream is a range of
//! one index in the order of ids, so a page costs the same at any depth (NEVER-25, NEVER-34).

use camtrail_model::{
    CameraName, CaptureKind, EventId, EventQuery, Millis, ObjectBase, Order, Page, PageSize, Position,
    ports::CatalogError,
};
use rusqlite::{Connection, types::Value};

use crate::{db::from_sqlite, row};

/// A day's events lie within this many milliseconds around its UTC day: zones reach from -12 to +14 hours, with
/// room for odd metadata.
const DAY_SLACK_MS: i64 = 26 * 3_600_000;
const DAY_MS: i64 = 86_400_000;

pub(crate) fn page(
    db: &Connection,
    base: &ObjectBase,
    query: &EventQuery,
    limit: PageSize,
    after: Option<&Position>,
) -> Result<Page, CatalogError> {
    let wanted = limit.get() + 1;
    let mut candidates: Vec<(EventId, i64)> = Vec::new();
    for stream in streams(query) {
        candidates.extend(stream.read(db, query, wanted, after)?);
    }
    candidates.sort_by(|(a, _), (b, _)| match query.order {
        Order::NewestFirst => b.cmp(a),
        Order::OldestFirst => a.cmp(b),
    });
    let more = candidates.len() > limit.get();
    candidates.truncate(limit.get());
    let next = candidates.last().filter(|_| more).map(|(id, _)| id.clone());
    let sql = format!("SELECT {} FROM events WHERE row_id = ?1", row::COLUMNS);
    let mut statement = db.prepare_cached(&sql).map_err(from_sqlite)?;
    let mut items = Vec::with_capacity(candidates.len());
    for (_, row_id) in candidates {
        items.push(statement.query_row([row_id], |r| row::record(base, r)).map_err(from_sqlite)??);
    }
    Ok(Page { items, next })
}

/// When the first event at or behind `from` was taken that was stored later than that: read from what arrived since.
pub(crate) fn stored_later(
    db: &Connection,
    order: Order,
    from: Millis,
    stored_after: Millis,
) -> Result<Option<Millis>, CatalogError> {
    let sql = match order {
        Order::NewestFirst => "SELECT max(event_ts) FROM events WHERE stored_at > ?1 AND event_ts <= ?2",
        Order::OldestFirst => "SELECT min(event_ts) FROM events WHERE stored_at > ?1 AND event_ts >= ?2",
    };
    db.prepare_cached(&sql.replace("FROM events", "FROM events INDEXED BY events_by_arrival"))
        .and_then(|mut statement| {
            statement.query_row([stored_after.0, from.0], |row| row.get::<_, Option<i64>>(0))
        })
        .map(|at| at.map(Millis))
        .map_err(from_sqlite)
}

/// One range of one index.
struct Stream<'a> {
    kind: CaptureKind,
    camera: Option<&'a CameraName>,
}

fn streams(query: &EventQuery) -> Vec<Stream<'_>> {
    let kinds = CaptureKind::ALL.into_iter().filter(|kind| query.kind.is_none_or(|wanted| wanted == *kind));
    let mut cameras: Vec<Option<&CameraName>> = query.cameras.iter().map(Some).collect();
    cameras.sort();
    cameras.dedup();
    if cameras.is_empty() {
        cameras.push(None);
    }
    kinds.flat_map(|kind| cameras.iter().map(move |&camera| Stream { kind, camera })).collect()
}

impl Stream<'_> {
    /// The first `wanted` ids after `after`, with their rows.
    fn read(
        &self,
        db: &Connection,
        query: &EventQuery,
        wanted: usize,
        after: Option<&Position>,
    ) -> Result<Vec<(EventId, i64)>, CatalogError> {
        let mut filter = Filter::new(self.kind);
        if let Some(camera) = self.camera {
            filter.and("camera = ?", [Value::from(camera.as_str().to_owned())]);
        }
        let (mut from, mut to) = (query.from.map(|from| from.0), query.to.map(|to| to.0));
        if let Some(date) = query.date {
            let midnight = jiff::tz::Offset::UTC
                .to_timestamp(date.at(0, 0, 0, 0))
                .map_or(0, jiff::Timestamp::as_millisecond);
            from = from.max(Some(midnight - DAY_SLACK_MS));
            to = Some(to.unwrap_or(i64::MAX).min(midnight + DAY_MS + DAY_SLACK_MS));
            filter.and("capture_date = ?", [Value::from(date.to_string())]);
        }
        if let Some(from) = from {
            filter.and("event_ts >= ?", [Value::from(from)]);
        }
        if let Some(to) = to {
            filter.and("event_ts < ?", [Value::from(to)]);
        }
        if let Some(after) = after {
            self.start_after(&mut filter, query.order, after);
        }
        let (index, direction) = (
            if self.camera.is_some() { "events_by_camera" } else { "events_by_time" },
            if query.order == Order::NewestFirst { "DESC" } else { "ASC" },
        );
        let sql = format!(
            "SELECT event_ts, fraction, kind, camera, row_id FROM events INDEXED BY {index} WHERE {} \
             ORDER BY event_ts {direction}, fraction {direction}, camera {direction} LIMIT {wanted}",
            filter.sql
        );
        let mut statement = db.prepare_cached(&sql).map_err(from_sqlite)?;
        let rows = statement
            .query_map(rusqlite::params_from_iter(filter.values), |row| {
                let camera: String = row.get(3)?;
                Ok((row::id(row.get(0)?, row.get(1)?, row.get(2)?, &camera), row.get(4)?))
            })
            .map_err(from_sqlite)?;
        rows.map(|row| row.map_err(from_sqlite).and_then(|(id, row_id)| Ok((id?, row_id)))).collect()
    }

    /// Ids order by time, fraction, kind, camera. Within this stream the kind is fixed: what the position's kind
    /// decides is whether its own time and fraction are still to come.
    fn start_after(&self, filter: &mut Filter, order: Order, after: &Position) {
        let (beyond, kind_to_come) = match order {
            Order::NewestFirst => ("<", self.kind < after.kind),
            Order::OldestFirst => (">", self.kind > after.kind),
        };
        let (ts, fraction) = (Value::from(after.event_ts.0), Value::from(i64::from(after.fraction)));
        if self.kind == after.kind {
            let camera = Value::from(after.camera.as_str().to_owned());
            filter.and(&format!("(event_ts, fraction, camera) {beyond} (?, ?, ?)"), [ts, fraction, camera]);
        } else {
            let equal = if kind_to_come { "=" } else { "" };
            filter.and(&format!("(event_ts, fraction) {beyond}{equal} (?, ?)"), [ts, fraction]);
        }
    }
}

/// Conditions and their values. Values never stand in the text.
struct Filter {
    sql: String,
    values: Vec<Value>,
}

impl Filter {
    fn new(kind: CaptureKind) -> Self {
        Self { sql: "kind = ?".to_owned(), values: vec![Value::from(kind as i64)] }
    }

    fn and<const N: usize>(&mut self, condition: &str, values: [Value; N]) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values);
    }
}
