//! `camtrail import PATH`: takes in a folder tree that is there already, through the same spool and pipeline as every
//! upload (docs/design/doors.md).
//!
//! Promises: source files are only read; what is stored already is not sent; run again after any interruption, it goes
//! on, and nothing is doubled. Exit code 1 if any file could not be imported, with a bounded list of them.

mod owner;
mod source;
mod tally;

use std::{io, ops::ControlFlow, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use camtrail_gateway::{Found, Handed, Handover, Offer, Tree, TreeFile};
use camtrail_model::{
    Digest,
    ports::{Clock, SystemClock},
    sniff::SNIFF_BYTES,
};
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
    time::Instant,
};

use self::{
    owner::Owner,
    source::{Source, Worth},
    tally::{Outcome, Tally},
};
use crate::{cli::ImportArgs, config};

/// Files handed over at once: their fsyncs share.
const AT_ONCE: usize = 4;
/// Files found and not looked at yet.
const FOUND_AHEAD: usize = 64;
/// A file that was changed less than so long ago may be under way: it is looked at again then.
const SETTLED_AFTER_MS: i64 = 2_000;
/// A file that changes while it is read is read again so often.
const READS_MAX: u32 = 3;
/// A spool or disk that stays full for so long ends the import; it is looked at again after so long each time.
const FULL_WITHIN: Duration = Duration::from_mins(5);
const FULL_WAIT: Duration = Duration::from_secs(1);

pub(crate) async fn import(args: &ImportArgs) -> anyhow::Result<()> {
    let settings = config::settings(&args.config)?;
    let source = Arc::new(Source::check(args, &settings.base)?);
    let owner = Arc::new(Owner::reach(&settings, args.dry_run).await?);
    let tally = Arc::new(Tally::new(args.dry_run));
    tally.count_ahead(source.tree.clone());
    let (found, next) = mpsc::channel(FOUND_AHEAD);
    let walking = walk(Arc::clone(&source), found);
    let next = Arc::new(Mutex::new(next));
    let mut workers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let worker = Worker {
            handover: owner.handover().await?,
            source: Arc::clone(&source),
            tally: Arc::clone(&tally),
            dry_run: args.dry_run,
        };
        workers.spawn(worker.run(Arc::clone(&next)));
    }
    drop(next);
    let mut broken = None;
    while let Some(done) = workers.join_next().await {
        // One broken connection is all connections': the others end at once, too.
        if let Err(error) = done.context("a part of the import was lost")? {
            broken.get_or_insert(error);
        }
    }
    if broken.is_none() {
        walking
            .await
            .context("looking through the folder was lost")?
            .context("looking through the folder")?;
    }
    let shipped = owner.finish(broken.is_none()).await;
    tally.print();
    match broken {
        None => shipped?,
        Some(error) if error.kind() == io::ErrorKind::StorageFull => bail!(
            "nothing more can be stored now (the log says why): what was imported is safe; run the import again later, it \
             goes on and doubles nothing"
        ),
        Some(error) => {
            return Err(error).context(
                "the running Camtrail went away: run the import again, it goes on and doubles nothing",
            );
        }
    }
    match tally.failed() {
        0 => Ok(()),
        1 => bail!("one file was not imported"),
        failed => bail!("{failed} files were not imported"),
    }
}

fn walk(source: Arc<Source>, found: mpsc::Sender<Found>) -> tokio::task::JoinHandle<io::Result<()>> {
    tokio::task::spawn_blocking(move || {
        if let Some(file) = &source.only {
            let seen = source.tree.look(file)?;
            let _ = seen.is_some_and(|seen| found.blocking_send(Found::File(seen)).is_ok());
            return Ok(());
        }
        source.tree.walk(Path::new(""), &mut |one| match found.blocking_send(one) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        })
    })
}

struct Worker {
    handover: Option<Handover>,
    source: Arc<Source>,
    tally: Arc<Tally>,
    dry_run: bool,
}

/// A file that was opened, and what its beginning says.
struct Opened {
    file: std::fs::File,
    seen: TreeFile,
    head: Vec<u8>,
}

fn open(tree: &Tree, path: &Path) -> io::Result<Opened> {
    use io::Read;
    let (mut file, seen) = tree.open(path)?;
    let mut head = Vec::new();
    io::Seek::rewind(&mut file)?;
    file.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut head)?;
    io::Seek::rewind(&mut file)?;
    Ok(Opened { file, seen, head })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

