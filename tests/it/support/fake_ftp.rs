//! An FTP server that takes nothing: it answers uploads as it was told to, so that a program's report can be judged.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How an upload ends; the name of the file asks for it.
const ENDS: [&str; 7] = ["stored", "refused", "full", "stopped", "broken", "lost", "half"];

/// A running server; it ends when dropped.
pub(crate) struct FakeFtp {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
    acceptor: Option<JoinHandle<()>>,
}

impl FakeFtp {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let received = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&received);
        let acceptor = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(stream) = stream {
                    let counted = Arc::clone(&counted);
                    thread::spawn(move || Session::new(stream, counted).and_then(Session::run));
                }
            }
        });
        Self { address, stop, received, acceptor: Some(acceptor) }
    }

    /// How much it got of the last upload that ended.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for FakeFtp {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

enum Data {
    Passive(TcpListener),
    Active(SocketAddr),
}

struct Session {
    control: BufReader<TcpStream>,
    data: Option<Data>,
    received: Arc<AtomicU64>,
}

fn broken_off(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

impl Session {
    fn new(stream: TcpStream, received: Arc<AtomicU64>) -> io::Result<Self> {
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(Self { control: BufReader::new(stream), data: None, received })
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.control.get_mut().write_all(format!("{line}\r\n").as_bytes())
    }

    fn run(mut self) -> io::Result<()> {
        self.say("220 Ready.")?;
        loop {
            let mut line = String::new();
            if self.control.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let (command, argument) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
            match command.to_ascii_uppercase().as_str() {
                "USER" => self.say("331 Password?")?,
                "PASS" => self.say("230 Welcome.")?,
                "PWD" => self.say("257 \"/\"")?,
                "CWD" | "MKD" => self.say("250 There.")?,
                "TYPE" | "NOOP" | "OPTS" => self.say("200 Yes.")?,
                "SYST" => self.say("215 UNIX Type: L8")?,
                // As large as whatever was sent: who believes it believes a lost upload.
                "SIZE" => self.say("213 60000")?,
                "FEAT" => self.say("211-Has\r\n SIZE\r\n EPSV\r\n211 End")?,
                "EPSV" | "PASV" => self.passive(command)?,
                "PORT" | "EPRT" => self.active(argument)?,
                "STOR" => {
                    if !self.store(argument)? {
                        return Ok(());
                    }
                }
                "QUIT" => return self.say("221 Bye."),
                _ => self.say("502 No.")?,
            }
        }
    }

    fn passive(&mut self, command: &str) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        self.data = Some(Data::Passive(listener));
        if command.eq_ignore_ascii_case("EPSV") {
            self.say(&format!("229 Here (|||{port}|)"))
        } else {
            self.say(&format!("227 Here (127,0,0,1,{},{})", port >> 8, port & 0xFF))
        }
    }

    fn active(&mut self, argument: &str) -> io::Result<()> {
        let port = if argument.starts_with('|') {
            argument.split('|').nth(3).and_then(|port| port.parse().ok())
        } else {
            let numbers: Vec<u16> = argument.split(',').filter_map(|number| number.parse().ok()).collect();
            (numbers.len() == 6).then(|| numbers[4] << 8 | numbers[5])
        };
        let Some(port) = port else { return self.say("501 No.") };
        self.data = Some(Data::Active(SocketAddr::from(([127, 0, 0, 1], port))));
        self.say("200 Yes.")
    }

    /// `false`: the connection has ended.
    fn store(&mut self, path: &str) -> io::Result<bool> {
        let end = ENDS.iter().copied().find(|end| path.contains(end)).unwrap_or("stored");
        if end == "refused" {
            return self.say("452 No room.").map(|()| true);
        }
        let data = self.data.take();
        self.say("150 Send.")?;
        let mut data = match data {
            Some(Data::Passive(listener)) => listener.accept()?.0,
            Some(Data::Active(address)) => TcpStream::connect(address)?,
            None => return self.say("425 How?").map(|()| true),
        };
        if matches!(end, "stopped" | "broken") {
            let mut begin = [0; 8_000];
            data.read_exact(&mut begin)?;
        } else {
            let count = io::copy(&mut data, &mut io::sink())?;
            self.received.store(count, Ordering::Relaxed);
        }
        let control = self.control.get_mut();
        match end {
            "stored" => self.say("226 Stored.")?,
            "full" | "stopped" => {
                drop(data);
                self.say("452 No room.")?;
            }
            "broken" => {
                broken_off(&data);
                broken_off(control);
                return Ok(false);
            }
            _ => {
                if end == "half" {
                    control.write_all(b"22")?;
                }
                control.shutdown(Shutdown::Both)?;
                return Ok(false);
            }
        }
        Ok(true)
    }
}
