//! A camera, byte by byte: sends any name and any bytes, and believes nothing but a reply.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use super::{Web, wait};

/// A camera's patience with one reply.
const PATIENCE: Duration = Duration::from_secs(30);

/// A logged-in control connection.
pub(crate) struct Ftp {
    server: SocketAddr,
    control: BufReader<TcpStream>,
}

fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn unexpected(reply: &str) -> io::Error {
    io::Error::other(format!("unexpected reply: {reply}"))
}

impl Ftp {
    /// Greets only.
    pub(crate) fn open(server: SocketAddr) -> io::Result<Self> {
        let mut ftp = Self { server, control: BufReader::new(connect(server)?) };
        ftp.reply()?;
        Ok(ftp)
    }

    pub(crate) fn login(server: SocketAddr, user: &str, password: &str) -> io::Result<Self> {
        let mut ftp = Self::open(server)?;
        ftp.command(format!("USER {user}").as_bytes())?;
        let reply = ftp.command(format!("PASS {password}").as_bytes())?;
        if reply.starts_with("230") { Ok(ftp) } else { Err(unexpected(&reply)) }
    }

    /// The last line of a reply, code first.
    fn reply(&mut self) -> io::Result<String> {
        const LINES_MAX: usize = 100;
        for _ in 0..LINES_MAX {
            let mut line = Vec::new();
            if self.control.read_until(b'\n', &mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            let code = text.len() >= 3 && text.bytes().take(3).all(|byte| byte.is_ascii_digit());
            if code && text.as_bytes().get(3) != Some(&b'-') {
                return Ok(text);
            }
        }
        Err(io::Error::other("a reply without an end"))
    }

    /// Sends one line and returns its reply.
    pub(crate) fn command(&mut self, line: &[u8]) -> io::Result<String> {
        self.say(line)?;
        self.reply()
    }

    fn say(&mut self, line: &[u8]) -> io::Result<()> {
        self.control.get_mut().write_all(&[line, b"\r\n"].concat())
    }

    /// Opens a passive data connection and begins a transfer; the refusal, if that is the answer.
    fn begin(&mut self, command: &[u8]) -> io::Result<Result<TcpStream, String>> {
        let reply = self.command(b"EPSV")?;
        let port = reply.split('|').nth(3).and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| unexpected(&reply))?;
        let data = connect(SocketAddr::new(self.server.ip(), port))?;
        let reply = self.command(command)?;
        Ok(if reply.starts_with("150") { Ok(data) } else { Err(reply) })
    }

    /// Uploads; the final reply. An error is a camera that was told nothing.
    pub(crate) fn store(&mut self, path: impl AsRef<[u8]>, bytes: &[u8]) -> io::Result<String> {
        let mut data = match self.begin(&[b"STOR ", path.as_ref()].concat())? {
            Ok(data) => data,
            Err(refusal) => return Ok(refusal),
        };
        // A server that refuses in the middle closes the data connection: its reply says why.
        let _ = data.write_all(bytes);
        drop(data);
        self.reply()
    }

    /// Uploads what must be taken.
    pub(crate) fn upload(&mut self, path: impl AsRef<[u8]>, bytes: &[u8]) {
        let path = path.as_ref();
        let reply = self.store(path, bytes).unwrap();
        assert!(reply.starts_with("226"), "{}: {reply}", String::from_utf8_lossy(path));
    }

    /// Sends `bytes` and then, once all of them have arrived, breaks off with `ABOR`.
    pub(crate) fn cut(&mut self, web: &Web, path: &str, bytes: &[u8]) {
        let under_way = || web.get("/api/v1/status").json()["spool"]["bytes"].as_u64().unwrap();
        web.settle();
        let data = self.half_way(path, bytes);
        wait("the bytes arrive", || (under_way() >= bytes.len() as u64).then_some(()));
        self.say(b"ABOR").unwrap();
        let (cut, done) = (self.reply().unwrap(), self.reply().unwrap());
        assert!(cut.starts_with("426") && done.starts_with("226"), "{cut} / {done}");
        drop(data);
    }

    /// Sends `bytes` and leaves the transfer open, until the returned connection is dropped.
    pub(crate) fn half_way(&mut self, path: &str, bytes: &[u8]) -> TcpStream {
        let mut data = self.begin(format!("STOR {path}").as_bytes()).unwrap().unwrap();
        data.write_all(bytes).unwrap();
        data
    }

    /// Sends all of `bytes` and is gone before the reply.
    pub(crate) fn vanish(mut self, path: &str, bytes: &[u8]) {
        let mut data = self.begin(format!("STOR {path}").as_bytes()).unwrap().unwrap();
        data.write_all(bytes).unwrap();
        drop(self);
        drop(data);
    }
}
