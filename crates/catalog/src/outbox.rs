//! What is to be told to others, in a file of its own: it is written while events wait for nobody.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{
        Attempt, CatalogError, DeliveryOutcome, DeliveryRow, DueDelivery, NewDelivery, Outbox,
        REMEMBERED_MAX, REMEMBERED_MS, WAITING_MAX,
    },
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    db::{Database, OpenError, from_sqlite},
    migrations,
};

/// What was touched so long after now was touched by a clock that has leapt back since.
const LEAP_MS: i64 = 60_000;
/// The longest reason that is kept, in bytes: servers answer whole pages.
const PROBLEM_MAX_BYTES: usize = 500;

/// The notifier's memory in SQLite. Clones share it.
#[derive(Debug, Clone)]
pub struct SqliteOutbox {
    db: Arc<Database>,
}

impl SqliteOutbox {
    /// Opens (or makes, or migrates) it at `path`. Blocks.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { db: Arc::new(Database::open(path, migrations::NOTIFY)?) })
    }
}

fn execute(db: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<usize, CatalogError> {
    db.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(from_sqlite)
}

/// Bounds: what waits for one of a channel's receivers, what is remembered, and for how long.
fn tidy(db: &Connection, now: Millis) -> Result<(), CatalogError> {
    let drop_waiting = "UPDATE deliveries SET outcome = 'dropped', next_at = NULL, updated_at = ?1, \
                        problem = coalesce(problem, 'more waited for this channel than are kept')";
    let too_many = format!(
        "{drop_waiting} WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY channel, target ORDER BY id DESC) \
         AS place FROM deliveries WHERE next_at IS NOT NULL) WHERE place > ?2)"
    );
    execute(db, &too_many, params![now.0, WAITING_MAX as i64])?;
    execute(db, "DELETE FROM deliveries WHERE created_at < ?1", [now.0.saturating_sub(REMEMBERED_MS)])?;
    let newest = "DELETE FROM deliveries WHERE next_at IS NULL AND id <= (SELECT id FROM deliveries ORDER BY id DESC \
                  LIMIT 1 OFFSET ?1)";
    execute(db, newest, [REMEMBERED_MAX as i64])?;
    Ok(())
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let outcome: String = row.get(5)?;
    Ok(DeliveryRow {
        id: row.get(0)?,
        message_id: row.get(1)?,
        channel: row.get(2)?,
        kind: row.get(3)?,
        title: row.get(4)?,
        outcome: DeliveryOutcome::parse(&outcome).unwrap_or(DeliveryOutcome::Failed),
        attempts: row.get(6)?,
        problem: row.get(7)?,
        created_at: Millis(row.get(8)?),
        updated_at: Millis(row.get(9)?),
        next_at: row.get::<_, Option<i64>>(10)?.map(Millis),
    })
}

#[async_trait]
impl Outbox for SqliteOutbox {
    async fn notes(&self) -> Result<Option<String>, CatalogError> {
        self.db
            .read(|db| {
                db.query_row("SELECT text FROM notes", [], |row| row.get(0)).optional().map_err(from_sqlite)
            })
            .await
    }

    async fn post(&self, deliveries: &[NewDelivery], notes: &str, now: Millis) -> Result<(), CatalogError> {
        let (deliveries, notes) = (deliveries.to_vec(), notes.to_owned());
        self.db
            .write(move |db| {
                for new in &deliveries {
                    execute(
                        db,
                        "INSERT INTO deliveries (message_id, channel, target, kind, title, payload, outcome, created_at, \
                         updated_at, next_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'waiting', ?7, ?7, ?7)",
                        params![
                            new.message_id, new.channel, new.target, new.kind, new.title, new.payload, now.0
                        ],
                    )?;
                }
                execute(db, "INSERT OR REPLACE INTO notes (one, text) VALUES (1, ?1)", [notes])?;
                if deliveries.is_empty() { Ok(()) } else { tidy(db, now) }
            })
            .await
    }

    async fn due(&self, channel: &str, now: Millis) -> Result<Option<DueDelivery>, CatalogError> {
        let channel = channel.to_owned();
        self.db
            .read(move |db| {
                // Of a clock that leapt back, nobody knows how long it would take to be there again.
                let sql = "SELECT id, message_id, channel, target, kind, title, payload, attempts, created_at \
                           FROM deliveries WHERE channel = ?1 AND next_at IS NOT NULL AND (next_at <= ?2 OR \
                           updated_at > ?2 + ?3) ORDER BY next_at, id LIMIT 1";
                db.prepare_cached(sql)
                    .and_then(|mut statement| {
                        statement
                            .query_row(params![channel, now.0, LEAP_MS], |row| {
                                Ok(DueDelivery {
                                    id: row.get(0)?,
                                    what: NewDelivery {
                                        message_id: row.get(1)?,
                                        channel: row.get(2)?,
                                        target: row.get(3)?,
                                        kind: row.get(4)?,
                                        title: row.get(5)?,
                                        payload: row.get(6)?,
                                    },
                                    attempts: row.get(7)?,
                                    created_at: Millis(row.get(8)?),
                                })
                            })
                            .optional()
                    })
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn next_at(&self, channel: &str) -> Result<Option<Millis>, CatalogError> {
        let channel = channel.to_owned();
        self.db
            .read(move |db| {
                let sql = "SELECT min(next_at) FROM deliveries WHERE channel = ?1 AND next_at IS NOT NULL";
                let next: Option<i64> =
                    db.query_row(sql, [channel], |row| row.get(0)).map_err(from_sqlite)?;
                Ok(next.map(Millis))
            })
            .await
    }

    async fn settle(&self, id: i64, attempt: &Attempt, now: Millis) -> Result<(), CatalogError> {
        let (outcome, next_at, problem) = match attempt {
            Attempt::Delivered => (DeliveryOutcome::Delivered, None, None),
            Attempt::Again { at, problem } => (DeliveryOutcome::Waiting, Some(at.0), Some(problem)),
            Attempt::Failed { problem } => (DeliveryOutcome::Failed, None, Some(problem)),
        };
        let problem = problem.map(|text| text[..text.floor_char_boundary(PROBLEM_MAX_BYTES)].to_owned());
        self.db
            .write(move |db| {
                let sql = "UPDATE deliveries SET outcome = ?2, next_at = ?3, problem = ?4, updated_at = ?5, \
                           attempts = attempts + 1 WHERE id = ?1 AND next_at IS NOT NULL";
                execute(db, sql, params![id, outcome.as_str(), next_at, problem, now.0]).map(|_| ())
            })
            .await
    }

    async fn deliveries(&self, before: Option<i64>, limit: usize) -> Result<Vec<DeliveryRow>, CatalogError> {
        let before = before.unwrap_or(i64::MAX);
        self.db
            .read(move |db| {
                let sql = "SELECT id, message_id, channel, kind, title, outcome, attempts, problem, created_at, \
                           updated_at, next_at FROM deliveries WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
                let mut statement = db.prepare_cached(sql).map_err(from_sqlite)?;
                statement
                    .query_map(params![before, limit as i64], row)
                    .and_then(Iterator::collect)
                    .map_err(from_sqlite)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(n: usize, channel: &str) -> NewDelivery {
        NewDelivery {
            message_id: format!("m{n}"),
            channel: channel.to_owned(),
            target: String::new(),
            kind: "event".to_owned(),
            title: "é".to_owned(),
            payload: "{}".to_owned(),
        }
    }

    fn fresh() -> (tempfile::TempDir, SqliteOutbox) {
        let dir = tempfile::tempdir().unwrap();
        let outbox = SqliteOutbox::open(&dir.path().join("notify.db")).unwrap();
        (dir, outbox)
    }

    #[tokio::test]
    async fn what_was_posted_is_due_until_it_is_settled_also_after_a_restart() {
        let (dir, outbox) = fresh();
        assert_eq!(outbox.notes().await.unwrap(), None);
        outbox.post(&[delivery(1, "a"), delivery(2, "b"), delivery(3, "a")], "n1", Millis(10)).await.unwrap();
        drop(outbox);
        let outbox = SqliteOutbox::open(&dir.path().join("notify.db")).unwrap();
        assert_eq!(outbox.notes().await.unwrap().as_deref(), Some("n1"));
        assert_eq!(outbox.due("a", Millis(9)).await.unwrap(), None);
        let first = outbox.due("a", Millis(10)).await.unwrap().unwrap();
        assert_eq!((first.what.clone(), first.attempts), (delivery(1, "a"), 0));
        let again = Attempt::Again { at: Millis(50), problem: "é".repeat(999) };
        outbox.settle(first.id, &again, Millis(11)).await.unwrap();
        let third = outbox.due("a", Millis(12)).await.unwrap().unwrap();
        assert_eq!(third.what.message_id, "m3", "one that waits is in nobody's way");
        outbox.settle(third.id, &Attempt::Delivered, Millis(12)).await.unwrap();
        assert_eq!(outbox.due("a", Millis(49)).await.unwrap(), None);
        assert_eq!(outbox.next_at("a").await.unwrap(), Some(Millis(50)));
        assert_eq!(outbox.next_at("c").await.unwrap(), None);
        let leapt_back = outbox.due("a", Millis(11 - LEAP_MS - 1)).await.unwrap().unwrap();
        assert_eq!(leapt_back.id, first.id);
        let again = outbox.due("a", Millis(50)).await.unwrap().unwrap();
        assert_eq!((again.id, again.attempts), (first.id, 1));
        outbox.settle(first.id, &Attempt::Failed { problem: "no".to_owned() }, Millis(60)).await.unwrap();
        outbox.settle(first.id, &Attempt::Delivered, Millis(61)).await.unwrap();
        let rows = outbox.deliveries(None, 9).await.unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.message_id.as_str(), row.outcome.as_str())).collect();
        assert_eq!(told, [("m3", "delivered"), ("m2", "waiting"), ("m1", "failed")]);
        assert_eq!((rows[2].problem.as_deref(), rows[2].attempts), (Some("no"), 2));
        assert_eq!(outbox.deliveries(Some(rows[1].id), 9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn it_is_bounded_by_count_for_each_channel_and_by_time() {
        let (_dir, outbox) = fresh();
        let many: Vec<_> = (0..WAITING_MAX + 3).map(|n| delivery(n, "a")).collect();
        outbox.post(&[delivery(0, "b")], "", Millis(0)).await.unwrap();
        outbox.post(&many, "", Millis(1)).await.unwrap();
        let oldest = outbox.due("a", Millis(1)).await.unwrap().unwrap();
        assert_eq!(oldest.what.message_id, "m3", "the oldest went");
        assert!(outbox.due("b", Millis(1)).await.unwrap().is_some(), "another channel's stays");
        let rows = outbox.deliveries(None, 9_999).await.unwrap();
        let dropped = rows.iter().filter(|row| row.outcome == DeliveryOutcome::Dropped).count();
        assert_eq!(dropped, 3);
        for round in 0..11 {
            outbox.post(&many, "", Millis(2 + round)).await.unwrap();
        }
        let rows = outbox.deliveries(None, 9_999).await.unwrap();
        assert!(rows.len() <= REMEMBERED_MAX + WAITING_MAX + 1, "{}", rows.len());
        outbox.post(&[delivery(1, "c")], "", Millis(REMEMBERED_MS + 100)).await.unwrap();
        assert_eq!(outbox.deliveries(None, 9_999).await.unwrap().len(), 1);
    }
}
