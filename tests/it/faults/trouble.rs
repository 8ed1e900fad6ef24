//! What goes wrong in a campaign, at moments that follow its progress: the process is killed, the disk is full, the
//! store is out of order.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::uploads::Tally;
use crate::support::{Dice, FaultProxy, Instance, Tmpfs};

/// A start that a full disk prevents is tried again, as a service manager does, for at most so long.
const START_LIMIT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(5);

/// The progress that troubles follow.
pub(super) struct Progress<'a> {
    pub(super) tally: &'a Tally,
    pub(super) files: usize,
}

impl Progress<'_> {
    /// A line now and then, for whoever waits. Returns for how long at most uploads waited while none came or went:
    /// longer than outages, hangs and the waits after them means that shipping stood still.
    pub(super) fn watch_over(&self, spool: &Path) -> Duration {
        const TELL_EACH: Duration = Duration::from_secs(30);
        const LOOK_EACH: Duration = Duration::from_millis(200);
        let (mut told, mut changed) = (Instant::now(), Instant::now());
        let (mut longest, mut before) = (Duration::ZERO, BTreeSet::new());
        while self.tally.acknowledged() < self.files && !self.tally.given_up() {
            thread::sleep(LOOK_EACH);
            let waiting: BTreeSet<_> =
                fs::read_dir(spool).into_iter().flatten().flatten().map(|file| file.file_name()).collect();
            if waiting.is_empty() || waiting != before {
                changed = Instant::now();
                before = waiting;
            }
            longest = longest.max(changed.elapsed());
            if told.elapsed() >= TELL_EACH {
                told = Instant::now();
                println!("{} of {} acknowledged", self.tally.acknowledged(), self.files);
            }
        }
        longest
    }

    /// Calls `trouble` so many times, spread over the campaign.
    pub(super) fn spread(&self, times: usize, dice: &mut Dice, mut trouble: impl FnMut(&mut Dice)) {
        let _watch = self.tally.watch();
        for number in 0..times {
            // Somewhere in its own part of the files; the last ones are left in peace.
            let part = dice.between(100, 900);
            let at = self.files * (number * 1000 + part) / (times * 1000 + 200);
            while self.tally.acknowledged() < at && !self.tally.given_up() {
                thread::sleep(POLL);
            }
            if self.tally.given_up() {
                return;
            }
            trouble(dice);
        }
    }
}

/// SIGKILL, some time without anybody there, and a start. Returns how many starts failed.
pub(super) fn kill(instance: &mut Instance, dice: &mut Dice) -> usize {
    instance.kill();
    if dice.one_in(3) {
        thread::sleep(dice.millis(0, 1500));
    }
    let deadline = Instant::now() + START_LIMIT;
    let mut failed = 0;
    while let Err(status) = instance.try_restart() {
        failed += 1;
        let log = instance.log();
        println!("a start failed with {status}: {}", log.lines().last().unwrap_or_default());
        assert!(Instant::now() < deadline, "it never started again: {status}: {log}");
        thread::sleep(Duration::from_millis(200));
    }
    failed
}

/// A full disk for a while: whatever shipping frees is taken, too.
pub(super) fn fill(disk: &Tmpfs, dice: &mut Dice) {
    let until = Instant::now() + dice.millis(500, 3000);
    let spare = dice.between(0, 200_000) as u64;
    while Instant::now() < until {
        disk.fill(spare);
        thread::sleep(Duration::from_millis(50));
    }
    disk.relieve();
}

/// A time in which the store does nothing right.
pub(super) fn outage(proxy: &FaultProxy, dice: &mut Dice) {
    proxy.outage(true);
    thread::sleep(dice.millis(500, 6000));
    proxy.outage(false);
}
