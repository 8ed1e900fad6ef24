//! Pages: merges of ranges, each read only as far as the page needs. Never a scan; never a filter after the limit.
//!
//! Chosen cameras: a range a camera and kind, of the views by camera. One date: that day's partitions of the timeline.
//! Everything: the timeline's days, from the index of days. A camera's date is its own zone's while the order is by
//! instant, so neighbouring days overlap: a day is opened before anything is given out that could come after one of its
//! events, and days further on are never read.

use camtrail_model::{
    CameraName, CatalogRecord, EventQuery, Order, Page, PageSize, Position, ports::CatalogError,
};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    article,
    day_walk::DayWalk,
    days::{Day, Days, earliest_ms, end_ms},
    db::Db,
    events::kinds,
    range::{Range, Reading, Writer, comes_before},
    tables::{CAMERA_NAME, CAPTURE_DATE},
};

/// Ranges read at once.
const READS: usize = 24;
/// The smallest first piece of a range.
const CHUNK_MIN: usize = 8;
/// Events from which on they tell how many a day holds.
const FOUND_TELLS: usize = 5;
/// Days opened at once, at most.
const DAYS_AT_ONCE_MAX: usize = 16;

pub(crate) async fn page(
    db: &Db,
    query: &EventQuery,
    limit: PageSize,
    after: Option<&Position>,
) -> Result<Page, CatalogError> {
    let wanted = limit.get() + 1;
    let has_article = article::any(db).await?;
    let mut merge =
        Merge { db, query, after, readings: Vec::new(), wanted, has_article, given: 0, days_opened: 0 };
    let mut days = None;
    if !query.cameras.is_empty() {
        merge.open_cameras();
    } else if let Some(date) = query.date {
        let mut day = Days::get(db, date).await?.unwrap_or_else(|| Day::assumed(date, db.shards));
        day.article |= has_article;
        merge.open_day(&day);
    } else {
        days = Some(merge.walk());
    }
    let mut items = Vec::with_capacity(wanted);
    while items.len() < wanted {
        let Some(event) = merge.next(days.as_mut()).await? else { break };
        items.push(event);
    }
    let more = items.len() > limit.get();
    items.truncate(limit.get());
    let next = items.last().filter(|_| more).map(CatalogRecord::id);
    Ok(Page { items, next })
}

struct Merge<'a> {
    db: &'a Db,
    query: &'a EventQuery,
    after: Option<&'a Position>,
    readings: Vec<Reading>,
    wanted: usize,
    has_article: bool,
    /// Events given out.
    given: usize,
    /// Days that could hold something of the page, and were opened.
    days_opened: usize,
}

