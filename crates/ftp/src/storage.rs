//! Owns the two ports of this crate, [`Storage`] and [`Authenticator`], and the
//! types that cross them. Both are object-safe; neither knows FTP's syntax.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use crate::event::SessionEvent;
use crate::path::FtpPath;

/// A logged-in session, as the storage sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Counts connections from 1 since the server started; stands in every log line.
    pub id: u64,
    /// The peer of the control connection (an IPv4 address even on a `[::]` socket).
    pub peer: SocketAddr,
    /// The account's name, from [`Account::name`].
    pub account: String,
    /// What the authenticator wants the storage to know, from [`Account::scope`].
    pub scope: String,
    /// Whether the control connection is encrypted.
    pub encrypted: bool,
}

/// Who logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account's name, for logs and diagnosis.
    pub name: String,
    /// Free for the authenticator: a camera's name, a folder. Handed to the
    /// storage in [`Session::scope`].
    pub scope: String,
}

/// Why a login was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// Unknown user or wrong password; which of the two is never told.
    #[error("wrong user or password")]
    Denied,
    /// Too many wrong logins: not even looked at. Retry after the time given.
    #[error("too many wrong logins")]
    Throttled {
        /// How long the client should wait.
        retry_after: Duration,
    },
    /// The account store can't answer now; retry later.
    #[error("logins can't be checked now")]
    Unavailable,
}

/// Decides who may log in.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Checks a login. Called at most once at a time for each connection; the
    /// server slows down and limits wrong logins *per connection*, a limit across
    /// connections is the authenticator's ([`LoginError::Throttled`]).
    ///
    /// The password is bytes: cameras send Latin-1. It must not be logged.
    async fn login(&self, peer: IpAddr, user: &str, password: &[u8]) -> Result<Account, LoginError>;
}

/// What an upload does to what is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreMode {
    /// `STOR`, `STOU`: the file is what is sent now.
    Replace,
    /// `APPE`: what is sent now goes behind what is there.
    Append,
    /// `REST n` then `STOR`: what is sent now starts at `offset`.
    Restart {
        /// In bytes from the start; never 0.
        offset: u64,
    },
}

/// File or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// One thing in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The last component, as bytes; control bytes are shown as `?`.
    pub name: Vec<u8>,
    /// File or folder.
    pub kind: EntryKind,
    /// In bytes; 0 for folders.
    pub size: u64,
    /// Shown in UTC.
    pub modified: SystemTime,
}

/// How a transfer ended, as far as the wire tells.
///
/// A killed client is a *clean* end of file in plain FTP. So `Complete` only
/// means "nothing speaks against it", and `Suspect` isn't a failure: some cameras
/// leave without waiting for `226`. Keep the bytes and let their structure decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferEnd {
    /// End of file on the data connection, and the client still listens.
    Complete,
    /// End of file on the data connection, but something is odd.
    Suspect(SuspectReason),
    /// The transfer broke off. A cut upload that never received a byte is nothing:
    /// the storage should forget it.
    Cut(CutReason),
}

/// What is odd about a transfer that ended cleanly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SuspectReason {
    /// The control connection was closed or reset when the data ended.
    #[error("control connection closed before 226")]
    ControlClosed,
    /// The encrypted data connection ended without close_notify.
    #[error("no close_notify at the end of the data")]
    NoCloseNotify,
}

/// Why a transfer broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CutReason {
    /// The data connection was reset or failed.
    #[error("data connection broken")]
    Broken,
    /// No byte for the stall time-out: power loss looks like this.
    #[error("data connection silent for too long")]
    Stalled,
    /// The client sent `ABOR`.
    #[error("aborted by the client")]
    Aborted,
    /// The server stops.
    #[error("server shutting down")]
    Shutdown,
    /// The data connection never came about.
    #[error("no data connection")]
    NeverConnected,
    /// The TLS handshake on the data connection failed or took too long.
    #[error("TLS handshake on the data connection failed")]
    Handshake,
    /// [`Upload::write`] returned an error; the storage knows why.
    #[error("storage failed")]
    Storage,
}

impl fmt::Display for TransferEnd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => out.write_str("complete"),
            Self::Suspect(reason) => write!(out, "suspect: {reason}"),
            Self::Cut(reason) => write!(out, "cut: {reason}"),
        }
    }
}

/// What [`Upload::finish`] hands back: the storage's own name for what it stored.
/// It comes back in [`SessionEvent::UploadEndedWithoutListener`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt(pub String);

