//! The cameras of a campaign: several at once, each with any of the programs, trying again until it is told that a
//! file is stored.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::plan::{Content, Shot, Shots, Twist};
use crate::support::{Batch, Dice, Program, Target};

/// One batch is tried again for at most so long.
const BATCH_LIMIT: Duration = Duration::from_mins(10);
/// Where more uploads wait in the spool, cameras hold back for a while.
const WAITING_MAX: usize = 40;
const HOLD_BACK_LIMIT: Duration = Duration::from_mins(1);
/// Header and data.
const FILES_AN_ENTRY: usize = 2;
/// A cut comes after at least 16 KiB that the server has: programs and the system hold up to some 200 kB.
const CUT_AFTER_BYTES: usize = 250_000;

/// What all cameras together have done.
#[derive(Default)]
pub(super) struct Tally {
    next: AtomicUsize,
    pub(super) acknowledged: AtomicUsize,
    pub(super) again: AtomicUsize,
    pub(super) cuts: AtomicUsize,
    pub(super) tries: AtomicUsize,
    /// Somebody panicked: the others needn't go on.
    given_up: AtomicBool,
    /// By program, in the order of [`Program::ALL`].
    pub(super) stored_by: [AtomicUsize; Program::ALL.len()],
}

impl Tally {
    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    pub(super) fn given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Tells the others, should its owner panic.
    pub(super) fn watch(&self) -> Watch<'_> {
        Watch(self)
    }
}

pub(super) struct Watch<'a>(&'a Tally);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.given_up.store(true, Ordering::Relaxed);
        }
    }
}

/// One camera at work in a folder of its own.
pub(super) struct Camera<'a> {
    pub(super) ftp: SocketAddr,
    /// The program's: cameras hold back where much waits, or most would be shipped after all troubles.
    pub(super) spool: &'a Path,
    pub(super) dir: &'a Path,
    pub(super) dice: Dice,
    pub(super) tally: &'a Tally,
}

impl Camera<'_> {
    /// Takes batches until there are none.
    pub(super) fn run(mut self, plan: &[Shots]) {
        let _watch = self.tally.watch();
        while let Some(shots) = plan.get(self.tally.next.fetch_add(1, Ordering::Relaxed)) {
            self.hold_back();
            for shot in &shots.shots {
                fs::write(self.dir.join(shot.name()), shot.bytes()).unwrap();
            }
            match shots.twist {
                Twist::Plain => self.insist(&shots.shots),
                Twist::Again => {
                    self.insist(&shots.shots);
                    let told = self.attempt(&shots.shots);
                    self.tally.again.fetch_add(told.iter().filter(|told| **told).count(), Ordering::Relaxed);
                }
                Twist::Cut => {
                    for _ in 0..self.dice.between(1, 3) {
                        self.cut_for_sure(&shots.shots[0], false);
                    }
                    self.insist(&shots.shots);
                }
                // Where the program didn't get so far, there is nothing to send beside it.
                Twist::Stalled => {
                    if !self.cut_for_sure(&shots.shots[0], true) {
                        self.insist(&shots.shots);
                    }
                }
            }
            for shot in &shots.shots {
                fs::remove_file(self.dir.join(shot.name())).unwrap();
            }
        }
    }

    fn hold_back(&self) {
        let deadline = Instant::now() + HOLD_BACK_LIMIT;
        let waiting = || fs::read_dir(self.spool).map_or(0, Iterator::count) / FILES_AN_ENTRY;
        while waiting() > WAITING_MAX && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Sends until all is acknowledged.
    fn insist(&mut self, shots: &[Shot]) {
        let deadline = Instant::now() + BATCH_LIMIT;
        let mut pending = shots.to_vec();
        while !pending.is_empty() {
            let told = self.attempt(&pending);
            let mut told = told.iter();
            let before = pending.len();
            pending.retain(|_| !told.next().unwrap());
            self.tally.acknowledged.fetch_add(before - pending.len(), Ordering::Relaxed);
            if !pending.is_empty() {
                let late = Instant::now() >= deadline;
                assert!(!late && !self.tally.given_up(), "never taken: {pending:?}");
                thread::sleep(self.dice.millis(50, 400));
            }
        }
    }

    /// One call of any program: which files it says were stored.
    fn attempt(&mut self, shots: &[Shot]) -> Vec<bool> {
        let number = self.dice.between(0, Program::ALL.len());
        let names: Vec<String> = shots.iter().map(Shot::name).collect();
        let folder = shots[0].folder();
        let batch =
            Batch { dir: self.dir, folder: &folder, names: names.iter().map(String::as_str).collect() };
        let told = Program::ALL[number].upload(&Target { ftp: self.ftp, home: self.dir }, &batch);
        self.tally.tries.fetch_add(shots.len(), Ordering::Relaxed);
        let stored = told.iter().filter(|told| **told).count();
        self.tally.stored_by[number].fetch_add(stored, Ordering::Relaxed);
        told
    }

    /// A program may not get so far: nobody is there, or the disk is full.
    fn cut_for_sure(&mut self, shot: &Shot, stalled: bool) -> bool {
        const CUT_TRIES: usize = 5;
        (0..CUT_TRIES).any(|_| {
            let cut = self.cut(shot, stalled);
            if !cut {
                thread::sleep(self.dice.millis(100, 500));
            }
            cut
        })
    }

    /// Kills a program in the middle of a file; `stalled`: only after the whole file was sent by another.
    fn cut(&mut self, shot: &Shot, stalled: bool) -> bool {
        let (name, folder) = (shot.name(), shot.folder());
        let size = fs::metadata(self.dir.join(&name)).unwrap().len() as usize;
        // What is slow and big would take long.
        let latest = if shot.content == Content::Still { size } else { CUT_AFTER_BYTES * 2 };
        let after = self.dice.between(CUT_AFTER_BYTES, latest.max(CUT_AFTER_BYTES + 1)) as u64;
        let (program, dir) = (self.dice.pick(&Program::SLOW), self.dir);
        let target = Target { ftp: self.ftp, home: dir };
        let batch = Batch { dir, folder: &folder, names: vec![&name] };
        let mut insist = || self.insist(std::slice::from_ref(shot));
        let cut = program.cut(&target, &batch, after, stalled.then_some(&mut insist));
        self.tally.cuts.fetch_add(usize::from(cut), Ordering::Relaxed);
        cut
    }
}

/// How many files each program reported as stored.
pub(super) fn by_program(tally: &Tally) -> String {
    let counts = Program::ALL.iter().zip(&tally.stored_by);
    let parts: Vec<String> =
        counts.map(|(program, count)| format!("{program:?} {}", count.load(Ordering::Relaxed))).collect();
    parts.join(", ")
}
