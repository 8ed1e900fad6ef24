//! RFC 4217: TLS under both channels.
//!
//! Owns the certificate and the handshake, which is bounded in time. Session
//! reuse between control and data connection is not demanded: most cameras can't.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Encryption: without it the server speaks plain FTP only.
#[derive(Clone)]
pub struct TlsConfig {
    /// Logins and data only encrypted. Default: false.
    pub required: bool,
    /// A second port on which TLS starts with the first byte (implicit FTPS),
    /// usually 990. Default: none.
    pub implicit_listen: Option<SocketAddr>,
    /// A handshake that takes longer ends its session or transfer. Default: 10 s.
    pub handshake_timeout: Duration,
    acceptor: TlsAcceptor,
}

/// Why a certificate can't be used. A retry doesn't help.
#[derive(Debug, thiserror::Error)]
pub enum TlsConfigError {
    /// The certificate chain isn't PEM.
    #[error("the certificate can't be read: {0}")]
    Certificate(rustls::pki_types::pem::Error),
    /// The chain holds no certificate.
    #[error("no certificate found, expected -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// The key isn't PEM, or it is encrypted.
    #[error("the private key can't be read: {0}")]
    Key(rustls::pki_types::pem::Error),
    /// Key and certificate don't fit, or their kind isn't supported.
    #[error("certificate and key can't be used: {0}")]
    Unusable(#[from] rustls::Error),
}

impl TlsConfig {
    /// From a certificate chain (leaf first) and its private key, both in PEM.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(TlsConfigError::Certificate)?;
        if chain.is_empty() {
            return Err(TlsConfigError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(TlsConfigError::Key)?;
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Ok(Self::from_rustls(config))
    }

    /// From a configuration of rustls, for example with a resolver that renews
    /// certificates. TLS 1.3 tickets are turned off: a client that only writes
    /// leaves them unread, and its kernel then ends the data connection with a
    /// reset in place of an orderly end of file.
    pub fn from_rustls(mut config: rustls::ServerConfig) -> Self {
        config.send_tls13_tickets = 0;
        Self {
            required: false,
            implicit_listen: None,
            handshake_timeout: Duration::from_secs(10),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        }
    }

    /// The server's side of a handshake. `already_read` are bytes that the client
    /// sent behind its `AUTH TLS`.
    pub(crate) async fn handshake(
        &self,
        tcp: TcpStream,
        already_read: Vec<u8>,
    ) -> io::Result<Box<TlsStream<Prefixed>>> {
        let io = Prefixed { prefix: already_read, tcp };
        match timeout(self.handshake_timeout, self.acceptor.accept(io)).await {
            Ok(accepted) => accepted.map(Box::new),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long")),
        }
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TlsConfig")
            .field("required", &self.required)
            .field("implicit_listen", &self.implicit_listen)
            .field("handshake_timeout", &self.handshake_timeout)
            .finish_non_exhaustive()
    }
}

/// A connection whose first bytes were read already.
#[derive(Debug)]
pub(crate) struct Prefixed {
    prefix: Vec<u8>,
    tcp: TcpStream,
}

impl Prefixed {
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }
}

impl AsyncRead for Prefixed {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.prefix.is_empty() {
            return Pin::new(&mut this.tcp).poll_read(context, buf);
        }
        let count = this.prefix.len().min(buf.remaining());
        buf.put_slice(&this.prefix[..count]);
        this.prefix.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prefixed {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(context, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(context)
    }
}
