//! `camtrail backup DIR`: copies all that can't be had again into a folder that is a data dir itself.
//!
//! Promises: what was acknowledged before it began is in it, whatever is uploaded, shipped or removed meanwhile; the
//! folder holds `backup.json` only when all of it is there and on disk. Refuses: to write into the data dir.
//!
//! The order is what makes it whole: each thing is copied before what it refers to. A note that a file was taken is
//! older than the spool's copy, an upload that leaves the spool meanwhile is in the store when that is copied, last.
//! What the store has beyond the catalog's copy, `camtrail rebuild` records.

mod tree;

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use anyhow::{Context, bail};
use camtrail_catalog::copy_database;
use camtrail_model::ports::{Clock, SystemClock};
use serde_json::json;

use self::tree::Copied;
use crate::{
    cli::BackupArgs,
    config::{self, Settings, StoreSettings, overlap, real},
    data_dir::DataDir,
};

/// The note of a backup that is whole.
const NOTE: &str = "backup.json";
/// What its folder is like: a data dir of this program's version, and this note.
const FORMAT: u32 = 1;

pub(crate) async fn backup(args: BackupArgs) -> anyhow::Result<()> {
    let settings = config::settings(&args.config)?;
    tokio::task::spawn_blocking(move || write(&args, &settings)).await.context("the backup was lost")?
}

fn write(args: &BackupArgs, settings: &Settings) -> anyhow::Result<()> {
    let (from, to) = (settings.data_dir.as_path(), args.to.as_path());
    let began = SystemClock.now();
    if !from.is_dir() {
        bail!("there is no data_dir {}: name it with --data-dir or --config", from.display());
    }
    if overlap(&real(from), &real(to)) {
        bail!(
            "{} and the data_dir {} lie in each other: choose another folder",
            to.display(),
            from.display()
        );
    }
    let _alone = claim(to)?;
    let dir = DataDir::new(from);
    let databases = |paths: &[std::path::PathBuf]| -> anyhow::Result<()> {
        for path in paths {
            let name = path.file_name().unwrap_or_default();
            if !copy_database(path, &to.join(name)).with_context(|| format!("copying {}", path.display()))? {
                tree::forget(&to.join(name))?;
            }
        }
        Ok(())
    };
    let mut copied = Copied::default();
    databases(&[dir.taken(), dir.imported(), dir.notify()])?;
    let waiting = tree::spool(&dir.spool(), &to.join("spool"), &mut copied)?;
    databases(&[dir.ledger(), dir.catalog()])?;
    let with_store = matches!(settings.store, StoreSettings::Local) && !args.without_store;
    if with_store {
        tree::store(&dir.store(), &to.join("store"), args.prune, &mut copied)?;
    }
    // Only now: what left the spool since the backup before is in the store's copy.
    tree::keep_only(&to.join("spool"), &waiting)?;
    let note = json!({
        "format": FORMAT,
        "version": env!("CARGO_PKG_VERSION"),
        "began_at": began.timestamp().to_string(),
        "ended_at": SystemClock.now().timestamp().to_string(),
        "store": with_store,
    });
    camtrail_durable::replace_file(&to.join(NOTE), note.to_string().as_bytes())
        .with_context(|| format!("writing {NOTE}"))?;
    println!("{}: {copied}", to.display());
    match &settings.store {
        StoreSettings::S3(bucket) => {
            println!("Objects are in the bucket {}, not in this backup.", bucket.bucket);
        }
        StoreSettings::Local if args.without_store => {
            println!("Without the store: copy {} after this.", dir.store().display());
        }
        StoreSettings::Local => {}
    }
    if settings.catalog.is_shared() {
        println!("Events and people are in DynamoDB, not in this backup: see its point-in-time recovery.");
    }
    Ok(())
}

/// Makes the folder, for its owner's eyes; what is in it is no whole backup from now on.
fn claim(to: &Path) -> anyhow::Result<File> {
    let place = to.display();
    let is_new = !to.exists();
    camtrail_durable::create_dirs(to).with_context(|| format!("{place} can't be made"))?;
    if is_new {
        // Password hashes and keys of links are in it.
        fs::set_permissions(to, fs::Permissions::from_mode(0o700))
            .with_context(|| format!("{place} can't be closed to others"))?;
    }
    let ours = to.join(NOTE).exists() || to.join("backup.lock").exists();
    let is_empty = fs::read_dir(to).with_context(|| format!("reading {place}"))?.next().is_none();
    if !ours && !is_empty {
        bail!("{place} holds something else than a backup: choose an empty folder, or one that isn't there");
    }
    let lock = File::create(to.join("backup.lock")).with_context(|| format!("{place} can't be written"))?;
    if lock.try_lock().is_err() {
        bail!("another backup into {place} is under way");
    }
    tree::forget(&to.join(NOTE))?;
    camtrail_durable::sync_dir(to).with_context(|| format!("{place} can't be written"))?;
    Ok(lock)
}
