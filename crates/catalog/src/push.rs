//! Browsers that asked for Web Push.

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{CatalogError, PUSH_MAX, PUSH_PER_USER_MAX, PushSubscription, PushSubscriptions},
};
use rusqlite::params;

use crate::{SqliteCatalog, db::from_sqlite};

#[async_trait]
impl PushSubscriptions for SqliteCatalog {
    async fn put_push(&self, subscription: &PushSubscription) -> Result<(), CatalogError> {
        let one = subscription.clone();
        self.db
            .write(move |db| {
                let put = "INSERT OR REPLACE INTO push_subscriptions (id, user, endpoint, p256dh, auth, created_at) \
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                db.execute(
                    put,
                    params![one.id, one.user, one.endpoint, one.p256dh, one.auth, one.created_at.0],
                )
                .map_err(from_sqlite)?;
                let trim = "DELETE FROM push_subscriptions WHERE user = ?1 AND id NOT IN (SELECT id FROM \
                            push_subscriptions WHERE user = ?1 ORDER BY created_at DESC, id DESC LIMIT ?2)";
                db.execute(trim, params![one.user, PUSH_PER_USER_MAX as i64]).map(|_| ()).map_err(from_sqlite)
            })
            .await
    }

    async fn push_subscriptions(&self) -> Result<Vec<PushSubscription>, CatalogError> {
        self.db
            .read(|db| {
                let sql = "SELECT id, user, endpoint, p256dh, auth, created_at FROM push_subscriptions \
                           ORDER BY id LIMIT ?1";
                let mut statement = db.prepare_cached(sql).map_err(from_sqlite)?;
                statement
                    .query_map([PUSH_MAX as i64], |row| {
                        Ok(PushSubscription {
                            id: row.get(0)?,
                            user: row.get(1)?,
                            endpoint: row.get(2)?,
                            p256dh: row.get(3)?,
                            auth: row.get(4)?,
                            created_at: Millis(row.get(5)?),
                        })
                    })
                    .and_then(Iterator::collect)
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn remove_push(&self, id: &str, user: Option<&str>) -> Result<bool, CatalogError> {
        let (id, user) = (id.to_owned(), user.map(str::to_owned));
        self.db
            .write(move |db| {
                let sql = "DELETE FROM push_subscriptions WHERE id = ?1 AND (?2 IS NULL OR user = ?2)";
                db.execute(sql, params![id, user]).map(|count| count > 0).map_err(from_sqlite)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use camtrail_model::{ObjectBase, testing};

    use super::*;

    #[tokio::test]
    async fn keeps_the_push_contract() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = SqliteCatalog::open(&dir.path().join("c.db"), &ObjectBase::default()).unwrap();
        testing::push_contract(&catalog).await;
    }
}
