//! What an earlier process left: entries, uploads it died under, and rubbish.
//!
//! Uploads that came as a file (watched folder, import) and were not done are dropped: the file is where it was.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File},
    io,
    path::Path,
    sync::atomic::Ordering,
    time::SystemTime,
};

use camtrail_model::{Digest, Millis};

use crate::{
    EntryId, Spool, SpoolEntry, SpoolError, TransferEnd, UploadStart, WORK_EXTENSIONS, remove_if_there,
};

/// What was found at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Entries that wait to be shipped, those of the next line included.
    pub entries: u64,
    /// Uploads that the earlier process died under; kept as cut ones.
    pub cut: u64,
    /// Files that nothing could be made of; kept under `lost/` for a person.
    pub lost: u64,
}

pub(crate) fn recover(spool: &Spool) -> Result<Recovery, SpoolError> {
    let mut recovery = Recovery::default();
    remove_unfinished_media(&spool.inner.dir)?;
    for id in ids(&spool.inner.dir)? {
        // The clock can stand where it stood before a restart: the numbers go on, so that no id comes twice.
        spool.inner.counter.fetch_max(id.number().wrapping_add(1), Ordering::Relaxed);
        let _ = remove_if_there(&spool.path(&id, "json.tmp"));
        for work in WORK_EXTENSIONS {
            let _ = remove_if_there(&spool.work_path(&id, work));
        }
        let entry = match read_header(spool, &id) {
            Ok(Some(entry)) => {
                let _ = remove_if_there(&spool.path(&id, "open"));
                entry
            }
            Ok(None) => match revive(spool, &id)? {
                Some(entry) => {
                    recovery.cut += 1;
                    entry
                }
                None => continue,
            },
            Err(problem) => {
                set_aside(spool, &id, &problem)?;
                recovery.lost += 1;
                continue;
            }
        };
        recovery.entries += 1;
        spool.inner.bytes.fetch_add(entry.size, Ordering::Relaxed);
        spool.list(entry);
    }
    Ok(recovery)
}

/// What a remux that was killed left beside its work file.
fn remove_unfinished_media(dir: &Path) -> io::Result<()> {
    for file in fs::read_dir(dir)? {
        let file = file?;
        if file.file_name().to_string_lossy().starts_with(".remux-") {
            remove_if_there(&file.path())?;
        }
    }
    Ok(())
}

/// All ids that any file in the spool belongs to.
fn ids(dir: &Path) -> io::Result<BTreeSet<EntryId>> {
    let mut ids = BTreeSet::new();
    for file in fs::read_dir(dir)? {
        let name = file?.file_name();
        let stem = name.to_str().and_then(|name| name.split('.').next());
        ids.extend(stem.and_then(EntryId::parse));
    }
    Ok(ids)
}

/// `Ok(None)`: no header. `Err`: a header that can't be used, and why.
fn read_header(spool: &Spool, id: &EntryId) -> Result<Option<SpoolEntry>, String> {
    let bytes = match fs::read(spool.path(id, "json")) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("its header can't be read: {error}")),
    };
    let entry: SpoolEntry =
        serde_json::from_slice(&bytes).map_err(|error| format!("its header is damaged: {error}"))?;
    if entry.version != SpoolEntry::VERSION {
        return Err(format!(
            "its header has version {}, this program reads {}",
            entry.version,
            SpoolEntry::VERSION
        ));
    }
    match fs::metadata(spool.data_path(id)) {
        Ok(data) if data.len() == entry.size => Ok(Some(entry)),
        Ok(data) => Err(format!("it holds {} bytes, its header says {}", data.len(), entry.size)),
        Err(error) => Err(format!("its bytes can't be read: {error}")),
    }
}

/// Bytes without a header: an upload that the process died under, or what is left of a removal.
fn revive(spool: &Spool, id: &EntryId) -> Result<Option<SpoolEntry>, SpoolError> {
    let (open, data) = (spool.path(id, "open"), spool.data_path(id));
    let note = fs::read(&open).ok();
    let size = fs::metadata(&data).map_or(0, |data| data.len());
    let Some(note) = note.filter(|_| size > 0) else {
        // No note: a removal had begun. No bytes: nothing to keep.
        remove_if_there(&data)?;
        remove_if_there(&open)?;
        return Ok(None);
    };
    let Ok(start) = serde_json::from_slice::<UploadStart>(&note) else {
        set_aside(spool, id, "the note of who sent it is damaged")?;
        return Ok(None);
    };
    if start.is_guest() {
        // Whole where it was, and it comes again: a half one would be a cut capture of a whole file.
        remove_if_there(&data)?;
        remove_if_there(&open)?;
        return Ok(None);
    }
    let entry = SpoolEntry {
        version: SpoolEntry::VERSION,
        id: id.clone(),
        received_at: modified(&data).unwrap_or(start.started_at),
        start,
        size,
        sha256: Digest::of_reader(File::open(&data)?)?.1,
        transfer: TransferEnd::Cut("Camtrail stopped during the upload".to_owned()),
    };
    File::open(&data)?.sync_all()?;
    spool.write_header(&entry)?;
    remove_if_there(&open)?;
    Ok(Some(entry))
}

/// Never deletes what it doesn't understand: it may be the evidence.
fn set_aside(spool: &Spool, id: &EntryId, problem: &str) -> Result<(), SpoolError> {
    let lost = spool.inner.dir.join("lost");
    camtrail_durable::create_dirs(&lost)?;
    for extension in ["json", "open", "data"] {
        let from = spool.path(id, extension);
        if let Some(name) = from.file_name().map(OsStr::to_owned).filter(|_| from.exists()) {
            fs::rename(&from, lost.join(name))?;
        }
    }
    tracing::error!(entry = %id, folder = %lost.display(), "a spool entry can't be used ({problem}); its files were moved to the folder");
    Ok(())
}

fn modified(path: &Path) -> Option<Millis> {
    let since = fs::metadata(path).ok()?.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Millis(i64::try_from(since.as_millis()).ok()?))
}
