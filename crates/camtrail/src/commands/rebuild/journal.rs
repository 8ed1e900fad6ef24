//! How far a rebuild came: `rebuild.json` in the data dir, replaced as a whole after each part.
//!
//! It is good for the catalog and the store that it names only, and for a day: an older one would leave out what
//! happened since to the keys before its mark.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use camtrail_model::{
    Millis,
    ports::{Clock, SystemClock},
};
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;
const GOOD_FOR_MS: i64 = 24 * 3_600_000;

/// Which catalog and which store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) catalog: String,
    pub(super) store: String,
}

/// What was done so far, over all runs of one rebuild.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) captures: u64,
    pub(super) recorded: u64,
    pub(super) corrected: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
    pub(super) removed: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    version: u32,
    #[serde(flatten)]
    identity: Identity,
    began_at: i64,
    after: String,
    counts: Counts,
}

pub(super) struct Journal {
    path: PathBuf,
    identity: Identity,
    began_at: Millis,
    after: Option<String>,
    counts: Counts,
}

impl Journal {
    /// Goes on with what an interrupted rebuild of the same catalog and store left; else begins.
    pub(super) fn open(path: &Path, identity: Identity) -> io::Result<Self> {
        let now = SystemClock.now();
        let written = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice::<Written>(&bytes).ok(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let good = written.filter(|written| {
            let age_ms = now.0.saturating_sub(written.began_at);
            written.version == VERSION && written.identity == identity && (0..GOOD_FOR_MS).contains(&age_ms)
        });
        Ok(match good {
            Some(Written { began_at, after, counts, .. }) => Self {
                path: path.to_owned(),
                identity,
                began_at: Millis(began_at),
                after: Some(after),
                counts,
            },
            None => Self {
                path: path.to_owned(),
                identity,
                began_at: now,
                after: None,
                counts: Counts::default(),
            },
        })
    }

    /// The last key that is done.
    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// What earlier runs did.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// All up to this key is done.
    pub(super) fn done(&mut self, after: &str, counts: Counts) -> io::Result<()> {
        let written = Written {
            version: VERSION,
            identity: self.identity.clone(),
            began_at: self.began_at.0,
            after: after.to_owned(),
            counts,
        };
        camtrail_durable::replace_file(&self.path, &serde_json::to_vec(&written)?)?;
        self.after = Some(after.to_owned());
        Ok(())
    }

    /// The rebuild is done.
    pub(super) fn finish(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_for_the_same_catalog_and_store_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rebuild.json");
        let identity = Identity { catalog: "c".to_owned(), store: "s".to_owned() };
        let mut journal = Journal::open(&path, identity.clone()).unwrap();
        assert_eq!(journal.after(), None);
        let counts = Counts { captures: 7, ..Counts::default() };
        journal.done("a/b", counts).unwrap();
        let again = Journal::open(&path, identity.clone()).unwrap();
        assert_eq!((again.after(), again.counts()), (Some("a/b"), counts));
        let other = Identity { catalog: "d".to_owned(), ..identity.clone() };
        assert_eq!(Journal::open(&path, other).unwrap().after(), None, "another catalog has nothing yet");
        let mut old: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        old["began_at"] = serde_json::json!(SystemClock.now().0 - GOOD_FOR_MS - 1);
        fs::write(&path, old.to_string()).unwrap();
        assert_eq!(Journal::open(&path, identity.clone()).unwrap().after(), None, "too long ago");
        fs::write(&path, "{ half").unwrap();
        let broken = Journal::open(&path, identity).unwrap();
        assert_eq!(broken.after(), None);
        broken.finish().unwrap();
        broken.finish().unwrap();
        assert!(!path.exists());
    }
}
