//! A storage in memory and a server over it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use camtrail_ftp::{
    Account, Authenticator, Entry, EntryKind, FtpPath, LoginError, Receipt, Server, ServerConfig, Session,
    SessionEvent, Storage, StorageError, StoreMode, TransferEnd, Upload,
};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// No test waits longer for anything that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const USER: &str = "backyard";
pub(crate) const PASSWORD: &str = "s3cret-pass";

#[derive(Default)]
pub(crate) struct State {
    pub(crate) files: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) folders: BTreeSet<Vec<u8>>,
    pub(crate) modes: Vec<StoreMode>,
    pub(crate) ends: Vec<(String, TransferEnd, Vec<u8>)>,
    pub(crate) events: Vec<String>,
    pub(crate) largest_chunk: usize,
    /// Calls of `finish` that have begun.
    pub(crate) finishing: usize,
}

/// What the storage should do wrong.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    BeginFull,
    WriteFull,
    FinishIo,
    PanicInWrite,
    PanicInFinish,
    /// Takes bytes and forgets them.
    Discard,
}

pub(crate) struct MemoryStorage {
    pub(crate) state: Mutex<State>,
    pub(crate) fault: Mutex<Fault>,
    /// `finish` takes one permit; plenty unless a test holds them back.
    pub(crate) finish_gate: Arc<Semaphore>,
    /// `write` takes one permit.
    pub(crate) write_gate: Arc<Semaphore>,
}

pub(crate) const PLENTY: usize = 1_000_000;

impl MemoryStorage {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            fault: Mutex::default(),
            finish_gate: Arc::new(Semaphore::new(PLENTY)),
            write_gate: Arc::new(Semaphore::new(PLENTY)),
        })
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        *self.fault.lock().expect("fault") = fault;
    }

    fn fault(&self) -> Fault {
        *self.fault.lock().expect("fault")
    }

    pub(crate) fn file(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.state.lock().expect("state").files.get(path).cloned()
    }

    pub(crate) fn file_names(&self) -> Vec<String> {
        let state = self.state.lock().expect("state");
        state.files.keys().map(|name| name.escape_ascii().to_string()).collect()
    }

    pub(crate) fn ends(&self) -> Vec<(String, TransferEnd)> {
        let state = self.state.lock().expect("state");
        state.ends.iter().map(|(path, end, _)| (path.clone(), *end)).collect()
    }

    pub(crate) fn events(&self) -> Vec<String> {
        self.state.lock().expect("state").events.clone()
    }

    /// Waits until an event's debug text holds `text`.
    pub(crate) async fn event(&self, text: &str) -> String {
        self.wait_for(|state| state.events.iter().find(|event| event.contains(text)).cloned()).await
    }

    /// Waits until an upload ended and tells how.
    pub(crate) async fn end(&self) -> TransferEnd {
        self.wait_for(|state| state.ends.last().map(|(_, end, _)| *end)).await
    }

    pub(crate) async fn wait_for<T>(&self, look: impl Fn(&State) -> Option<T>) -> T {
        let found = timeout(PATIENCE, async {
            loop {
                if let Some(found) = look(&self.state.lock().expect("state")) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let Ok(found) = found.await else {
            panic!("it never happened; events: {:#?}, ends: {:?}", self.events(), self.ends());
        };
        found
    }
}

struct MemoryUpload {
    storage: Arc<MemoryStorage>,
    path: FtpPath,
    bytes: Vec<u8>,
    offset: usize,
}

#[async_trait]
impl Upload for MemoryUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.storage.write_gate.acquire().await.expect("gate").forget();
        match self.storage.fault() {
            Fault::WriteFull => return Err(StorageError::Full),
            Fault::Discard => return Ok(()),
            Fault::PanicInWrite => panic!("the fake's disk exploded"),
            _ => {}
        }
        {
            let mut state = self.storage.state.lock().expect("state");
            state.largest_chunk = state.largest_chunk.max(chunk.len());
        }
        self.bytes.extend_from_slice(&chunk);
        Ok(())
    }

    async fn finish(self: Box<Self>, end: TransferEnd) -> Result<Receipt, StorageError> {
        self.storage.state.lock().expect("state").finishing += 1;
        self.storage.finish_gate.acquire().await.expect("gate").forget();
        match self.storage.fault() {
            Fault::FinishIo => {
                return Err(StorageError::Io(std::io::Error::other("no more disk in /secret")));
            }
            Fault::PanicInFinish => panic!("the fake's fsync exploded"),
            _ => {}
        }
        let mut state = self.storage.state.lock().expect("state");
        state.ends.push((self.path.to_string(), end, self.bytes.clone()));
        if !matches!(end, TransferEnd::Cut(_)) {
            let file = state.files.entry(self.path.to_bytes()).or_default();
            file.truncate(self.offset);
            file.extend_from_slice(&self.bytes);
        }
        Ok(Receipt(format!("receipt for {}", self.path)))
    }
}

/// The fake needs itself behind an `Arc`, which `&self` doesn't give.
pub(crate) struct Shared(pub(crate) Arc<MemoryStorage>);

fn folder_of(path: &FtpPath) -> Vec<u8> {
    path.parent().to_bytes()
}

