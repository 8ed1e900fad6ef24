//! The index of days in one direction, read as far as needed.

use std::collections::VecDeque;

use camtrail_model::ports::CatalogError;

use crate::{
    attributes::{Item, text},
    call::retrying,
    days::{DAY_MS, DAY_SLACK_MS, Day, PART, day_number, item_key},
    db::Db,
    tables::META_KEY,
};

/// Days read at once.
const CHUNK: i32 = 32;

/// A walk.
#[derive(Debug)]
pub(crate) struct DayWalk {
    newest_first: bool,
    low: String,
    high: String,
    read: VecDeque<Day>,
    start: Option<Item>,
    done: bool,
}

impl DayWalk {
    /// The days that may hold events from `from` on and before or at `until`.
    pub(crate) fn new(newest_first: bool, from: Option<i64>, until: Option<i64>) -> Self {
        let first = from.unwrap_or(i64::MIN).saturating_sub(DAY_MS + DAY_SLACK_MS);
        let last = until.unwrap_or(i64::MAX).saturating_add(DAY_SLACK_MS);
        let (low, high) = (day_number(first), day_number(last));
        // The days at the ends of the calendar are in every walk's reach: instants beyond it stand there.
        Self {
            newest_first,
            low: item_key(low),
            high: item_key(high),
            read: VecDeque::new(),
            start: None,
            done: low > high,
        }
    }

    /// The next day, which stays.
    pub(crate) async fn peek(&mut self, db: &Db) -> Result<Option<&Day>, CatalogError> {
        while self.read.is_empty() && !self.done {
            self.fill(db).await?;
        }
        Ok(self.read.front())
    }

    /// The next day.
    pub(crate) async fn pop(&mut self, db: &Db) -> Result<Option<Day>, CatalogError> {
        self.peek(db).await?;
        Ok(self.read.pop_front())
    }

    async fn fill(&mut self, db: &Db) -> Result<(), CatalogError> {
        let call = db
            .client
            .query()
            .table_name(db.tables.meta())
            .consistent_read(true)
            .key_condition_expression("#p = :p AND #i BETWEEN :low AND :high")
            .expression_attribute_names("#p", META_KEY.0)
            .expression_attribute_names("#i", META_KEY.1)
            .expression_attribute_values(":p", text(PART))
            .expression_attribute_values(":low", text(&self.low))
            .expression_attribute_values(":high", text(&self.high))
            .scan_index_forward(!self.newest_first)
            .set_exclusive_start_key(self.start.take())
            .limit(CHUNK);
        let answer = retrying(|| call.clone().send()).await?;
        for item in answer.items() {
            self.read.push_back(Day::read(item)?);
        }
        self.start = answer.last_evaluated_key;
        self.done = self.start.is_none();
        Ok(())
    }
}
