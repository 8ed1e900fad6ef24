//! RFC 959: STOR, APPE, STOU, REST; RFC 3659: REST in stream mode.
//!
//! Owns the promise of this crate: `226` only after the storage's `finish`
//! returned `Ok`, and an honest [`TransferEnd`] before it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Connection;
use crate::data::{Arrival, DataSetup, ReceiveEnd, Received, Stop, connect, receive};
use crate::event::{Channel, SessionEvent};
use crate::path::FtpPath;
use crate::reply::Reply;
use crate::storage::{CutReason, StorageError, StoreMode, SuspectReason, TransferEnd, Upload};
use crate::stream::Stream;
use crate::timestamp::compact;

impl Connection {
    /// The offset counts for the next `STOR` only. A bad one clears an earlier one.
    pub(super) async fn restart(&mut self, argument: &[u8]) {
        self.restart = None;
        let Some(offset) = std::str::from_utf8(argument.trim_ascii()).ok().and_then(|text| text.parse().ok())
        else {
            self.reply(501, "Expected an offset in bytes.").await;
            return;
        };
        self.restart = Some(offset);
        self.reply(350, format!("Restarting at {offset}.")).await;
    }

    pub(super) async fn store(&mut self, argument: &[u8]) {
        let how = match self.restart.take() {
            None | Some(0) => StoreMode::Replace,
            Some(offset) => StoreMode::Restart { offset },
        };
        let Some(path) = self.file_path(argument).await else { return };
        self.upload(path, how, "Send the file.").await;
    }

    pub(super) async fn append(&mut self, argument: &[u8]) {
        if self.restart.take().is_some_and(|offset| offset != 0) {
            self.reply(503, "APPE takes no REST.").await;
            return;
        }
        let Some(path) = self.file_path(argument).await else { return };
        self.upload(path, StoreMode::Append, "Send what comes behind.").await;
    }

    /// The name is the argument's (or `upload`), made unique by time and a
    /// counter, before the extension.
    pub(super) async fn store_unique(&mut self, argument: &[u8]) {
        if self.restart.take().is_some_and(|offset| offset != 0) {
            self.reply(503, "STOU takes no REST.").await;
            return;
        }
        let wanted = if argument.is_empty() { b"upload" } else { argument };
        let Some(path) = self.file_path(wanted).await else { return };
        let Some(path) = self.unique(&path).await else { return };
        let name = path.name().unwrap_or_default();
        // RFC 1123, 4.1.2.9: this exact form, in the 150 reply.
        let text = [b"FILE: ", name].concat();
        self.upload(path, StoreMode::Replace, &text).await;
    }

