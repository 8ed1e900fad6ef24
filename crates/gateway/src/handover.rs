//! The handover: another process of this machine gives files to the one that owns the spool.
//!
//! `camtrail import` uses it, beside a running server over a unix socket, and within its own process over a pipe, so that
//! there is one way only. Promises: "taken" only when durable; what is stored already is told before a byte is sent;
//! files wait for room, so that cameras find some. Refuses: anybody but this program's own user (and root).
//!
//! Messages are frames: four bytes of length, then JSON; while a file is sent, its bytes, and an empty frame as its end.
//!
//! | importer | owner |
//! |---|---|
//! | `Offer` | `Known`: digests of what is stored under that name with that size |
//! | `Send` | `Ready`, once there is room; or `Full`, `Refused` |
//! | bytes … end (or given up) | `Taken`, `Refused`, `Full` |

use std::{io, os::unix::ffi::OsStrExt, path::Path, sync::Arc, time::Duration};

use camtrail_model::{
    CameraName, Digest, Millis,
    ports::{Delivery, DeliveryEnd, Intake, IntakeError, Ledger, ObjectStore},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::intake::{SpoolIntake, stored_digests};

/// Longest frame: a message, or a piece of a file.
const FRAME_MAX_BYTES: usize = 256 * 1024;
/// In place of a length: the importer gives this file up.
const GIVEN_UP: u32 = u32::MAX;
/// Connections at once.
const CONNECTIONS_MAX: usize = 16;
/// A socket's path has room for 108 bytes; longer ones go by `/proc/self/fd`.
const SOCKET_PATH_MAX_BYTES: usize = 100;
/// How long a file waits for room before its importer is told that there is none.
const ROOM_WITHIN: Duration = Duration::from_secs(20);
/// After a failed accept.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// A file that may come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The camera that it belongs to.
    pub camera: CameraName,
    /// Folders and name below the camera's folder.
    pub path: Vec<String>,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last modified.
    pub modified_at: Millis,
    /// Its name said that its writer was not done with it.
    pub cut: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ask {
    Offer(Offer),
    Send,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Known(Vec<Digest>),
    Ready,
    Taken,
    Full,
    Refused(String),
}

/// What became of a file that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handed {
    /// It is durable.
    Taken,
    /// There is no room now: it may be sent again.
    Full,
    /// It can't be taken, and why.
    Refused(String),
    /// The file changed while it was read; nothing was taken.
    Changed,
}

/// The owner's side.
#[derive(Clone)]
pub struct Desk {
    intake: SpoolIntake,
    ledger: Arc<dyn Ledger>,
    store: Arc<dyn ObjectStore>,
}

/// A connection of any kind.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Desk {
    /// A desk before `intake`.
    pub fn new(intake: SpoolIntake, ledger: Arc<dyn Ledger>, store: Arc<dyn ObjectStore>) -> Self {
        Self { intake, ledger, store }
    }

    /// Serves the socket at `path` until `stop` turns true. A stale socket there is replaced: the caller owns the data
    /// dir. Files under way at a stop are dropped: they are where they were.
    pub async fn serve(self, listener: UnixListener, mut stop: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        let own = rustix::process::geteuid().as_raw();
        loop {
            let accepted = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the local socket could not accept");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            let peer = stream.peer_cred().map(|peer| peer.uid());
            if !peer.as_ref().is_ok_and(|uid| *uid == own || *uid == 0) {
                tracing::warn!(?peer, "another user's process was refused at the local socket");
                continue;
            }
            while connections.try_join_next().is_some() {}
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let desk = self.clone();
            connections.spawn(async move {
                let _place = place;
                if let Err(error) = desk.talk(stream).await {
                    tracing::debug!(%error, "a handover ended");
                }
            });
        }
    }

    /// Serves one connection to its end.
    pub async fn talk(&self, mut wire: impl Wire) -> io::Result<()> {
        let mut offered = None;
        while let Some(ask) = read_frame(&mut wire).await? {
            match serde_json::from_slice(&ask)? {
                Ask::Offer(offer) => {
                    let name = offer.path.join("/");
                    let known =
                        stored_digests(&*self.ledger, &*self.store, &offer.camera, &name, offer.size).await;
                    offered = Some(offer);
                    say(&mut wire, &Answer::Known(known)).await?;
                }
                Ask::Send => {
                    let offer = offered.take().ok_or_else(|| io::Error::other("nothing was offered"))?;
                    let answer = self.take(offer, &mut wire).await?;
                    say(&mut wire, &answer).await?;
                }
            }
        }
        Ok(())
    }

    async fn take(&self, offer: Offer, wire: &mut impl Wire) -> io::Result<Answer> {
        if offer.size > self.intake.max_bytes() {
            let error = IntakeError::TooLarge { max_bytes: self.intake.max_bytes() };
            return Ok(Answer::Refused(error.to_string()));
        }
        if tokio::time::timeout(ROOM_WITHIN, self.intake.room_for_guest(offer.size)).await.is_err() {
            return Ok(Answer::Full);
        }
        let delivery = Delivery {
            account: "import".to_owned(),
            camera: offer.camera,
            path: offer.path,
            modified_at: Some(offer.modified_at),
        };
        let mut incoming = match self.intake.begin(delivery).await {
            Ok(incoming) => Ok(incoming),
            Err(error) => Err(refused(error)),
        };
        say(wire, &Answer::Ready).await?;
        loop {
            let length = wire.read_u32().await?;
            if length == GIVEN_UP {
                return Ok(Answer::Refused("given up".to_owned()));
            }
            if length == 0 {
                break;
            }
            let bytes = read_exactly(wire, length).await?;
            // After a refusal the rest is read and forgotten: the importer learns of it at the end.
            if let Ok(writer) = &mut incoming
                && let Err(error) = writer.write(&bytes).await
            {
                incoming = Err(refused(error));
            }
        }
        let incoming = match incoming {
            Ok(incoming) => incoming,
            Err(answer) => return Ok(answer),
        };
        let end = if offer.cut {
            DeliveryEnd::Cut("its name says that it was under way when it was imported".to_owned())
        } else {
            DeliveryEnd::Complete
        };
        Ok(match incoming.finish(end).await {
            Ok(_) => Answer::Taken,
            Err(error) => refused(error),
        })
    }
}

