//! An upload-first FTP server: the protocol, and nothing else.
//!
//! This crate owns the wire: commands, replies, data connections, time-outs and
//! limits (RFC 959, 2228, 2389, 2428, 3659, 4217). Where bytes go and who may send them is
//! decided behind two traits, [`Storage`] and [`Authenticator`].
//!
//! It promises
//! - `226` only after [`Upload::finish`] returned `Ok`: the storage's durable
//!   write *is* the acknowledgement;
//! - to tell the storage how a transfer ended ([`TransferEnd`]), because FTP says
//!   "end of file" by closing a connection, so a cut upload looks like a success;
//! - that names are bytes: two names that differ on the wire never become one
//!   ([`FtpPath`]);
//! - that everything is bounded: lines, queues, connections, waits, buffers.
//!
//! It refuses downloads, anonymous logins, data connections with anybody but the
//! peer of the control connection, and ASCII conversion (a JPEG that a camera
//! sends in `TYPE A` is stored byte for byte).

mod command;
mod config;
mod control;
mod data;
mod event;
#[cfg(any(test, feature = "testing"))]
pub mod invariants;
mod line;
mod listing;
mod panic;
mod path;
mod reply;
mod server;
mod session;
mod storage;
mod stream;
mod timestamp;
mod tls;

pub use config::ServerConfig;
pub use event::{Channel, SessionEvent};
pub use path::{FtpPath, PathError};
pub use server::Server;
pub use storage::{
    Account, Authenticator, CutReason, Entry, EntryKind, LoginError, Receipt, Session, Storage, StorageError,
    StoreMode, SuspectReason, TransferEnd, Upload,
};
pub use tls::{TlsConfig, TlsConfigError};
