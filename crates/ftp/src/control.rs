//! Owns the control connection: commands in, replies out, and the knowledge
//! whether the client is still there.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::command::Command;
use crate::line::{Line, LineBuffer};
use crate::reply::Reply;
use crate::stream::{Stream, Waiting};
use crate::tls::TlsConfig;

/// A client that doesn't take its replies for so long is gone.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a reset may be on its way.
const RESET_WAIT: Duration = Duration::from_millis(250);
/// How long to wait for what a client still sends after the last reply. Closing
/// with unread bytes resets the connection, and the reply would be lost with it.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 64 * 1024;

/// What came on the control connection.
#[derive(Debug)]
pub(crate) enum Incoming {
    Command(Command),
    Overlong,
    TlsHello,
    /// The client closed or the connection broke; nothing follows.
    Closed,
}

pub(crate) struct Control {
    stream: Stream,
    lines: LineBuffer,
    gone: bool,
    /// It ended with an error: a reset, most often.
    broken: bool,
}

impl Control {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, lines: LineBuffer::default(), gone: false, broken: false }
    }

    /// The next command. Cancel-safe: bytes that were read stay in the buffer.
    pub(crate) async fn next(&mut self) -> Incoming {
        loop {
            match self.lines.next_line() {
                Some(Line::Text(line)) => return Incoming::Command(Command::parse(&line)),
                Some(Line::Overlong) => return Incoming::Overlong,
                Some(Line::TlsHello) => return Incoming::TlsHello,
                None if self.gone => return Incoming::Closed,
                None => {}
            }
            // What is there already, then what comes: see `Stream::read_now`.
            let read = match self.stream.read_now(self.lines.room()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.stream.read_buf(self.lines.room()).await
                }
                read => read,
            };
            self.gone = !matches!(read, Ok(1..));
            // TLS without its close_notify is an error, too, and means less.
            self.broken |= read.is_err_and(|error| {
                matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
            });
        }
    }

    /// Sends one reply in one write. A client that isn't there any more shows in
    /// [`Control::is_gone`].
    pub(crate) async fn send(&mut self, reply: &Reply) {
        let write = async {
            self.stream.write_all(reply.as_bytes()).await?;
            self.stream.flush().await
        };
        if !matches!(timeout(REPLY_TIMEOUT, write).await, Ok(Ok(()))) {
            (self.gone, self.broken) = (true, true);
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.stream.is_tls()
    }

    /// What the client sent beyond the last command.
    pub(crate) fn take_unparsed(&mut self) -> Vec<u8> {
        self.lines.take()
    }

    /// Runs the server's side of a TLS handshake. After an error the connection is gone.
    pub(crate) async fn upgrade(&mut self, tls: &TlsConfig, early: Vec<u8>) -> io::Result<()> {
        match std::mem::replace(&mut self.stream, Stream::Gone) {
            Stream::Plain(tcp) => {
                self.stream = Stream::Tls(tls.handshake(tcp, early).await?);
                Ok(())
            }
            Stream::Tls(_) | Stream::Gone => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Whether the connection is known to be closed or broken.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// After the client closed: whether it took the last reply. A process that was killed before it read our bytes, or
    /// before they came, leaves them to its machine, which answers with a reset.
    pub(crate) async fn took_last_reply(&self) -> bool {
        if self.broken {
            return false;
        }
        tokio::time::sleep(RESET_WAIT).await;
        self.stream.is_sound()
    }

    /// What the kernel has for us right now; notes the end.
    pub(crate) fn look(&mut self) -> Waiting {
        if self.gone {
            return Waiting::End;
        }
        let waiting = self.stream.waiting();
        // Looking takes the socket's error, if it has one.
        self.broken |= waiting == Waiting::Broken;
        self.gone = matches!(waiting, Waiting::End | Waiting::Broken);
        waiting
    }

    /// Closes so that the last reply arrives.
    pub(crate) async fn close(mut self) {
        let goodbye = async {
            self.stream.shutdown().await?;
            let mut scrap = [0; 512];
            let mut left = LINGER_BYTES;
            while left > 0 {
                match self.stream.read(&mut scrap).await? {
                    0 => break,
                    read => left = left.saturating_sub(read),
                }
            }
            io::Result::Ok(())
        };
        if let Ok(Err(error)) = timeout(LINGER, goodbye).await {
            tracing::trace!(%error, "the control connection broke while closing");
        }
    }
}