/// Why the storage refused or failed; each is one FTP reply. The details of
/// [`StorageError::Io`] are logged, never sent.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No room now; the client may retry later (452).
    #[error("no room at the moment, try again later")]
    Full,
    /// Larger than is ever accepted; a retry doesn't help (552).
    #[error("the file is larger than is accepted here")]
    TooLarge,
    /// No such file or folder (550).
    #[error("no such file or folder")]
    NotFound,
    /// The account may not (550).
    #[error("not allowed")]
    Denied,
    /// It is there already (550).
    #[error("it exists already")]
    Exists,
    /// A folder is needed and something else is there (550).
    #[error("not a folder")]
    NotAFolder,
    /// The folder still holds something (550).
    #[error("the folder is not empty")]
    NotEmpty,
    /// The name can't be stored (553).
    #[error("this name is not accepted")]
    BadName,
    /// Under way in another session; retry later (450).
    #[error("the file is in use, try again later")]
    Busy,
    /// The storage doesn't do this at all (502).
    #[error("not supported here")]
    Unsupported,
    /// The disk or whatever is behind failed; a retry may help (451).
    #[error("the storage failed: {0}")]
    Io(#[from] std::io::Error),
}

/// Where uploads go. Paths are relative to what the session may see: keeping
/// accounts apart is the storage's matter, by [`Session::scope`].
///
/// Every method must end in bounded time. A panic ends only its own session.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Opens an upload, before the data connection is awaited. `Err` is told to
    /// the client and no byte is read.
    async fn begin(
        &self,
        session: &Session,
        path: &FtpPath,
        how: StoreMode,
    ) -> Result<Box<dyn Upload>, StorageError>;

    /// One file or folder, for `SIZE`, `MDTM`, `MLST` and `RNFR`. The root is a folder.
    async fn info(&self, session: &Session, path: &FtpPath) -> Result<Entry, StorageError>;

    /// What is in a folder, for `LIST`, `NLST` and `MLSD`, in the order to show it.
    async fn list(&self, session: &Session, folder: &FtpPath) -> Result<Vec<Entry>, StorageError>;

    /// `CWD`: `Ok` if the session may work in this folder.
    async fn enter(&self, session: &Session, folder: &FtpPath) -> Result<(), StorageError>;

    /// `MKD`. `Ok` or [`StorageError::Exists`] for a folder that is there: cameras go on after both.
    async fn make_dir(&self, session: &Session, folder: &FtpPath) -> Result<(), StorageError>;

    /// `RMD`.
    async fn remove_dir(&self, session: &Session, folder: &FtpPath) -> Result<(), StorageError>;

    /// `DELE`.
    async fn delete(&self, session: &Session, path: &FtpPath) -> Result<(), StorageError>;

    /// `RNFR`, `RNTO`: `Ok` once the new name is durable.
    async fn rename(&self, session: &Session, from: &FtpPath, to: &FtpPath) -> Result<(), StorageError>;

    /// Told what happened, for diagnosis; must return at once. `session` is there
    /// after login.
    fn observe(&self, peer: SocketAddr, session: Option<&Session>, event: &SessionEvent) {
        let _ = (peer, session, event);
    }
}

/// One upload under way. The server calls `write` any number of times, one at a
/// time, never drops a call half-way while it runs, and ends with exactly one
/// `finish`. An `Upload` that is dropped without `finish` counts as cut: that
/// happens only if the storage panicked or the server was killed at shutdown.
#[async_trait]
pub trait Upload: Send {
    /// Takes the next bytes (at most 64 KiB, never empty). The server reads no
    /// further before this returns. After an `Err` only `finish` with
    /// [`CutReason::Storage`] follows, and the client is told this error.
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError>;

    /// Ends the upload. After [`TransferEnd::Complete`] and
    /// [`TransferEnd::Suspect`], `Ok` means *durable*: the server sends `226` at
    /// once. After [`TransferEnd::Cut`] the client never gets `226`, and what is
    /// kept is the storage's choice.
    ///
    /// Afterwards the server looks at the control connection once more. If it
    /// turned out to be gone only then, [`Storage::observe`] gets
    /// [`SessionEvent::UploadEndedWithoutListener`] with the receipt: treat the
    /// stored file as if the end had been
    /// [`SuspectReason::ControlClosed`].
    async fn finish(self: Box<Self>, end: TransferEnd) -> Result<Receipt, StorageError>;
}
