//! When a file's writer is done with it.
//!
//! | what is known | taken |
//! |---|---|
//! | it was closed after writing, or moved here | after a second of quiet |
//! | it was found, or made without being written | when it is the same after the settle time |
//! | it is being written by somebody we see | when it is closed; or after a minute of quiet, as one that was found |
//!
//! Owns the files in between, a bounded number of them; what finds no place is found again by the next look.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use crate::tree::TreeFile;

/// Files at once (few in tests, so that they reach it).
pub(super) const PENDING_MAX: usize = if cfg!(test) { 100 } else { 2_000 };
/// Writers that open a file again and again do so within less.
const CLOSED_QUIET: Duration = Duration::from_secs(1);
/// A writer that we saw and that is quiet for so long: its closing was missed, or it hangs.
const WRITER_QUIET: Duration = Duration::from_mins(1);
/// A file that is being taken and comes again is looked at after so long.
const TAKING_WAIT: Duration = Duration::from_millis(200);

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Somebody has it open.
    Written,
    /// Its writer has closed it, or it was tried before and is as good as closed.
    Closed,
    /// How it was when it was last looked at, if it was.
    Settling(Option<(u64, i64)>),
}

/// A file that may be done with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) path: PathBuf,
    /// Only if it has still this size and time.
    pub(super) expected: Expected,
}

/// What must be true of a file that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Nothing: its writer is done.
    Anything,
    /// Size and modification time.
    Same(u64, i64),
    /// Not known yet how it is: only to be looked at.
    Unknown,
}

pub(super) struct Pending {
    settle: Duration,
    files: HashMap<PathBuf, (Instant, State)>,
    due: BTreeSet<(Instant, PathBuf)>,
    taking: HashSet<PathBuf>,
}

impl Pending {
    pub(super) fn new(settle: Duration) -> Self {
        Self { settle, files: HashMap::new(), due: BTreeSet::new(), taking: HashSet::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.files.len() + self.taking.len()
    }

    pub(super) fn is_half_empty(&self) -> bool {
        self.files.len() < PENDING_MAX / 2
    }

    /// `false`: there is no place.
    fn set(&mut self, path: PathBuf, due: Instant, state: State) -> bool {
        match self.files.get(&path) {
            Some((before, _)) => {
                self.due.remove(&(*before, path.clone()));
            }
            None if self.files.len() >= PENDING_MAX => return false,
            None => {}
        }
        self.due.insert((due, path.clone()));
        self.files.insert(path, (due, state));
        true
    }

    /// A look came across it. What is known already is known better.
    pub(super) fn found(&mut self, file: TreeFile, now: Instant) -> bool {
        if self.files.contains_key(&file.path) || self.taking.contains(&file.path) {
            return true;
        }
        self.set(file.path, now + self.settle, State::Settling(Some((file.size, file.modified_ns))))
    }

    /// It was made (perhaps by a link, which nobody writes to or closes).
    pub(super) fn created(&mut self, path: PathBuf, now: Instant) -> bool {
        self.set(path, now + self.settle, State::Settling(None))
    }

    /// Somebody writes to it.
    pub(super) fn written(&mut self, path: PathBuf, now: Instant) -> bool {
        self.set(path, now + WRITER_QUIET.max(self.settle), State::Written)
    }

    /// Its writer closed it, or it was moved here.
    pub(super) fn closed(&mut self, path: PathBuf, now: Instant) -> bool {
        self.set(path, now + CLOSED_QUIET.min(self.settle), State::Closed)
    }

    /// It could not be taken; again at `due`.
    pub(super) fn later(&mut self, path: PathBuf, due: Instant) -> bool {
        self.files.contains_key(&path) || self.set(path, due, State::Closed)
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// A file that is due, and is being taken from now on, until [`Self::took`].
    pub(super) fn due(&mut self, now: Instant) -> Option<Due> {
        while let Some((due, path)) = self.due.first().filter(|(due, _)| *due <= now).cloned() {
            let Some((_, state)) = self.files.get(&path).cloned() else {
                self.due.remove(&(due, path));
                continue;
            };
            if self.taking.contains(&path) {
                self.set(path, now + TAKING_WAIT, state);
                continue;
            }
            self.due.remove(&(due, path.clone()));
            self.files.remove(&path);
            self.taking.insert(path.clone());
            let expected = match state {
                State::Closed => Expected::Anything,
                State::Settling(Some((size, modified_ns))) => Expected::Same(size, modified_ns),
                State::Settling(None) | State::Written => Expected::Unknown,
            };
            return Some(Due { path, expected });
        }
        None
    }

    /// It was taken or not: it may be due again.
    pub(super) fn took(&mut self, path: &Path) {
        self.taking.remove(path);
    }

    /// Whatever was being taken was lost; a look finds it again.
    pub(super) fn forget_taking(&mut self) {
        self.taking.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(3);

    fn expected(pending: &mut Pending, at: Instant) -> Option<Expected> {
        pending.due(at).map(|due| {
            pending.took(&due.path);
            due.expected
        })
    }

    #[test]
    fn a_file_is_due_when_its_writer_is_done() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let path = || PathBuf::from("gate/a.mkv");
        let mut pending = Pending::new(SETTLE);
        pending.created(path(), at(0));
        pending.written(path(), at(10));
        assert_eq!(expected(&mut pending, at(50_000)), None, "a slow writer that has it open");
        pending.written(path(), at(50_000));
        pending.closed(path(), at(50_100));
        assert_eq!(expected(&mut pending, at(51_000)), None);
        pending.written(path(), at(51_000));
        pending.closed(path(), at(51_050));
        assert_eq!(expected(&mut pending, at(51_500)), None, "one that opens it again");
        assert_eq!(expected(&mut pending, at(52_050)), Some(Expected::Anything));
        assert_eq!(expected(&mut pending, at(99_000)), None, "once");
        pending.written(path(), at(0));
        assert_eq!(expected(&mut pending, at(60_000)), Some(Expected::Unknown), "its closing was missed");
        pending.created(path(), at(0));
        assert_eq!(expected(&mut pending, at(3_000)), Some(Expected::Unknown), "a link");
        assert_eq!((pending.len(), pending.next_due()), (0, None));
    }

    #[test]
    fn what_is_being_taken_is_not_taken_twice_and_places_are_bounded() {
        let start = Instant::now();
        let mut pending = Pending::new(SETTLE);
        for number in 0..PENDING_MAX {
            assert!(pending.closed(PathBuf::from(number.to_string()), start));
        }
        assert!(!pending.closed(PathBuf::from("one more"), start));
        assert!(pending.closed(PathBuf::from("7"), start), "what has a place keeps it");
        assert_eq!(pending.due.len(), PENDING_MAX);
        let late = start + SETTLE;
        let first = pending.due(late).unwrap();
        assert!(pending.closed(first.path.clone(), start));
        let mut others = HashSet::new();
        while let Some(due) = pending.due(late) {
            assert!(others.insert(due.path));
        }
        assert!(!others.contains(&first.path));
        pending.took(&first.path);
        assert_eq!(pending.due(late + TAKING_WAIT).unwrap().path, first.path);
    }
}
