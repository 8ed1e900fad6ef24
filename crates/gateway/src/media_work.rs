//! What comes after the record: posters and late playable copies. Never in the way of anything (NEVER-6).

use std::{collections::BTreeMap, time::Duration};

use camtrail_model::{
    DerivedFiles, DerivedKey, Digest, MediaManifest, ObjectKey,
    ports::{MediaError, Poster, PutWhen, StoreError},
};
use camtrail_spool::SpoolEntry;

use crate::{
    ship::{Parts, ShipError, Stored},
    stills::Stills,
};

/// Without a camera waiting for it, a remux may take its time.
const LATE_REMUX_LIMIT: Duration = Duration::from_mins(10);
/// Tries at a poster; a machine that fails thrice will fail again.
const POSTER_TRIES: u32 = 3;

/// Makes what is wanted, stores it, and tells the catalog. Gives what is known of the event's media then; `None`: there
/// is nothing more to do for it.
pub(crate) async fn derive(
    parts: &Parts,
    stills: &Stills,
    entry: &SpoolEntry,
    stored: &Stored,
) -> Result<Option<MediaManifest>, ShipError> {
    let Some(now) = look(parts, entry, stored).await? else { return Ok(None) };
    let is_replay = stored.sha256.is_none();
    let wants_playable = parts.config.remux && stored.wants_playable && (!is_replay || now.is_as_it_came);
    if is_replay {
        match known(parts, &stored.key, &now.sha256).await? {
            Known::Nothing => {}
            Known::There(manifest) => {
                let playable =
                    wants_playable && !manifest.playable && playable_copy(parts, entry, stored).await?;
                return again(parts, stored, manifest, playable).await.map(Some);
            }
            Known::NotAllowed => {
                // It is complete; an earlier try may not have been able to say so.
                parts.sink.media_changed(&stored.key).await?;
                return Ok(None);
            }
        }
    }
    let mut manifest = MediaManifest { original: stored.original, ..MediaManifest::new(now.sha256) };
    if wants_playable {
        manifest.playable = playable_copy(parts, entry, stored).await?;
    }
    if parts.config.poster {
        poster(parts, stills, entry, stored, &mut manifest).await?;
    }
    if manifest.poster || manifest.playable || manifest.original || manifest.problem.is_some() {
        publish(parts, &stored.key, &manifest).await?;
    }
    Ok(Some(manifest))
}

/// An earlier try came so far: an original may have come since, or the copy that it failed at.
async fn again(
    parts: &Parts,
    stored: &Stored,
    manifest: MediaManifest,
    playable: bool,
) -> Result<MediaManifest, ShipError> {
    let fuller = MediaManifest {
        original: manifest.original || stored.original,
        playable: manifest.playable || playable,
        ..manifest.clone()
    };
    if fuller == manifest {
        parts.sink.media_changed(&stored.key).await?;
    } else {
        publish(parts, &stored.key, &fuller).await?;
    }
    Ok(fuller)
}

/// Makes the manifest say this, last, beside what others say of the same object, and tells the catalog.
pub(crate) async fn publish(
    parts: &Parts,
    key: &ObjectKey,
    manifest: &MediaManifest,
) -> Result<(), ShipError> {
    let say = |there: &mut MediaManifest| *there = manifest.clone().beside(there.clone());
    parts.manifests.change(key, manifest.sha256, say).await?;
    Ok(parts.sink.media_changed(key).await?)
}

/// The object as it stands.
struct Now {
    sha256: Digest,
    /// It is what the camera sent, byte for byte: no remux of an earlier try.
    is_as_it_came: bool,
}

