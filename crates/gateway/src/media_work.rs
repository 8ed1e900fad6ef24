//! What comes after the record: posters and late playable copies. Never in the way of anything (NEVER-6).

use std::time::Duration;

use camtrail_model::{
    DerivedFiles, DerivedKey, Digest, MediaManifest,
    ports::{MediaError, PutWhen, StoreError},
};
use camtrail_spool::SpoolEntry;

use crate::ship::{Parts, ShipError, Stored};

/// Without a camera waiting for it, a remux may take its time.
const LATE_REMUX_LIMIT: Duration = Duration::from_mins(10);
/// Tries at a poster; a machine that fails thrice will fail again.
const POSTER_TRIES: u32 = 3;

/// Makes what is wanted, stores it, and tells the catalog.
pub(crate) async fn derive(parts: &Parts, entry: &SpoolEntry, stored: &Stored) -> Result<(), ShipError> {
    let digest = match parts.store.head(stored.key.as_str()).await {
        Ok(Some(object)) => object.metadata.get("sha256").and_then(|text| Digest::parse(text)),
        Ok(None) => return Ok(()),
        // A role that may write and not look.
        Err(StoreError::Refused(_)) => stored.sha256,
        Err(error) => return Err(error.into()),
    };
    let manifest_key = DerivedKey::new(&stored.key, DerivedFiles::Manifest);
    match stored.sha256 {
        // A fuller upload has taken the key meanwhile, and brings its own.
        Some(ours) if digest != Some(ours) => return Ok(()),
        // A replay of what is complete; an earlier try may not have been able to say so.
        None if is_there(parts, &manifest_key).await? => {
            return Ok(parts.sink.media_changed(&stored.key).await?);
        }
        _ => {}
    }
    let mut manifest = MediaManifest {
        version: MediaManifest::VERSION,
        sha256: digest.unwrap_or(entry.sha256),
        poster: false,
        poster_width: None,
        poster_height: None,
        playable: false,
        problem: None,
    };
    if stored.wants_playable && parts.config.remux {
        manifest.playable = playable_copy(parts, entry, stored).await?;
    }
    if parts.config.poster {
        poster(parts, stored, &mut manifest).await?;
    }
    if !manifest.poster && !manifest.playable && manifest.problem.is_none() {
        return Ok(());
    }
    let bytes = serde_json::to_vec_pretty(&manifest).map_err(std::io::Error::other)?;
    parts.store.put_bytes(manifest_key.as_str(), &bytes).await?;
    Ok(parts.sink.media_changed(&stored.key).await?)
}

/// Where we may not look, a replay is taken for complete.
async fn is_there(parts: &Parts, key: &DerivedKey) -> Result<bool, ShipError> {
    match parts.store.head(key.as_str()).await {
        Ok(found) => Ok(found.is_some()),
        Err(StoreError::Refused(_)) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

async fn playable_copy(parts: &Parts, entry: &SpoolEntry, stored: &Stored) -> Result<bool, ShipError> {
    let dest = parts.spool.work_path(&entry.id, "mp4");
    if !dest.exists() {
        match parts.media.remux(&stored.source, &dest, LATE_REMUX_LIMIT).await {
            Ok(()) => {}
            // Told once, at the clip itself.
            Err(_) => return Ok(false),
        }
    }
    let key = DerivedKey::new(&stored.key, DerivedFiles::Playable);
    parts.store.put_file(key.as_str(), &dest, None, PutWhen::Always).await?;
    Ok(true)
}

async fn poster(parts: &Parts, stored: &Stored, manifest: &mut MediaManifest) -> Result<(), ShipError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match parts.media.poster(&stored.source, &stored.facts).await {
            Ok(poster) => {
                let key = DerivedKey::new(&stored.key, DerivedFiles::Poster);
                parts.store.put_bytes(key.as_str(), &poster.jpeg).await?;
                manifest.poster = true;
                (manifest.poster_width, manifest.poster_height) = (Some(poster.width), Some(poster.height));
                return Ok(());
            }
            // The clip has no poster until ffmpeg is there and a backfill makes one.
            Err(MediaError::Missing(_)) => return Ok(()),
            Err(error) if error.may_retry() && tries < POSTER_TRIES => {}
            Err(error) => {
                tracing::warn!(key = %stored.key, %error, "no poster could be made");
                manifest.problem = Some(error.to_string());
                return Ok(());
            }
        }
    }
}
