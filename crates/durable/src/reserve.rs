//! Room that is kept for bad days: a file of zeros that is given back to a full disk when the program starts.
//!
//! A box whose disk is full must start all the same: its database needs a few pages, its ports a file that names them,
//! and only then can it tell its cameras `452` and its people why.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// What is kept: enough for two databases' logs and a few small files.
const RESERVE_BYTES: u64 = 2 * 1024 * 1024;
/// With less than this, a start may fail.
const TIGHT_BYTES: u64 = 1024 * 1024;
/// With less than this (or on a disk that small), nothing is kept: it would be missed more.
const ROOMY_BYTES: u64 = 24 * 1024 * 1024;

/// The reserve of one data dir.
#[derive(Debug, Clone)]
pub struct Reserve {
    file: PathBuf,
}

impl Reserve {
    /// The reserve that is (or will be) `file`.
    pub fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// Gives it back where the disk is full. Says whether it did. Blocks.
    pub fn release_if_tight(&self) -> io::Result<bool> {
        if !self.file.exists() || free_bytes(crate::parent_of(&self.file))? >= TIGHT_BYTES {
            return Ok(false);
        }
        fs::remove_file(&self.file)?;
        Ok(true)
    }

    /// Makes it where there is none and there is room. Says whether it did. Blocks.
    pub fn restore_if_roomy(&self) -> io::Result<bool> {
        if self.file.exists() || free_bytes(crate::parent_of(&self.file))? < ROOMY_BYTES {
            return Ok(false);
        }
        let made =
            OpenOptions::new().write(true).create_new(true).open(&self.file).and_then(|file| fill(&file));
        if made.is_err() {
            let _ = fs::remove_file(&self.file);
        }
        made.map(|()| true)
    }
}

fn fill(file: &File) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, RESERVE_BYTES) {
        Ok(()) => {}
        // Some file systems can't allocate ahead.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
            let zeros = vec![0; RESERVE_BYTES as usize];
            io::Write::write_all(&mut &*file, &zeros)?;
        }
        Err(error) => return Err(error.into()),
    }
    file.sync_all()
}

/// What this user may still write there, in bytes.
pub fn free_bytes(dir: &Path) -> io::Result<u64> {
    let disk = statvfs(dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_kept_while_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(dir.path().join("reserve"));
        assert!(reserve.restore_if_roomy().unwrap());
        assert!(!reserve.restore_if_roomy().unwrap());
        assert_eq!(fs::metadata(dir.path().join("reserve")).unwrap().len(), RESERVE_BYTES);
        assert!(!reserve.release_if_tight().unwrap(), "the disk isn't full");
    }
}
