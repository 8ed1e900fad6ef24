//! RFC 959, section 3, and RFC 2428: data connections.
//!
//! Owns how a data connection comes about (passive or active) and how bytes are
//! taken from it or sent over it. Promises that the other end is the control
//! connection's peer, and that every wait is bounded.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ops::RangeInclusive;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::storage::{CutReason, StorageError, Upload};
use crate::stream::Stream;

/// How much is read from a data connection at once, and so the largest chunk.
const CHUNK_BYTES: usize = 64 * 1024;
/// How often the range is tried. A child process that is just being started holds
/// copies of all sockets for a moment, and so a port that was closed already.
const PASSIVE_ROUNDS: u32 = 3;
const PASSIVE_PAUSE: Duration = Duration::from_millis(30);
/// Saying close_notify takes no longer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failed accept (out of file descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// One client connects; a stranger or two may come before it.
const PASSIVE_BACKLOG: i32 = 4;

/// What the client arranged for its next transfer.
#[derive(Debug, Default)]
pub(crate) enum DataSetup {
    #[default]
    None,
    /// A passive port waits for the client.
    Listening(Passive),
    /// The client connected to the passive port.
    Connected(TcpStream),
    /// Nothing connected to this passive port in time.
    Expired(u16),
    /// The client waits for us.
    Active(SocketAddr),
}

/// A passive port.
#[derive(Debug)]
pub(crate) struct Passive {
    listener: TcpListener,
    peer: IpAddr,
    deadline: Instant,
}

/// How waiting on a passive port ended.
#[derive(Debug)]
pub(crate) enum Arrival {
    Client(TcpStream),
    /// Another host: turned away.
    Stranger(IpAddr),
    TimedOut,
}

