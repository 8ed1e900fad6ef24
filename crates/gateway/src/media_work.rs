//! What comes after the record: posters and late playable copies. Never in the way of anything (NEVER-6).

use std::{collections::BTreeMap, time::Duration};

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
    let object = match parts.store.head(stored.key.as_str()).await {
        Ok(Some(object)) => object.metadata,
        Ok(None) => return Ok(()),
        // A role that may write and not look.
        Err(StoreError::Refused(_)) => BTreeMap::new(),
        Err(error) => return Err(error.into()),
    };
    if is_anothers(&object, entry) || parts.spool.entry(&entry.id).is_none() {
        // A fuller upload has taken the key meanwhile, and brings its own.
        return Ok(());
    }
    let digest = digest_of(&object, "sha256").or(stored.sha256).unwrap_or(entry.sha256);
    let manifest_key = DerivedKey::new(&stored.key, DerivedFiles::Manifest);
    let is_replay = stored.sha256.is_none();
    if is_replay && has_manifest(parts, &manifest_key, &digest).await? {
        // It is complete; an earlier try may not have been able to say so.
        return Ok(parts.sink.media_changed(&stored.key).await?);
    }
    let opens = object.get("content_type").is_some_and(|content_type| content_type == "video/mp4");
    let wants_playable = stored.wants_playable && !(is_replay && opens);
    let mut manifest = MediaManifest {
        version: MediaManifest::VERSION,
        sha256: digest,
        poster: false,
        poster_width: None,
        poster_height: None,
        playable: false,
        problem: None,
    };
    if wants_playable && parts.config.remux {
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

fn digest_of(object: &BTreeMap<String, String>, key: &str) -> Option<Digest> {
    object.get(key).and_then(|text| Digest::parse(text))
}

/// Whether the key holds another upload than this one. What says nothing is taken for ours.
fn is_anothers(object: &BTreeMap<String, String>, entry: &SpoolEntry) -> bool {
    digest_of(object, "original_sha256").is_some_and(|digest| digest != entry.sha256)
}

/// Whether there is a manifest of this object. Where we may not look, a replay is taken for complete.
async fn has_manifest(parts: &Parts, key: &DerivedKey, digest: &Digest) -> Result<bool, ShipError> {
    match parts.store.get_bytes(key.as_str(), MediaManifest::MAX_BYTES).await {
        Ok(bytes) => {
            let manifest = bytes.and_then(|bytes| serde_json::from_slice::<MediaManifest>(&bytes).ok());
            Ok(manifest.is_some_and(|manifest| manifest.sha256 == *digest))
        }
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