impl Merge<'_> {
    /// The instants that the query asks for, from and before.
    fn span(&self) -> (Option<i64>, Option<i64>) {
        let (mut from, mut to) = (self.query.from.map(|from| from.0), self.query.to.map(|to| to.0));
        if let Some(date) = self.query.date {
            from = from.max(Some(earliest_ms(date)));
            to = Some(to.unwrap_or(i64::MAX).min(end_ms(date)));
        }
        (from, to)
    }

    /// The days that can still hold something.
    fn walk(&self) -> DayWalk {
        let (mut from, to) = self.span();
        let mut until = to.map(|to| to.saturating_sub(1));
        match (self.after, self.query.order) {
            (Some(after), Order::NewestFirst) => {
                until = Some(until.map_or(after.event_ts.0, |until| until.min(after.event_ts.0)));
            }
            (Some(after), Order::OldestFirst) => from = from.max(Some(after.event_ts.0)),
            (None, _) => {}
        }
        DayWalk::new(self.query.order == Order::NewestFirst, from, until)
    }

    fn open_cameras(&mut self) {
        let mut cameras: Vec<&CameraName> = self.query.cameras.iter().collect();
        cameras.sort();
        cameras.dedup();
        let span = self.span();
        let mut ranges = Vec::new();
        for kind in kinds(self.query.kind) {
            for camera in &cameras {
                let table = self.db.tables.alarm(kind);
                let key = (CAMERA_NAME, camera.as_str().to_owned());
                self.add(&mut ranges, table, key, span, self.has_article);
            }
        }
        self.open(ranges);
    }

    /// Whether it could hold something: the day after a cursor's overlaps with it, and lies behind it.
    fn open_day(&mut self, day: &Day) -> bool {
        let (mut from, mut to) = self.span();
        // Rows of others that stand under a wrong date must not break the order.
        from = from.max(Some(earliest_ms(day.date)));
        to = Some(to.unwrap_or(i64::MAX).min(end_ms(day.date)));
        // The last day of the calendar holds what is beyond it.
        let to = to.filter(|to| *to < i64::MAX || self.query.to.is_some());
        let mut ranges = Vec::new();
        for kind in kinds(self.query.kind) {
            let table = self.db.tables.timeline(kind);
            for partition in day.partitions(kind) {
                self.add(&mut ranges, table.clone(), (CAPTURE_DATE, partition), (from, to), false);
            }
            if day.article {
                let key = (CAPTURE_DATE, day.date.to_string());
                ranges.push(self.range(table, key, (from, to), Writer::Article));
            }
        }
        self.open(ranges)
    }

    fn range(
        &self,
        table: String,
        (key_name, key): (&'static str, String),
        (from, to): (Option<i64>, Option<i64>),
        writer: Writer,
    ) -> Range {
        let (date, order) = (self.query.date, self.query.order);
        Range { table, key_name, key, writer, from, to, date, order }
    }

    fn add(
        &self,
        ranges: &mut Vec<Range>,
        table: String,
        key: (&'static str, String),
        span: (Option<i64>, Option<i64>),
        has_article: bool,
    ) {
        if has_article {
            ranges.push(self.range(table.clone(), key.clone(), span, Writer::Article));
        }
        ranges.push(self.range(table, key, span, Writer::Camtrail));
    }

    /// Whether any of them could hold something.
    fn open(&mut self, ranges: Vec<Range>) -> bool {
        // One range gives the whole page; many give a share each, and more where that doesn't do.
        let share = if ranges.len() == 1 { self.wanted } else { self.wanted * 2 / ranges.len().max(1) };
        let chunk = share.clamp(CHUNK_MIN.min(self.wanted), self.wanted);
        let before = self.readings.len();
        let readings = ranges.into_iter().map(|range| Reading::new(range, self.after, chunk));
        self.readings.extend(readings.filter(Reading::is_open));
        self.readings.len() > before
    }

    /// The next event of all, opening days as far as needed.
    async fn next(&mut self, mut days: Option<&mut DayWalk>) -> Result<Option<CatalogRecord>, CatalogError> {
        loop {
            let fills: Vec<_> = self
                .readings
                .iter_mut()
                .filter(|reading| reading.is_open())
                .map(|r| r.fill(self.db))
                .collect();
            stream::iter(fills).buffer_unordered(READS).try_collect::<()>().await?;
            self.readings.retain(|reading| reading.head().is_some());
            let best = self.best();
            let Some(days) = days.as_deref_mut() else { return Ok(self.take(best)) };
            let (mut opened, at_once) = (0, self.days_at_once());
            while let Some(day) = days.peek(self.db).await? {
                // Could an event of that day come before the best one?
                let instant =
                    best.and_then(|at| self.readings[at].head()).map(|event| event.time().instant.0);
                let is_needed = instant.is_none_or(|instant| match self.query.order {
                    Order::NewestFirst => end_ms(day.date) == i64::MAX || end_ms(day.date) > instant,
                    Order::OldestFirst => earliest_ms(day.date) <= instant,
                });
                // Where days are thin, the page will need the next ones, too.
                if opened == DAYS_AT_ONCE_MAX || !is_needed && (opened == 0 || opened >= at_once) {
                    break;
                }
                let Some(day) = days.pop(self.db).await? else { break };
                if !self.open_day(&day) {
                    continue;
                }
                opened += 1;
                self.days_opened += 1;
                if best.is_none() && opened >= at_once {
                    break;
                }
            }
            if opened == 0 {
                return Ok(self.take(best));
            }
        }
    }

    fn best(&self) -> Option<usize> {
        let heads = self.readings.iter().enumerate().filter_map(|(at, r)| Some((at, r.head()?.id())));
        let best = heads.reduce(|a, b| if comes_before(self.query.order, &b.1, &a.1) { b } else { a });
        best.map(|(at, _)| at)
    }

    /// How many days to open together, by what the ones so far held: few rounds of reads for many empty days, and none
    /// too many where a day holds a page. Of few events nothing follows: a cursor's day may have been read almost to its
    /// end, and the one behind it holds mostly nothing.
    fn days_at_once(&self) -> usize {
        let read: usize = self.readings.iter().map(Reading::waiting).sum();
        let missing = self.wanted.saturating_sub(self.given + read);
        let guess = match self.given + read {
            found if found < FOUND_TELLS => (2 * self.days_opened).max(2),
            found => (missing * self.days_opened).div_ceil(found),
        };
        guess.clamp(1, DAYS_AT_ONCE_MAX)
    }

    fn take(&mut self, best: Option<usize>) -> Option<CatalogRecord> {
        let event = self.readings[best?].pop();
        self.given += usize::from(event.is_some());
        event
    }
}
