//! The files of a folder tree, one after the other: opened, judged, offered, sent.

use std::{io, ops::ControlFlow, path::Path, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use camtrail_gateway::{Found, Handed, Handover, Offer, Tree, TreeFile};
use camtrail_model::{
    Digest,
    ports::{Clock, SystemClock},
    sniff::SNIFF_BYTES,
};
use indicatif::ProgressBar;
use tokio::{sync::mpsc, task::JoinHandle};

use super::{READS_MAX, Taker, room::Room, source::Source, tally::Outcome, worth::Worth};

/// A file that was changed less than so long ago may be under way: it is looked at again then.
const SETTLED_AFTER_MS: i64 = 2_000;

pub(super) fn walk(source: Arc<Source>, found: mpsc::Sender<Found>) -> JoinHandle<anyhow::Result<()>> {
    tokio::task::spawn_blocking(move || {
        let walked = if let Some(file) = &source.only {
            source.tree.look(file).map(|seen| {
                let _ = seen.is_some_and(|seen| found.blocking_send(Found::File(seen)).is_ok());
            })
        } else {
            source.tree.walk(Path::new(""), &mut |one| match found.blocking_send(one) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            })
        };
        walked.context("looking through the folder")
    })
}

/// Counts the files beside the import, for the bar.
pub(super) fn count_ahead(tree: Tree, bar: ProgressBar) {
    tokio::task::spawn_blocking(move || {
        let mut files = 0;
        let walked = tree.walk(Path::new(""), &mut |found| {
            files += u64::from(matches!(found, Found::File(_)));
            if bar.is_finished() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if walked.is_ok() {
            bar.set_length(files);
        }
    });
}

#[derive(Clone)]
pub(super) struct Files {
    pub(super) source: Arc<Source>,
    pub(super) dry_run: bool,
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

impl Taker for Files {
    type One = Found;

    async fn take(
        &mut self,
        handover: &mut Option<Handover>,
        one: Found,
    ) -> io::Result<Option<(PathBuf, Outcome)>> {
        Ok(match one {
            Found::File(seen) => {
                let path = seen.path.clone();
                let outcome = self.file(handover, seen).await?;
                Some((path, outcome))
            }
            Found::Skipped(_, "hidden") => None,
            Found::Skipped(path, why) => Some((path, Outcome::Skipped(why))),
            Found::Unreadable(path, error) => {
                Some((path, Outcome::Failed(format!("it can't be looked at: {error}"))))
            }
        })
    }
}

impl Files {
    /// Errors end the import; a file's own troubles are its outcome.
    async fn file(&self, handover: &mut Option<Handover>, found: TreeFile) -> io::Result<Outcome> {
        let age_ms = SystemClock.now().0.saturating_sub(found.modified_at().0);
        if (0..SETTLED_AFTER_MS).contains(&age_ms) {
            tokio::time::sleep(Duration::from_millis((SETTLED_AFTER_MS - age_ms).unsigned_abs())).await;
        }
        let mut room = Room::default();
        let mut reads = 0;
        loop {
            match self.once(handover, &found.path).await? {
                Tried::Done(outcome) => return Ok(outcome),
                Tried::Changed => {
                    reads += 1;
                    if reads == READS_MAX {
                        let why = "it changed while it was read: run the import again when it is done";
                        return Ok(Outcome::Failed(why.to_owned()));
                    }
                    tokio::time::sleep(Duration::from_millis(SETTLED_AFTER_MS.unsigned_abs())).await;
                }
                Tried::Full => room.wait().await?,
            }
        }
    }

    async fn once(&self, handover: &mut Option<Handover>, path: &Path) -> io::Result<Tried> {
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
                return failed(super::NOBODYS.to_owned());
            }
        };
        let Some(handover) = handover else { return Ok(Tried::Done(Outcome::Imported)) };
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
