//! Making files survive a power cut: the one audited helper (invariant 1 of docs/ARCHITECTURE.md).
//!
//! A file is durable when its bytes are fsynced, its final name is made by one atomic step, and the directory
//! that holds the name is fsynced, in this order. Everything here blocks: call it off the async threads.
//! Refuses: to say Ok when any of the steps failed.

mod dir_sync;
mod reserve;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

pub use dir_sync::DirSync;
pub use reserve::{Reserve, free_bytes};

/// Fsyncs a directory, so that names made, changed or removed in it stay so.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Held while folders are made and fsynced: who finds a folder must not go on before its name is durable.
static MAKING: RwLock<()> = RwLock::new(());

/// Creates `dir` and its missing parents; each name is durable when this returns, whichever thread made it.
pub fn create_dirs(dir: &Path) -> io::Result<()> {
    {
        let _nobody_makes = MAKING.read().unwrap_or_else(PoisonError::into_inner);
        if dir.is_dir() {
            return Ok(());
        }
    }
    let _alone = MAKING.write().unwrap_or_else(PoisonError::into_inner);
    let mut missing: Vec<&Path> = Vec::new();
    let mut at = dir;
    while !at.is_dir() {
        missing.push(at);
        match at.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => at = parent,
            _ => break,
        }
    }
    for new in missing.into_iter().rev() {
        match fs::create_dir(new) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && new.is_dir() => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let what = format!("{} is a file, not a folder", new.display());
                return Err(io::Error::new(io::ErrorKind::NotADirectory, what));
            }
            Err(error) => return Err(error),
        }
        let parent = new.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync_dir(parent.unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

/// Writes `bytes` to a new file `temporary` and fsyncs it. What was there under that name is replaced.
pub fn write_synced(temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Asks the disk to begin with the bytes of `file` from `from` up to `to`, and doesn't wait: an fsync later waits for the
/// others only. No promise and no error: the fsync tells.
pub fn begin_writing(file: &File, from: u64, to: u64) {
    if let Some(length) = NonZeroU64::new(to.saturating_sub(from)) {
        // It is for pages that nobody reads again; those that aren't written yet Linux begins to write (mm/fadvise.c).
        let _ = rustix::fs::fadvise(file, from, Some(length), rustix::fs::Advice::DontNeed);
    }
}

/// Copies `source` to a new file `temporary` and fsyncs it.
pub fn copy_synced(source: &Path, temporary: &Path) -> io::Result<()> {
    let mut from = File::open(source)?;
    let mut to = OpenOptions::new().write(true).create(true).truncate(true).open(temporary)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}

/// Gives the fsynced file `temporary` its final name, replacing what is there. The caller fsyncs the directory
/// (or uses [`publish`]).
pub fn rename_over(temporary: &Path, name: &Path) -> io::Result<()> {
    fs::rename(temporary, name)
}

/// Gives the fsynced file `temporary` its final name and fsyncs the directory. Replaces what is there.
pub fn publish(temporary: &Path, name: &Path) -> io::Result<()> {
    rename_over(temporary, name)?;
    sync_dir(parent_of(name))
}

/// Whole of the above for a small file: write beside it, fsync, rename, fsync the directory.
pub fn replace_file(name: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut temporary = name.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    write_synced(&temporary, bytes)?;
    publish(&temporary, name)
}

/// Gives the fsynced file `temporary` its final name only where there is none, and fsyncs the directory.
///
/// `Ok(false)`: the name was taken; nothing changed and `temporary` is still there. Atomic: of two callers one
/// gets `true`.
pub fn publish_new(temporary: &Path, name: &Path) -> io::Result<bool> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, temporary, CWD, name, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(rustix::io::Errno::EXIST) => return Ok(false),
        // File systems without RENAME_NOREPLACE (some FUSE and network ones): a hard link never replaces.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => match fs::hard_link(temporary, name) {
            Ok(()) => fs::remove_file(temporary)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(error),
        },
        Err(error) => return Err(error.into()),
    }
    sync_dir(parent_of(name))?;
    Ok(true)
}

/// The directory that holds `name`.
pub fn parent_of(name: &Path) -> &Path {
    name.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether an error says that the disk (or a quota) is full.
pub fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_is_never_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b, name) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("name"));
        write_synced(&a, b"first").unwrap();
        write_synced(&b, b"second").unwrap();
        assert!(publish_new(&a, &name).unwrap());
        assert!(!publish_new(&b, &name).unwrap());
        assert_eq!(fs::read(&name).unwrap(), b"first");
        replace_file(&name, b"third").unwrap();
        assert_eq!(fs::read(&name).unwrap(), b"third");
    }

    #[test]
    fn folders_are_made_with_their_parents() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        create_dirs(&deep).unwrap();
        create_dirs(&deep).unwrap();
        assert!(deep.is_dir());
    }
}
