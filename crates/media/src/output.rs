//! A file that ffmpeg writes: whole and durable under its name, or not there at all.
//!
//! Written under a temporary name beside the destination, checked, synced, renamed. The temporary file goes with
//! its guard, also when the future is dropped; only a killed process leaves one (`.remux-*`).

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
};

use camtrail_model::ports::MediaError;
use tempfile::TempPath;

use crate::{
    input::{blocking, file_url, unreadable},
    structure,
};

/// A file under its temporary name.
pub(crate) struct Output {
    dest: PathBuf,
    temporary: TempPath,
}

impl Output {
    /// A file of our own beside `dest`, so that the rename stays in one file system. `dest` must not exist.
    pub(crate) async fn begin(dest: &Path) -> Result<Self, MediaError> {
        let dest = dest.to_owned();
        blocking(move || {
            let exists = dest.try_exists().map_err(|error| unwritable(&error))?;
            if exists {
                return Err(MediaError::Failed("the copy's destination exists already".to_owned()));
            }
            let file = tempfile::Builder::new()
                .prefix(".remux-")
                .suffix(".mp4")
                .tempfile_in(folder(&dest))
                .map_err(|error| unwritable(&error))?;
            Ok(Self { dest, temporary: file.into_temp_path() })
        })
        .await
    }

    /// Where it is until it is published.
    pub(crate) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Where ffmpeg is to write.
    pub(crate) fn url(&self) -> Result<OsString, MediaError> {
        file_url(&self.temporary)
    }

    /// ffmpeg's Ok isn't proof: the file itself is. Gives its size.
    pub(crate) async fn verify(&self, max_bytes: u64) -> Result<u64, MediaError> {
        let path = self.temporary.to_path_buf();
        blocking(move || verify(&path, max_bytes)).await
    }

    /// Gives it its name. Ok: it is durable.
    pub(crate) async fn publish(self) -> Result<(), MediaError> {
        let Self { dest, temporary } = self;
        blocking(move || {
            OpenOptions::new()
                .write(true)
                .open(&temporary)
                .and_then(|file| file.sync_all())
                .map_err(|error| unwritable(&error))?;
            temporary.persist_noclobber(&dest).map_err(|error| unwritable(&error.error))?;
            let synced = File::open(folder(&dest)).and_then(|folder| folder.sync_all());
            if let Err(error) = synced {
                // Not durable: then it isn't there, as promised.
                std::fs::remove_file(&dest).map_err(|error| unwritable(&error))?;
                return Err(unwritable(&error));
            }
            Ok(())
        })
        .await
    }
}

fn verify(path: &Path, max_bytes: u64) -> Result<u64, MediaError> {
    let size = path.metadata().map_err(|error| unreadable(&error))?.len();
    // `-fs` ends quietly at its limit, with a file that looks whole.
    if size >= max_bytes {
        return Err(MediaError::Unusable(format!("the copy grew beyond {max_bytes} bytes")));
    }
    let movie = structure::inspect_movie(path).map_err(|error| unreadable(&error))?;
    if !movie.is_whole() || !movie.fast_start {
        return Err(MediaError::Unusable("the copy has no index in front".to_owned()));
    }
    if !movie.has_video() {
        return Err(MediaError::Unusable("the copy has no picture".to_owned()));
    }
    Ok(size)
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn unwritable(error: &std::io::Error) -> MediaError {
    MediaError::Failed(format!("the browser-playable copy can't be written: {error}"))
}
