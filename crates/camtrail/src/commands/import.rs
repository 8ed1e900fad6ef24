//! `camtrail import PATH`: takes in a folder tree, or a bucket, that is there already, through the same spool and pipeline
//! as every upload (docs/design/doors.md).
//!
//! Promises: sources are only read; what is stored already is not sent; run again after any interruption, it goes on, and
//! nothing is doubled. Exit code 1 if any file could not be imported, with a bounded list of them.

mod bucket;
mod folder;
mod location;
mod notes;
mod objects;
mod owner;
mod room;
mod source;
mod tally;
mod worth;

use std::{io, path::PathBuf, sync::Arc};

use anyhow::{Context, bail};
use camtrail_gateway::Handover;
use tokio::{
    sync::{Mutex, mpsc},
    task::{JoinHandle, JoinSet},
};

use self::{
    bucket::Bucket,
    folder::Files,
    location::Location,
    notes::Notes,
    objects::{BucketLost, Objects},
    owner::Owner,
    source::Source,
    tally::{Outcome, Tally},
};
use crate::{
    cli::ImportArgs,
    config::{self, Settings},
    data_dir::DataDir,
};

/// Files handed over at once: their fsyncs share.
const AT_ONCE: usize = 4;
/// Files found and not looked at yet.
const FOUND_AHEAD: usize = 64;
/// What changes while it is read is read again so often.
const READS_MAX: u32 = 3;
/// What is said of a capture that no folder names a camera for.
const NOBODYS: &str = "no folder says which camera's it is: import it with --camera NAME";

/// Takes what was found, one after the other; each connection to the spool's owner has one.
trait Taker: Clone + Send + 'static {
    /// What is found.
    type One: Send + 'static;
    /// What became of it; `None`: not worth a word. Errors end the import.
    fn take(
        &mut self,
        handover: &mut Option<Handover>,
        one: Self::One,
    ) -> impl Future<Output = io::Result<Option<(PathBuf, Outcome)>>> + Send;
}

pub(crate) async fn import(args: &ImportArgs) -> anyhow::Result<()> {
    let settings = config::settings(&args.config)?;
    let dry_run = args.dry_run;
    if let Some(location) = Location::parse(&args.path)? {
        let source = Arc::new(Bucket::check(args, &location, &settings).await?);
        let owner = Arc::new(Owner::reach(&settings, dry_run).await?);
        let tally = Arc::new(Tally::new(dry_run));
        if let Some(bar) = tally.bar_for_people() {
            tokio::spawn(Arc::clone(&source).count_ahead(bar));
        }
        let notes = Notes::open(&DataDir::new(&settings.data_dir), source.place(), dry_run).map(Arc::new);
        let objects = Objects::new(Arc::clone(&source), notes, dry_run);
        return run(&owner, &tally, objects, |found| tokio::spawn(source.walk(found))).await;
    }
    let source = Arc::new(Source::check(args, &settings.base)?);
    let owner = Arc::new(Owner::reach(&settings, dry_run).await?);
    let tally = Arc::new(Tally::new(dry_run));
    if let Some(bar) = tally.bar_for_people() {
        folder::count_ahead(source.tree.clone(), bar);
    }
    let files = Files { source: Arc::clone(&source), dry_run };
    run(&owner, &tally, files, |found| folder::walk(source, found)).await
}

/// Hands over what the walk finds, says how it went, and ships where nobody else does.
async fn run<T: Taker>(
    owner: &Owner,
    tally: &Arc<Tally>,
    taker: T,
    walk: impl FnOnce(mpsc::Sender<T::One>) -> JoinHandle<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let (found, next) = mpsc::channel(FOUND_AHEAD);
    let walking = walk(found);
    let next = Arc::new(Mutex::new(next));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let handover = owner.handover().await?;
        workers.spawn(work(taker.clone(), handover, Arc::clone(tally), Arc::clone(&next)));
    }
    drop(next);
    let mut broken = None;
    while let Some(done) = workers.join_next().await {
        // One broken connection is all connections': the others end at once, too.
        if let Err(error) = done.context("a part of the import was lost")? {
            broken.get_or_insert(error);
        }
    }
    let walked = match broken {
        None => walking.await.context("looking through the source was lost")?,
        Some(_) => Ok(()),
    };
    let shipped = owner.finish(broken.is_none()).await;
    tally.print();
    if let Some(error) = broken {
        return Err(why_broken(error));
    }
    walked?;
    shipped?;
    match tally.failed() {
        0 => Ok(()),
        1 => bail!("one file was not imported"),
        failed => bail!("{failed} files were not imported"),
    }
}

async fn work<T: Taker>(
    mut taker: T,
    mut handover: Option<Handover>,
    tally: Arc<Tally>,
    next: Arc<Mutex<mpsc::Receiver<T::One>>>,
) -> io::Result<()> {
    loop {
        let one = next.lock().await.recv().await;
        let Some(one) = one else { return Ok(()) };
        if let Some((path, outcome)) = taker.take(&mut handover, one).await? {
            tally.add(&path, outcome);
        }
    }
}

fn why_broken(error: io::Error) -> anyhow::Error {
    if error.kind() == io::ErrorKind::StorageFull {
        return anyhow::anyhow!(
            "nothing more can be stored now (the log says why): what was imported is safe; run the import again later, it \
             goes on and doubles nothing"
        );
    }
    let lost = error.get_ref().and_then(|inner| inner.downcast_ref::<BucketLost>());
    if lost.is_some() {
        return anyhow::Error::from(error);
    }
    anyhow::Error::from(error)
        .context("the running Camtrail went away: run the import again, it goes on and doubles nothing")
}

impl Settings {
    /// The configured bucket, where there is one.
    fn bucket(&self) -> Option<&camtrail_store::S3Config> {
        match &self.store {
            config::StoreSettings::Local => None,
            config::StoreSettings::S3(config) => Some(config),
        }
    }
}
