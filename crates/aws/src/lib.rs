//! The catalog and the accounts in DynamoDB: the only crate that names an AWS SDK.
//!
//! Owns the article's four tables (two views of each kind of capture), `camtrail_meta` beside them, and
//! `camtrail_accounts` for people and tokens (docs/design/dynamodb.md). Promises what `model::ports::Catalog` says, to any number of processes at once: an event is
//! in both views or in neither, N deliveries make one record, and two objects never share or displace one. Refuses to
//! scan, and to need any right to make tables in normal operation.

mod accounts;
mod article;
mod attributes;
mod call;
mod cameras;
mod config;
mod counts;
mod day_walk;
mod days;
mod db;
mod decisions;
mod events;
mod examine;
mod pages;
mod place;
mod range;
mod row;
mod sequence;
mod tables;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use camtrail_model::{
    CameraName, CatalogRecord, ChangeSeq, Changes, EventId, EventQuery, EventState, MediaManifest, Millis,
    ObjectKey, Order, Page, PageSize, Position,
    counts::{CountQuery, Counts},
    ports::{Attached, CameraNote, CameraSummary, Catalog, CatalogError, Recorded},
};
use jiff::civil::Date;
use tokio::sync::watch;

pub use crate::{
    accounts::DynamoAccounts,
    config::{AccessKey, DynamoConfig, TABLE_PREFIX_EXPECTED, TIMELINE_SHARDS_MAX, is_table_prefix},
    examine::{TableLook, TableState},
};
use crate::{cameras::Known, days::Days, db::Db, tables::Tables};

/// The catalog. Clones share it.
#[derive(Clone)]
pub struct DynamoCatalog {
    db: Arc<Db>,
    days: Arc<Days>,
    known: Arc<Known>,
    changed: Arc<watch::Sender<u64>>,
}

impl fmt::Debug for DynamoCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoCatalog").field("tables", &self.db.tables).finish_non_exhaustive()
    }
}

impl DynamoCatalog {
    /// A catalog on tables that exist. Asks the usual AWS chain for what the configuration leaves open; contacts no
    /// table.
    pub async fn open(config: &DynamoConfig) -> Self {
        let db = Db {
            client: config.client().await,
            tables: Tables::new(&config.table_prefix),
            base: config.base.clone(),
            shards: config.timeline_shards.clamp(1, TIMELINE_SHARDS_MAX),
            retention_days: match config.retention_days {
                0 => 0,
                days => days.saturating_add(config.expire_slack_days),
            },
            article: Arc::default(),
        };
        Self {
            db: Arc::new(db),
            days: Arc::default(),
            known: Arc::default(),
            changed: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Makes the tables that are missing, the accounts' too, and waits until they can be used. For single machines and tests: a
    /// deployment's tables are its template's.
    pub async fn ensure_tables(&self) -> Result<(), CatalogError> {
        self.db.tables.ensure(&self.db.client).await
    }

    /// Looks through the days `since..=until` for rows of the article's own function, so that the timeline lists
    /// them; says how many it saw. Two reads a day, once: a later call goes on where the last one ended.
    pub async fn find_article_rows(&self, since: Date, until: Date) -> Result<u64, CatalogError> {
        Box::pin(article::find(&self.db, &self.days, since, until)).await
    }

    /// Forgets the oldest days of the timeline that have no events any more, at most `limit`; for scheduled upkeep.
    /// A day goes at a later call than the first that saw it empty.
    pub async fn tidy_days(&self, now: Millis, limit: usize) -> Result<usize, CatalogError> {
        Box::pin(Days::tidy(&self.db, now, limit)).await
    }

    /// Looks every so often for changes that other processes made, and wakes this one's watchers. Ends when the
    /// catalog is gone, whose life it doesn't prolong.
    pub fn follow(&self, every: Duration) -> impl Future<Output = ()> + Send + use<> {
        let (changed, db) = (Arc::downgrade(&self.changed), Arc::clone(&self.db));
        async move {
            let (mut last, mut again) = (None, false);
            while let Some(changed) = changed.upgrade() {
                match sequence::newest_given(&db).await {
                    Ok((newest, _)) => {
                        let is_new = last.replace(newest).is_some_and(|last| last != newest);
                        // A number is given before its change can be read: so once more.
                        if is_new || std::mem::replace(&mut again, is_new) {
                            changed.send_modify(|count| *count += 1);
                        }
                        again |= is_new;
                    }
                    Err(error) => tracing::warn!(%error, "can't look for changes"),
                }
                drop(changed);
                tokio::time::sleep(every).await;
            }
        }
    }

    fn wake<T>(&self, outcome: Result<T, CatalogError>) -> Result<T, CatalogError> {
        if outcome.is_ok() {
            self.changed.send_modify(|count| *count += 1);
        }
        outcome
    }
}

#[async_trait]
impl Catalog for DynamoCatalog {
    async fn record(&self, record: &CatalogRecord) -> Result<Recorded, CatalogError> {
        self.wake(events::record(&self.db, &self.days, &self.known, record).await)
    }

    async fn remove(&self, key: &ObjectKey) -> Result<bool, CatalogError> {
        self.wake(events::remove(&self.db, key).await)
    }

    async fn attach_media(
        &self,
        key: &ObjectKey,
        manifest: &MediaManifest,
    ) -> Result<Attached, CatalogError> {
        self.wake(events::attach_media(&self.db, key, manifest).await)
    }

    async fn set_state(&self, key: &ObjectKey, state: &EventState) -> Result<Attached, CatalogError> {
        self.wake(decisions::set_state(&self.db, key, state).await)
    }

    async fn event(&self, id: &EventId) -> Result<Option<CatalogRecord>, CatalogError> {
        events::by_id(&self.db, id).await
    }

    async fn page(
        &self,
        query: &EventQuery,
        limit: PageSize,
        after: Option<&Position>,
    ) -> Result<Page, CatalogError> {
        pages::page(&self.db, query, limit, after).await
    }

    async fn stored_later(
        &self,
        order: Order,
        from: Millis,
        stored_after: Millis,
    ) -> Result<Option<Millis>, CatalogError> {
        Days::touched_later(&self.db, order, from, stored_after).await
    }

    async fn counts(&self, query: &CountQuery) -> Result<Counts, CatalogError> {
        counts::counts(&self.db, query).await
    }

    async fn cameras(&self) -> Result<Vec<CameraSummary>, CatalogError> {
        cameras::all(&self.db).await
    }

    async fn camera_names(&self) -> Result<Vec<CameraName>, CatalogError> {
        cameras::names(&self.db).await
    }

    async fn note_camera(&self, camera: &CameraName, note: &CameraNote) -> Result<(), CatalogError> {
        self.wake(cameras::note(&self.db, &self.known, camera, note).await)
    }

    async fn changes(&self, after: ChangeSeq, limit: usize) -> Result<Changes, CatalogError> {
        sequence::after(&self.db, after, limit).await
    }

    async fn latest_change(&self) -> Result<ChangeSeq, CatalogError> {
        sequence::latest(&self.db).await
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
