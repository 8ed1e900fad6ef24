//! The data dir: whether it can be written, how much room it has, and what kind of disk it is on.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use indicatif::DecimalBytes;

use super::report::Report;
use crate::{
    config::{Settings, StoreSettings},
    data_dir::DataDir,
};

const CHECK: &str = "data_dir";
/// Below so much free room, soon nothing is taken.
const ROOM_MIN: u64 = 1_000_000_000;
/// A disk that takes longer for one small write makes cameras wait.
const SYNC_MAX: Duration = Duration::from_millis(200);

/// File systems by the magic number that `statfs(2)` gives.
const NFS: i128 = 0x6969;
const SMB: i128 = 0x517B;
const SMB2: i128 = 0xFE53_4D42;
const CIFS: i128 = 0xFF53_4D42;
const TMPFS: i128 = 0x0102_1994;
const RAMFS: i128 = 0x8584_58F6;
const OVERLAY: i128 = 0x794C_7630;

pub(super) fn look(report: &mut Report, settings: &Settings) {
    let dir = &settings.data_dir;
    let shown = dir.display();
    let there = existing(dir);
    let is_new = there != *dir;
    match write_once(&there) {
        Err(error) => {
            let advice = format!("give this user access (chown), or choose another with --data-dir: {error}");
            report.problem(CHECK, &format!("{shown} can't be written"), &advice);
            return;
        }
        Ok(took) if took > SYNC_MAX => report.advice(
            CHECK,
            &format!("{shown} can be written; one small durable write takes {} ms", took.as_millis()),
            "each upload waits for a few of those: an SSD, or a better SD card, makes cameras faster",
        ),
        Ok(_) if is_new => report.ok(CHECK, &format!("{shown} isn't there yet; the first start makes it")),
        Ok(took) => {
            report.ok(
                CHECK,
                &format!(
                    "{shown} can be written; a small durable write takes {:.1} ms",
                    took.as_secs_f64() * 1e3
                ),
            );
        }
    }
    kind_of_disk(report, &there);
    room(report, settings, &there);
}

/// The folder itself, or the nearest one above it that is there.
fn existing(dir: &Path) -> PathBuf {
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    whole.ancestors().find(|above| above.is_dir()).map_or_else(
        || dir.to_owned(),
        |above| {
            if above == whole { dir.to_owned() } else { above.to_owned() }
        },
    )
}

fn write_once(dir: &Path) -> io::Result<Duration> {
    let started = Instant::now();
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(&[0; 4096])?;
    file.as_file().sync_all()?;
    let took = started.elapsed();
    File::open(dir)?.sync_all()?;
    Ok(took)
}

fn kind_of_disk(report: &mut Report, dir: &Path) {
    let Ok(of) = rustix::fs::statfs(dir) else { return };
    match i128::from(of.f_type) {
        NFS | SMB | SMB2 | CIFS => report.problem(
            CHECK,
            "it is on a network share",
            "SQLite can't be relied on there, and a cut network loses what was acknowledged: use a disk of this machine \
             (a bucket can be the store: s3_info)",
        ),
        TMPFS | RAMFS => report.problem(
            CHECK,
            "it is in memory, and gone when the power is",
            "choose a folder on a disk with --data-dir",
        ),
        OVERLAY => report.advice(
            CHECK,
            "it is in a container's own layer, and goes with the container",
            "mount a volume there",
        ),
        _ => {}
    }
}

fn room(report: &mut Report, settings: &Settings, dir: &Path) {
    let Ok(of) = rustix::fs::statvfs(dir) else { return };
    let free = of.f_bavail.saturating_mul(of.f_frsize);
    let total = of.f_blocks.saturating_mul(of.f_frsize);
    let shown = format!("{} free of {}", DecimalBytes(free), DecimalBytes(total));
    let local = matches!(settings.store, StoreSettings::Local);
    let spool = settings.spool_max_bytes;
    if free < ROOM_MIN {
        report.problem("disk", &shown, "free some room: uploads are refused (452) when the disk is full");
    } else if local && settings.retention.max_bytes.is_none() {
        report.advice(
            "disk",
            &shown,
            &format!(
                "clips are kept here for as long as retention says: set retention.max_bytes (such as \"{}\"), so that the \
                 oldest go before the disk is full",
                DecimalBytes(total / 10 * 7)
            ),
        );
    } else if free < spool {
        report.advice(
            "disk",
            &shown,
            &format!("the spool may take {}: lower spool.max_bytes, or free some room", DecimalBytes(spool)),
        );
    } else {
        report.ok("disk", &shown);
    }
}

/// The local store, where it was made already.
pub(super) fn store(report: &mut Report, dir: &DataDir) {
    let store = dir.store();
    let shown = store.display().to_string();
    if store.exists() {
        match write_once(&store) {
            Ok(_) => report.ok("store", &format!("{shown} can be written")),
            Err(error) => report.problem(
                "store",
                &format!("{shown} can't be written: {error}"),
                "give this user access (chown)",
            ),
        }
    } else {
        report.ok("store", &format!("{shown}, in the data dir; the first start makes it"));
    }
    report.advice(
        "off-site",
        "clips are kept on this machine only: they go with it",
        "set [s3_info] bucket_name (S3 or any compatible store), or copy the store's folder elsewhere",
    );
}
