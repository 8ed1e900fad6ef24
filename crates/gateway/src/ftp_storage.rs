//! FTP's view of the gateway: uploads go to the spool, listings come from [`View`].

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use async_trait::async_trait;
use bytes::Bytes;
use camtrail_ftp as ftp;
use camtrail_ftp::{
    Entry, EntryKind, FtpPath, Receipt, Session, SessionEvent, Storage, StorageError, StoreMode, Upload,
};
use camtrail_model::{
    Millis,
    ports::{Clock, Ledger},
};
use camtrail_spool::{EntryId, Spool, SpoolError, SpoolWriter, TransferEnd, UploadStart};

use crate::{
    diagnosis::Diagnosis,
    identity::{Owned, owner, texts},
    view::{Seen, SeenFile, View},
};

/// The FTP server's storage.
pub struct FtpStorage {
    spool: Spool,
    view: View,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    diagnosis: Diagnosis,
}

impl FtpStorage {
    pub(crate) fn new(spool: Spool, view: View, ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>) -> Self {
        let diagnosis = Diagnosis::new(Arc::clone(&clock));
        Self { spool, view, ledger, clock, diagnosis }
    }

    /// What goes wrong at the door; stays current.
    pub fn diagnosis(&self) -> Diagnosis {
        self.diagnosis.clone()
    }

    /// The bytes that an upload goes on from: `APPE`, or `STOR` after `REST`.
    async fn go_on(
        &self,
        writer: &mut SpoolWriter,
        owned: &Owned,
        keep: Option<u64>,
    ) -> Result<(), StorageError> {
        let Some(entry) = self.view.file(owned).and_then(|file| file.entry) else {
            let name = owned.path.join("/");
            let shipped = self.ledger.shipments(&owned.camera, &name).await.map_err(std::io::Error::other)?;
            // What was shipped is closed: a second half would be a file of its own that nobody can play.
            return if shipped.is_empty() && keep.is_none() { Ok(()) } else { Err(StorageError::NotFound) };
        };
        let path = self.spool.data_path(&entry);
        let mut file = tokio::fs::File::open(&path).await?;
        let size = file.metadata().await?.len();
        let keep = keep.unwrap_or(size);
        if keep > size {
            return Err(StorageError::NotFound);
        }
        copy(&mut file, writer, keep).await
    }
}

async fn copy(file: &mut tokio::fs::File, writer: &mut SpoolWriter, keep: u64) -> Result<(), StorageError> {
    use tokio::io::AsyncReadExt;
    let mut left = keep;
    let mut buffer = vec![0; 64 * 1024];
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = file.read(&mut buffer[..most]).await?;
        if read == 0 {
            return Err(StorageError::NotFound);
        }
        writer.write(&buffer[..read]).await.map_err(refusal)?;
        left -= read as u64;
    }
    Ok(())
}

fn refusal(error: SpoolError) -> StorageError {
    match error {
        SpoolError::Full { .. } | SpoolError::DiskFull => StorageError::Full,
        SpoolError::Io(error) => StorageError::Io(error),
    }
}

struct SpoolUpload {
    writer: SpoolWriter,
    clock: Arc<dyn Clock>,
    diagnosis: Diagnosis,
    peer: IpAddr,
    account: String,
    name: String,
}

impl SpoolUpload {
    fn refuse(&self, error: SpoolError) -> StorageError {
        tracing::error!(upload = %self.name, %error, "an upload was refused; the camera was told 452 or 451");
        refuse(&self.diagnosis, self.peer, &self.account, &self.name, error)
    }
}

fn refuse(diagnosis: &Diagnosis, peer: IpAddr, account: &str, name: &str, error: SpoolError) -> StorageError {
    let refused = refusal(error);
    diagnosis.refused(peer, account, name, &refused);
    refused
}

#[async_trait]
impl Upload for SpoolUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        match self.writer.write(&chunk).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refuse(error)),
        }
    }

    async fn finish(self: Box<Self>, end: ftp::TransferEnd) -> Result<Receipt, StorageError> {
        let transfer = match end {
            ftp::TransferEnd::Complete => TransferEnd::Complete,
            ftp::TransferEnd::Suspect(reason) => TransferEnd::Suspect(reason.to_string()),
            // The spool itself refused the bytes; the camera was told and may try again.
            ftp::TransferEnd::Cut(ftp::CutReason::Storage) => return Ok(Receipt::default()),
            // Nothing came: nothing to keep.
            ftp::TransferEnd::Cut(_) if self.writer.is_empty() => return Ok(Receipt::default()),
            ftp::TransferEnd::Cut(reason) => TransferEnd::Cut(reason.to_string()),
        };
        let Self { mut writer, clock, diagnosis, peer, account, name } = *self;
        if transfer == TransferEnd::Complete {
            // The session looks once more whether anybody hears its 226: until then nobody can say what this is.
            writer.hold();
        }
        match writer.commit(transfer, clock.now()).await {
            Ok(entry) => Ok(Receipt(entry.id.to_string())),
            Err(error) => {
                tracing::error!(upload = %name, %error, "an upload could not be made durable; the camera was told so");
                Err(refuse(&diagnosis, peer, &account, &name, error))
            }
        }
    }
}

fn modified(at: Millis) -> std::time::SystemTime {
    std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(at.0.max(0).unsigned_abs())
}

fn file_entry(name: &[u8], file: &SeenFile) -> Entry {
    Entry { name: name.to_vec(), kind: EntryKind::File, size: file.size, modified: modified(file.modified) }
}

impl FtpStorage {
    fn folder_entry(&self, name: &[u8]) -> Entry {
        Entry { name: name.to_vec(), kind: EntryKind::Folder, size: 0, modified: modified(self.clock.now()) }
    }

