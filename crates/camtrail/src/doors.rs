//! The doors beside FTP and HTTP: the local socket through which `camtrail import` hands files over.

use anyhow::Context;
use tokio::{sync::watch, task::JoinSet};

use crate::app::{DataDir, Rooms};

/// Opens them; each is a task that ends when `stopped` turns true. The caller owns the data dir.
pub(crate) fn open(
    dir: &DataDir,
    rooms: &Rooms,
    tasks: &mut JoinSet<()>,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let socket = dir.handover();
    let listener = camtrail_gateway::listen(&socket)
        .with_context(|| format!("opening the local socket {}", socket.display()))?;
    tasks.spawn(rooms.desk().serve(listener, stopped.clone()));
    Ok(())
}
