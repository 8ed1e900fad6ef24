//! Who owns the spool: a running Camtrail, which is handed the files; or nobody, and then this process does, and ships
//! what it imports itself.

use std::{fs::File, io, path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use camtrail_gateway::{Desk, Handover};
use camtrail_model::names::is_in_progress;
use camtrail_spool::Spool;
use tokio::{sync::watch, task::JoinHandle, time::Instant};

use crate::{config::Settings, data_dir::DataDir, rooms::Rooms};

/// A server that has the data dir and no socket yet is starting.
const START_WITHIN: Duration = Duration::from_secs(10);
const START_POLL: Duration = Duration::from_millis(200);
/// Bytes between the two halves of this process.
const PIPE_BYTES: usize = 256 * 1024;
/// The store is given up when nothing was shipped for so long.
const STUCK_AFTER: Duration = Duration::from_mins(2);
const SHIPPED_POLL: Duration = Duration::from_millis(50);

pub(super) enum Owner {
    /// Another process; the socket on which it takes files.
    Running(PathBuf),
    /// This one.
    Own(Box<Own>),
    /// Nobody: a dry run where nothing was ever stored.
    Nobody,
}

/// The spool and what empties it.
pub(super) struct Own {
    desk: Desk,
    spool: Spool,
    stop: watch::Sender<bool>,
    /// `None`: a dry run ships nothing.
    shipper: Option<JoinHandle<()>>,
    _lock: File,
}

impl Owner {
    pub(super) async fn reach(settings: &Settings, dry_run: bool) -> anyhow::Result<Self> {
        let dir = DataDir::new(&settings.data_dir);
        let socket = dir.handover();
        let deadline = Instant::now() + START_WITHIN;
        let lock = loop {
            match Handover::connect(&socket).await {
                Ok(_) => return Ok(Self::Running(socket)),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    bail!(
                        "{} belongs to another user's Camtrail: run the import as that user",
                        socket.display()
                    );
                }
                Err(_) => {}
            }
            if dry_run && !dir.ledger().exists() {
                return Ok(Self::Nobody);
            }
            match dir.claim() {
                Ok(lock) => break lock,
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => tokio::time::sleep(START_POLL).await,
            }
        };
        let rooms = Rooms::open(&dir, settings).await?;
        let (stop, stopped) = watch::channel(false);
        let (desk, spool) = (rooms.desk(), rooms.spool.clone());
        let shipper = if dry_run { None } else { Some(tokio::spawn(rooms.shipper(settings).0.run(stopped))) };
        Ok(Self::Own(Box::new(Own { desk, spool, stop, shipper, _lock: lock })))
    }

    /// A connection to it; `None`: there is nobody to ask.
    pub(super) async fn handover(&self) -> anyhow::Result<Option<Handover>> {
        match self {
            Self::Running(socket) => {
                let connected = Handover::connect(socket).await;
                connected.map(Some).context("the running Camtrail can't be reached")
            }
            Self::Own(own) => {
                let (here, there) = tokio::io::duplex(PIPE_BYTES);
                let desk = own.desk.clone();
                tokio::spawn(async move { desk.talk(there).await });
                Ok(Some(Handover::new(here)))
            }
            Self::Nobody => Ok(None),
        }
    }

    /// What was handed to another process is that one's to ship; what this one took is shipped when this returns Ok.
    /// Without `wait`, what is in the spool stays there for the next start.
    pub(super) async fn finish(&self, wait: bool) -> anyhow::Result<()> {
        let Self::Own(own) = self else { return Ok(()) };
        let Some(shipper) = &own.shipper else { return Ok(()) };
        let shipped = if wait { own.shipped().await } else { Ok(()) };
        let _ = own.stop.send(true);
        while !shipper.is_finished() {
            tokio::time::sleep(SHIPPED_POLL).await;
        }
        shipped
    }
}

impl Own {
    async fn shipped(&self) -> anyhow::Result<()> {
        let (mut fewest, mut since) = (usize::MAX, Instant::now());
        loop {
            // What an earlier run left under way waits for its rename; that is not the import's.
            let under_way = |path: &[String]| path.last().is_some_and(|file| is_in_progress(file));
            let waiting = self.spool.entries().iter().filter(|entry| !under_way(&entry.start.path)).count();
            if waiting == 0 {
                return Ok(());
            }
            if waiting < fewest {
                (fewest, since) = (waiting, Instant::now());
            }
            if since.elapsed() > STUCK_AFTER {
                bail!(
                    "{waiting} uploads wait in the spool and can't be stored now (see above): they are safe, and the next \
                     import or `camtrail serve` goes on with them"
                );
            }
            tokio::time::sleep(SHIPPED_POLL).await;
        }
    }
}
