//! As much of HTTP/1.1 as a proxy needs to cut messages in the right places: heads, and where bodies end.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

const HEAD_MAX_BYTES: usize = 64 * 1024;
const BODY_MAX_BYTES: usize = 64 * 1024 * 1024;
/// How often a waiting reader looks whether it still should.
const TICK: Duration = Duration::from_millis(200);
/// One message may take so long, or its connection is given up.
const MESSAGE_LIMIT: Duration = Duration::from_mins(1);

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// The lines before a body, as they came.
pub(crate) struct Head {
    pub(crate) bytes: Vec<u8>,
}

impl Head {
    pub(crate) fn first_line(&self) -> String {
        let end = self.bytes.iter().position(|byte| *byte == b'\r').unwrap_or(0);
        String::from_utf8_lossy(&self.bytes[..end]).into_owned()
    }

    pub(crate) fn method(&self) -> String {
        self.first_line().split(' ').next().unwrap_or_default().to_owned()
    }

    pub(crate) fn value(&self, name: &str) -> Option<String> {
        String::from_utf8_lossy(&self.bytes).lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }

    /// Without one header.
    pub(crate) fn without(&self, name: &str) -> Vec<u8> {
        let prefix = format!("{name}:").to_ascii_lowercase();
        let mut kept = Vec::new();
        for line in self.bytes.split_inclusive(|byte| *byte == b'\n') {
            if !line.to_ascii_lowercase().starts_with(prefix.as_bytes()) {
                kept.extend(line);
            }
        }
        kept
    }

    fn framing(&self) -> Option<Framing> {
        if self.value("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            return Some(Framing::Chunked);
        }
        let length = self.value("content-length")?.parse().ok();
        length.filter(|length| *length <= BODY_MAX_BYTES).map(Framing::Length)
    }

    pub(crate) fn request_framing(&self) -> Framing {
        self.framing().unwrap_or(Framing::Length(0))
    }

    pub(crate) fn status(&self) -> u16 {
        self.first_line().split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn response_framing(&self, method: &str) -> Framing {
        if method == "HEAD" || matches!(self.status(), 100..=199 | 204 | 304) {
            return Framing::Length(0);
        }
        self.framing().unwrap_or(Framing::UntilClose)
    }
}

/// One side of a proxied connection.
pub(crate) struct Wire {
    stream: TcpStream,
    /// Read from the stream, and not yet taken.
    ahead: Vec<u8>,
}

fn broken(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.to_owned())
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(MESSAGE_LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, ahead: Vec::new() })
    }

    pub(crate) fn connect(to: SocketAddr) -> io::Result<Self> {
        Self::new(TcpStream::connect_timeout(&to, MESSAGE_LIMIT)?)
    }

    /// Reads some more; `false` at the end.
    fn fill(&mut self, deadline: Instant, go_on: &dyn Fn() -> bool) -> io::Result<bool> {
        let mut piece = [0_u8; 16 * 1024];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.ahead.extend(&piece[..count]);
                    return Ok(true);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if !go_on() || Instant::now() >= deadline {
                        return Err(ErrorKind::TimedOut.into());
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next head; `None` where the other side has closed in good order.
    pub(crate) fn head(&mut self, go_on: &dyn Fn() -> bool) -> io::Result<Option<Head>> {
        let deadline = Instant::now() + MESSAGE_LIMIT;
        loop {
            if let Some(end) = self.ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.ahead.split_off(end + 4);
                return Ok(Some(Head { bytes: std::mem::replace(&mut self.ahead, rest) }));
            }
            if self.ahead.len() > HEAD_MAX_BYTES {
                return Err(broken("a head without an end"));
            }
            if !self.fill(deadline, go_on)? {
                return if self.ahead.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    fn take(&mut self, count: usize, deadline: Instant) -> io::Result<Vec<u8>> {
        while self.ahead.len() < count {
            if !self.fill(deadline, &|| true)? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.ahead.split_off(count);
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    fn take_line(&mut self, deadline: Instant) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.ahead.iter().position(|byte| *byte == b'\n') {
                return self.take(end + 1, deadline);
            }
            if self.ahead.len() > HEAD_MAX_BYTES || !self.fill(deadline, &|| true)? {
                return Err(broken("a line without an end"));
            }
        }
    }

    /// The raw bytes of a body; chunks stay as they are.
    pub(crate) fn body(&mut self, framing: Framing) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + MESSAGE_LIMIT;
        match framing {
            Framing::Length(length) => self.take(length, deadline),
            Framing::UntilClose => {
                while self.ahead.len() <= BODY_MAX_BYTES && self.fill(deadline, &|| true)? {}
                Ok(std::mem::take(&mut self.ahead))
            }
            Framing::Chunked => {
                let mut raw = Vec::new();
                while raw.len() <= BODY_MAX_BYTES {
                    let line = self.take_line(deadline)?;
                    let text = String::from_utf8_lossy(&line).into_owned();
                    let digits = text.trim().split(';').next().unwrap_or_default();
                    let size = usize::from_str_radix(digits, 16).map_err(|_| broken("no chunk size"))?;
                    raw.extend(line);
                    if size == 0 {
                        // Trailers, and the empty line that ends them.
                        loop {
                            let line = self.take_line(deadline)?;
                            raw.extend(&line);
                            if line == b"\r\n" {
                                return Ok(raw);
                            }
                        }
                    }
                    raw.extend(self.take(size + 2, deadline)?);
                }
                Err(broken("a body that is too long"))
            }
        }
    }

    /// A part of a body of known length, in small pieces with a rest after each.
    pub(crate) fn body_slowly(
        &mut self,
        length: usize,
        pieces: usize,
        rest: Duration,
    ) -> io::Result<Vec<u8>> {
        let deadline = Instant::now() + MESSAGE_LIMIT;
        let mut body = Vec::with_capacity(length);
        while body.len() < length {
            let next = (length / pieces).max(1).min(length - body.len());
            body.extend(self.take(next, deadline)?);
            std::thread::sleep(rest);
        }
        Ok(body)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub(crate) fn send_slowly(&mut self, bytes: &[u8], pieces: usize, rest: Duration) -> io::Result<()> {
        for piece in bytes.chunks((bytes.len() / pieces).max(1)) {
            self.send(piece)?;
            std::thread::sleep(rest);
        }
        Ok(())
    }

    /// Takes whatever comes and answers nothing, until the other side gives up or the limit is over.
    pub(crate) fn ignore(mut self, limit: Duration, go_on: &dyn Fn() -> bool) {
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline && self.fill(deadline, go_on).unwrap_or(false) {
            self.ahead.clear();
        }
    }

    /// Breaks off in the middle: the other side gets a reset.
    pub(crate) fn reset(self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        drop(self.stream);
    }

    pub(crate) fn close(self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
