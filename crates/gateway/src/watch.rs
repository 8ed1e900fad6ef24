//! Watched folders: what another FTP server, a NAS or a Samba share receives is taken from where it lies.
//!
//! Owns one folder tree. Promises: a file is taken when its writer is done with it (`pending`), goes the way of every
//! upload, and is removed only after it is durable in the spool and only if it is still what was taken; or it stays, and
//! is remembered. A kill at any moment loses nothing and doubles nothing. The kernel's notices make it quick, a
//! look through the whole tree now and then makes it sure: notices get lost, and network shares have none. Refuses:
//! links, special and hidden files, empty ones, names under way. Memory is bounded whatever the tree holds.

mod pending;
mod scan;
mod signs;
mod take;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use camtrail_model::{
    Millis, names,
    ports::{Clock, TakenFile, TakenFiles},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};

use self::{
    pending::{Due, Pending},
    scan::{Scan, Scanner},
    signs::{Sign, Signs},
    take::{Taker, Took},
};
use crate::{
    AccountScope, SpoolIntake,
    tree::{Found, Tree, is_hidden},
};

/// Files taken at once: their fsyncs share.
const TAKE_AT_ONCE: usize = 4;
/// A look through the tree takes at most one part in so many of the time.
const SCAN_SHARE: u32 = 20;
/// Notices that wait to be looked at; more are lost, and the tree is looked through.
const SIGNS_MAX: usize = 4_096;
/// A file that there is no room for is tried again after so long, and others after a shorter time.
const ROOM_WAIT: Duration = Duration::from_secs(1);
const ROOM_PAUSE: Duration = Duration::from_millis(200);
/// New folders that wait to be looked through; more, and all of the tree is.
const FOLDERS_MAX: usize = 256;
/// A file that can't be taken is tried again after so long; doubles with each further time.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_mins(10);
/// Folders and files that can't be looked at are remembered up to so many, so that each is told once.
const TROUBLES_MAX: usize = 1_000;
/// How often it is looked up which remembered files are gone.
const PRUNE_EVERY: Duration = Duration::from_hours(24);

/// One watched folder.
#[derive(Debug, Clone)]
pub struct WatchConfig {
    /// The folder.
    pub path: PathBuf,
    /// Whose its files are; with [`AccountScope::FirstFolder`] a file in the root belongs to the camera named as the
    /// folder.
    pub scope: AccountScope,
    /// Files stay where they are; else they are removed once they are safe here.
    pub keep: bool,
    /// A file whose writer can't be seen is taken when it has not changed for so long.
    pub settle: Duration,
    /// How often the whole tree is looked through.
    pub rescan: Duration,
}

/// How a watched folder is doing, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchStatus {
    /// Files taken since the start.
    pub taken: u64,
    /// Files that were found and are not taken yet.
    pub waiting: usize,
    /// When it was last looked through.
    pub scanned_at: Option<Millis>,
    /// What is wrong and what to do; `None`: nothing.
    pub problem: Option<String>,
}

/// Watches one folder.
pub struct Watcher {
    config: WatchConfig,
    tree: Tree,
    taker: Arc<Taker>,
    taken: Arc<dyn TakenFiles>,
    clock: Arc<dyn Clock>,
    status: Arc<Mutex<WatchStatus>>,
}

impl Watcher {
    /// Does nothing before [`Self::run`].
    pub fn new(
        config: WatchConfig,
        intake: SpoolIntake,
        taken: Arc<dyn TakenFiles>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let tree = Tree::new(config.path.clone());
        let taker = Arc::new(Taker {
            tree: tree.clone(),
            scope: config.scope.clone(),
            keep: config.keep,
            intake,
            taken: Arc::clone(&taken),
            clock: Arc::clone(&clock),
        });
        Self { config, tree, taker, taken, clock, status: Arc::default() }
    }

    /// How it is doing; stays current.
    pub fn status(&self) -> Arc<Mutex<WatchStatus>> {
        Arc::clone(&self.status)
    }

