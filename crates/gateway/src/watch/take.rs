//! Taking one file: into the spool, durable, and only then away from where it lay, or into memory.

use std::{
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use camtrail_model::{
    Millis,
    ports::{CatalogError, Clock, Delivery, DeliveryEnd, Intake, IntakeError, TakenFile, TakenFiles},
    text::decode_wire_name,
};
use tokio::io::AsyncReadExt;

use super::pending::Expected;
use crate::{
    AccountScope, SpoolIntake,
    identity::owner,
    tree::{Tree, TreeFile},
};

/// Bytes read at once.
const PIECE_BYTES: usize = 256 * 1024;
/// Remembered files are looked up in parcels of so many.
const PRUNE_BATCH: usize = 500;
/// A remembered file whose whole folder is gone (a share that isn't mounted) is forgotten after so long.
const FORGOTTEN_AFTER_MS: i64 = 90 * 24 * 60 * 60 * 1000;

/// What became of a file.
#[derive(Debug)]
pub(super) enum Took {
    /// It is durable in the spool.
    Done,
    /// There is nothing (more) to take.
    Nothing,
    /// It is a folder.
    Folder,
    /// It is not what it was: to be looked at again.
    Changed(TreeFile),
    /// No room now.
    NoRoom,
    /// It can't be taken; what is wrong and what to do.
    Trouble(String),
}

pub(super) struct Taker {
    pub(super) tree: Tree,
    pub(super) scope: AccountScope,
    pub(super) keep: bool,
    pub(super) intake: SpoolIntake,
    pub(super) taken: Arc<dyn TakenFiles>,
    pub(super) clock: Arc<dyn Clock>,
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

impl Taker {
    /// The file as it is remembered.
    pub(super) fn as_taken(&self, file: &TreeFile) -> TakenFile {
        TakenFile {
            path: self.tree.root().join(&file.path).into_os_string().into_vec(),
            size: file.size,
            modified_ns: file.modified_ns,
        }
    }

    /// Takes the file at `path`, if it is as expected.
    pub(super) async fn take(&self, path: &Path, expected: Expected) -> Took {
        match self.try_take(path, expected).await {
            Ok(took) => took,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Took::Nothing,
            Err(error) => Took::Trouble(format!(
                "{} can't be read ({error}): give Camtrail's user access to it",
                self.shown(path)
            )),
        }
    }

    fn shown(&self, path: &Path) -> String {
        self.tree.root().join(path).display().to_string()
    }

    async fn look(&self, path: &Path) -> io::Result<Option<TreeFile>> {
        let (tree, path) = (self.tree.clone(), path.to_owned());
        blocking(move || tree.look(&path)).await
    }

    /// Errors are about reading the file.
    async fn try_take(&self, path: &Path, expected: Expected) -> io::Result<Took> {
        let Some(seen) = self.look(path).await? else {
            let (tree, path) = (self.tree.clone(), path.to_owned());
            let folder = blocking(move || tree.is_folder(&path)).await?;
            return Ok(if folder { Took::Folder } else { Took::Nothing });
        };
        // Some programs make an empty file first and fill it later.
        if seen.size == 0 {
            return Ok(Took::Nothing);
        }
        match expected {
            Expected::Anything => {}
            Expected::Same(size, modified_ns) if (size, modified_ns) == (seen.size, seen.modified_ns) => {}
            Expected::Same(..) | Expected::Unknown => return Ok(Took::Changed(seen)),
        }
        match self.is_taken(&seen).await {
            Ok(true) if self.keep => return Ok(Took::Nothing),
            Ok(true) => return Ok(self.tidy(seen).await),
            Ok(false) => {}
            Err(error) => {
                return Ok(Took::Trouble(format!("it can't be told what was taken already: {error}")));
            }
        }
        if seen.size > self.intake.max_bytes() {
            return Ok(Took::Trouble(format!(
                "{} has {} bytes, more than the whole spool: raise spool.max_bytes",
                self.shown(path),
                seen.size
            )));
        }
        if !self.intake.has_room_for_guest(seen.size) {
            return Ok(Took::NoRoom);
        }
        match self.copy(&seen).await? {
            Copied::Durable => {
                tracing::debug!(
                    file = self.shown(path),
                    size_bytes = seen.size,
                    "taken from a watched folder"
                );
                Ok(self.tidy(seen).await)
            }
            Copied::Changed => Ok(self.look(path).await?.map_or(Took::Nothing, Took::Changed)),
            Copied::Refused(IntakeError::Full) => Ok(Took::NoRoom),
            Copied::Refused(error) => Ok(Took::Trouble(format!("{}: {error}", self.shown(path)))),
        }
    }

    async fn is_taken(&self, file: &TreeFile) -> Result<bool, CatalogError> {
        let known = self.taken.are_taken(&[self.as_taken(file)]).await?;
        Ok(known.first() == Some(&true))
    }

    async fn copy(&self, seen: &TreeFile) -> io::Result<Copied> {
        let (tree, path) = (self.tree.clone(), seen.path.clone());
        let (file, opened) = blocking(move || tree.open(&path)).await?;
        if opened != *seen {
            return Ok(Copied::Changed);
        }
        let account = self.tree.root().file_name().map(|name| decode_wire_name(name.as_bytes()));
        let account = account.unwrap_or_default();
        let Some(owned) = owner(&self.scope.to_text(), &account, &seen.texts()) else {
            return Ok(Copied::Changed);
        };
        let delivery = Delivery {
            account: format!("watch {}", self.tree.root().display()),
            camera: owned.camera,
            path: owned.path,
            modified_at: Some(seen.modified_at()),
        };
        let mut incoming = match self.intake.begin(delivery).await {
            Ok(incoming) => incoming,
            Err(error) => return Ok(Copied::Refused(error)),
        };
        let same = file.try_clone()?;
        let mut reader = tokio::fs::File::from_std(file);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = reader.read(&mut piece).await?;
            if read == 0 {
                break;
            }
            if let Err(error) = incoming.write(&piece[..read]).await {
                return Ok(Copied::Refused(error));
            }
        }
        let path = seen.path.clone();
        let now = blocking(move || Tree::look_again(&same, &path)).await?;
        let there = self.look(&seen.path).await?;
        if now != *seen || there.as_ref() != Some(seen) || incoming.received() != seen.size {
            return Ok(Copied::Changed);
        }
        Ok(match incoming.finish(DeliveryEnd::Complete).await {
            Ok(_) => Copied::Durable,
            Err(error) => Copied::Refused(error),
        })
    }

    /// After it is durable: away with it, or remembered.
    async fn tidy(&self, seen: TreeFile) -> Took {
        if !self.keep {
            let (tree, file) = (self.tree.clone(), seen.clone());
            match blocking(move || tree.remove(&file)).await {
                Ok(true) => return Took::Done,
                Ok(false) => {
                    return self.look(&seen.path).await.ok().flatten().map_or(Took::Done, Took::Changed);
                }
                Err(error) => {
                    // Remembered, it isn't taken again and again.
                    let noted = self.taken.note_taken(&self.as_taken(&seen), self.clock.now()).await;
                    let noted = noted.err().map(|error| format!("; {error}")).unwrap_or_default();
                    return Took::Trouble(format!(
                        "{} is safe in Camtrail but can't be removed ({error}): let Camtrail's user write to the folder, or \
                         set keep = true{noted}",
                        self.shown(&seen.path)
                    ));
                }
            }
        }
        match self.taken.note_taken(&self.as_taken(&seen), self.clock.now()).await {
            Ok(()) => Took::Done,
            Err(error) => Took::Trouble(format!(
                "{} is safe in Camtrail, but that can't be noted ({error}): it is taken again later, which makes nothing new",
                self.shown(&seen.path)
            )),
        }
    }

    /// Forgets files that are gone.
    pub(super) async fn prune(&self) -> Result<(), CatalogError> {
        let mut after = self.tree.root().as_os_str().as_bytes().to_vec();
        after.push(b'/');
        let prefix = after.clone();
        let oldest = self.clock.now().plus(-FORGOTTEN_AFTER_MS);
        loop {
            let noted = self.taken.taken_after(&after, PRUNE_BATCH).await?;
            let Some((last, _)) = noted.last() else { return Ok(()) };
            after.clone_from(last);
            let more = noted.len() == PRUNE_BATCH && last.starts_with(&prefix);
            let ours: Vec<_> = noted.into_iter().filter(|(path, _)| path.starts_with(&prefix)).collect();
            let gone =
                blocking(move || Ok(ours.into_iter().filter(|one| is_gone(one, oldest)).collect::<Vec<_>>()));
            let gone = gone.await.map_err(|error| CatalogError::Unavailable(error.to_string()))?;
            let gone: Vec<_> = gone.into_iter().map(|(path, _)| path).collect();
            if !gone.is_empty() {
                self.taken.forget_taken(&gone).await?;
            }
            if !more {
                return Ok(());
            }
        }
    }
}

fn is_gone((path, noted_at): &(Vec<u8>, Millis), oldest: Millis) -> bool {
    let path = PathBuf::from(std::ffi::OsString::from_vec(path.clone()));
    let missing = |path: &Path| matches!(std::fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound);
    missing(&path) && (!path.parent().is_some_and(missing) || *noted_at < oldest)
}

enum Copied {
    Durable,
    Changed,
    Refused(IntakeError),
}
