//! Owns the connection under both channels, plain or encrypted.

use std::io::{self, Read as _};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::tls::Prefixed;

/// A control or data connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<Prefixed>>),
    /// A handshake took the connection and failed.
    Gone,
}

/// What waits in the socket's receive queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    Nothing,
    Data,
    /// The other side closed the connection.
    End,
    /// The other side reset the connection.
    Broken,
}

impl Stream {
    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Reads what a plain connection holds, without waiting.
    ///
    /// A read ends before urgent data (the `ABOR` of many clients), and tokio takes
    /// a short read for an empty socket: it would sleep on the rest of the line
    /// until the client says something more.
    pub(crate) fn read_now(&self, into: &mut Vec<u8>) -> io::Result<usize> {
        let Self::Plain(tcp) = self else { return Err(io::ErrorKind::WouldBlock.into()) };
        let mut bytes = [0; 512];
        let read = (&*SockRef::from(tcp)).read(&mut bytes)?;
        into.extend_from_slice(&bytes[..read]);
        Ok(read)
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(tcp) => Some(tcp),
            Self::Tls(tls) => Some(tls.get_ref().0.tcp()),
            Self::Gone => None,
        }
    }

    /// Whether the connection ended without a reset (or hasn't ended). Takes the error.
    pub(crate) fn is_sound(&self) -> bool {
        self.tcp().is_some_and(|tcp| matches!(SockRef::from(tcp).take_error(), Ok(None)))
    }

    /// Asks the kernel, not the runtime: tokio learns of a FIN only when it next
    /// polls, and a durable write may just have taken a long time.
    pub(crate) fn waiting(&self) -> Waiting {
        let Some(tcp) = self.tcp() else { return Waiting::End };
        let mut byte = [MaybeUninit::uninit()];
        match SockRef::from(tcp).peek(&mut byte) {
            Ok(0) => Waiting::End,
            Ok(_) => Waiting::Data,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Waiting::Nothing,
            Err(_) => Waiting::Broken,
        }
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(context, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buf),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, buf),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
            Self::Gone => Poll::Ready(Err(gone())),
        }
    }
}