    /// A name that doesn't exist yet. Answers the client if there is none.
    async fn unique(&mut self, path: &FtpPath) -> Option<FtpPath> {
        const ATTEMPTS: u32 = 10;
        let session = self.logged_in().await?;
        let name = path.name().unwrap_or_default();
        // A leading dot starts a name, not an extension.
        let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0).unwrap_or(name.len());
        let (stem, extension) = name.split_at(dot);
        for _ in 0..ATTEMPTS {
            let number = self.shared.unique_names.fetch_add(1, Ordering::Relaxed);
            let middle = format!("-{}-{number:04}", compact(SystemTime::now()));
            let candidate = path.with_name([stem, middle.as_bytes(), extension].concat());
            match self.shared.storage.info(&session, &candidate).await {
                Err(StorageError::NotFound) => return Some(candidate),
                Ok(_) => {}
                Err(error) => {
                    self.send(&Reply::from(&error)).await;
                    return None;
                }
            }
        }
        self.reply(450, "No unique name found, try again.").await;
        None
    }

    async fn upload(&mut self, path: FtpPath, how: StoreMode, greeting: impl AsRef<[u8]>) {
        let Some(session) = self.logged_in().await else { return };
        let Some(setup) = self.take_data_setup().await else { return };
        let upload = match self.shared.storage.begin(&session, &path, how).await {
            Ok(upload) => upload,
            Err(error) => {
                tracing::warn!(session = self.id, %path, %error, "upload refused");
                self.send(&Reply::from(&error)).await;
                self.observe(&SessionEvent::UploadRefused { path, error });
                return;
            }
        };
        let started = Instant::now();
        self.reply(150, greeting).await;
        let stop = Stop::new();
        let received = if let Some(stream) = self.open_data(setup, &stop).await {
            let stall = self.shared.config.stall_timeout;
            self.attend(Some(&stop), receive(stream, upload, stall, stop.clone())).await
        } else {
            let reason = stop.reason().unwrap_or(CutReason::NeverConnected);
            Received { upload, bytes: 0, end: ReceiveEnd::Cut(reason) }
        };
        let Received { upload, bytes, end } = received;
        let (end, refusal) = self.judge(end, &stop).await;
        let stored = self.finish(&path, upload, end, refusal).await;
        let took = started.elapsed();
        tracing::info!(session = self.id, account = session.account, %path, bytes, took_ms = took.as_millis() as u64,
            %end, stored, "upload ended");
        self.observe(&SessionEvent::UploadFinished { path, bytes, took, end, stored });
    }

    /// What the wire tells about the end of the data.
    async fn judge(&mut self, end: ReceiveEnd, stop: &Stop) -> (TransferEnd, Option<StorageError>) {
        match end {
            ReceiveEnd::Cut(reason) => (TransferEnd::Cut(reason), None),
            ReceiveEnd::Refused(error) => (TransferEnd::Cut(CutReason::Storage), Some(error)),
            ReceiveEnd::Eof | ReceiveEnd::BareEof => {
                // A killed client closes both connections cleanly.
                let gone = self.client_is_gone(Some(stop)).await;
                let end = match stop.reason() {
                    // Clients close the data connection along with `ABOR`: whichever
                    // is seen first, the file isn't whole.
                    Some(CutReason::Aborted) => TransferEnd::Cut(CutReason::Aborted),
                    _ if gone => TransferEnd::Suspect(SuspectReason::ControlClosed),
                    _ if matches!(end, ReceiveEnd::BareEof) => {
                        TransferEnd::Suspect(SuspectReason::NoCloseNotify)
                    }
                    _ => TransferEnd::Complete,
                };
                (end, None)
            }
        }
    }

    /// Ends the upload in the storage and tells the client. Returns whether it is stored.
    async fn finish(
        &mut self,
        path: &FtpPath,
        upload: Box<dyn Upload>,
        end: TransferEnd,
        refusal: Option<StorageError>,
    ) -> bool {
        let finished = self.attend(None, upload.finish(end)).await;
        if let Some(error) = refusal.as_ref().or(finished.as_ref().err()) {
            tracing::warn!(session = self.id, %path, %error, "the storage did not take an upload");
        }
        match (end, finished) {
            (TransferEnd::Cut(reason), finished) => {
                self.tell_cut(reason, refusal.as_ref()).await;
                finished.is_ok()
            }
            (_, Err(error)) => {
                self.send(&Reply::from(&error)).await;
                false
            }
            (end, Ok(receipt)) => {
                // The durable write took its time: look again before and after the answer.
                let mut gone = self.client_is_gone(None).await;
                self.reply(226, "Stored.").await;
                gone |= self.control.is_gone();
                if end == TransferEnd::Complete {
                    self.observe(&if gone {
                        SessionEvent::UploadEndedWithoutListener { path: path.clone(), receipt }
                    } else {
                        SessionEvent::UploadAcknowledged { receipt }
                    });
                }
                true
            }
        }
    }

    async fn tell_cut(&mut self, reason: CutReason, refusal: Option<&StorageError>) {
        match (reason, refusal) {
            (_, Some(error)) => self.send(&Reply::from(error)).await,
            // 426 was sent when `ABOR` came.
            (CutReason::Aborted, None) => self.reply(226, "Abort done.").await,
            (CutReason::NeverConnected, None) => self.reply(425, NO_DATA).await,
            (CutReason::Handshake, None) => self.reply(425, format!("{reason}.")).await,
            (reason, None) => self.reply(426, format!("Transfer cut: {reason}.")).await,
        }
    }

    /// What the client arranged; answers `425` if that is nothing.
    pub(super) async fn take_data_setup(&mut self) -> Option<DataSetup> {
        if self.tls_required() && !self.protect_data {
            self.reply(522, "Encrypt data connections with PROT P first.").await;
            return None;
        }
        match std::mem::take(&mut self.data) {
            DataSetup::None => {
                self.reply(425, "Say PASV, EPSV, PORT or EPRT first.").await;
                None
            }
            DataSetup::Expired(port) => {
                self.reply(425, format!("Nothing connected to port {port}; is it blocked?")).await;
                None
            }
            setup => Some(setup),
        }
    }

    /// Brings the data connection about. `None`: it never came, or `stop` was set.
    pub(super) async fn open_data(&mut self, setup: DataSetup, stop: &Stop) -> Option<Stream> {
        let tcp = self.connect_data(setup, stop).await?;
        if !self.protect_data {
            return Some(Stream::Plain(tcp));
        }
        let shared = Arc::clone(&self.shared);
        let tls = shared.config.tls.as_ref()?;
        let handshake = until_stopped(stop, tls.handshake(tcp, Vec::new()));
        match self.attend(Some(stop), handshake).await? {
            Ok(stream) => Some(Stream::Tls(stream)),
            Err(error) => {
                tracing::info!(session = self.id, %error, "TLS handshake on a data connection failed");
                let reason = error.to_string();
                self.observe(&SessionEvent::HandshakeFailed { channel: Channel::Data, reason });
                stop.set(CutReason::Handshake);
                None
            }
        }
    }

    async fn connect_data(&mut self, setup: DataSetup, stop: &Stop) -> Option<TcpStream> {
        let wait = self.shared.config.data_connect_timeout;
        match setup {
            DataSetup::Connected(tcp) => Some(tcp),
            DataSetup::Active(target) => {
                let connected = until_stopped(stop, connect(self.local, target, wait));
                match self.attend(Some(stop), connected).await? {
                    Ok(tcp) => Some(tcp),
                    Err(error) => {
                        tracing::warn!(session = self.id, %target, %error, "active data connection failed");
                        let reason = error.to_string();
                        self.observe(&SessionEvent::ActiveConnectFailed { target, reason });
                        None
                    }
                }
            }
            DataSetup::Listening(mut passive) => {
                passive.extend(wait);
                loop {
                    match self.attend(Some(stop), until_stopped(stop, passive.arrival())).await? {
                        Arrival::Client(tcp) => return Some(tcp),
                        Arrival::Stranger(from) => self.observe(&SessionEvent::StrangerOnDataPort { from }),
                        Arrival::TimedOut => {
                            self.observe(&SessionEvent::PassiveNeverConnected { port: passive.port() });
                            return None;
                        }
                    }
                }
            }
            DataSetup::None | DataSetup::Expired(_) => None,
        }
    }

    /// The answer after `150` when no data connection came about.
    pub(super) async fn tell_no_data(&mut self, stop: &Stop) {
        self.tell_cut(stop.reason().unwrap_or(CutReason::NeverConnected), None).await;
    }
}

const NO_DATA: &str = "The data connection could not be opened; is a firewall in the way?";

async fn until_stopped<T>(stop: &Stop, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        _ = stop.stopped() => None,
        done = work => Some(done),
    }
}
