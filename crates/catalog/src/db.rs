//! One writer thread with group commit, and a pool of readers.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use camtrail_model::{metrics::CATALOG, ports::CatalogError};
use camtrail_threads::Threads;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

/// How long another process's write may take before a call here fails (and is retried by its caller).
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Writes that share one commit, at most.
const GROUP_MAX: usize = 256;
/// Writes that wait for the writer, at most; more wait in their callers.
const QUEUE_MAX: usize = 1024;
/// Readers at once: a page is a millisecond, and each connection holds memory.
const READERS: usize = 4;
/// Page cache of a connection, in KiB.
const CACHE_KIB: i64 = 1024;

/// Why a database can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk refused.
    #[error("{} can't be opened", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("{} can't be opened", path.display())]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// It holds events under another object base.
    #[error(
        "{}: it holds {key}, and s3_info.object_base is {base:?}: set the base that it was made with, or choose another \
         data_dir", path.display()
    )]
    OtherBase {
        /// Which file.
        path: PathBuf,
        /// One of its events' keys.
        key: String,
        /// What is configured.
        base: String,
    },
    /// It was written by a later version.
    #[error("{}: its format has version {found}, this program knows versions up to {known}: it was written by a newer Camtrail", path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: usize,
        /// The newest version that this program knows.
        known: usize,
    },
}

/// A write with its answer, as the writer sees it.
type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;
/// Called with what the commit gave.
type Answer = Box<dyn FnOnce(Result<(), CatalogError>) + Send>;

/// One SQLite file.
#[derive(Debug)]
pub(crate) struct Database {
    path: PathBuf,
    writer: Option<mpsc::SyncSender<Job>>,
    thread: Option<thread::JoinHandle<()>>,
    readers: Arc<Readers>,
    reading: Threads,
}

impl Database {
    pub(crate) fn open(path: &Path, migrations: &[&str]) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io { path: path.to_owned(), source };
        let sqlite = |source| OpenError::Sqlite { path: path.to_owned(), source };
        camtrail_durable::create_dirs(camtrail_durable::parent_of(path)).map_err(io)?;
        make_private(path).map_err(io)?;
        let mut connection = connect(path).map_err(sqlite)?;
        let found = crate::migrations::migrate(&mut connection, migrations).map_err(sqlite)?;
        if found > migrations.len() {
            return Err(OpenError::Newer { path: path.to_owned(), found, known: migrations.len() });
        }
        let (writer, jobs) = mpsc::sync_channel(QUEUE_MAX);
        let thread = thread::Builder::new()
            .name("catalog-writer".to_owned())
            .spawn(move || write_all(&connection, &jobs))
            .map_err(io)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Some(writer),
            thread: Some(thread),
            readers: Arc::new(Readers { path: path.to_owned(), free: Mutex::default() }),
            reading: Threads::new("catalog-reader", READERS),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks something up while it is opened. Blocks.
    pub(crate) fn find<T>(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, OpenError> {
        connect(&self.path)
            .and_then(|connection| look(&connection))
            .map_err(|source| OpenError::Sqlite { path: self.path.clone(), source })
    }

    /// Runs `work` in a transaction that others may share; Ok only after its commit is on disk. A failing `work`
    /// changes nothing and hurts nobody else's.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let started = Instant::now();
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = in_savepoint(connection, work);
            Box::new(move |committed| {
                let _ = tell.send(committed.and(outcome));
            })
        });
        let gone = || CatalogError::Unavailable("the catalog's writer has stopped".to_owned());
        let writer = self.writer.clone().ok_or_else(gone)?;
        match writer.try_send(job) {
            Ok(()) => {}
            Err(mpsc::TrySendError::Full(job)) => {
                tokio::task::spawn_blocking(move || writer.send(job))
                    .await
                    .map_err(|_| gone())?
                    .map_err(|_| gone())?;
            }
            Err(mpsc::TrySendError::Disconnected(_)) => return Err(gone()),
        }
        let outcome = told
            .await
            .map_err(|_| CatalogError::Unavailable("the catalog could not begin a write".to_owned()))?;
        metrics::histogram!(CATALOG, "operation" => "write").record(started.elapsed());
        outcome
    }

    /// Runs `work` on a reader; it sees one state of the database.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, CatalogError> + Send + 'static,
    ) -> Result<T, CatalogError> {
        let started = Instant::now();
        let readers = Arc::clone(&self.readers);
        let outcome = self.reading.run(move || readers.read(work)).await.map_err(unavailable)?;
        metrics::histogram!(CATALOG, "operation" => "read").record(started.elapsed());
        outcome
    }
}

/// Connections for reading that nobody uses at the moment.
#[derive(Debug)]
struct Readers {
    path: PathBuf,
    free: Mutex<Vec<Connection>>,
}

impl Readers {
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, CatalogError>) -> Result<T, CatalogError> {
        let free = self.free().pop();
        let connection = match free {
            Some(connection) => connection,
            None => connect(&self.path).map_err(from_sqlite)?,
        };
        let outcome = in_read_transaction(&connection, work);
        self.free().push(connection);
        outcome
    }

    fn free(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.writer = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Password hashes and keys are in it: a new one is its user's alone, and so are the files that SQLite makes beside it.
fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        outcome => outcome.map(drop),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // NORMAL can lose the last commits at a power cut; an event that was listed must stay listed.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, CatalogError>,
) -> Result<T, CatalogError> {
    run(connection, "SAVEPOINT job")?;
    let outcome = work(connection);
    if outcome.is_err() {
        run(connection, "ROLLBACK TO job")?;
    }
    run(connection, "RELEASE job")?;
    outcome
}

fn in_read_transaction<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, CatalogError>,
) -> Result<T, CatalogError> {
    run(connection, "BEGIN")?;
    let outcome = work(connection);
    run(connection, "ROLLBACK")?;
    outcome
}

fn run(connection: &Connection, sql: &str) -> Result<(), CatalogError> {
    connection.execute_batch(sql).map_err(from_sqlite)
}

/// The writer: takes what waits, runs it in one transaction, commits, answers.
fn write_all(connection: &Connection, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(jobs.try_iter().take(GROUP_MAX - 1));
        if let Err(error) = run(connection, "BEGIN IMMEDIATE") {
            for job in group {
                // Outside a transaction a savepoint would commit by itself: answer without running.
                drop(job);
            }
            tracing::warn!(%error, "the catalog could not begin a write; its callers try again");
            continue;
        }
        let answers: Vec<Answer> = group.into_iter().map(|job| job(connection)).collect();
        let committed = run(connection, "COMMIT");
        if committed.is_err() {
            let _ = run(connection, "ROLLBACK");
        }
        for answer in answers {
            answer(match &committed {
                Ok(()) => Ok(()),
                Err(error) => Err(again(error)),
            });
        }
    }
}

/// The same failure, for another caller.
fn again(error: &CatalogError) -> CatalogError {
    match error {
        CatalogError::Unavailable(why) => CatalogError::Unavailable(why.clone()),
        CatalogError::Corrupt(why) => CatalogError::Corrupt(why.clone()),
        CatalogError::IdTaken { key } => CatalogError::IdTaken { key: key.clone() },
    }
}

fn unavailable(error: impl std::fmt::Display) -> CatalogError {
    CatalogError::Unavailable(error.to_string())
}

/// What a SQLite failure means for the caller.
pub(crate) fn from_sqlite(error: rusqlite::Error) -> CatalogError {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            CatalogError::Corrupt(error.to_string())
        }
        _ => unavailable(error),
    }
}
