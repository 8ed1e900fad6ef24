//! One range of one partition, read in pieces in the order of ids.

use std::collections::VecDeque;

use camtrail_model::{CatalogRecord, EventId, Order, ports::CatalogError};
use jiff::civil::Date;

use crate::{
    article,
    attributes::{Item, text},
    call::retrying,
    db::Db,
    place::Place,
    row::{self, LAYOUT},
    tables::EVENT_TS,
};

/// DynamoDB ends an answer at a megabyte; rows have about one kilobyte.
const CHUNK_MAX: usize = 600;

/// Whose rows of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// Ours.
    Camtrail,
    /// The article's own function.
    Article,
}

/// What to read.
#[derive(Debug)]
pub(crate) struct Range {
    pub(crate) table: String,
    pub(crate) key_name: &'static str,
    pub(crate) key: String,
    pub(crate) writer: Writer,
    /// Instants, from and before.
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
    /// Only this date of the camera's. The range is bounded around it, so what is passed over is bounded, too.
    pub(crate) date: Option<Date>,
    pub(crate) order: Order,
}

/// A range that is being read.
#[derive(Debug)]
pub(crate) struct Reading {
    range: Range,
    low: Place,
    high: Place,
    after: Option<EventId>,
    read: VecDeque<CatalogRecord>,
    start: Option<Item>,
    chunk: usize,
    pub(crate) done: bool,
}

/// Whether `a` comes before `b` in an order.
pub(crate) fn comes_before(order: Order, a: &EventId, b: &EventId) -> bool {
    match order {
        Order::NewestFirst => a > b,
        Order::OldestFirst => a < b,
    }
}

impl Reading {
    /// Begins behind `after`; reads `chunk` rows at first.
    pub(crate) fn new(range: Range, after: Option<&EventId>, chunk: usize) -> Self {
        let (low, high) = match range.writer {
            Writer::Camtrail => bounds(&range, after),
            Writer::Article => {
                // The cursor's own second is read again; what was shown is passed over.
                let (mut from, mut to) = (range.from, range.to);
                match (after, range.order) {
                    (Some(after), Order::NewestFirst) => {
                        let end = after.event_ts.0.saturating_add(1);
                        to = Some(to.map_or(end, |to| to.min(end)));
                    }
                    (Some(after), Order::OldestFirst) => {
                        from = Some(from.map_or(after.event_ts.0, |from| from.max(after.event_ts.0)));
                    }
                    (None, _) => {}
                }
                Place::article_range(from, to)
            }
        };
        Self {
            done: low > high,
            range,
            low,
            high,
            after: after.cloned(),
            read: VecDeque::new(),
            start: None,
            chunk: chunk.clamp(1, CHUNK_MAX),
        }
    }

    /// The next event, if one was read.
    pub(crate) fn head(&self) -> Option<&CatalogRecord> {
        self.read.front()
    }

    /// How many events were read and not taken yet.
    pub(crate) fn waiting(&self) -> usize {
        self.read.len()
    }

    /// Takes the next event.
    pub(crate) fn pop(&mut self) -> Option<CatalogRecord> {
        self.read.pop_front()
    }

    /// Whether it must be read before it can be said what comes next.
    pub(crate) fn is_open(&self) -> bool {
        self.read.is_empty() && !self.done
    }

    /// Reads until there is a next event, or none is left.
    pub(crate) async fn fill(&mut self, db: &Db) -> Result<(), CatalogError> {
        while self.is_open() {
            let call = db
                .client
                .query()
                .table_name(&self.range.table)
                .consistent_read(true)
                .key_condition_expression("#p = :p AND #s BETWEEN :low AND :high")
                .expression_attribute_names("#p", self.range.key_name)
                .expression_attribute_names("#s", EVENT_TS)
                .expression_attribute_values(":p", text(&self.range.key))
                .expression_attribute_values(":low", self.low.value())
                .expression_attribute_values(":high", self.high.value())
                .scan_index_forward(self.range.order == Order::OldestFirst)
                .set_exclusive_start_key(self.start.take())
                .limit(self.chunk as i32);
            let answer = retrying(|| call.clone().send()).await?;
            self.chunk = (self.chunk * 2).min(CHUNK_MAX);
            for item in answer.items() {
                self.take(db, item)?;
            }
            self.start = answer.last_evaluated_key;
            self.done = self.start.is_none();
        }
        Ok(())
    }

    fn take(&mut self, db: &Db, item: &Item) -> Result<(), CatalogError> {
        let record = match (self.range.writer, item.contains_key(LAYOUT)) {
            (Writer::Camtrail, true) => row::record(&db.base, item)?,
            (Writer::Article, false) => match article::record(&db.base, item) {
                Some(record) => record,
                None => return Ok(()),
            },
            // Seconds and the first three years of milliseconds meet in one range of numbers.
            _ => return Ok(()),
        };
        let id = record.id();
        let is_behind = self.after.as_ref().is_none_or(|after| comes_before(self.range.order, after, &id));
        if is_behind && self.range.date.is_none_or(|date| date == record.object_key.date()) {
            self.read.push_back(record);
        }
        Ok(())
    }
}

fn bounds(range: &Range, after: Option<&EventId>) -> (Place, Place) {
    let mut low = range.from.map_or(Place::FIRST, Place::start_of);
    let mut high = range.to.map_or(Place::LAST, |to| Place::start_of(to).before());
    // Another partition's event may have the cursor's very place, so the place itself is read, too.
    match (after, range.order) {
        (Some(after), Order::NewestFirst) => high = high.min(Place::of(after)),
        (Some(after), Order::OldestFirst) => low = low.max(Place::of(after)),
        (None, _) => {}
    }
    (low, high)
}
