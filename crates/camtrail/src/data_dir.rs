//! What goes where below the data dir, and who may have it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use camtrail_durable::Reserve;

/// What goes where below the data dir.
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }
    pub(crate) fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }
    pub(crate) fn catalog(&self) -> PathBuf {
        self.0.join("catalog.db")
    }
    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.join("ledger.db")
    }
    /// Notes of uploads in parts.
    pub(crate) fn multipart(&self) -> PathBuf {
        self.0.join("multipart")
    }
    fn run(&self) -> PathBuf {
        self.0.join("run")
    }
    pub(crate) fn taken(&self) -> PathBuf {
        self.0.join("taken.db")
    }
    /// What is to be told to others.
    pub(crate) fn notify(&self) -> PathBuf {
        self.0.join("notify.db")
    }
    /// Which objects of other buckets were imported.
    pub(crate) fn imported(&self) -> PathBuf {
        self.0.join("imported.db")
    }
    /// What is made later, while it is made: by the server, or by a command beside it.
    pub(crate) fn scratch(&self, whose: &str) -> PathBuf {
        self.0.join("scratch").join(whose)
    }
    pub(crate) fn backfill_lock(&self) -> PathBuf {
        self.run().join("backfill.lock")
    }
    /// How far an interrupted rebuild came.
    pub(crate) fn rebuild(&self) -> PathBuf {
        self.0.join("rebuild.json")
    }
    pub(crate) fn rebuild_lock(&self) -> PathBuf {
        self.run().join("rebuild.lock")
    }
    /// Where a running program takes files from other processes of this machine.
    pub(crate) fn handover(&self) -> PathBuf {
        self.run().join("handover.sock")
    }
    pub(crate) fn reserve(&self) -> Reserve {
        Reserve::new(self.0.join("reserve"))
    }
    /// Where a running program listens; `None`: none runs here.
    pub(crate) fn running(&self) -> Option<serde_json::Value> {
        let lock = File::open(self.run().join("lock")).ok()?;
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {
                serde_json::from_slice(&fs::read(self.addresses()).ok()?).ok()
            }
            _ => None,
        }
    }
    pub(crate) fn addresses(&self) -> PathBuf {
        self.run().join("addresses.json")
    }

    /// Makes it if there is none: for its user alone, because it holds password hashes, keys and everybody's pictures.
    /// Whoever shares it says so with chmod.
    pub(crate) fn make(&self) -> anyhow::Result<()> {
        let make = || {
            camtrail_durable::create_dirs(camtrail_durable::parent_of(&self.0))?;
            match fs::DirBuilder::new().mode(0o700).create(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                Err(error) => Err(error),
                Ok(()) => camtrail_durable::sync_dir(camtrail_durable::parent_of(&self.0)),
            }
        };
        make().with_context(|| {
            format!(
                "data_dir {} can't be written: choose another with --data-dir, or give this user access",
                self.0.display()
            )
        })
    }

    /// Makes it, and makes sure that it is ours alone: two processes over one spool would ship everything twice.
    pub(crate) fn claim(&self) -> anyhow::Result<File> {
        let place = self.0.display();
        self.make()?;
        camtrail_durable::create_dirs(&self.run()).with_context(|| {
            format!(
                "data_dir {place} can't be written: choose another with --data-dir, or give this user access"
            )
        })?;
        let lock = File::create(self.run().join("lock"))
            .with_context(|| format!("data_dir {place} can't be written"))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(fs::TryLockError::WouldBlock) => {
                bail!(
                    "data_dir {place} is in use by another Camtrail: stop that one, or choose another with --data-dir"
                )
            }
            Err(fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("data_dir {place} can't be locked"))
            }
        }
    }
}
