//! The doors beside FTP and HTTP: watched folders, and the local socket through which `camtrail import` hands files
//! over.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use camtrail_api::WatchedFolder;
use camtrail_catalog::SqliteTaken;
use camtrail_gateway::{WatchConfig, WatchStatus, Watcher};
use camtrail_model::ports::SystemClock;
use tokio::{sync::watch, task::JoinSet};

use crate::{config::Settings, data_dir::DataDir, rooms::Rooms};

/// How the watched folders are doing. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Watches(Arc<Vec<(WatchConfig, Arc<Mutex<WatchStatus>>)>>);

impl Watches {
    /// As the API shows it.
    pub(crate) fn status(&self) -> Vec<WatchedFolder> {
        let shown = self.0.iter().map(|(config, status)| {
            let status = status.lock().unwrap_or_else(PoisonError::into_inner).clone();
            WatchedFolder {
                path: config.path.display().to_string(),
                camera: config.scope.to_text(),
                keep: config.keep,
                taken: status.taken,
                waiting: status.waiting as u64,
                scanned_at: status.scanned_at.map(|at| at.to_string()),
                problem: status.problem,
            }
        });
        shown.collect()
    }
}

/// Opens the local socket; it is a task that ends when `stopped` turns true. The caller owns the data dir.
pub(crate) fn open_handover(
    dir: &DataDir,
    rooms: &Rooms,
    tasks: &mut JoinSet<()>,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let socket = dir.handover();
    let listener = camtrail_gateway::listen(&socket)
        .with_context(|| format!("opening the local socket {}", socket.display()))?;
    tasks.spawn(rooms.desk().serve(listener, stopped.clone()));
    Ok(())
}

/// Begins to watch the configured folders, a task each.
pub(crate) fn watch_folders(
    dir: &DataDir,
    settings: &Settings,
    rooms: &Rooms,
    tasks: &mut JoinSet<()>,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<Watches> {
    if settings.watches.is_empty() {
        return Ok(Watches::default());
    }
    let taken = Arc::new(SqliteTaken::open(&dir.taken()).context("opening the memory of watched folders")?);
    let mut watches = Vec::new();
    for config in &settings.watches {
        let (folder, keep) = (config.path.display(), config.keep);
        tracing::info!(%folder, keep, "watching a folder{}", if keep { "" } else { "; files are removed from it once they are safe" });
        let watcher = Watcher::new(config.clone(), rooms.intake(), taken.clone(), Arc::new(SystemClock));
        watches.push((config.clone(), watcher.status()));
        tasks.spawn(watcher.run(stopped.clone()));
    }
    Ok(Watches(Arc::new(watches)))
}
