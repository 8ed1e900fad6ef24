//! A small disk that can be full.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::run;

/// A small file system of its own, unmounted when dropped.
pub(crate) struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    pub(crate) fn new(size: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mounted = run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path()));
        assert!(
            mounted.status.success(),
            "this test needs to mount a small tmpfs: run it as root ({})",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    fn free_bytes(&self) -> u64 {
        let told = run(Command::new("df").args(["--output=avail", "-B1"]).arg(self.path()));
        String::from_utf8_lossy(&told.stdout).lines().nth(1).unwrap().trim().parse().unwrap()
    }

    /// Takes what is free now, but for `spare` bytes. Again and again, if others free more.
    pub(crate) fn fill(&self, spare: u64) {
        let more = self.free_bytes().saturating_sub(spare);
        let has = fs::metadata(self.ballast()).map_or(0, |file| file.len());
        if more > 0 {
            // Somebody may have taken it meanwhile: then the disk is as full as it was to be.
            let length = (has + more).to_string();
            let _ = run(Command::new("fallocate").args(["--length", &length]).arg(self.ballast()));
        }
    }

    /// Gives back what [`Self::fill`] took.
    pub(crate) fn relieve(&self) {
        let _ = fs::remove_file(self.ballast());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: the program under test may still be closing its files.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}
