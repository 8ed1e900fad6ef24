//! How the backfill goes: a progress bar (or a line now and then), counts, and a bounded list of what failed.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use camtrail_derive::{Made, Product};
use camtrail_model::CatalogRecord;
use futures::TryStreamExt;
use indicatif::{ProgressBar, ProgressStyle};

use super::Walk;

/// Failures that are listed; more are counted.
const LISTED_MAX: usize = 50;
/// How often a line tells how it goes where nobody sees a bar.
const LINE_EVERY: Duration = Duration::from_secs(10);

#[derive(Default, Clone, Copy)]
struct Counts {
    made: u64,
    there: u64,
    not_needed: u64,
    impossible: u64,
    gone: u64,
    failed: u64,
}

struct State {
    events: u64,
    of: BTreeMap<Product, Counts>,
    listed: Vec<String>,
    told: Instant,
}

pub(super) struct Tally {
    dry_run: bool,
    state: Mutex<State>,
    began: Instant,
    /// Hides itself where stderr is no terminal.
    bar: ProgressBar,
}

impl Tally {
    pub(super) fn new(dry_run: bool, products: &[Product]) -> Self {
        let bar = ProgressBar::no_length();
        let shape = "{elapsed_precise} {wide_bar} {pos}/{len} events, {per_sec}, {eta} left {msg}";
        if let Ok(style) = ProgressStyle::with_template(shape) {
            bar.set_style(style);
        }
        let of = products.iter().map(|&product| (product, Counts::default())).collect();
        let now = Instant::now();
        let state = State { events: 0, of, listed: Vec::new(), told: now };
        Self { dry_run, state: Mutex::new(state), began: now, bar }
    }

    /// Counts the events beside the backfill, where anybody sees the bar.
    pub(super) fn count_ahead(&self, walk: Walk) {
        if self.bar.is_hidden() {
            return;
        }
        let bar = self.bar.clone();
        tokio::spawn(async move {
            let counted = walk.pages().try_fold(0, async |count, page| Ok(count + page.len() as u64)).await;
            if let Ok(events) = counted {
                bar.set_length(events);
            }
        });
    }

    /// What became of one product of an event; for a dry run, what would.
    pub(super) fn add(&self, record: &CatalogRecord, product: Product, outcome: Result<Made, String>) {
        let mut state = self.lock();
        let counts = state.of.entry(product).or_default();
        match outcome {
            Ok(Made::Now) => counts.made += 1,
            Ok(Made::There) => counts.there += 1,
            Ok(Made::NotNeeded) => counts.not_needed += 1,
            Ok(Made::Impossible(_)) => counts.impossible += 1,
            Ok(Made::Gone) => counts.gone += 1,
            Err(why) => {
                counts.failed += 1;
                if state.listed.len() < LISTED_MAX {
                    state.listed.push(format!("{}: {}: {why}", record.object_key, product.name()));
                }
            }
        }
    }

    /// One more event is done with.
    pub(super) fn looked(&self) {
        self.bar.inc(1);
        let mut state = self.lock();
        state.events += 1;
        let made: u64 = state.of.values().map(|counts| counts.made).sum();
        if !self.bar.is_hidden() {
            self.bar.set_message(format!("({made} made)"));
        } else if state.told.elapsed() >= LINE_EVERY {
            state.told = Instant::now();
            eprintln!("backfill: {} events looked at, {made} made", state.events);
        }
    }

    pub(super) fn failed(&self) -> u64 {
        self.lock().of.values().map(|counts| counts.failed).sum()
    }

    /// Failures to stderr, the totals to stdout.
    pub(super) fn print(&self) {
        self.bar.finish_and_clear();
        let state = self.lock();
        for why in &state.listed {
            eprintln!("not made: {why}");
        }
        let failed: u64 = state.of.values().map(|counts| counts.failed).sum();
        let more = failed.saturating_sub(state.listed.len() as u64);
        if more > 0 {
            eprintln!("not made: {more} more");
        }
        let made = if self.dry_run { "would be made" } else { "made" };
        for (product, counts) in &state.of {
            let Counts { made: new, there, not_needed, impossible, gone, failed } = counts;
            println!(
                "{}: {new} {made}, {there} already there, {not_needed} not needed, {impossible} impossible, {gone} of events \
                 that went, {failed} failed",
                plural(*product)
            );
        }
        println!("{} events looked at in {:.1} s", state.events, self.began.elapsed().as_secs_f64());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn plural(product: Product) -> &'static str {
    match product {
        Product::Poster => "posters",
        Product::Preview => "previews",
        Product::Small => "small renditions",
        Product::H264 => "H.264 copies",
    }
}
