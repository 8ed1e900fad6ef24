//! Posters of the stills that came lately: a clip within whose time its camera took a still shows that one. It is what
//! the camera itself thought worth a picture, and costs no ffmpeg.
//!
//! Owns a bounded memory, in this process only: nothing is read back from the store, which the gateway may not be allowed
//! to. Promises: never another camera's still (NEVER-7), and only those whose time the camera said. Refuses cut stills.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use camtrail_model::{CameraName, CaptureKind, CaptureTime, Millis, ObjectKey, TimeSource, ports::Poster};

use crate::ship::Stored;

/// Of one camera: half a minute of one that takes a still a second.
const MAX_OF_CAMERA: usize = 32;
/// Of all cameras.
const MAX_STILLS: usize = 512;
/// Of all posters together: some 250 of 16 kB.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Names tell whole seconds, and makers round as they like: each of the two times may be most of a second off.
const TOLERANCE_MS: i64 = 1000;

/// A still that a clip's poster may be taken from.
#[derive(Debug, Clone)]
pub(crate) struct Still {
    camera: CameraName,
    at: Millis,
    /// Where it is stored.
    pub(crate) key: ObjectKey,
    pub(crate) poster: Arc<Poster>,
}

/// The memory, latest last.
#[derive(Debug, Default)]
pub(crate) struct Stills(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    stills: VecDeque<Still>,
    bytes: usize,
}

impl Stills {
    /// Remembers the poster of what was stored, if that is a whole still whose time is known.
    pub(crate) fn remember(&self, camera: &CameraName, stored: &Stored, poster: &Poster) {
        let is_whole_still =
            stored.kind == CaptureKind::Snap && stored.complete && stored.facts.container.is_some();
        let Some(at) = said_by_camera(&stored.time).filter(|_| is_whole_still) else { return };
        let poster = Arc::new(poster.clone());
        self.shelf().add(Still { camera: camera.clone(), at, key: stored.key.clone(), poster });
    }

    /// The first still that the camera took within a clip's time; one of the second before, where there is no other.
    pub(crate) fn within(&self, camera: &CameraName, clip: &Stored) -> Option<Still> {
        if clip.kind != CaptureKind::Record || clip.facts.container.is_none() {
            return None;
        }
        let start = said_by_camera(&clip.time)?.0;
        // Where nobody knows how long it is, its first second.
        let lasts = i64::try_from(clip.facts.duration_ms.unwrap_or(0)).ok()?;
        let time =
            start.saturating_sub(TOLERANCE_MS)..=start.saturating_add(lasts).saturating_add(TOLERANCE_MS);
        let shelf = self.shelf();
        let fitting =
            shelf.stills.iter().filter(|still| still.camera == *camera && time.contains(&still.at.0));
        // After the start the earliest, before it the latest: in both cases the nearest, and after before before.
        fitting.min_by_key(|still| (still.at.0 < start, still.at.0.abs_diff(start))).cloned()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn add(&mut self, still: Still) {
        if still.poster.jpeg.len() > MAX_BYTES {
            return;
        }
        self.remove_if(|known| known.key == still.key);
        let of_camera = |known: &&Still| known.camera == still.camera;
        if self.stills.iter().filter(of_camera).count() >= MAX_OF_CAMERA
            && let Some(oldest) = self.stills.iter().position(|known| known.camera == still.camera)
        {
            self.take(oldest);
        }
        self.bytes += still.poster.jpeg.len();
        self.stills.push_back(still);
        while self.bytes > MAX_BYTES || self.stills.len() > MAX_STILLS {
            self.take(0);
        }
    }

    fn remove_if(&mut self, is_it: impl Fn(&Still) -> bool) {
        if let Some(place) = self.stills.iter().position(is_it) {
            self.take(place);
        }
    }

    fn take(&mut self, place: usize) {
        if let Some(still) = self.stills.remove(place) {
            self.bytes -= still.poster.jpeg.len();
        }
    }
}

/// The time by the camera's own word. When something arrived says nothing of when it was taken, a folder tells the hour at
/// best, and a clock that is known to be wrong tells nothing.
fn said_by_camera(time: &CaptureTime) -> Option<Millis> {
    let is_said =
        matches!(time.source, TimeSource::Name | TimeSource::Metadata) && time.clock_error_ms.is_none();
    is_said.then_some(time.instant)
}

#[cfg(test)]
mod tests;
