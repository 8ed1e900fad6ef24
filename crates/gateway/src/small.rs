//! `media.small`: small renditions, after everything else about an event is done.
//!
//! One at a time: an encode takes as long as the clip, on a small board longer. Promises: no camera waits for it. Uploads
//! whose renditions are still to come keep their bytes in the spool, so where that is filling up, they go without.

use std::{collections::HashMap, pin::pin, time::Duration};

use camtrail_model::{
    CameraName, CaptureKind, DerivedFiles, DerivedKey, MediaManifest,
    ports::{MediaError, PutWhen},
};
use camtrail_spool::{Spool, SpoolEntry};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    media_work,
    ship::{Parts, ShipError, Stored},
};

/// The extension of the work file in the spool.
const WORK: &str = "small.mp4";
/// How often those who wait look whether the spool is filling up.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What part of the spool, in percent, may be taken before clips go without.
const ROOM: u64 = 25;
/// Tries where the machine is at fault.
const TRIES: u32 = 2;

/// Whose clips get small renditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SmallRule {
    /// Those of cameras of which nothing else is said.
    pub default: bool,
    /// What is said of a camera.
    pub cameras: HashMap<CameraName, bool>,
}

impl SmallRule {
    /// Whether this camera's do.
    pub fn of(&self, camera: &CameraName) -> bool {
        self.cameras.get(camera).copied().unwrap_or(self.default)
    }

    /// Whether anybody's do.
    pub fn any(&self) -> bool {
        self.default || self.cameras.values().any(|&wanted| wanted)
    }
}

/// Whether a rendition of this event is to be made. `manifest` is what is known of it so far.
pub(crate) fn is_wanted(
    parts: &Parts,
    entry: &SpoolEntry,
    stored: &Stored,
    manifest: &MediaManifest,
) -> bool {
    let is_clip = stored.facts.container.is_some_and(|container| container.kind() == CaptureKind::Record);
    is_clip && manifest.small.is_none() && parts.config.small.of(&entry.start.camera)
}

/// Makes it, stores it, and tells the catalog. May be repeated: what was made is not made again.
pub(crate) async fn make(
    parts: &Parts,
    encodes: &Semaphore,
    entry: &SpoolEntry,
    stored: &Stored,
    manifest: &MediaManifest,
) -> Result<(), ShipError> {
    let dest = parts.spool.work_path(&entry.id, WORK);
    let small = if dest.exists() {
        true
    } else {
        let turn =
            if is_filling(&parts.spool, ROOM) { None } else { turn(&parts.spool, encodes, ROOM).await };
        let Some(_turn) = turn else {
            tracing::warn!(key = %stored.key, "no small rendition: the spool is filling up, and uploads come first");
            return Ok(());
        };
        if media_work::current_digest(parts, entry, stored).await?.is_none() {
            return Ok(());
        }
        match encode(parts, entry, stored).await {
            Some(small) => small,
            None => return Ok(()),
        }
    };
    // It took a while: a fuller upload may have taken the key.
    if media_work::current_digest(parts, entry, stored).await? != Some(manifest.sha256) {
        return discard(&dest);
    }
    if small {
        let key = DerivedKey::new(&stored.key, DerivedFiles::Small);
        parts.store.put_file(key.as_str(), &dest, None, PutWhen::Always).await?;
    }
    let manifest = MediaManifest { small: Some(small), ..manifest.clone() };
    media_work::publish(parts, &stored.key, &manifest).await
}

/// Waits for a place, while no more than `room` percent of the spool are taken. One that is free at once is had.
pub(crate) async fn turn<'a>(spool: &Spool, places: &'a Semaphore, room: u64) -> Option<SemaphorePermit<'a>> {
    let mut place = pin!(places.acquire());
    loop {
        if let Ok(permit) = tokio::time::timeout(LOOK_EVERY, &mut place).await {
            return permit.ok();
        }
        if is_filling(spool, room) {
            return None;
        }
    }
}

fn is_filling(spool: &Spool, room: u64) -> bool {
    spool.usage().bytes > spool.max_bytes() / 100 * room
}

/// `Some(false)`: none is needed, or none can be made. `None`: this machine can't, now.
async fn encode(parts: &Parts, entry: &SpoolEntry, stored: &Stored) -> Option<bool> {
    let dest = parts.spool.work_path(&entry.id, WORK);
    for tries in 1..=TRIES {
        match parts.media.small(&stored.source, &stored.facts, &dest).await {
            Ok(Some(made)) => {
                tracing::debug!(key = %stored.key, width = made.width, height = made.height, size_bytes = made.size, "small rendition made");
                return Some(true);
            }
            Ok(None) => return Some(false),
            // Told once, at the start.
            Err(MediaError::Missing(_)) => return None,
            Err(error) if error.may_retry() && tries < TRIES => {}
            Err(error) => {
                tracing::warn!(key = %stored.key, %error, "no small rendition could be made");
                return (!error.may_retry()).then_some(false);
            }
        }
    }
    None
}

fn discard(dest: &std::path::Path) -> Result<(), ShipError> {
    match std::fs::remove_file(dest) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