/// `None`: there is none, or a fuller upload has taken the key meanwhile, and brings its own.
async fn look(parts: &Parts, entry: &SpoolEntry, stored: &Stored) -> Result<Option<Now>, ShipError> {
    let object = match parts.store.head(stored.key.as_str()).await {
        Ok(Some(object)) => object.metadata,
        Ok(None) => return Ok(None),
        // A role that may write and not look.
        Err(StoreError::Refused(_)) => BTreeMap::new(),
        Err(error) => return Err(error.into()),
    };
    if is_anothers(&object, entry) || parts.spool.entry(&entry.id).is_none() {
        return Ok(None);
    }
    let sha256 = digest_of(&object, "sha256").or(stored.sha256).unwrap_or(entry.sha256);
    Ok(Some(Now { sha256, is_as_it_came: sha256 == entry.sha256 }))
}

/// The digest of the object as it stands, if it is still this upload's.
pub(crate) async fn current_digest(
    parts: &Parts,
    entry: &SpoolEntry,
    stored: &Stored,
) -> Result<Option<Digest>, ShipError> {
    Ok(look(parts, entry, stored).await?.map(|now| now.sha256))
}

fn digest_of(object: &BTreeMap<String, String>, key: &str) -> Option<Digest> {
    object.get(key).and_then(|text| Digest::parse(text))
}

/// Whether the key holds another upload than this one. What says nothing is taken for ours.
fn is_anothers(object: &BTreeMap<String, String>, entry: &SpoolEntry) -> bool {
    digest_of(object, "original_sha256").is_some_and(|digest| digest != entry.sha256)
}

/// What the store says of an object's manifest.
enum Known {
    Nothing,
    There(MediaManifest),
    /// Where we may not look, a replay is taken for complete.
    NotAllowed,
}

async fn known(parts: &Parts, key: &ObjectKey, digest: &Digest) -> Result<Known, ShipError> {
    let key = DerivedKey::new(key, DerivedFiles::Manifest);
    match parts.store.get_bytes(key.as_str(), MediaManifest::MAX_BYTES).await {
        Ok(bytes) => {
            let manifest = bytes.and_then(|bytes| serde_json::from_slice::<MediaManifest>(&bytes).ok());
            let of_this = manifest.filter(|manifest| manifest.sha256 == *digest);
            Ok(of_this.map_or(Known::Nothing, Known::There))
        }
        Err(StoreError::Refused(_)) => Ok(Known::NotAllowed),
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

/// Stores the poster: that of a still which the camera took meanwhile, or one that is made now.
async fn poster(
    parts: &Parts,
    stills: &Stills,
    entry: &SpoolEntry,
    stored: &Stored,
    manifest: &mut MediaManifest,
) -> Result<(), ShipError> {
    let camera = &entry.start.camera;
    let still = stills.within(camera, stored);
    let made;
    let poster = if let Some(still) = &still {
        manifest.poster_of = Some(still.key.to_string());
        &*still.poster
    } else {
        match make_poster(parts, stored).await {
            Ok(Some(poster)) => made = poster,
            // The clip has no poster until ffmpeg is there and a backfill makes one.
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::warn!(key = %stored.key, %error, "no poster could be made");
                manifest.problem = Some(error.to_string());
                return Ok(());
            }
        }
        &made
    };
    let key = DerivedKey::new(&stored.key, DerivedFiles::Poster);
    parts.store.put_bytes(key.as_str(), &poster.jpeg).await?;
    manifest.poster = true;
    (manifest.poster_width, manifest.poster_height) = (Some(poster.width), Some(poster.height));
    manifest.blur.clone_from(&poster.blur);
    stills.remember(camera, stored, poster);
    Ok(())
}

/// `None`: there is no ffmpeg.
async fn make_poster(parts: &Parts, stored: &Stored) -> Result<Option<Poster>, MediaError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match parts.media.poster(&stored.source, &stored.facts).await {
            Ok(poster) => return Ok(Some(poster)),
            Err(MediaError::Missing(_)) => return Ok(None),
            Err(error) if error.may_retry() && tries < POSTER_TRIES => {}
            Err(error) => return Err(error),
        }
    }
}