    /// Takes files until `stop` turns true. A file under way then stays where it is.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let (signs, mut noticed) = mpsc::channel(SIGNS_MAX);
        let lost = Arc::new(AtomicBool::new(false));
        let scanner = Scanner::new(self.tree.clone(), Signs::new(signs, Arc::clone(&lost)));
        let mut round = Round {
            pending: Pending::new(self.config.settle),
            scanner,
            scan: None,
            next_scan: Instant::now(),
            folders: Vec::new(),
            folders_due: Instant::now(),
            paused_until: Instant::now(),
            left_out: false,
            troubles: HashMap::new(),
            unreadable: HashMap::new(),
            next_prune: Instant::now(),
            watcher: &self,
        };
        let mut taking: JoinSet<(PathBuf, Took)> = JoinSet::new();
        loop {
            let now = Instant::now();
            while taking.len() < TAKE_AT_ONCE
                && round.paused_until <= now
                && let Some(due) = round.pending.due(now)
            {
                taking.spawn(take(Arc::clone(&self.taker), due));
            }
            round.scan_if_due(now, lost.swap(false, Ordering::Relaxed));
            let wake = round.wake(taking.len() < TAKE_AT_ONCE);
            tokio::select! {
                () = stopped(&mut stop) => return,
                Some(sign) = noticed.recv() => {
                    round.sign(sign);
                    while let Ok(sign) = noticed.try_recv() {
                        round.sign(sign);
                    }
                }
                batch = next_batch(&mut round.scan) => round.found(batch).await,
                Some(done) = taking.join_next() => match done {
                    Ok((path, took)) => round.took(path, took),
                    Err(error) => {
                        tracing::error!(%error, "taking a file of a watched folder was lost; it is tried again");
                        round.pending.forget_taking();
                    }
                },
                () = tokio::time::sleep_until(wake) => {}
            }
            round.tell();
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn take(taker: Arc<Taker>, due: Due) -> (PathBuf, Took) {
    let took = taker.take(&due.path, due.expected).await;
    (due.path, took)
}

/// Waits for ever where nothing is looked through.
async fn next_batch(scan: &mut Option<Scan>) -> Option<Vec<Found>> {
    match scan {
        Some(scan) => scan.batches.recv().await,
        None => std::future::pending().await,
    }
}

/// What the loop keeps.
struct Round<'a> {
    watcher: &'a Watcher,
    pending: Pending,
    scanner: Scanner,
    scan: Option<Scan>,
    next_scan: Instant,
    /// New folders, to be looked through at once when `folders_due`.
    folders: Vec<PathBuf>,
    folders_due: Instant,
    /// There was no room: nothing is taken before.
    paused_until: Instant,
    /// There was no place for all that was found.
    left_out: bool,
    /// What is wrong with which file, and how often that was so.
    troubles: HashMap<PathBuf, (String, u32)>,
    /// What the last look could not look at.
    unreadable: HashMap<PathBuf, String>,
    next_prune: Instant,
}

impl Round<'_> {
    fn shown(&self) -> std::path::Display<'_> {
        self.watcher.config.path.display()
    }

    fn scan_if_due(&mut self, now: Instant, lost: bool) {
        let room_again = self.left_out && self.pending.is_half_empty();
        if lost || room_again {
            self.next_scan = self.next_scan.min(now);
            self.left_out = false;
        }
        if self.scan.is_some() {
            return;
        }
        if self.next_scan <= now {
            self.scan = Some(self.scanner.begin(PathBuf::new()));
            self.next_scan = now + self.watcher.config.rescan;
            self.folders.clear();
        } else if self.folders_due <= now
            && let Some(folder) = self.folders.pop()
        {
            self.scan = Some(self.scanner.begin(folder));
        }
    }

    fn new_folder(&mut self, folder: PathBuf) {
        let now = Instant::now();
        if self.folders.is_empty() {
            self.folders_due = now + scan::FOLDER_WAIT;
        }
        if self.folders.len() >= FOLDERS_MAX {
            self.next_scan = self.next_scan.min(self.folders_due);
        } else if !self.folders.iter().any(|above| folder.starts_with(above)) {
            self.folders.push(folder);
        }
    }

    fn wake(&self, may_take: bool) -> Instant {
        let scans = self.scan.is_none();
        let folders = scans.then_some(self.folders_due).filter(|_| !self.folders.is_empty());
        let due = self.pending.next_due().filter(|_| may_take).map(|due| due.max(self.paused_until));
        let wake = scans.then_some(self.next_scan).into_iter().chain(folders).chain(due).min();
        wake.unwrap_or_else(|| Instant::now() + self.watcher.config.rescan)
    }

    fn sign(&mut self, sign: Sign) {
        let now = Instant::now();
        if is_passed_over(sign.path()) {
            return;
        }
        let kept = match sign {
            Sign::Created(path) => self.pending.created(path, now),
            Sign::Written(path) => self.pending.written(path, now),
            Sign::Closed(path) => self.pending.closed(path, now),
            Sign::Folder(path) => {
                // It may have files in it already, from before the kernel was asked to tell of them.
                self.new_folder(path);
                true
            }
        };
        self.left_out |= !kept;
    }

    /// A part of what a look through the tree found; `None`: that was all.
    async fn found(&mut self, batch: Option<Vec<Found>>) {
        let Some(batch) = batch else {
            self.scanned().await;
            return;
        };
        let mut files = Vec::new();
        for one in batch {
            match one {
                Found::File(file) if file.size > 0 && !is_passed_over(&file.path) => files.push(file),
                Found::File(_) => {}
                Found::Skipped(path, why) => tracing::trace!(path = %path.display(), why, "passed over"),
                Found::Unreadable(path, error) => self.unreadable(path, &error),
            }
        }
        if self.watcher.config.keep && !files.is_empty() {
            let asked: Vec<TakenFile> = files.iter().map(|file| self.watcher.taker.as_taken(file)).collect();
            match self.watcher.taken.are_taken(&asked).await {
                Ok(known) => {
                    let mut known = known.into_iter();
                    files.retain(|_| !known.next().unwrap_or(false));
                }
                // Each is asked for again before it is taken.
                Err(error) => tracing::warn!(%error, "it can't be told which files were taken already"),
            }
        }
        let now = Instant::now();
        for file in files {
            self.left_out |= !self.pending.found(file, now);
        }
    }

    fn unreadable(&mut self, path: PathBuf, error: &std::io::Error) {
        // A new folder may have gone again.
        if !path.as_os_str().is_empty() && error.kind() == std::io::ErrorKind::NotFound {
            return;
        }
        let root = path.as_os_str().is_empty();
        let what = if root {
            let shown = self.shown();
            format!("{shown} can't be looked at ({error}): is it mounted, and may Camtrail read it?")
        } else {
            let shown = self.watcher.config.path.join(&path);
            format!("{} can't be looked at ({error}): give Camtrail's user access", shown.display())
        };
        let Some(scan) = &mut self.scan else { return };
        if self.unreadable.get(&path) != Some(&what) {
            tracing::warn!("watched folder: {what}");
        }
        if scan.unreadable.len() < TROUBLES_MAX {
            scan.unreadable.insert(path, what);
        }
    }

    async fn scanned(&mut self) {
        let Some(scan) = self.scan.take() else { return };
        if !scan.whole {
            self.unreadable.extend(scan.unreadable);
            return;
        }
        let root = Path::new("");
        if self.unreadable.contains_key(root) && !scan.unreadable.contains_key(root) {
            tracing::info!(folder = %self.shown(), "the watched folder can be looked at again");
        }
        self.unreadable = scan.unreadable;
        let now = Instant::now();
        self.next_scan = self.next_scan.max(now + (now - scan.began) * SCAN_SHARE).max(now);
        if !self.unreadable.contains_key(root) {
            self.lock().scanned_at = Some(self.watcher.clock.now());
            if self.next_prune <= now {
                self.next_prune = now + PRUNE_EVERY;
                if let Err(error) = self.watcher.taker.prune().await {
                    tracing::warn!(%error, "files that are gone could not be forgotten");
                }
            }
        }
    }

    fn took(&mut self, path: PathBuf, took: Took) {
        let now = Instant::now();
        self.pending.took(&path);
        match took {
            Took::Done => {
                self.lock().taken += 1;
                self.troubles.remove(&path);
            }
            Took::Nothing => {
                self.troubles.remove(&path);
            }
            Took::Folder => self.new_folder(path),
            Took::Changed(seen) => self.left_out |= !self.pending.found(seen, now),
            Took::NoRoom => {
                self.paused_until = now + ROOM_PAUSE;
                self.left_out |= !self.pending.later(path, now + ROOM_WAIT);
            }
            Took::Trouble(what) => {
                let times = self.troubles.get(&path).map_or(0, |(_, times)| *times);
                if times == 0 {
                    tracing::warn!("watched folder: {what}");
                }
                let wait = FIRST_WAIT.saturating_mul(1 << times.min(16)).min(LONGEST_WAIT);
                self.left_out |= !self.pending.later(path.clone(), now + wait);
                if times > 0 || self.troubles.len() < TROUBLES_MAX {
                    self.troubles.insert(path, (what, times.saturating_add(1)));
                }
            }
        }
    }

    fn tell(&self) {
        let root = self.unreadable.get(Path::new(""));
        let first = root.or_else(|| self.unreadable.values().next());
        let first = first.or_else(|| self.troubles.values().map(|(what, _)| what).next());
        let others = (self.unreadable.len() + self.troubles.len()).saturating_sub(1);
        let problem = first.map(|what| match others {
            0 => what.clone(),
            _ => format!("{what} ({others} more like this)"),
        });
        let mut status = self.lock();
        status.waiting = self.pending.len();
        status.problem = problem;
    }

    fn lock(&self) -> MutexGuard<'_, WatchStatus> {
        self.watcher.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hidden, or within something hidden; or under a name that its writer will change.
fn is_passed_over(path: &Path) -> bool {
    let under_way = path.file_name().is_some_and(|name| names::is_in_progress(&name.to_string_lossy()));
    under_way || path.components().any(|name| is_hidden(name.as_os_str()))
}

#[cfg(test)]
mod tests;
