//! One object's bytes into a file: all of them, or no file.

use std::{io, path::Path};

use camtrail_model::ports::StoreError;
use futures::TryStreamExt;
use object_store::GetResult;
use tokio::io::AsyncWriteExt;

use super::problem::problem;
use crate::local;

/// Writes what comes into `dest`, which must not exist. A cancelled call leaves what came so far: the folder is the
/// caller's, who clears it.
pub(super) async fn into_file(found: GetResult, dest: &Path) -> Result<u64, StoreError> {
    let mut file = tokio::fs::File::create_new(dest).await.map_err(|error| local::problem(&error))?;
    let written = write(found, &mut file).await;
    drop(file);
    if written.is_err() {
        let _ = tokio::fs::remove_file(dest).await;
    }
    written
}

async fn write(found: GetResult, file: &mut tokio::fs::File) -> Result<u64, StoreError> {
    let unwritable = |error: io::Error| local::problem(&error);
    let (size, mut came) = (found.meta.size, 0);
    let mut pieces = found.into_stream();
    while let Some(piece) = pieces.try_next().await.map_err(|error| problem(&error))? {
        came += piece.len() as u64;
        // Never more than was promised: the disk is others', too.
        if came > size {
            break;
        }
        file.write_all(&piece).await.map_err(unwritable)?;
    }
    file.flush().await.map_err(unwritable)?;
    if came == size {
        return Ok(size);
    }
    Err(StoreError::Unavailable(format!("{came} of {size} bytes came")))
}