    fn owned(session: &Session, path: &FtpPath) -> Result<Owned, StorageError> {
        owner(&session.scope, &session.account, &texts(path)).ok_or(StorageError::BadName)
    }
}

#[async_trait]
impl Storage for FtpStorage {
    async fn begin(
        &self,
        session: &Session,
        path: &FtpPath,
        how: StoreMode,
    ) -> Result<Box<dyn Upload>, StorageError> {
        let owned = Self::owned(session, path)?;
        let start = UploadStart {
            account: session.account.clone(),
            camera: owned.camera.clone(),
            path: owned.path.clone(),
            started_at: self.clock.now(),
        };
        let mut writer = self.spool.begin(start).map_err(|error| {
            tracing::error!(camera = %owned.camera, %error, "an upload was refused; the camera was told 452 or 451");
            refusal(error)
        })?;
        match how {
            StoreMode::Replace => {}
            StoreMode::Append => self.go_on(&mut writer, &owned, None).await?,
            StoreMode::Restart { offset } => self.go_on(&mut writer, &owned, Some(offset)).await?,
        }
        Ok(Box::new(SpoolUpload {
            writer,
            clock: Arc::clone(&self.clock),
            diagnosis: self.diagnosis.clone(),
            peer: session.peer.ip(),
            account: session.account.clone(),
            name: path.to_string(),
        }))
    }

    async fn info(&self, session: &Session, path: &FtpPath) -> Result<Entry, StorageError> {
        let Some(name) = path.name() else { return Ok(self.folder_entry(b"/")) };
        let owned = Self::owned(session, path)?;
        if let Some(file) = self.view.file(&owned) {
            return Ok(file_entry(name, &file));
        }
        let above = texts(&path.parent());
        let names = self.view.list(&session.scope, &session.account, &above);
        match texts(path).last().and_then(|last| names.get(last)) {
            Some(Seen::Folder) => Ok(self.folder_entry(name)),
            _ => Err(StorageError::NotFound),
        }
    }

    async fn list(&self, session: &Session, folder: &FtpPath) -> Result<Vec<Entry>, StorageError> {
        let names = self.view.list(&session.scope, &session.account, &texts(folder));
        Ok(names
            .iter()
            .map(|(name, seen)| match seen {
                Seen::Folder => self.folder_entry(name.as_bytes()),
                Seen::File(file) => file_entry(name.as_bytes(), file),
            })
            .collect())
    }

    /// Whatever folder a camera enters, it may: many never make the folders that they use.
    async fn enter(&self, session: &Session, folder: &FtpPath) -> Result<(), StorageError> {
        self.view.make_folder(&session.scope, &texts(folder));
        Ok(())
    }

    async fn make_dir(&self, session: &Session, folder: &FtpPath) -> Result<(), StorageError> {
        self.view.make_folder(&session.scope, &texts(folder));
        Ok(())
    }

    async fn remove_dir(&self, session: &Session, folder: &FtpPath) -> Result<(), StorageError> {
        let folder = texts(folder);
        if !self.view.list(&session.scope, &session.account, &folder).is_empty() {
            return Err(StorageError::NotEmpty);
        }
        self.view.remove_folder(&session.scope, &folder);
        Ok(())
    }

    /// What was acknowledged is never lost, not even by its own camera: the file is hidden and ships.
    async fn delete(&self, session: &Session, path: &FtpPath) -> Result<(), StorageError> {
        let file = self.view.file(&Self::owned(session, path)?).ok_or(StorageError::NotFound)?;
        self.view.hide(&file);
        Ok(())
    }

    async fn rename(&self, session: &Session, from: &FtpPath, to: &FtpPath) -> Result<(), StorageError> {
        let from = Self::owned(session, from)?;
        let id = self.view.file(&from).and_then(|file| file.entry).ok_or(StorageError::NotFound)?;
        let to = Self::owned(session, to)?;
        let spool = self.spool.clone();
        let renamed = tokio::task::spawn_blocking(move || {
            spool.update(&id, |entry| {
                entry.start.camera = to.camera;
                entry.start.path = to.path;
            })
        });
        if renamed.await.map_err(std::io::Error::other)?.map_err(refusal)? {
            Ok(())
        } else {
            Err(StorageError::NotFound)
        }
    }

    fn observe(&self, peer: SocketAddr, session: Option<&Session>, event: &SessionEvent) {
        let account = session.map_or("", |session| session.account.as_str());
        if let Some(advice) = self.diagnosis.observe(peer.ip(), account, event) {
            tracing::warn!(%peer, account, ?event, "a camera has trouble: {advice}");
            return;
        }
        match event {
            SessionEvent::UploadAcknowledged { receipt } => {
                if let Some(id) = EntryId::parse(&receipt.0) {
                    self.spool.let_go(&id);
                }
            }
            SessionEvent::UploadEndedWithoutListener { path, receipt } => {
                tracing::warn!(%peer, account, %path, "the camera was gone before it could be told 226");
                self.mark_suspect(&receipt.0);
            }
            other => tracing::debug!(%peer, account, event = ?other, "FTP session"),
        }
    }
}

impl FtpStorage {
    /// The durable write outlived the camera: the file may be whole or cut. Off the session's thread.
    fn mark_suspect(&self, receipt: &str) {
        let Some(id) = EntryId::parse(receipt) else { return };
        let spool = self.spool.clone();
        tokio::task::spawn_blocking(move || {
            let suspect = spool.update(&id, |entry| {
                if entry.transfer == TransferEnd::Complete {
                    entry.transfer = TransferEnd::Suspect("control connection closed before 226".to_owned());
                }
            });
            if let Err(error) = suspect {
                tracing::warn!(%error, "an upload could not be marked as suspect");
            }
            spool.let_go(&id);
        });
    }
}
