//! Which objects of other buckets were imported, as they were: so that a later import need not read them again.
//!
//! `DATA_DIR/imported.db`, a small row an object. A note alone is never enough: what it tells of must be in the store
//! still. Losing all of them makes work and no harm: the objects are read once more, and compared.

use camtrail_catalog::SqliteTaken;
use camtrail_model::{
    Digest,
    ports::{Clock, SystemClock, TakenFile, TakenFiles},
};
use camtrail_store::SourceObject;

use crate::data_dir::DataDir;

pub(super) struct Notes {
    db: SqliteTaken,
    /// The server and the bucket.
    place: String,
}

impl Notes {
    /// `None`: there are none, and none are made; that is told, except in a dry run, which writes nothing.
    pub(super) fn open(dir: &DataDir, place: String, dry_run: bool) -> Option<Self> {
        if dry_run && !dir.imported().exists() {
            return None;
        }
        match SqliteTaken::open(&dir.imported()) {
            Ok(db) => Some(Self { db, place }),
            Err(error) => {
                tracing::warn!(%error, "without notes of what was imported: a later import reads it again");
                None
            }
        }
    }

    /// One version of one object with one content.
    fn row(&self, object: &SourceObject, sha256: &Digest) -> Option<TakenFile> {
        let tag = object.e_tag.as_ref()?;
        let name = format!("{}\0{}\0{tag}\0{sha256}", self.place, object.key);
        Some(TakenFile {
            path: Digest::of(name.as_bytes()).0.to_vec(),
            size: object.size,
            modified_ns: object.modified_at.0.saturating_mul(1_000_000),
        })
    }

    /// Whether the object, as it is, was read before and had one of these contents.
    pub(super) async fn has(&self, object: &SourceObject, contents: &[Digest]) -> bool {
        let rows: Vec<_> = contents.iter().filter_map(|sha256| self.row(object, sha256)).collect();
        let found = self.db.are_taken(&rows).await;
        found.is_ok_and(|found| found.contains(&true))
    }

    /// Notes what the object has. A failure costs a later import a read.
    pub(super) async fn add(&self, object: &SourceObject, sha256: &Digest) {
        let Some(row) = self.row(object, sha256) else { return };
        if let Err(error) = self.db.note_taken(&row, SystemClock.now()).await {
            tracing::debug!(%error, key = object.key, "what was imported could not be noted");
        }
    }
}
