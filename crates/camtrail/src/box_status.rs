//! How the box is doing, for the API.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use camtrail_api::{FtpStatus, FtpTrouble, MediaStatus, RetentionStatus, SpoolStatus, Status, StatusSource};
use camtrail_gateway::{Diagnosis, ShipperStatus};
use camtrail_media::Ffmpeg;
use camtrail_model::{
    Millis,
    ports::{Clock, MediaTool, SystemClock},
};
use camtrail_retention::RetentionConfig;
use camtrail_spool::Spool;

use crate::doors::Watches;

/// Tells the API how the box is doing.
pub(crate) struct BoxStatus {
    pub(crate) watches: Watches,
    pub(crate) spool: Spool,
    pub(crate) spool_max_bytes: u64,
    pub(crate) shipper: Arc<Mutex<ShipperStatus>>,
    pub(crate) media: Arc<Ffmpeg>,
    pub(crate) ftp: SocketAddr,
    pub(crate) diagnosis: Diagnosis,
    /// `None`: the bucket's and the tables' own rules remove events.
    pub(crate) retention: Option<RetentionConfig>,
}

impl StatusSource for BoxStatus {
    fn status(&self) -> Status {
        let usage = self.spool.usage();
        let shipper = self.shipper.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let spool = SpoolStatus {
            entries: usage.entries,
            bytes: usage.bytes,
            max_bytes: self.spool_max_bytes,
            failing: shipper.failing,
            problem: shipper.last_error,
        };
        let utc = |at: Millis| format!("{:.3}", at.timestamp());
        let troubles = self.diagnosis.recent().into_iter().map(|trouble| FtpTrouble {
            kind: trouble.kind.as_str().to_owned(),
            peer: trouble.peer.to_string(),
            account: trouble.account,
            count: trouble.count,
            last_at: utc(trouble.last_at),
            advice: trouble.advice,
        });
        let problem = self.media.problem();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            media: Some(MediaStatus { available: problem.is_none(), problem }),
            ftp: Some(FtpStatus { address: self.ftp.to_string(), troubles: troubles.collect() }),
            watches: self.watches.status(),
            spool: Some(spool),
            retention: self
                .retention
                .map(|kept| RetentionStatus { days: kept.keep.map(whole_days), max_bytes: kept.max_bytes }),
            now: utc(SystemClock.now()),
        }
    }
}

/// Retention is configured in days.
fn whole_days(keep: Duration) -> u32 {
    u32::try_from(keep.as_secs() / (24 * 60 * 60)).unwrap_or(u32::MAX)
}
