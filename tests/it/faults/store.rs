//! The store of a campaign: an S3-compatible server behind a proxy with faults, or the local folder; and a look past
//! everything at what it really holds.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::support::{Dice, FaultProxy, S3_KEY, S3_REGION, S3_SECRET, SeaweedFs};

/// What a campaign uses unless `CAMTRAIL_FAULTS_STORE` says otherwise.
const DEFAULT: &str = "s3";
const BUCKET: &str = "security-alarms";

pub(super) enum Store {
    Local(PathBuf),
    S3 { seaweed: Box<SeaweedFs>, proxy: FaultProxy },
}

fn choice() -> String {
    env::var("CAMTRAIL_FAULTS_STORE").unwrap_or_else(|_| DEFAULT.to_owned())
}

/// How large a disk the program needs for so many files, in MB: small, because filling one takes time.
pub(super) fn disk_mb(files: usize) -> usize {
    const WAITING_MB: usize = 256;
    // The local store is on it, too: 200 kB a file with its picture. Otherwise only the catalog grows.
    WAITING_MB + files / if choice() == "local" { 5 } else { 100 }
}

impl Store {
    pub(super) fn start(data_dir: &Path, dice: &mut Dice) -> Self {
        match choice().as_str() {
            "local" => Self::Local(data_dir.join("store")),
            "s3" => {
                let seaweed = Box::new(SeaweedFs::start(BUCKET));
                let proxy = FaultProxy::start(seaweed.s3(), dice.fork());
                Self::S3 { seaweed, proxy }
            }
            other => panic!("CAMTRAIL_FAULTS_STORE: found {other:?}, expected \"s3\" or \"local\""),
        }
    }

    /// The program's settings.
    pub(super) fn env(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Local(_) => Vec::new(),
            Self::S3 { proxy, .. } => vec![
                ("CAMTRAIL__STORE__KIND", "s3".to_owned()),
                ("CAMTRAIL__S3_INFO__BUCKET_NAME", BUCKET.to_owned()),
                ("CAMTRAIL__S3_INFO__ENDPOINT", format!("http://{}", proxy.address())),
                ("CAMTRAIL__S3_INFO__REGION", S3_REGION.to_owned()),
                ("AWS_ACCESS_KEY_ID", S3_KEY.to_owned()),
                ("AWS_SECRET_ACCESS_KEY", S3_SECRET.to_owned()),
            ],
        }
    }

    pub(super) fn proxy(&self) -> Option<&FaultProxy> {
        match self {
            Self::Local(_) => None,
            Self::S3 { proxy, .. } => Some(proxy),
        }
    }

    /// An object's bytes, as they really are.
    pub(super) fn object(&self, key: &str) -> Option<Vec<u8>> {
        match self {
            Self::Local(dir) => fs::read(dir.join(key)).ok(),
            Self::S3 { seaweed, .. } => seaweed.object(key),
        }
    }

    /// The keys of all captures that are really there.
    pub(super) fn keys(&self) -> Vec<String> {
        const BASE: &str = "patrolcams";
        match self {
            Self::Local(dir) => {
                let (mut keys, mut folders) = (Vec::new(), vec![BASE.to_owned()]);
                while let Some(folder) = folders.pop() {
                    for entry in fs::read_dir(dir.join(&folder)).into_iter().flatten().flatten() {
                        let path = format!("{folder}/{}", entry.file_name().display());
                        if entry.file_type().unwrap().is_dir() { folders.push(path) } else { keys.push(path) }
                    }
                }
                keys
            }
            Self::S3 { seaweed, .. } => seaweed.keys(BASE),
        }
    }
}
