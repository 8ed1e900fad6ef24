//! Who did what: added, never changed, forgotten after its time.

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{AuditAction, AuditEntry, AuditLog, AuditPage, AuditPlace, CatalogError},
};
use rusqlite::{Row, params};

use crate::{SqliteCatalog, db::from_sqlite};

/// Each new entry takes away so many old ones at most: the log shrinks faster than it grows, and a clock that jumps
/// ahead for a moment doesn't empty it.
const FORGOTTEN_AT_ONCE: i64 = 8;
const DAY_MS: i64 = 86_400_000;

fn entry(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    let place = AuditPlace { at: Millis(row.get(0)?), tie: row.get::<_, i64>(1)?.unsigned_abs() };
    Ok(AuditEntry {
        place,
        who: row.get(2)?,
        action: AuditAction::parse(&row.get::<_, String>(3)?),
        subject: row.get(4)?,
        from: row.get(5)?,
        detail: row.get(6)?,
    })
}

/// As it is stored; below 2^63, so that the order is the number's.
fn tie(place: AuditPlace) -> i64 {
    i64::try_from(place.tie).unwrap_or(i64::MAX)
}

#[async_trait]
impl AuditLog for SqliteCatalog {
    async fn note_audit(&self, entry: &AuditEntry, keep_days: u32) -> Result<(), CatalogError> {
        let entry = entry.clone();
        let oldest_kept = entry.place.at.plus(-DAY_MS * i64::from(keep_days));
        self.db
            .write(move |db| {
                db.prepare_cached(
                    "INSERT INTO audit (at, tie, who, action, subject, place, detail) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )
                .and_then(|mut statement| {
                    statement.execute(params![
                        entry.place.at.0,
                        tie(entry.place),
                        entry.who,
                        entry.action.as_str(),
                        entry.subject,
                        entry.from,
                        entry.detail
                    ])
                })
                .and_then(|_| {
                    db.prepare_cached(
                        "DELETE FROM audit WHERE (at, tie) IN \
                         (SELECT at, tie FROM audit WHERE at < ?1 ORDER BY at, tie LIMIT ?2)",
                    )?
                    .execute([oldest_kept.0, FORGOTTEN_AT_ONCE])
                })
                .map(|_| ())
                .map_err(from_sqlite)
            })
            .await
    }

    async fn audit(
        &self,
        from: Millis,
        to: Millis,
        after: Option<AuditPlace>,
        limit: usize,
    ) -> Result<AuditPage, CatalogError> {
        // Without a place, before everything at `to`.
        let (at, tie) =
            after.filter(|after| after.at < to).map_or((to.0, 0), |after| (after.at.0, tie(after)));
        self.db
            .read(move |db| {
                let mut statement = db
                    .prepare_cached(
                        "SELECT at, tie, who, action, subject, place, detail FROM audit \
                         WHERE at >= ?1 AND (at, tie) < (?2, ?3) ORDER BY at DESC, tie DESC LIMIT ?4",
                    )
                    .map_err(from_sqlite)?;
                let mut items: Vec<_> = statement
                    .query_map(params![from.0, at, tie, limit as i64 + 1], entry)
                    .and_then(Iterator::collect)
                    .map_err(from_sqlite)?;
                let more = items.len() > limit;
                items.truncate(limit);
                Ok(AuditPage { items, more })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use camtrail_model::{ObjectBase, testing};

    use super::*;

    fn fresh(dir: &Path, number: &mut u32) -> Arc<SqliteCatalog> {
        *number += 1;
        let path = dir.join(format!("{number}.db"));
        Arc::new(SqliteCatalog::open(&path, &ObjectBase::default()).unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keeps_the_contracts_of_shares_tokens_and_audit() {
        let (dir, mut number) = (tempfile::tempdir().unwrap(), 0);
        testing::shares_contract(|| fresh(dir.path(), &mut number)).await;
        testing::api_tokens_contract(|| fresh(dir.path(), &mut number)).await;
        testing::audit_contract(|| fresh(dir.path(), &mut number)).await;
    }

    #[tokio::test]
    async fn entries_go_after_their_time_and_a_jump_of_the_clock_costs_few() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = fresh(dir.path(), &mut 0);
        let note = async |at: i64| {
            let place = AuditPlace { at: Millis(at), tie: at.unsigned_abs() };
            let entry = AuditEntry {
                place,
                who: None,
                action: AuditAction::SignInFailed,
                subject: String::new(),
                from: None,
                detail: String::new(),
            };
            catalog.note_audit(&entry, 1).await.unwrap();
        };
        for n in 0..100 {
            note(n).await;
        }
        let left =
            async || catalog.audit(Millis(0), Millis(i64::MAX), None, 1_000).await.unwrap().items.len();
        assert_eq!(left().await, 100);
        note(10 * DAY_MS).await;
        assert_eq!(left().await, 101 - 8);
        for n in 1..13 {
            note(10 * DAY_MS + n).await;
        }
        assert_eq!(left().await, 13, "only the new ones");
    }
}
