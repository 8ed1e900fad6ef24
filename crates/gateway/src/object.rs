//! What becomes the object: the upload as it came, or its remuxed copy; and what is known of it.

use std::path::PathBuf;

use camtrail_model::{Digest, FileName, MediaFacts, MediaSource, ports::MediaError};
use camtrail_spool::SpoolEntry;

use crate::ship::{Parts, ShipError};

/// Never fails: what can't be looked into is unknown, and kept all the same (NEVER-6).
pub(crate) async fn look(parts: &Parts, source: &MediaSource) -> MediaFacts {
    match parts.media.probe(source).await {
        Ok(facts) => facts,
        Err(error) => {
            tracing::warn!(file = %source.path.display(), %error, "an upload could not be looked into");
            MediaFacts::unknown()
        }
    }
}

/// With the pictures of formats that have no table of them counted; a remuxed copy has one.
async fn counted(parts: &Parts, source: &MediaSource, facts: MediaFacts) -> MediaFacts {
    match parts.media.count_pictures(source, &facts).await {
        Ok(counted) => counted,
        Err(error) => {
            tracing::debug!(file = %source.path.display(), %error, "an upload's pictures could not be counted");
            facts
        }
    }
}

/// What became of a remux.
enum Remuxed {
    /// The file is there.
    Yes(PathBuf),
    /// None is wanted, or the content has none.
    No,
    /// The machine didn't manage: the clip has waited long enough.
    TooSlow,
}

/// The remuxed file, if it could be made in time.
async fn remux(parts: &Parts, entry: &SpoolEntry, data: &MediaSource) -> Remuxed {
    let dest = parts.spool.work_path(&entry.id, "mp4");
    // What an earlier try left (the store failed after it) is whole: remuxing makes its file durable or none.
    if dest.exists() {
        return Remuxed::Yes(dest);
    }
    match parts.media.remux(data, &dest, parts.config.remux_limit).await {
        Ok(()) => Remuxed::Yes(dest),
        // Told once, at the start.
        Err(MediaError::Missing(_)) => Remuxed::No,
        Err(error) => {
            let upload = entry.original_name();
            tracing::warn!(camera = %entry.start.camera, upload, %error, "a clip could not be remuxed; the original is stored as it came");
            if error.may_retry() { Remuxed::TooSlow } else { Remuxed::No }
        }
    }
}

/// The file that becomes the object.
pub(crate) struct Object {
    pub(crate) source: MediaSource,
    pub(crate) facts: MediaFacts,
    pub(crate) sha256: Digest,
    pub(crate) remuxed: bool,
}

impl Object {
    /// The upload as it came, or remuxed where that is wanted and can be done.
    pub(crate) async fn of(
        parts: &Parts,
        entry: &SpoolEntry,
        facts: MediaFacts,
        data: MediaSource,
        wants_remux: bool,
    ) -> Result<Self, ShipError> {
        let remuxed = if wants_remux { remux(parts, entry, &data).await } else { Remuxed::No };
        let path = match remuxed {
            Remuxed::Yes(path) => path,
            no => {
                let facts =
                    if matches!(no, Remuxed::No) { counted(parts, &data, facts).await } else { facts };
                return Ok(Self { source: data, facts, sha256: entry.sha256, remuxed: false });
            }
        };
        let (size, sha256) = measure(path.clone()).await?;
        let source = MediaSource { path, size };
        let facts = look(parts, &source).await;
        Ok(Self { source, facts, sha256, remuxed: true })
    }

    pub(crate) fn content_type(&self, file: &str) -> &'static str {
        let by_name = match file.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).as_deref() {
            Some("jpg" | "jpeg") => "image/jpeg",
            Some("png") => "image/png",
            Some("mp4" | "m4v") => "video/mp4",
            _ => "application/octet-stream",
        };
        self.facts.container.map_or(by_name, camtrail_model::Container::content_type)
    }

    pub(crate) fn file_name(&self, file: &str, entry: &SpoolEntry) -> FileName {
        let name = FileName::from_upload(file);
        let name = if self.remuxed { name.with_extension("mp4") } else { name };
        // A camera's own "-small.mp4" would be taken for a derived file for ever after (NEVER-14).
        if name.looks_derived() { name.with_digest(&entry.sha256) } else { name }
    }
}

/// Size and digest of a file.
pub(crate) async fn measure(path: PathBuf) -> Result<(u64, Digest), ShipError> {
    let measured = tokio::task::spawn_blocking(move || Digest::of_reader(std::fs::File::open(path)?));
    Ok(measured.await.map_err(std::io::Error::other)??)
}
