//! How the rebuild goes: a progress bar, counts, and a bounded list of what failed.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use camtrail_arrival::Did;
use camtrail_model::{ObjectKey, ports::ObjectStore};
use indicatif::{ProgressBar, ProgressStyle};

use super::journal::Counts;

/// Failures that are listed; more are counted.
const LISTED_MAX: usize = 50;

pub(super) struct Tally {
    counts: Mutex<(Counts, Vec<String>)>,
    /// Captures of earlier runs.
    before: u64,
    began: Instant,
    /// Hides itself where stderr is no terminal.
    bar: ProgressBar,
}

impl Tally {
    /// Goes on from what earlier runs of the same rebuild did.
    pub(super) fn new(counts: Counts) -> Self {
        let bar = ProgressBar::no_length();
        let shape = "{elapsed_precise} {wide_bar} {pos}/{len} captures, {per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(shape) {
            bar.set_style(style);
        }
        bar.set_position(counts.captures);
        Self { counts: Mutex::new((counts, Vec::new())), before: counts.captures, began: Instant::now(), bar }
    }

    /// Counts the store's objects beside the rebuild, where anybody sees the bar.
    pub(super) fn count_ahead(&self, store: Arc<dyn ObjectStore>, base: String) {
        if self.bar.is_hidden() {
            return;
        }
        let bar = self.bar.clone();
        tokio::spawn(async move {
            let (mut objects, mut after) = (0, None);
            while !bar.is_finished() {
                let Ok(part) = store.list(&base, after.as_deref()).await else { return };
                objects += part.keys.len() as u64;
                if !part.more {
                    bar.set_length(objects);
                    return;
                }
                after = part.keys.last().cloned();
            }
        });
    }

    /// A capture's outcome.
    pub(super) fn add(&self, key: &ObjectKey, outcome: Result<Did, String>) {
        let (counts, listed) = &mut *self.lock();
        counts.captures += 1;
        match outcome {
            Ok(Did::Recorded) => counts.recorded += 1,
            Ok(Did::Replaced | Did::Completed) => counts.corrected += 1,
            Ok(Did::Removed) => counts.removed += 1,
            Ok(Did::Already | Did::Absent) => {}
            Err(why) => {
                counts.failed += 1;
                if listed.len() < LISTED_MAX {
                    listed.push(if why.starts_with(key.as_str()) { why } else { format!("{key}: {why}") });
                }
            }
        }
        self.bar.inc(1);
    }

    pub(super) fn skipped(&self) {
        self.lock().0.skipped += 1;
        self.bar.inc(1);
    }

    pub(super) fn removed(&self) {
        self.lock().0.removed += 1;
    }

    /// One more was looked at, in a dry run.
    pub(super) fn looked(&self) {
        self.bar.inc(1);
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().0
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Failures to stderr, the summary to stdout.
    pub(super) fn print(&self) {
        self.clear();
        let (counts, listed) = &*self.lock();
        for why in listed {
            eprintln!("not recorded: {why}");
        }
        let more = counts.failed.saturating_sub(listed.len() as u64);
        if more > 0 {
            eprintln!("not recorded: {more} more");
        }
        let Counts { captures, recorded, corrected, failed, skipped, removed } = counts;
        let there = captures.saturating_sub(recorded + corrected + failed);
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = captures.saturating_sub(self.before) as f64 / seconds.max(0.001);
        println!(
            "{captures} captures: {recorded} recorded, {corrected} corrected, {there} already there, {failed} failed; \
             {skipped} other objects; {removed} events forgotten; {seconds:.1} s, {rate:.0} captures a second"
        );
    }

    fn lock(&self) -> MutexGuard<'_, (Counts, Vec<String>)> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
