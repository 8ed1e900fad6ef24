//! Owns what the server tells about sessions, so that a gateway can explain to
//! people why a camera doesn't get through.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::path::FtpPath;
use crate::storage::{Receipt, StorageError, TransferEnd};

/// Which of the two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Commands and replies.
    Control,
    /// Files and listings.
    Data,
}

/// Something that happened in a session; see [`Storage::observe`](crate::Storage::observe).
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionEvent {
    /// The connection was refused: too many at once.
    TooManyConnections,
    /// The login was right.
    LoggedIn,
    /// The login was wrong, throttled or couldn't be checked.
    LoginFailed {
        /// As sent, escaped where it isn't UTF-8, at most 64 bytes.
        user: String,
        /// Denied, throttled or unavailable.
        error: crate::storage::LoginError,
    },
    /// The client asked for a passive port and nothing ever connected to it: the
    /// usual sign of a firewall that blocks the passive ports.
    PassiveNeverConnected {
        /// The port that was offered.
        port: u16,
    },
    /// Every port of the passive range is taken.
    NoPassivePort,
    /// Somebody else than the client connected to its passive port; turned away.
    StrangerOnDataPort {
        /// Who it was.
        from: IpAddr,
    },
    /// `PORT` or `EPRT` named another host or a privileged port; refused (bounce attack).
    BounceRefused {
        /// The address that was named.
        target: SocketAddr,
    },
    /// The server couldn't connect to where `PORT` or `EPRT` said.
    ActiveConnectFailed {
        /// The address that was named.
        target: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// The storage refused to begin an upload.
    UploadRefused {
        /// Where it should have gone.
        path: FtpPath,
        /// Why.
        error: StorageError,
    },
    /// An upload ended.
    UploadFinished {
        /// Where it went.
        path: FtpPath,
        /// Received on this connection.
        bytes: u64,
        /// From `150` to the storage's answer.
        took: Duration,
        /// What the wire told.
        end: TransferEnd,
        /// Whether the storage said `Ok`.
        stored: bool,
    },
    /// An upload was [`TransferEnd::Complete`] when its data ended, but after
    /// [`Upload::finish`](crate::Upload::finish) the control connection was found
    /// closed: treat the file as suspect.
    UploadEndedWithoutListener {
        /// Where it went.
        path: FtpPath,
        /// From `finish`.
        receipt: Receipt,
    },
    /// The client was there when it was told `226` about a [`TransferEnd::Complete`]
    /// upload. For each of those, either this comes or
    /// [`Self::UploadEndedWithoutListener`], as the last that is heard of it.
    UploadAcknowledged {
        /// From `finish`.
        receipt: Receipt,
    },
    /// Not FTP: a port scan, HTTP, or TLS on the plain port. Answered once, closed.
    NotFtp {
        /// What it looked like.
        what: &'static str,
    },
    /// A TLS handshake failed or took too long.
    HandshakeFailed {
        /// On which connection.
        channel: Channel,
        /// What the TLS library said.
        reason: String,
    },
    /// The storage or the authenticator panicked; the session was ended.
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// The session ended.
    Ended {
        /// Why.
        why: &'static str,
    },
}
