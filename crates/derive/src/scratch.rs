//! Room for one job's files: the source as fetched, and what is made of it.
//!
//! Promises: a job's folder goes with its guard, also when the job is dropped; what a killed process left is cleared at the
//! next start. Refuses: to begin where the disk would be missed by cameras.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// The largest object of which anything is made, in bytes: hours of a camera's clip.
pub(crate) const SOURCE_MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// What must stay free beside the job's own files, in bytes.
const LEFT_BYTES: u64 = 256 * 1024 * 1024;

/// A folder of this process's own.
#[derive(Debug, Clone)]
pub struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    /// Opens (or makes) the folder, and clears what is in it. Blocks.
    pub fn open(dir: &Path) -> io::Result<Self> {
        camtrail_durable::create_dirs(dir)?;
        for left in fs::read_dir(dir)? {
            let left = left?;
            let is_folder = left.file_type()?.is_dir();
            let cleared = if is_folder { fs::remove_dir_all } else { fs::remove_file };
            cleared(left.path())?;
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// A folder for a job whose source has `size` bytes. Blocks.
    pub(crate) fn begin(&self, size: u64) -> io::Result<TempDir> {
        let (free, wanted) = (camtrail_durable::free_bytes(&self.dir)?, size.saturating_mul(2) + LEFT_BYTES);
        if free < wanted {
            let text = format!(
                "{free} bytes are free on the disk of the data dir, {wanted} are wanted before an encode"
            );
            return Err(io::Error::new(io::ErrorKind::StorageFull, text));
        }
        tempfile::Builder::new().prefix("job-").tempdir_in(&self.dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_cleared_and_the_disk_is_not_filled() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("job-x")).unwrap();
        fs::write(dir.path().join("job-x/source"), b"left").unwrap();
        fs::write(dir.path().join("stray"), b"left").unwrap();
        let scratch = Scratch::open(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let refused = scratch.begin(u64::MAX / 4).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        drop(scratch.begin(1).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