impl Passive {
    /// Opens a port of the range on the control connection's local address.
    /// `cursor` spreads sessions over the range.
    pub(crate) async fn open(
        local: SocketAddr,
        peer: IpAddr,
        ports: &RangeInclusive<u16>,
        cursor: &AtomicU32,
        wait: Duration,
    ) -> io::Result<Self> {
        let first = u32::from(*ports.start());
        let count = u32::from(*ports.end()) - first + 1;
        let mut last_error = io::Error::from(io::ErrorKind::AddrInUse);
        for attempt in 0..count * PASSIVE_ROUNDS {
            if attempt > 0 && attempt % count == 0 {
                sleep(PASSIVE_PAUSE).await;
            }
            let step = cursor.fetch_add(1, Ordering::Relaxed) % count;
            let port = u16::try_from(first + step).unwrap_or(*ports.start());
            match listen(local, port) {
                Ok(listener) => return Ok(Self { listener, peer, deadline: Instant::now() + wait }),
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().map_or(0, |address| address.port())
    }

    /// Waits anew, for a client that connects only after its `STOR`.
    pub(crate) fn extend(&mut self, wait: Duration) {
        self.deadline = Instant::now() + wait;
    }

    /// Waits for the next connection. Cancel-safe.
    pub(crate) async fn arrival(&self) -> Arrival {
        loop {
            match timeout_at(self.deadline, self.listener.accept()).await {
                Err(_) => return Arrival::TimedOut,
                Ok(Ok((tcp, from))) if from.ip().to_canonical() == self.peer => return Arrival::Client(tcp),
                Ok(Ok((_, from))) => return Arrival::Stranger(from.ip().to_canonical()),
                // Out of file descriptors, or a connection that was reset in the queue.
                Ok(Err(error)) => {
                    tracing::debug!(%error, "accepting a data connection failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn listen(local: SocketAddr, port: u16) -> io::Result<TcpListener> {
    let address = with_port(local, port);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Ports whose last connection is still in TIME_WAIT can be used again.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(PASSIVE_BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// The same address with another port; keeps the scope of link-local addresses.
fn with_port(address: SocketAddr, port: u16) -> SocketAddr {
    let mut other = address;
    other.set_port(port);
    other
}

/// An IPv4 peer of a `[::]` socket as the IPv4 address that it is.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
            SocketAddr::new(IpAddr::V6(*v6.ip()).to_canonical(), v6.port())
        }
        other => other,
    }
}

/// Connects to the client's active port from the address it knows us by.
pub(crate) async fn connect(local: SocketAddr, target: SocketAddr, wait: Duration) -> io::Result<TcpStream> {
    let socket = if target.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.bind(with_port(local, 0))?;
    match timeout(wait, socket.connect(target)).await {
        Ok(connected) => connected,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
    }
}

/// `EPRT` carries no scope: a link-local address gets the control connection's.
pub(crate) fn scoped(address: IpAddr, port: u16, peer: SocketAddr) -> SocketAddr {
    match (address, peer) {
        (IpAddr::V6(ip), SocketAddr::V6(peer)) if Ipv6Addr::is_unicast_link_local(&ip) => {
            SocketAddrV6::new(ip, port, 0, peer.scope_id()).into()
        }
        _ => SocketAddr::new(address, port),
    }
}

/// Tells a transfer to end early.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Sender<Option<CutReason>>);

impl Stop {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// The first reason stays.
    pub(crate) fn set(&self, reason: CutReason) {
        self.0.send_if_modified(|slot| {
            let first = slot.is_none();
            if first {
                *slot = Some(reason);
            }
            first
        });
    }

    pub(crate) fn reason(&self) -> Option<CutReason> {
        *self.0.borrow()
    }

    /// Ends once [`Stop::set`] was called.
    pub(crate) async fn stopped(&self) -> CutReason {
        let mut slot = self.0.subscribe();
        match slot.wait_for(Option::is_some).await {
            Ok(reason) => reason.unwrap_or(CutReason::Aborted),
            // We hold the sender ourselves.
            Err(_) => CutReason::Aborted,
        }
    }
}

/// What was taken from a data connection.
pub(crate) struct Received {
    pub(crate) upload: Box<dyn Upload>,
    pub(crate) bytes: u64,
    pub(crate) end: ReceiveEnd,
}

/// Why taking ended.
#[derive(Debug)]
pub(crate) enum ReceiveEnd {
    Eof,
    /// End of file under TLS, but without its close_notify.
    BareEof,
    Cut(CutReason),
    Refused(StorageError),
}

/// Takes bytes until the end of file, at the storage's pace: nothing is read
/// while `write` runs, so TCP slows the client down.
pub(crate) async fn receive(
    mut stream: Stream,
    mut upload: Box<dyn Upload>,
    stall: Duration,
    stop: Stop,
) -> Received {
    let mut buffer = BytesMut::new();
    let mut bytes = 0;
    let mut stopped = pin!(stop.stopped());
    let end = loop {
        if buffer.capacity() < CHUNK_BYTES / 4 {
            buffer.reserve(CHUNK_BYTES);
        }
        let read = tokio::select! {
            biased;
            reason = &mut stopped => break ReceiveEnd::Cut(reason),
            read = timeout(stall, stream.read_buf(&mut buffer)) => read,
        };
        match read {
            Err(_) => break ReceiveEnd::Cut(CutReason::Stalled),
            Ok(Err(error)) if stream.is_tls() && error.kind() == io::ErrorKind::UnexpectedEof => {
                break ReceiveEnd::BareEof;
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "the data connection broke");
                break ReceiveEnd::Cut(CutReason::Broken);
            }
            Ok(Ok(0)) => break ReceiveEnd::Eof,
            Ok(Ok(read)) => bytes += read as u64,
        }
        if let Err(error) = upload.write(buffer.split().freeze()).await {
            break ReceiveEnd::Refused(error);
        }
    };
    // Under TLS this says close_notify, which some clients wait for. It fails where
    // the client has closed already, which is no news.
    let said = timeout(CLOSE_TIMEOUT.min(stall), stream.shutdown()).await;
    tracing::trace!(?said, "data connection closed");
    Received { upload, bytes, end }
}

/// Sends a listing and closes the data connection.
pub(crate) async fn send(
    mut stream: Stream,
    listing: Vec<u8>,
    stall: Duration,
    stop: Stop,
) -> Result<(), CutReason> {
    let write = async {
        for chunk in listing.chunks(CHUNK_BYTES) {
            match timeout(stall, stream.write_all(chunk)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(CutReason::Broken),
                Err(_) => return Err(CutReason::Stalled),
            }
        }
        match timeout(stall, stream.shutdown()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(CutReason::Broken),
            Err(_) => Err(CutReason::Stalled),
        }
    };
    tokio::select! {
        biased;
        reason = stop.stopped() => Err(reason),
        sent = write => sent,
    }
}
