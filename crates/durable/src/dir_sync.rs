//! One directory fsync for all who wait for one: group commit of names.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

/// Fsyncs one directory on behalf of many threads.
///
/// A call returns after an fsync that *began* after the call: every name that the caller made before is
/// covered. While one fsync runs, all newcomers wait for the next and share it.
#[derive(Debug)]
pub struct DirSync {
    dir: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Calls so far.
    requested: u64,
    /// The calls up to this number are answered.
    answered: u64,
    /// Why the calls of a number range failed, newest last; kept until their callers took it.
    failures: Vec<(u64, u64, io::ErrorKind, String)>,
    /// Failures of calls up to this number were dropped unread: such a call is failed, whatever it was.
    forgotten_to: u64,
    running: bool,
}

impl DirSync {
    /// For one directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), state: Mutex::default(), changed: Condvar::new() }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Ok: all names made in the directory before this call are durable.
    pub fn sync(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.requested += 1;
        let mine = state.requested;
        loop {
            if state.answered >= mine {
                return state.outcome(mine);
            }
            if state.running {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.running = true;
            let (from, to) = (state.answered + 1, state.requested);
            drop(state);
            let outcome = super::sync_dir(&self.dir);
            state = self.lock();
            state.running = false;
            state.answered = to;
            if let Err(error) = outcome {
                state.failures.push((from, to, error.kind(), error.to_string()));
            }
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn outcome(&mut self, call: u64) -> io::Result<()> {
        /// A failing disk ends in `452`s, not in memory.
        const FAILURES_KEPT: usize = 64;
        while self.failures.len() > FAILURES_KEPT {
            self.forgotten_to = self.failures.remove(0).1;
        }
        if call <= self.forgotten_to {
            return Err(io::Error::other("the directory could not be synced"));
        }
        match self.failures.iter().find(|(from, to, ..)| (*from..=*to).contains(&call)) {
            Some((_, _, kind, text)) => Err(io::Error::new(*kind, text.clone())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_caller_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        let sync = DirSync::new(dir.path());
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| sync.sync().unwrap());
            }
        });
    }

    #[test]
    fn a_failure_reaches_its_callers() {
        let sync = DirSync::new("/nonexistent/folder");
        assert_eq!(sync.sync().unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
