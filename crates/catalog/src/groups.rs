//! Groups of cameras.

use async_trait::async_trait;
use camtrail_model::{
    groups::CameraGroups,
    ports::{CatalogError, Groups},
};
use rusqlite::OptionalExtension;

use crate::{SqliteCatalog, db::from_sqlite};

#[async_trait]
impl Groups for SqliteCatalog {
    async fn groups(&self) -> Result<CameraGroups, CatalogError> {
        self.db
            .read(|db| {
                let text: Option<String> = db
                    .query_row("SELECT text FROM camera_groups", [], |row| row.get(0))
                    .optional()
                    .map_err(from_sqlite)?;
                let text = text.unwrap_or_default();
                CameraGroups::parse(&text)
                    .ok_or_else(|| CatalogError::Corrupt(format!("groups of cameras: found {text:?}")))
            })
            .await
    }

    async fn put_groups(&self, groups: &CameraGroups) -> Result<(), CatalogError> {
        let text = groups.to_text();
        self.db
            .write(move |db| {
                db.execute("INSERT OR REPLACE INTO camera_groups (one, text) VALUES (1, ?1)", [text])
                    .map(|_| ())
                    .map_err(from_sqlite)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use camtrail_model::{ObjectBase, testing};

    use super::*;

    #[tokio::test]
    async fn keeps_the_groups_contract() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = SqliteCatalog::open(&dir.path().join("c.db"), &ObjectBase::default()).unwrap();
        testing::groups_contract(&catalog).await;
    }
}