#[async_trait]
impl Storage for Shared {
    async fn begin(
        &self,
        _session: &Session,
        path: &FtpPath,
        how: StoreMode,
    ) -> Result<Box<dyn Upload>, StorageError> {
        if self.0.fault() == Fault::BeginFull {
            return Err(StorageError::Full);
        }
        let mut state = self.0.state.lock().expect("state");
        state.modes.push(how);
        let size = state.files.get(&path.to_bytes()).map_or(0, Vec::len);
        let offset = match how {
            StoreMode::Replace => 0,
            StoreMode::Append => size,
            StoreMode::Restart { offset } => usize::try_from(offset).expect("small").min(size),
        };
        let storage = Arc::clone(&self.0);
        Ok(Box::new(MemoryUpload { storage, path: path.clone(), bytes: Vec::new(), offset }))
    }

    async fn info(&self, _session: &Session, path: &FtpPath) -> Result<Entry, StorageError> {
        let state = self.0.state.lock().expect("state");
        let key = path.to_bytes();
        let name = path.name().unwrap_or(b"/").to_vec();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_507_305);
        if let Some(file) = state.files.get(&key) {
            return Ok(Entry { name, kind: EntryKind::File, size: file.len() as u64, modified });
        }
        if path.is_root() || state.folders.contains(&key) {
            return Ok(Entry { name, kind: EntryKind::Folder, size: 0, modified });
        }
        Err(StorageError::NotFound)
    }

    async fn list(&self, session: &Session, folder: &FtpPath) -> Result<Vec<Entry>, StorageError> {
        if self.info(session, folder).await?.kind == EntryKind::File {
            return Err(StorageError::NotAFolder);
        }
        let names: Vec<Vec<u8>> = {
            let state = self.0.state.lock().expect("state");
            state.folders.iter().chain(state.files.keys()).cloned().collect()
        };
        let mut entries = Vec::new();
        for name in names {
            let path = FtpPath::root().resolve(&name).expect("stored names are valid");
            if folder_of(&path) == folder.to_bytes() {
                entries.push(self.info(session, &path).await?);
            }
        }
        Ok(entries)
    }

    async fn enter(&self, _session: &Session, folder: &FtpPath) -> Result<(), StorageError> {
        let mut state = self.0.state.lock().expect("state");
        if state.files.contains_key(&folder.to_bytes()) {
            return Err(StorageError::NotAFolder);
        }
        // Whatever folder a camera enters, it may.
        if !folder.is_root() {
            state.folders.insert(folder.to_bytes());
        }
        Ok(())
    }

    async fn make_dir(&self, _session: &Session, folder: &FtpPath) -> Result<(), StorageError> {
        let mut state = self.0.state.lock().expect("state");
        if state.folders.insert(folder.to_bytes()) { Ok(()) } else { Err(StorageError::Exists) }
    }

    async fn remove_dir(&self, _session: &Session, folder: &FtpPath) -> Result<(), StorageError> {
        let mut state = self.0.state.lock().expect("state");
        if state.folders.remove(&folder.to_bytes()) { Ok(()) } else { Err(StorageError::NotFound) }
    }

    async fn delete(&self, _session: &Session, path: &FtpPath) -> Result<(), StorageError> {
        let mut state = self.0.state.lock().expect("state");
        state.files.remove(&path.to_bytes()).map(|_| ()).ok_or(StorageError::NotFound)
    }

    async fn rename(&self, _session: &Session, from: &FtpPath, to: &FtpPath) -> Result<(), StorageError> {
        let mut state = self.0.state.lock().expect("state");
        let file = state.files.remove(&from.to_bytes()).ok_or(StorageError::NotFound)?;
        state.files.insert(to.to_bytes(), file);
        Ok(())
    }

    fn observe(&self, _peer: SocketAddr, session: Option<&Session>, event: &SessionEvent) {
        let mut state = self.0.state.lock().expect("state");
        let account = session.map_or("-", |session| session.account.as_str());
        state.events.push(format!("{account}: {event:?}"));
    }
}

struct OneAccount;

#[async_trait]
impl Authenticator for OneAccount {
    async fn login(&self, _peer: IpAddr, user: &str, password: &[u8]) -> Result<Account, LoginError> {
        match user {
            "throttled" => Err(LoginError::Throttled { retry_after: Duration::from_secs(7) }),
            "unavailable" => Err(LoginError::Unavailable),
            USER if password == PASSWORD.as_bytes() => {
                Ok(Account { name: USER.to_owned(), scope: "cam1".to_owned() })
            }
            _ => Err(LoginError::Denied),
        }
    }
}

/// A running server on loopback.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) implicit: Option<SocketAddr>,
    pub(crate) storage: Arc<MemoryStorage>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) running: JoinHandle<()>,
}

/// Short waits where a test must see a time-out, long ones everywhere else.
pub(crate) fn config() -> ServerConfig {
    ServerConfig {
        listen: ([127, 0, 0, 1], 0).into(),
        login_delay: Duration::from_millis(1),
        shutdown_grace: Duration::from_millis(200),
        ..ServerConfig::default()
    }
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with(config())
    }

    pub(crate) fn with(config: ServerConfig) -> Self {
        let storage = MemoryStorage::new();
        let server = Server::bind(config, Arc::new(OneAccount), Arc::new(Shared(Arc::clone(&storage))));
        let server = server.expect("a loopback port");
        let address = server.local_addr();
        let implicit = server.implicit_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(server.run(async {
            // Dropping the test server stops it too.
            let _ = stopped.await;
        }));
        Self { address, implicit, storage, stop: Some(stop), running }
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take().expect("stop once").send(()).expect("the server runs");
    }
}
