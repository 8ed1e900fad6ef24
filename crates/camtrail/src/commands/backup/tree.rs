//! Copying folders while others change them.

use std::{
    collections::HashSet,
    ffi::OsString,
    fmt,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// What the local store has in it that is no object.
const STORE_SCRATCH: &str = ".camtrail-tmp";

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Copied {
    new: u64,
    new_bytes: u64,
    same: u64,
    removed: u64,
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { new, new_bytes, same, removed } = self;
        write!(f, "{new} files copied ({new_bytes} bytes), {same} as they were")?;
        if *removed > 0 { write!(f, ", {removed} removed") } else { Ok(()) }
    }
}

/// Removes a file that may not be there.
pub(super) fn forget(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Waiting uploads, bytes before header: the header's presence is the entry. Returns the names that are to stay.
pub(super) fn spool(from: &Path, to: &Path, copied: &mut Copied) -> anyhow::Result<HashSet<OsString>> {
    camtrail_durable::create_dirs(to).with_context(|| format!("making {}", to.display()))?;
    let mut kept = HashSet::new();
    for name in names(from)? {
        let header = Path::new(&name);
        if header.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let data = header.with_extension("data");
        // Gone meanwhile: it was shipped, and the store is copied later.
        if file(&from.join(&data), &to.join(&data), copied)?
            && file(&from.join(header), &to.join(header), copied)?
        {
            kept.extend([data.into_os_string(), name]);
        }
    }
    camtrail_durable::sync_dir(to).with_context(|| format!("writing {}", to.display()))?;
    Ok(kept)
}

/// Removes all others, headers first.
pub(super) fn keep_only(dir: &Path, kept: &HashSet<OsString>) -> anyhow::Result<()> {
    let mut others: Vec<_> = names(dir)?.into_iter().filter(|name| !kept.contains(name)).collect();
    others.sort_by_key(|name| Path::new(name).extension().is_none_or(|extension| extension != "json"));
    others.iter().try_for_each(|name| forget(&dir.join(name)))
}

/// All objects and what stands beside them.
pub(super) fn store(from: &Path, to: &Path, prune: bool, copied: &mut Copied) -> anyhow::Result<()> {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} files of the store ({elapsed})") {
        bar.set_style(style);
    }
    let mut folders = vec![PathBuf::new()];
    let mut objects = 0_u64;
    while let Some(folder) = folders.pop() {
        camtrail_durable::create_dirs(&to.join(&folder))
            .with_context(|| format!("making {}", to.display()))?;
        for name in names(&from.join(&folder))? {
            let path = folder.join(&name);
            if folder.as_os_str().is_empty() && name == STORE_SCRATCH {
                continue;
            }
            // A link is never followed: no object is one.
            match fs::symlink_metadata(from.join(&path)) {
                Ok(data) if data.is_dir() => folders.push(path),
                Ok(data) if data.is_file() => {
                    objects += u64::from(file(&from.join(&path), &to.join(&path), copied)?);
                    bar.inc(1);
                }
                _ => {}
            }
        }
        camtrail_durable::sync_dir(&to.join(&folder)).context("writing the store's copy")?;
    }
    bar.finish_and_clear();
    if prune {
        if objects == 0 {
            bail!(
                "{} holds nothing: that is taken for the wrong folder, and nothing is pruned",
                from.display()
            );
        }
        self::prune(from, to, copied)?;
    }
    Ok(())
}

/// Removes what the store no longer has; of folders, those that are empty then.
fn prune(from: &Path, to: &Path, copied: &mut Copied) -> anyhow::Result<()> {
    for name in names(to)? {
        let (ours, theirs) = (to.join(&name), from.join(&name));
        if ours.is_dir() {
            prune(&theirs, &ours, copied)?;
            // Not empty: it stays.
            let _ = fs::remove_dir(&ours);
        } else if !theirs.try_exists().with_context(|| format!("looking at {}", theirs.display()))? {
            forget(&ours)?;
            copied.removed += 1;
        }
    }
    Ok(())
}

/// Names in a folder; none where there is no such folder.
fn names(dir: &Path) -> anyhow::Result<Vec<OsString>> {
    let read = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read,
    };
    let names = read.and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
    names.with_context(|| format!("reading {}", dir.display()))
}

/// Copies a file unless its copy has its size and time. `false`: it is gone. The caller fsyncs the folder.
fn file(from: &Path, to: &Path, copied: &mut Copied) -> anyhow::Result<bool> {
    let gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let data = match fs::metadata(from) {
        Err(error) if gone(&error) => return Ok(false),
        data => data.with_context(|| format!("reading {}", from.display()))?,
    };
    let modified = data.modified().context("reading a file's time")?;
    if let Ok(there) = fs::metadata(to)
        && there.len() == data.len()
        && there.modified().is_ok_and(|time| time == modified)
    {
        copied.same += 1;
        return Ok(true);
    }
    // A name that no object's is: as long as any, it might be too long with more behind it.
    let temporary = to.with_file_name(".camtrail-backup.tmp");
    match camtrail_durable::copy_synced(from, &temporary) {
        Err(error) if gone(&error) => return Ok(false),
        done => done.with_context(|| format!("copying {} to {}", from.display(), to.display()))?,
    }
    File::options()
        .write(true)
        .open(&temporary)
        .and_then(|file| file.set_modified(modified))
        .and_then(|()| camtrail_durable::rename_over(&temporary, to))
        .with_context(|| format!("writing {}", to.display()))?;
    copied.new += 1;
    copied.new_bytes += data.len();
    Ok(true)
}
