//! Owns the listening socket, the limits on connections, and the end: a graceful
//! stop that is bounded in time.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use crate::config::ServerConfig;
use crate::data::canonical;
use crate::event::SessionEvent;
use crate::session::Connection;
use crate::storage::{Authenticator, Storage};

/// Connections that wait to be accepted: all cameras after a power cut.
const ACCEPT_BACKLOG: i32 = 1024;
/// Pause after a failed accept (out of file descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Once transfers are cut at shutdown, the storage has so long to put them away.
const CUT_GRACE: Duration = Duration::from_secs(5);

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Serving,
    /// Idle sessions end, transfers go on.
    Draining,
    /// Transfers are cut.
    Cutting,
}

/// What all sessions share.
pub(crate) struct Shared {
    pub(crate) config: ServerConfig,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) storage: Arc<dyn Storage>,
    /// Spreads passive ports over the range.
    pub(crate) passive_cursor: AtomicU32,
    /// Makes names of `STOU` unique.
    pub(crate) unique_names: AtomicU64,
    sessions: AtomicU64,
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    total: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// An FTP server that is bound and not yet running.
pub struct Server {
    listener: TcpListener,
    local: SocketAddr,
    implicit: Option<TcpListener>,
    implicit_local: Option<SocketAddr>,
    shared: Arc<Shared>,
}

impl Server {
    /// Checks the configuration and opens the control port. Must be called
    /// within a tokio runtime. Errors: `InvalidInput` for a bad configuration,
    /// else what the system said about the port.
    pub fn bind(
        config: ServerConfig,
        authenticator: Arc<dyn Authenticator>,
        storage: Arc<dyn Storage>,
    ) -> io::Result<Self> {
        config.check()?;
        let listener = listen(config.listen)?;
        let local = listener.local_addr()?;
        let implicit_listen = config.tls.as_ref().and_then(|tls| tls.implicit_listen);
        let implicit = implicit_listen.map(listen).transpose()?;
        let implicit_local = implicit.as_ref().map(TcpListener::local_addr).transpose()?;
        let shared = Shared {
            config,
            authenticator,
            storage,
            passive_cursor: AtomicU32::new(0),
            unique_names: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
            connections: Mutex::default(),
        };
        Ok(Self { listener, local, implicit, implicit_local, shared: Arc::new(shared) })
    }

    /// The control port as really bound.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The port for implicit FTPS as really bound, if there is one.
    pub fn implicit_addr(&self) -> Option<SocketAddr> {
        self.implicit_local
    }

    /// Serves until `shutdown` completes, then stops accepting, tells idle
    /// sessions `421`, gives transfers [`ServerConfig::shutdown_grace`], and cuts
    /// what is left (their uploads end as [`CutReason::Shutdown`](crate::CutReason)).
    /// Returns when every session has ended.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        let (stage, _) = watch::channel(Stage::Serving);
        let mut sessions = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        tracing::info!(address = %self.local, implicit_tls = ?self.implicit_local, "FTP server listening");
        loop {
            let (accepted, implicit_tls) = tokio::select! {
                () = &mut shutdown => break,
                accepted = self.listener.accept() => (accepted, false),
                accepted = accept(self.implicit.as_ref()) => (accepted, true),
                Some(ended) = sessions.join_next() => {
                    note_end(ended);
                    continue;
                }
            };
            match accepted {
                Ok((tcp, peer)) => self.welcome(tcp, canonical(peer), implicit_tls, &stage, &mut sessions),
                Err(error) => {
                    tracing::warn!(%error, "accepting an FTP connection failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop((self.listener, self.implicit));
        let grace = self.shared.config.shutdown_grace;
        stage.send_replace(Stage::Draining);
        if timeout(grace, drain(&mut sessions)).await.is_err() {
            stage.send_replace(Stage::Cutting);
            if timeout(CUT_GRACE, drain(&mut sessions)).await.is_err() {
                tracing::warn!(sessions = sessions.len(), "FTP sessions did not end in time and are dropped");
                sessions.shutdown().await;
            }
        }
        tracing::info!("FTP server stopped");
    }

    fn welcome(
        &self,
        tcp: TcpStream,
        peer: SocketAddr,
        implicit_tls: bool,
        stage: &watch::Sender<Stage>,
        sessions: &mut JoinSet<()>,
    ) {
        let Some(slot) = Slot::take(&self.shared, peer.ip()) else {
            self.shared.storage.observe(peer, None, &SessionEvent::TooManyConnections);
            tracing::warn!(%peer, "too many FTP connections, one more refused");
            // The socket is fresh, so its send buffer has room: no need to wait.
            if let Err(error) = SockRef::from(&tcp).send(b"421 Too many connections, try again later.\r\n") {
                tracing::debug!(%peer, %error, "the refused client was gone already");
            }
            return;
        };
        let local = match prepare(&tcp) {
            Ok(local) => canonical(local),
            Err(error) => {
                tracing::debug!(%peer, %error, "the FTP client was gone before its greeting");
                return;
            }
        };
        let id = self.shared.sessions.fetch_add(1, Ordering::Relaxed) + 1;
        let connection =
            Connection::new(Arc::clone(&self.shared), stage.subscribe(), id, peer, local, tcp, implicit_tls);
        sessions.spawn(async move {
            let _slot = slot;
            connection.serve().await;
        });
    }
}

/// A place among the connections allowed; given back when dropped.
struct Slot {
    shared: Arc<Shared>,
    ip: IpAddr,
}

impl Slot {
    fn take(shared: &Arc<Shared>, ip: IpAddr) -> Option<Self> {
        let mut connections = shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let of_ip = connections.by_ip.get(&ip).copied().unwrap_or(0);
        if connections.total >= shared.config.max_connections || of_ip >= shared.config.max_connections_per_ip
        {
            return None;
        }
        connections.total += 1;
        connections.by_ip.insert(ip, of_ip + 1);
        Some(Self { shared: Arc::clone(shared), ip })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut connections = self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.total -= 1;
        if let Some(of_ip) = connections.by_ip.get_mut(&self.ip) {
            *of_ip -= 1;
            if *of_ip == 0 {
                connections.by_ip.remove(&self.ip);
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // `[::]` serves IPv4 too, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_BACKLOG)?;
    TcpListener::from_std(socket.into())
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

fn prepare(tcp: &TcpStream) -> io::Result<SocketAddr> {
    // Without it each reply waits for the client's delayed acknowledgement: 44 ms an upload.
    tcp.set_nodelay(true)?;
    // Clients send the end of `ABOR` as urgent data; out of line it would be lost.
    SockRef::from(tcp).set_out_of_band_inline(true)?;
    tcp.local_addr()
}

async fn drain(sessions: &mut JoinSet<()>) {
    while let Some(ended) = sessions.join_next().await {
        note_end(ended);
    }
}

/// Panics are caught inside the session; this is for one in the session itself.
fn note_end(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "an FTP session crashed");
    }
}
