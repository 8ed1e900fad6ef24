//! How the import goes: a progress bar, counts, and a bounded list of what failed.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Failures that are listed; more are counted.
const LISTED_MAX: usize = 50;

/// What became of a file.
pub(super) enum Outcome {
    /// It is durable (or would be, in a dry run).
    Imported,
    /// The same bytes are stored under its name already.
    There,
    /// It is no capture.
    Skipped(&'static str),
    /// It could not be imported, and why.
    Failed(String),
}

#[derive(Default)]
struct Counts {
    imported: u64,
    there: u64,
    skipped: u64,
    failed: u64,
    listed: Vec<(PathBuf, String)>,
}

pub(super) struct Tally {
    dry_run: bool,
    counts: Mutex<Counts>,
    /// Hides itself where stderr is no terminal.
    bar: ProgressBar,
}

impl Tally {
    pub(super) fn new(dry_run: bool) -> Self {
        let bar = ProgressBar::no_length();
        let shape = "{elapsed_precise} {wide_bar} {pos}/{len} files, {per_sec}, {eta} left {msg}";
        if let Ok(style) = ProgressStyle::with_template(shape) {
            bar.set_style(style);
        }
        Self { dry_run, counts: Mutex::default(), bar }
    }

    /// The bar, where anybody sees it: whoever knows how many files there are sets its length.
    pub(super) fn bar_for_people(&self) -> Option<ProgressBar> {
        (!self.bar.is_hidden()).then(|| self.bar.clone())
    }

    pub(super) fn add(&self, path: &Path, outcome: Outcome) {
        let mut counts = self.lock();
        match outcome {
            Outcome::Imported => counts.imported += 1,
            Outcome::There => counts.there += 1,
            Outcome::Skipped(why) => {
                tracing::debug!(file = %path.display(), why, "skipped");
                counts.skipped += 1;
            }
            Outcome::Failed(why) => {
                counts.failed += 1;
                if counts.listed.len() < LISTED_MAX {
                    counts.listed.push((path.to_owned(), why));
                }
            }
        }
        self.bar.inc(1);
    }

    pub(super) fn failed(&self) -> u64 {
        self.lock().failed
    }

    /// Failures to stderr, the summary to stdout.
    pub(super) fn print(&self) {
        self.bar.finish_and_clear();
        let counts = self.lock();
        for (path, why) in &counts.listed {
            eprintln!("not imported: {}: {why}", path.display());
        }
        let more = counts.failed.saturating_sub(counts.listed.len() as u64);
        if more > 0 {
            eprintln!("not imported: {more} more");
        }
        let Counts { imported, there, skipped, failed, .. } = &*counts;
        let files = imported + there + skipped + failed;
        let verb = if self.dry_run { "would be imported" } else { "imported" };
        println!(
            "{files} files: {imported} {verb}, {there} already there, {skipped} skipped (no captures), {failed} failed"
        );
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
