//! A camera: one FTP login, one upload after the other.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::Upload;

const PATIENCE: Duration = Duration::from_mins(2);

/// A logged-in control connection.
#[derive(Debug)]
pub struct Camera {
    server: SocketAddr,
    control: BufReader<TcpStream>,
}

fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

impl Camera {
    /// Logs in, for transfers of bytes as they are.
    pub fn log_in(server: SocketAddr, user: &str, password: &str) -> io::Result<Self> {
        let mut camera = Self { server, control: BufReader::new(connect(server)?) };
        camera.reply("220")?;
        let reply = camera.say(&format!("USER {user}"), "")?;
        if !reply.starts_with("230") {
            camera.say(&format!("PASS {password}"), "230")?;
        }
        camera.say("TYPE I", "200")?;
        Ok(camera)
    }

    /// Makes a folder; it may be there.
    pub fn folder(&mut self, path: &str) -> io::Result<()> {
        self.say(&format!("MKD {path}"), "").map(drop)
    }

    /// Uploads; back when the server has promised that it has it (226).
    pub fn store(&mut self, path: &str, file: &Upload<'_>) -> io::Result<()> {
        let reply = self.say("EPSV", "229")?;
        let port = reply.split('|').nth(3).and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| io::Error::other(format!("no port in {reply}")))?;
        let mut data = connect(SocketAddr::new(self.server.ip(), port))?;
        // vsftpd says 150, pyftpdlib 125 or 150.
        self.say(&format!("STOR {path}"), "1")?;
        data.write_all(file.body)?;
        data.write_all(&file.end)?;
        drop(data);
        self.reply("226").map(drop)
    }

    fn say(&mut self, line: &str, expected: &str) -> io::Result<String> {
        self.control.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.reply(expected)
    }

    fn reply(&mut self, expected: &str) -> io::Result<String> {
        const LINES_MAX: usize = 100;
        for _ in 0..LINES_MAX {
            let mut line = String::new();
            if self.control.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let is_last = line.len() > 3 && line.as_bytes()[..3].iter().all(u8::is_ascii_digit);
            if is_last && line.as_bytes()[3] != b'-' {
                return if line.starts_with(expected) {
                    Ok(line)
                } else {
                    Err(io::Error::other(format!("found {}, expected {expected}", line.trim_end())))
                };
            }
        }
        Err(io::Error::other("a reply without an end"))
    }
}
