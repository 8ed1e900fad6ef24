//! Looking through the whole tree, and asking the kernel to tell of it (again, after it was mounted anew).

use std::{
    collections::HashMap,
    io,
    ops::ControlFlow,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use notify::RecommendedWatcher;
use tokio::{sync::mpsc, time::Instant};

use super::signs::Signs;
use crate::tree::{Found, Tree};

/// Findings are handed on in parcels of so many.
const BATCH: usize = 256;
/// A new folder is looked through after so long, together with others that come meanwhile.
pub(super) const FOLDER_WAIT: Duration = Duration::from_millis(500);

/// One look through the tree or a part of it, under way.
pub(super) struct Scan {
    pub(super) whole: bool,
    pub(super) batches: mpsc::Receiver<Vec<Found>>,
    pub(super) began: Instant,
    /// What could not be looked at this time.
    pub(super) unreadable: HashMap<PathBuf, String>,
}

/// What the kernel was asked: for the folder of this device and number.
#[derive(Default)]
struct Subscription {
    of: Option<(u64, u64)>,
    watcher: Option<RecommendedWatcher>,
}

pub(super) struct Scanner {
    tree: Tree,
    signs: Signs,
    subscription: Arc<Mutex<Subscription>>,
}

impl Scanner {
    pub(super) fn new(tree: Tree, signs: Signs) -> Self {
        Self { tree, signs, subscription: Arc::default() }
    }

    /// Begins a look through `below`. Dropping the result ends it.
    pub(super) fn begin(&self, below: PathBuf) -> Scan {
        let (to, batches) = mpsc::channel(1);
        let (tree, signs) = (self.tree.clone(), self.signs.clone());
        let subscription = Arc::clone(&self.subscription);
        let whole = below.as_os_str().is_empty();
        tokio::task::spawn_blocking(move || {
            // First the kernel, then the look: nothing falls between them.
            let looked = subscribe(&tree, &signs, &subscription).and_then(|()| {
                let mut batch = Vec::with_capacity(BATCH);
                tree.walk(&below, &mut |found| {
                    batch.push(found);
                    if batch.len() == BATCH && to.blocking_send(std::mem::take(&mut batch)).is_err() {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                })?;
                let _ = to.blocking_send(batch);
                Ok(())
            });
            if let Err(error) = looked {
                let _ = to.blocking_send(vec![Found::Unreadable(below, error)]);
            }
        });
        Scan { whole, batches, began: Instant::now(), unreadable: HashMap::new() }
    }
}

fn subscribe(tree: &Tree, signs: &Signs, subscription: &Mutex<Subscription>) -> io::Result<()> {
    let root = std::fs::metadata(tree.root())?;
    let identity = (root.dev(), root.ino());
    let mut subscription = subscription.lock().unwrap_or_else(PoisonError::into_inner);
    if subscription.of == Some(identity) {
        return Ok(());
    }
    subscription.watcher = None;
    subscription.of = Some(identity);
    match signs.subscribe(tree.root()) {
        Ok(watcher) => subscription.watcher = Some(watcher),
        Err(error) => tracing::warn!(
            folder = %tree.root().display(), %error,
            "the kernel can't tell of changes in this watched folder; it is looked through every rescan time instead \
             (for large trees raise fs.inotify.max_user_watches)"
        ),
    }
    Ok(())
}
