//! What people have seen.

use std::collections::HashSet;

use async_trait::async_trait;
use camtrail_model::{
    EventId, Millis, Order,
    ports::{CatalogError, ReviewState, Viewed, ViewedPage},
    review::{Mark, Reviewed, Step, UpTo, is_viewed},
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{SqliteCatalog, db::from_sqlite};

fn up_to(db: &Connection, user: &str) -> Result<UpTo, CatalogError> {
    let text: Option<String> = db
        .prepare_cached("SELECT steps FROM viewed_up_to WHERE user = ?1")
        .and_then(|mut statement| statement.query_row([user], |row| row.get(0)).optional())
        .map_err(from_sqlite)?;
    let text = text.unwrap_or_default();
    UpTo::parse(&text).ok_or_else(|| CatalogError::Corrupt(format!("steps of {user:?}: found {text:?}")))
}

/// The marks of one event go with it: also where its time was corrected, which makes it another event.
pub(crate) fn forget(db: &Connection, event: &EventId) -> Result<(), CatalogError> {
    db.prepare_cached("DELETE FROM viewed WHERE event_id = ?1")
        .and_then(|mut statement| statement.execute([event.to_string()]))
        .map(|_| ())
        .map_err(from_sqlite)
}

fn mark(db: &Connection, user: &str, ids: &[EventId], viewed: bool, now: Millis) -> Result<(), CatalogError> {
    let mut statement = db
        .prepare_cached(
            "INSERT INTO viewed (user, event_id, viewed, at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (user, event_id) DO UPDATE SET viewed = ?3, at = ?4 WHERE NOT (viewed AND ?3)",
        )
        .map_err(from_sqlite)?;
    for id in ids {
        statement.execute(params![user, id.to_string(), viewed, now.0]).map_err(from_sqlite)?;
    }
    Ok(())
}

fn viewed_of(db: &Connection, user: &str, events: &[Reviewed]) -> Result<HashSet<EventId>, CatalogError> {
    let up_to = up_to(db, user)?;
    let mut statement = db
        .prepare_cached("SELECT viewed, at FROM viewed WHERE user = ?1 AND event_id = ?2")
        .map_err(from_sqlite)?;
    let mut viewed = HashSet::new();
    for event in events {
        let mark = statement
            .query_row(params![user, event.id.to_string()], |row| {
                Ok(Mark { viewed: row.get(0)?, at: Millis(row.get(1)?) })
            })
            .optional()
            .map_err(from_sqlite)?;
        if is_viewed(event, mark, &up_to) {
            viewed.insert(event.id.clone());
        }
    }
    Ok(viewed)
}

fn viewed_since(
    db: &Connection,
    user: &str,
    since: Millis,
    after: Option<&Viewed>,
    limit: usize,
) -> Result<ViewedPage, CatalogError> {
    // Everything at `since` is behind an id that sorts before all.
    let (at, id) = after.map_or_else(|| (since, String::new()), |after| (after.at, after.id.to_string()));
    let mut statement = db
        .prepare_cached(
            "SELECT at, event_id FROM viewed WHERE user = ?1 AND viewed AND (at, event_id) > (?2, ?3) \
             ORDER BY at, event_id LIMIT ?4",
        )
        .map_err(from_sqlite)?;
    let rows = statement
        .query_map(params![user, at.0, id, limit as i64 + 1], |row| {
            Ok((Millis(row.get(0)?), row.get::<_, String>(1)?))
        })
        .map_err(from_sqlite)?;
    let mut items = Vec::new();
    for row in rows {
        let (at, text) = row.map_err(from_sqlite)?;
        let id = EventId::parse(&text)
            .ok_or_else(|| CatalogError::Corrupt(format!("a viewed event: found {text:?}")))?;
        items.push(Viewed { at, id });
    }
    let more = items.len() > limit;
    items.truncate(limit);
    Ok(ViewedPage { items, more })
}

#[async_trait]
impl ReviewState for SqliteCatalog {
    async fn mark(&self, user: &str, ids: &[EventId], viewed: bool, now: Millis) -> Result<(), CatalogError> {
        let (user, ids) = (user.to_owned(), ids.to_vec());
        self.db.write(move |db| mark(db, &user, &ids, viewed, now)).await
    }

    async fn mark_up_to(&self, user: &str, place: &EventId, now: Millis) -> Result<(), CatalogError> {
        let (user, step) = (user.to_owned(), Step { up_to: place.clone(), at: now });
        self.db
            .write(move |db| {
                let mut up_to = up_to(db, &user)?;
                up_to.say(step);
                db.execute(
                    "INSERT INTO viewed_up_to (user, steps) VALUES (?1, ?2) \
                     ON CONFLICT (user) DO UPDATE SET steps = ?2",
                    params![user, up_to.to_text()],
                )
                .map(|_| ())
                .map_err(from_sqlite)
            })
            .await
    }

    async fn viewed_of(&self, user: &str, events: &[Reviewed]) -> Result<HashSet<EventId>, CatalogError> {
        let (user, events) = (user.to_owned(), events.to_vec());
        self.db.read(move |db| viewed_of(db, &user, &events)).await
    }

    async fn viewed_since(
        &self,
        user: &str,
        since: Millis,
        after: Option<&Viewed>,
        limit: usize,
    ) -> Result<ViewedPage, CatalogError> {
        let (user, after) = (user.to_owned(), after.cloned());
        self.db.read(move |db| viewed_since(db, &user, since, after.as_ref(), limit)).await
    }

    async fn marked_unviewed(
        &self,
        user: &str,
        order: Order,
        after: &EventId,
    ) -> Result<Option<EventId>, CatalogError> {
        let (user, after) = (user.to_owned(), after.to_string());
        // Ids sort as events do.
        let sql = match order {
            Order::NewestFirst => {
                "SELECT max(event_id) FROM viewed WHERE user = ?1 AND NOT viewed AND event_id < ?2"
            }
            Order::OldestFirst => {
                "SELECT min(event_id) FROM viewed WHERE user = ?1 AND NOT viewed AND event_id > ?2"
            }
        };
        let found: Option<String> = self
            .db
            .read(move |db| {
                db.prepare_cached(sql)
                    .and_then(|mut statement| statement.query_row([user, after], |row| row.get(0)))
                    .map_err(from_sqlite)
            })
            .await?;
        let read = |text: String| {
            EventId::parse(&text)
                .ok_or_else(|| CatalogError::Corrupt(format!("a viewed event: found {text:?}")))
        };
        found.map(read).transpose()
    }

    async fn viewed_up_to(&self, user: &str) -> Result<UpTo, CatalogError> {
        let user = user.to_owned();
        self.db.read(move |db| up_to(db, &user)).await
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use camtrail_model::{CaptureKind, ObjectBase, ports::Catalog, testing};

    use super::*;

    fn fresh(dir: &Path, number: &mut u32) -> Arc<SqliteCatalog> {
        *number += 1;
        let path = dir.join(format!("{number}.db"));
        Arc::new(SqliteCatalog::open(&path, &ObjectBase::default()).unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keeps_the_review_contract() {
        let (dir, mut number) = (tempfile::tempdir().unwrap(), 0);
        testing::review_contract(|| fresh(dir.path(), &mut number)).await;
    }

    #[tokio::test]
    async fn marks_go_with_their_event() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = fresh(dir.path(), &mut 0);
        let clip = testing::record("a", 1_000, CaptureKind::Record, "x.mp4");
        catalog.record(&clip).await.unwrap();
        catalog.mark("anna", &[clip.id()], true, Millis(5)).await.unwrap();
        let marked = async || catalog.viewed_since("anna", Millis(0), None, 9).await.unwrap().items;
        let mut whole = clip.clone();
        whole.metadata.sha256 = Some(camtrail_model::Digest::of(b"whole"));
        catalog.record(&whole).await.unwrap();
        assert_eq!(
            marked().await,
            [Viewed { at: Millis(5), id: clip.id() }],
            "other content, the same event"
        );
        catalog.remove(&clip.object_key).await.unwrap();
        assert_eq!(marked().await, []);
    }
}