fn refused(error: IntakeError) -> Answer {
    match error {
        IntakeError::Full => Answer::Full,
        error => Answer::Refused(error.to_string()),
    }
}

/// The importer's side.
pub struct Handover {
    wire: Box<dyn Wire>,
}

impl Handover {
    /// Over an open connection.
    pub fn new(wire: impl Wire + 'static) -> Self {
        Self { wire: Box::new(wire) }
    }

    /// To the process that serves the socket at `path`.
    pub async fn connect(path: &Path) -> io::Result<Self> {
        let (short, _folder) = short_path(path)?;
        Ok(Self::new(UnixStream::connect(short).await?))
    }

    /// Offers a file; the digests of what is stored under its name with its size already. It may be sent then, or another offered.
    pub async fn offer(&mut self, offer: &Offer) -> io::Result<Vec<Digest>> {
        say(&mut self.wire, &Ask::Offer(offer.clone())).await?;
        match self.answer().await? {
            Answer::Known(known) => Ok(known),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends the offered file, waiting for room first. `unchanged` is asked once all of it was read.
    pub async fn send(
        &mut self,
        source: &mut (impl AsyncRead + Unpin),
        unchanged: impl AsyncFnOnce(u64) -> bool,
    ) -> io::Result<Handed> {
        say(&mut self.wire, &Ask::Send).await?;
        match self.answer().await? {
            Answer::Ready => {}
            Answer::Full => return Ok(Handed::Full),
            Answer::Refused(why) => return Ok(Handed::Refused(why)),
            other => return Err(unexpected(&other)),
        }
        let mut piece = vec![0; FRAME_MAX_BYTES];
        let mut sent = 0;
        loop {
            let read = match source.read(&mut piece).await {
                Ok(read) => read,
                Err(error) => {
                    self.give_up().await?;
                    return Ok(Handed::Refused(format!("it can't be read: {error}")));
                }
            };
            if read == 0 {
                break;
            }
            sent += read as u64;
            frame(&mut self.wire, &piece[..read]).await?;
        }
        if !unchanged(sent).await {
            self.give_up().await?;
            return Ok(Handed::Changed);
        }
        self.wire.write_u32(0).await?;
        self.wire.flush().await?;
        match self.answer().await? {
            Answer::Taken => Ok(Handed::Taken),
            Answer::Full => Ok(Handed::Full),
            Answer::Refused(why) => Ok(Handed::Refused(why)),
            other => Err(unexpected(&other)),
        }
    }

    async fn give_up(&mut self) -> io::Result<()> {
        self.wire.write_u32(GIVEN_UP).await?;
        self.wire.flush().await?;
        self.answer().await.map(|_| ())
    }

    async fn answer(&mut self) -> io::Result<Answer> {
        match read_frame(&mut self.wire).await? {
            Some(bytes) => Ok(serde_json::from_slice(&bytes)?),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn unexpected(answer: &Answer) -> io::Error {
    io::Error::other(format!("unexpected answer: {answer:?}"))
}

async fn say(wire: &mut impl Wire, message: &impl Serialize) -> io::Result<()> {
    frame(wire, &serde_json::to_vec(message)?).await?;
    wire.flush().await
}

async fn frame(wire: &mut impl Wire, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|&length| length as usize <= FRAME_MAX_BYTES);
    let length = length.ok_or_else(|| io::Error::other("a frame is too long"))?;
    wire.write_u32(length).await?;
    wire.write_all(bytes).await
}

/// `None`: the other side is done.
async fn read_frame(wire: &mut impl Wire) -> io::Result<Option<Vec<u8>>> {
    let length = match wire.read_u32().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    read_exactly(wire, length).await.map(Some)
}

async fn read_exactly(wire: &mut impl Wire, length: u32) -> io::Result<Vec<u8>> {
    if length as usize > FRAME_MAX_BYTES {
        return Err(io::Error::other("a frame is too long"));
    }
    let mut bytes = vec![0; length as usize];
    wire.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Opens the socket at `path`, replacing what a killed process left there.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (short, _folder) = short_path(path)?;
    UnixListener::bind(short)
}

/// A path that fits into a socket's address, good while the returned folder is open.
fn short_path(path: &Path) -> io::Result<(std::path::PathBuf, Option<std::fs::File>)> {
    use std::os::fd::AsRawFd;
    if path.as_os_str().as_bytes().len() <= SOCKET_PATH_MAX_BYTES {
        return Ok((path.to_owned(), None));
    }
    let folder = std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?;
    let short = format!("/proc/self/fd/{}", folder.as_raw_fd());
    Ok((Path::new(&short).join(path.file_name().unwrap_or_default()), Some(folder)))
}

#[cfg(test)]
mod tests {
    use camtrail_catalog::SqliteLedger;
    use camtrail_model::{ObjectBase, ports::SystemClock};
    use camtrail_spool::{Spool, SpoolConfig, TransferEnd};
    use camtrail_store::LocalStore;

    use super::*;

    fn offer(name: &str, size: u64) -> Offer {
        Offer {
            camera: CameraName::parse("gate").unwrap(),
            path: vec![name.to_owned()],
            size,
            modified_at: Millis(5),
            cut: name.contains("cut"),
        }
    }

    #[tokio::test]
    async fn files_go_through_a_socket_into_the_spool() {
        let dir = tempfile::tempdir().unwrap();
        let (spool, _) = Spool::open(&dir.path().join("spool"), SpoolConfig { max_bytes: 1_000 }).unwrap();
        let intake = SpoolIntake::new(spool.clone(), Arc::new(SystemClock));
        let ledger = SqliteLedger::open(&dir.path().join("ledger.db"), &ObjectBase::default()).unwrap();
        let store = LocalStore::open(&dir.path().join("store")).unwrap();
        let desk = Desk::new(intake, Arc::new(ledger), Arc::new(store));
        // Longer than a socket's address, and a stale file in its place.
        let deep = dir.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let socket = deep.join("import.sock");
        std::fs::write(&socket, b"stale").unwrap();
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(desk.serve(listen(&socket).unwrap(), stopped));
        let mut handover = Handover::connect(&socket).await.unwrap();
        assert_eq!(handover.offer(&offer("a.jpg", 3)).await.unwrap(), []);
        let taken = handover.send(&mut &b"abc"[..], async |sent| sent == 3).await.unwrap();
        assert_eq!(taken, Handed::Taken);
        handover.offer(&offer("changed.jpg", 3)).await.unwrap();
        assert_eq!(handover.send(&mut &b"ab"[..], async |_| false).await.unwrap(), Handed::Changed);
        handover.offer(&offer("huge.jpg", 2_000)).await.unwrap();
        assert!(matches!(handover.send(&mut &b"x"[..], async |_| true).await.unwrap(), Handed::Refused(_)));
        handover.offer(&offer("grown.jpg", 3)).await.unwrap();
        assert_eq!(handover.send(&mut &[7; 999][..], async |_| true).await.unwrap(), Handed::Full);
        handover.offer(&offer("cut.jpg", 3)).await.unwrap();
        assert_eq!(handover.send(&mut &b"abc"[..], async |_| true).await.unwrap(), Handed::Taken);
        let entries = spool.entries();
        let names: Vec<_> = entries.iter().map(|entry| entry.original_name()).collect();
        assert_eq!(
            (names.as_slice(), spool.usage().bytes),
            (&["a.jpg".to_owned(), "cut.jpg".to_owned()][..], 6)
        );
        assert_eq!(entries[0].start.modified_at, Some(Millis(5)));
        assert!(matches!(entries[1].transfer, TransferEnd::Cut(_)));
        stop.send(true).unwrap();
        serving.await.unwrap();
    }
}
