//! What the kernel tells of a tree (inotify, by the notify crate), in the few words that matter here.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use notify::{
    Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode},
};
use tokio::sync::mpsc;

/// Paths are below the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// A file was made.
    Created(PathBuf),
    /// Bytes were written.
    Written(PathBuf),
    /// A writer closed it, or it was moved here (then it may be a folder, too).
    Closed(PathBuf),
    /// A folder was made.
    Folder(PathBuf),
}

impl Sign {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Created(path) | Self::Written(path) | Self::Closed(path) | Self::Folder(path) => path,
        }
    }
}

/// Where signs go. Clones share it.
#[derive(Clone)]
pub(super) struct Signs {
    to: mpsc::Sender<Sign>,
    lost: Arc<AtomicBool>,
}

impl Signs {
    /// `lost` turns true when signs were lost: the tree must be looked through.
    pub(super) fn new(to: mpsc::Sender<Sign>, lost: Arc<AtomicBool>) -> Self {
        Self { to, lost }
    }

    /// Asks the kernel to tell of everything below `root`, as long as the result lives. Blocks: it looks at every
    /// folder.
    pub(super) fn subscribe(&self, root: &Path) -> notify::Result<RecommendedWatcher> {
        let (signs, below) = (self.clone(), root.to_owned());
        let told = move |event: notify::Result<Event>| signs.told(&below, event);
        // No link is followed, here either.
        let config = Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(told, config)?;
        watcher.watch(root, RecursiveMode::Recursive)?;
        Ok(watcher)
    }

    fn told(&self, root: &Path, event: notify::Result<Event>) {
        let Ok(event) = event else {
            self.lost.store(true, Ordering::Relaxed);
            return;
        };
        if event.need_rescan() {
            self.lost.store(true, Ordering::Relaxed);
        }
        for path in &event.paths {
            let Some(sign) = path.strip_prefix(root).ok().and_then(|path| sign(event.kind, path)) else {
                continue;
            };
            if self.to.try_send(sign).is_err() {
                self.lost.store(true, Ordering::Relaxed);
            }
        }
    }
}

fn sign(kind: EventKind, path: &Path) -> Option<Sign> {
    let path = path.to_owned();
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(Sign::Closed(path)),
        EventKind::Modify(ModifyKind::Data(_)) => Some(Sign::Written(path)),
        EventKind::Create(CreateKind::Folder) => Some(Sign::Folder(path)),
        EventKind::Create(_) => Some(Sign::Created(path)),
        _ => None,
    }
}
