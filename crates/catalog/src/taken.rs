//! What watched folders gave and kept, in a file of its own: a gateway without a catalog has one, too.

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{CatalogError, TakenFile, TakenFiles},
};
use rusqlite::{OptionalExtension, params};

use crate::{
    db::{Database, OpenError, from_sqlite},
    migrations,
};

/// The memory of watched folders, and of imported objects, in SQLite. Clones share it.
#[derive(Debug, Clone)]
pub struct SqliteTaken {
    db: Arc<Database>,
}

impl SqliteTaken {
    /// Opens (or makes, or migrates) it at `path`. Blocks.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Ok(Self { db: Arc::new(Database::open(path, migrations::TAKEN)?) })
    }
}

#[async_trait]
impl TakenFiles for SqliteTaken {
    async fn note_taken(&self, file: &TakenFile, now: Millis) -> Result<(), CatalogError> {
        let file = file.clone();
        self.db
            .write(move |db| {
                db.prepare_cached(
                    "INSERT OR REPLACE INTO taken (path, size, modified_ns, noted_at) VALUES (?1, ?2, ?3, ?4)",
                )
                .and_then(|mut statement| {
                    statement.execute(params![file.path, file.size as i64, file.modified_ns, now.0])
                })
                .map(|_| ())
                .map_err(from_sqlite)
            })
            .await
    }

    async fn are_taken(&self, files: &[TakenFile]) -> Result<Vec<bool>, CatalogError> {
        let files = files.to_vec();
        self.db
            .read(move |db| {
                let sql = "SELECT 1 FROM taken WHERE path = ?1 AND size = ?2 AND modified_ns = ?3";
                let mut statement = db.prepare_cached(sql).map_err(from_sqlite)?;
                files
                    .iter()
                    .map(|file| {
                        let row = params![file.path, file.size as i64, file.modified_ns];
                        Ok(statement.query_row(row, |_| Ok(())).optional().map_err(from_sqlite)?.is_some())
                    })
                    .collect()
            })
            .await
    }

    async fn taken_after(&self, after: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Millis)>, CatalogError> {
        let after = after.to_vec();
        self.db
            .read(move |db| {
                let sql = "SELECT path, noted_at FROM taken WHERE path > ?1 ORDER BY path LIMIT ?2";
                let mut statement = db.prepare_cached(sql).map_err(from_sqlite)?;
                statement
                    .query_map(params![after, limit as i64], |row| Ok((row.get(0)?, Millis(row.get(1)?))))
                    .and_then(Iterator::collect)
                    .map_err(from_sqlite)
            })
            .await
    }

    async fn forget_taken(&self, paths: &[Vec<u8>]) -> Result<(), CatalogError> {
        let paths = paths.to_vec();
        self.db
            .write(move |db| {
                let mut statement =
                    db.prepare_cached("DELETE FROM taken WHERE path = ?1").map_err(from_sqlite)?;
                for path in paths {
                    statement.execute([path]).map_err(from_sqlite)?;
                }
                Ok(())
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn remembers_files_as_they_were_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let db = dir.path().join("taken.db");
        let file = TakenFile { path: b"/srv/Gar\xe9.jpg".to_vec(), size: 3, modified_ns: -5 };
        let other = TakenFile { path: b"/srv/b.jpg".to_vec(), ..file.clone() };
        {
            let taken = SqliteTaken::open(&db).unwrap();
            taken.note_taken(&file, Millis(1)).await.unwrap();
            taken.note_taken(&other, Millis(2)).await.unwrap();
        }
        let taken = SqliteTaken::open(&db).unwrap();
        let grown = TakenFile { size: 4, ..file.clone() };
        let touched = TakenFile { modified_ns: 6, ..file.clone() };
        let asked = [grown, file.clone(), touched, other.clone()];
        assert_eq!(taken.are_taken(&asked).await.unwrap(), [false, true, false, true]);
        let first = taken.taken_after(b"", 1).await.unwrap();
        assert_eq!(first, [(file.path.clone(), Millis(1))]);
        assert_eq!(taken.taken_after(&first[0].0, 9).await.unwrap(), [(other.path, Millis(2))]);
        taken.forget_taken(std::slice::from_ref(&file.path)).await.unwrap();
        assert_eq!(taken.are_taken(&[file]).await.unwrap(), [false]);
    }
}
