//! What a camera sees of its own folder: what waits in the spool, what was shipped a moment ago, and the folders
//! that it made. Nothing of any other camera's.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use camtrail_model::{Millis, ports::Clock};
use camtrail_spool::{EntryId, Spool, SpoolEntry};

use crate::identity::Owned;

/// A camera that checks `SIZE` a moment after `226` must not be told that its file is gone.
const SHIPPED_SHOWN_MS: i64 = 15 * 60_000;
/// Shipped files shown at once, over all cameras.
const SHIPPED_SHOWN_MAX: usize = 4_096;
/// Folders remembered, over all accounts; more are accepted and not listed.
const FOLDERS_MAX: usize = 4_096;

/// A file as its camera sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeenFile {
    pub(crate) owned: Owned,
    pub(crate) size: u64,
    pub(crate) modified: Millis,
    /// Its entry, while it waits in the spool.
    pub(crate) entry: Option<EntryId>,
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Folder,
    File(SeenFile),
}

/// Shared by the FTP side and the shipper. Clones share it.
#[derive(Clone)]
pub(crate) struct View {
    spool: Spool,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    shipped: VecDeque<SeenFile>,
    /// Entries that their camera deleted: shipped all the same, shown no more.
    hidden: HashSet<EntryId>,
    /// Folders made, by account scope and path.
    folders: BTreeSet<(String, Vec<String>)>,
}

fn seen(entry: &SpoolEntry) -> SeenFile {
    SeenFile {
        owned: Owned { camera: entry.start.camera.clone(), path: entry.start.path.clone() },
        size: entry.size,
        modified: entry.received_at,
        entry: Some(entry.id.clone()),
    }
}

impl View {
    pub(crate) fn new(spool: Spool, clock: Arc<dyn Clock>) -> Self {
        Self { spool, clock, state: Arc::default() }
    }

    /// The newest file under this name.
    pub(crate) fn file(&self, owned: &Owned) -> Option<SeenFile> {
        self.files().into_iter().rev().find(|file| file.owned == *owned)
    }

    /// What `folder` holds for this account, by name.
    pub(crate) fn list(&self, scope: &str, account: &str, folder: &[String]) -> BTreeMap<String, Seen> {
        let mut names = BTreeMap::new();
        for (_, made) in self.lock().folders.iter().filter(|(owner, _)| owner == scope) {
            if let Some(name) = child(folder, made) {
                names.insert(name.to_owned(), Seen::Folder);
            }
        }
        for file in self.files() {
            let Some(path) = path_seen(scope, account, &file.owned) else { continue };
            let Some(name) = child(folder, &path) else { continue };
            let direct = path.len() == folder.len() + 1;
            let seen = if direct { Seen::File(file) } else { Seen::Folder };
            names.insert(name.to_owned(), seen);
        }
        names
    }

    pub(crate) fn make_folder(&self, scope: &str, folder: &[String]) {
        let mut state = self.lock();
        if state.folders.len() < FOLDERS_MAX {
            state.folders.insert((scope.to_owned(), folder.to_vec()));
        }
    }

    pub(crate) fn remove_folder(&self, scope: &str, folder: &[String]) {
        self.lock().folders.remove(&(scope.to_owned(), folder.to_vec()));
    }

    /// The camera deleted a file: it is evidence and ships all the same, but the camera sees it no more.
    pub(crate) fn hide(&self, file: &SeenFile) {
        let mut state = self.lock();
        state.hidden.extend(file.entry.clone());
        state.shipped.retain(|shipped| shipped.owned != file.owned);
    }

    /// An entry left the spool.
    pub(crate) fn shipped(&self, entry: &SpoolEntry) {
        let mut state = self.lock();
        if state.hidden.remove(&entry.id) {
            return;
        }
        if state.shipped.len() >= SHIPPED_SHOWN_MAX {
            state.shipped.pop_front();
        }
        state.shipped.push_back(SeenFile { entry: None, ..seen(entry) });
    }

    /// All files, oldest first.
    fn files(&self) -> Vec<SeenFile> {
        let entries = self.spool.entries();
        let mut state = self.lock();
        let oldest_shown = self.clock.now().plus(-SHIPPED_SHOWN_MS);
        state.shipped.retain(|file| file.modified >= oldest_shown);
        let waiting =
            entries.iter().filter(|entry| !state.hidden.contains(&entry.id)).map(|entry| seen(entry));
        state.shipped.iter().cloned().chain(waiting).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where an account sees a file; `None` where it doesn't.
fn path_seen(scope: &str, account: &str, owned: &Owned) -> Option<Vec<String>> {
    if scope != "*" {
        return (owned.camera.as_str() == scope).then(|| owned.path.clone());
    }
    if owned.path.len() == 1 && owned.camera.as_str() == account {
        return Some(owned.path.clone());
    }
    Some([&[owned.camera.to_string()][..], &owned.path].concat())
}

fn child<'a>(folder: &[String], path: &'a [String]) -> Option<&'a str> {
    path.strip_prefix(folder)?.first().map(String::as_str)
}
