//! TLS in front of the web door.
//!
//! Owns the certificate by its files, its renewal while the program runs, and handshakes. Promises: a new certificate is
//! used for connections that come after it, within half a minute or at a SIGHUP; one that can't be used leaves the old one
//! in place, and is told in the log; a handshake that is slow or broken holds up nobody else. Refuses: what is older
//! than TLS 1.2.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, watch},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    app::until,
    connections::{self, Bounds, Places},
};

/// How often it is looked whether the files are other ones.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// A handshake that takes longer ends its connection.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Handshakes at once; further connections wait in the system's queue.
const HANDSHAKES_MAX: u32 = 256;
/// Connections that are through their handshake and wait to be served.
const READY_MAX: usize = 64;
/// Where the system can't accept (no descriptors left), for so long nobody tries.
const PAUSE: Duration = Duration::from_millis(100);

/// Where certificate and key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    /// PEM, the leaf first.
    pub(crate) chain: PathBuf,
    /// PEM, not encrypted.
    pub(crate) key: PathBuf,
}

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    #[error("a PEM file that can be read ({0})")]
    ChainUnreadable(io::Error),
    #[error("a certificate in PEM ({0})")]
    Chain(rustls::pki_types::pem::Error),
    #[error("a certificate: no -----BEGIN CERTIFICATE----- is in the file")]
    NoCertificate,
    #[error("a PEM file that can be read ({0})")]
    KeyUnreadable(io::Error),
    #[error("a private key in PEM, not encrypted ({0})")]
    Key(rustls::pki_types::pem::Error),
    #[error("the certificate's own key ({0})")]
    Unusable(#[from] rustls::Error),
}

impl CertificateError {
    /// Whether the key's file is to blame.
    pub(crate) fn is_of_key(&self) -> bool {
        matches!(self, Self::KeyUnreadable(_) | Self::Key(_) | Self::Unusable(_))
    }
}

/// Which state of the files was read: a renewal changes one of these.
type Stamp = [Option<(SystemTime, u64, u64)>; 2];

fn stamp(files: &CertificateFiles) -> Stamp {
    use std::os::unix::fs::MetadataExt as _;
    let of = |path: &Path| {
        let data = fs::metadata(path).ok()?;
        Some((data.modified().ok()?, data.len(), data.ino()))
    };
    [of(&files.chain), of(&files.key)]
}

/// What connections are answered with now.
#[derive(Debug)]
pub(crate) struct Certificate(RwLock<Arc<CertifiedKey>>);

impl Certificate {
    /// As the files are now.
    pub(crate) fn read(files: &CertificateFiles) -> Result<Self, CertificateError> {
        Ok(Self(RwLock::new(Arc::new(load(files)?))))
    }
}

fn load(files: &CertificateFiles) -> Result<CertifiedKey, CertificateError> {
    let chain = fs::read(&files.chain).map_err(CertificateError::ChainUnreadable)?;
    let chain = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(CertificateError::Chain)?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate);
    }
    let key = fs::read(&files.key).map_err(CertificateError::KeyUnreadable)?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(CertificateError::Key)?;
    // Says whether they belong together, too.
    Ok(CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?)
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// The certificate, and the task's part of it.
pub(crate) struct Https {
    files: CertificateFiles,
    certificate: Arc<Certificate>,
    acceptor: TlsAcceptor,
    read: Stamp,
}

impl Https {
    pub(crate) fn new(files: CertificateFiles) -> Result<Self, CertificateError> {
        let read = stamp(&files);
        let certificate = Arc::new(Certificate::read(&files)?);
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(certificate.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { files, certificate, acceptor: TlsAcceptor::from(Arc::new(config)), read })
    }

    /// A listener whose connections are through their handshake. Handshakes run beside each other, a bounded number.
    pub(crate) fn listen(&self, bounds: &Bounds, tcp: TcpListener) -> io::Result<TlsListener> {
        let local = tcp.local_addr()?;
        let (ready, taken) = mpsc::channel(READY_MAX);
        let (acceptor, bounds) = (self.acceptor.clone(), bounds.clone());
        let accepting = tokio::spawn(async move {
            let turns = Arc::new(Semaphore::new(HANDSHAKES_MAX as usize));
            let (places, bounds) = (Places::default(), bounds.with_share_of(HANDSHAKES_MAX));
            while let Ok(turn) = turns.clone().acquire_owned().await {
                let (stream, peer) = match tcp.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::debug!(%error, "a web connection could not be accepted");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                };
                let Some(entered) = places.enter(peer.ip(), &bounds) else {
                    tracing::debug!(%peer, "a handshake too many from one place was not begun");
                    continue;
                };
                let (acceptor, ready) = (acceptor.clone(), ready.clone());
                connections::at_once(&stream);
                tokio::spawn(async move {
                    match timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => drop(ready.send((stream, peer)).await),
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
                        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
                    }
                    drop((entered, turn));
                });
            }
        });
        Ok(TlsListener { taken, local, accepting })
    }

    /// Looks for a new certificate until the program stops.
    pub(crate) async fn keep_fresh(mut self, stopped: watch::Receiver<bool>) {
        use tokio::signal::unix::{SignalKind, signal};
        let mut hangup = signal(SignalKind::hangup()).ok();
        loop {
            let told = async {
                match &mut hangup {
                    Some(hangup) => drop(hangup.recv().await),
                    None => std::future::pending().await,
                }
            };
            let asked = tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => false,
                () = told => true,
                () = until(stopped.clone()) => return,
            };
            self.look(asked).await;
        }
    }

    /// Reads the files again if they changed, or if somebody `asked`.
    async fn look(&mut self, asked: bool) {
        let files = self.files.clone();
        let before = self.read;
        let looked = tokio::task::spawn_blocking(move || {
            let now = stamp(&files);
            (asked || now != before).then(|| (now, load(&files)))
        });
        match looked.await {
            Ok(Some((now, Ok(key)))) => {
                self.read = now;
                *self.certificate.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                tracing::info!(tls_cert = %self.files.chain.display(), "the certificate was read again");
            }
            Ok(Some((now, Err(error)))) => {
                // Said once: half a renewal is mended by its other half, which is another change.
                self.read = now;
                tracing::error!(
                    tls_cert = %self.files.chain.display(),
                    tls_key = %self.files.key.display(),
                    "the new certificate can't be used, the old one stays: expected {error}"
                );
            }
            Ok(None) | Err(_) => {}
        }
    }
}

/// Connections after their handshake.
pub(crate) struct TlsListener {
    taken: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    local: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for TlsListener {
    fn drop(&mut self) {
        // The port closes with the server.
        self.accepting.abort();
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.taken.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}