impl Worker {
    async fn run(mut self, next: Arc<Mutex<mpsc::Receiver<Found>>>) -> io::Result<()> {
        loop {
            let one = next.lock().await.recv().await;
            let Some(one) = one else { return Ok(()) };
            match one {
                Found::File(seen) => {
                    let path = seen.path.clone();
                    let outcome = self.file(seen).await?;
                    self.tally.add(&path, outcome);
                }
                Found::Skipped(_, "hidden") => {}
                Found::Skipped(path, why) => self.tally.add(&path, Outcome::Skipped(why)),
                Found::Unreadable(path, error) => {
                    self.tally.add(&path, Outcome::Failed(format!("it can't be looked at: {error}")));
                }
            }
        }
    }

    /// Errors end the import; a file's own troubles are its outcome.
    async fn file(&mut self, found: TreeFile) -> io::Result<Outcome> {
        let age_ms = SystemClock.now().0.saturating_sub(found.modified_at().0);
        if (0..SETTLED_AFTER_MS).contains(&age_ms) {
            tokio::time::sleep(Duration::from_millis((SETTLED_AFTER_MS - age_ms).unsigned_abs())).await;
        }
        let mut full_since = None;
        let mut reads = 0;
        loop {
            match self.once(&found.path).await? {
                Tried::Done(outcome) => return Ok(outcome),
                Tried::Changed => {
                    reads += 1;
                    if reads == READS_MAX {
                        let why = "it changed while it was read: run the import again when it is done";
                        return Ok(Outcome::Failed(why.to_owned()));
                    }
                    tokio::time::sleep(Duration::from_millis(SETTLED_AFTER_MS.unsigned_abs())).await;
                }
                Tried::Full => {
                    if full_since.get_or_insert_with(Instant::now).elapsed() > FULL_WITHIN {
                        return Err(io::ErrorKind::StorageFull.into());
                    }
                    tokio::time::sleep(FULL_WAIT).await;
                }
            }
        }
    }

    async fn once(&mut self, path: &Path) -> io::Result<Tried> {
        let failed = |why: String| Ok(Tried::Done(Outcome::Failed(why)));
        let (tree, below) = (self.source.tree.clone(), path.to_owned());
        let Opened { file, seen, head } = match blocking(move || open(&tree, &below)).await {
            Ok(opened) => opened,
            Err(error) => return failed(format!("it can't be read: {error}")),
        };
        let (camera, path, cut) = match self.source.worth(&seen, &head) {
            Worth::Media { camera, path, cut } => (camera, path, cut),
            Worth::Nothing(why) => return Ok(Tried::Done(Outcome::Skipped(why))),
            Worth::Nobodys => {
                return failed(
                    "no folder says which camera's it is: import it with --camera NAME".to_owned(),
                );
            }
        };
        let Some(handover) = &mut self.handover else { return Ok(Tried::Done(Outcome::Imported)) };
        let offer = Offer { camera, path, size: seen.size, modified_at: seen.modified_at(), cut };
        let known = handover.offer(&offer).await?;
        if !known.is_empty() {
            let again = file.try_clone()?;
            let measured = blocking(move || {
                let measured = Digest::of_reader(&again)?;
                io::Seek::rewind(&mut &again)?;
                Ok(measured)
            });
            match measured.await {
                Ok((_, digest)) if known.contains(&digest) => return Ok(Tried::Done(Outcome::There)),
                Ok(_) => {}
                Err(error) => return failed(format!("it can't be read: {error}")),
            }
        }
        if self.dry_run {
            return Ok(Tried::Done(Outcome::Imported));
        }
        let same = file.try_clone()?;
        let mut reader = tokio::fs::File::from_std(file);
        let handed = handover.send(&mut reader, async |sent| {
            let before = seen.clone();
            let now = blocking(move || Tree::look_again(&same, &before.path)).await;
            now.is_ok_and(|now| now == seen && sent == seen.size)
        });
        Ok(match handed.await? {
            Handed::Taken => Tried::Done(Outcome::Imported),
            Handed::Full => Tried::Full,
            Handed::Changed => Tried::Changed,
            Handed::Refused(why) => Tried::Done(Outcome::Failed(why)),
        })
    }
}

enum Tried {
    Done(Outcome),
    Changed,
    Full,
}
