//! The other ends of notifications: a web server that remembers what it was sent, a broker, a mail server.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{LIMIT, free_port, run, wait};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Answers every request by its number with a status; 0: takes the request and never answers.
pub(crate) struct HttpReceiver {
    pub(crate) address: SocketAddr,
    requests: Receiver<Received>,
}

impl HttpReceiver {
    pub(crate) fn start(status: impl Fn(usize) -> u16 + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            let mut held = Vec::new();
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(mut stream) = stream else { return };
                let Some(received) = read_request(&stream) else { continue };
                if sender.send(received).is_err() {
                    return;
                }
                match status(number) {
                    0 => held.push(stream),
                    status => {
                        let answer = format!(
                            "HTTP/1.1 {status} Told\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                        );
                        let _ = stream.write_all(answer.as_bytes());
                    }
                }
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn next(&self) -> Received {
        self.requests.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("waited in vain for a request"))
    }

    pub(crate) fn next_within(&self, limit: Duration) -> Option<Received> {
        self.requests.recv_timeout(limit).ok()
    }
}

fn read_request(stream: &TcpStream) -> Option<Received> {
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received { path, headers, body })
}

/// A certificate for `localhost`, and its key, in PEM files.
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    _scratch: TempDir,
}

impl Certificate {
    pub(crate) fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let (chain, key) = (scratch.path().join("chain.pem"), scratch.path().join("key.pem"));
        let output = run(Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "2",
            ])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-out"])
            .arg(&chain)
            .arg("-keyout")
            .arg(&key));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { chain, key, _scratch: scratch }
    }
}

/// A real broker.
pub(crate) struct Mosquitto {
    pub(crate) port: u16,
    /// Where programs get in by TLS and with a password, where that is wanted.
    pub(crate) tls_port: u16,
    tls: String,
    scratch: TempDir,
    child: Option<Child>,
}

impl Mosquitto {
    pub(crate) fn start() -> Self {
        Self::begin(free_port(), free_port(), String::new(), tempfile::tempdir().unwrap())
    }

    /// With a second door: TLS, and this user only.
    pub(crate) fn with_tls(certificate: &Certificate, user: &str, password: &str) -> Self {
        let (scratch, tls_port) = (tempfile::tempdir().unwrap(), free_port());
        let passwords = scratch.path().join("passwords");
        let output =
            run(Command::new("mosquitto_passwd").arg("-b").arg("-c").arg(&passwords).args([user, password]));
        assert!(output.status.success());
        let tls = format!(
            "listener {tls_port} 127.0.0.1\nallow_anonymous false\npassword_file {}\ncertfile {}\nkeyfile {}\n",
            passwords.display(),
            certificate.chain.display(),
            certificate.key.display()
        );
        Self::begin(free_port(), tls_port, tls, scratch)
    }

    fn begin(port: u16, tls_port: u16, tls: String, scratch: TempDir) -> Self {
        let mut broker = Self { port, tls_port, tls, scratch, child: None };
        broker.restart();
        broker
    }

    pub(crate) fn restart(&mut self) {
        let config = self.scratch.path().join("mosquitto.conf");
        let text = format!(
            // A broker that root starts would become another user, who can't read a test's files.
            "user root\nper_listener_settings true\npersistence false\nlistener {} 127.0.0.1\nallow_anonymous true\n{}",
            self.port, self.tls
        );
        fs::write(&config, text).unwrap();
        // Debian puts it where only root looks.
        let program = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"]
            .into_iter()
            .find(|path| Path::new(path).exists());
        let child = Command::new(program.unwrap_or("mosquitto"))
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("mosquitto: {error}: run scripts/setup test")));
        wait("the broker listens", || TcpStream::connect(("127.0.0.1", self.port)).ok());
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Hears everything from now on, and what is retained.
    pub(crate) fn listen(&self) -> Listener {
        let mut child = Command::new("mosquitto_sub")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-q", "1", "-t", "#", "-F", "%r %t %x"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("mosquitto_sub: {error}: run scripts/setup test"));
        let output = child.stdout.take().unwrap();
        let (sender, heard) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let mut parts = line.splitn(3, ' ');
                let (Some(retained), Some(topic), Some(hex)) = (parts.next(), parts.next(), parts.next())
                else {
                    continue;
                };
                let bytes =
                    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap());
                let heard =
                    Heard { retained: retained == "1", topic: topic.to_owned(), payload: bytes.collect() };
                if sender.send(heard).is_err() {
                    return;
                }
            }
        });
        Listener { child, heard }
    }

    pub(crate) fn publish(&self, topic: &str, payload: &str) {
        let port = self.port.to_string();
        let output = run(Command::new("mosquitto_pub").args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-q",
            "1",
            "-t",
            topic,
            "-m",
            payload,
        ]));
        assert!(output.status.success());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A message of the broker.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) retained: bool,
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

impl Heard {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).unwrap()
    }
}

/// Somebody who hears everything.
pub(crate) struct Listener {
    child: Child,
    heard: Receiver<Heard>,
}

impl Listener {
    /// The next message of a topic; what comes before it on others is passed over.
    pub(crate) fn on(&self, topic: &str) -> Heard {
        loop {
            let heard = self.heard.recv_timeout(LIMIT);
            let heard = heard.unwrap_or_else(|_| panic!("waited in vain for a message on {topic}"));
            if heard.topic == topic {
                return heard;
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A real mail server: prints each mail as a line of JSON.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    child: Child,
    mails: Receiver<Value>,
}

const MAIL_SERVER: &str = r#"
import asyncio, email, email.policy, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult

class Handler:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = [{"type": part.get_content_type(), "id": part.get("content-id"),
                  "disposition": part.get_content_disposition(),
                  "text": part.get_content() if part.get_content_maintype() == "text" else None,
                  "size": len(part.get_content()) if part.get_content_maintype() == "image" else None,
                  "jpeg": part.get_content()[:3].hex() if part.get_content_maintype() == "image" else None}
                 for part in mail.walk() if not part.is_multipart()]
        print(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": mail["subject"],
                          "id": mail["message-id"], "parts": parts}), flush=True)
        return "250 OK"

def smtp():
    if len(sys.argv) == 2:
        return SMTP(Handler(), enable_SMTPUTF8=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(sys.argv[2], sys.argv[3])
    def let_in(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (sys.argv[4].encode(), sys.argv[5].encode()))
    return SMTP(Handler(), enable_SMTPUTF8=True, tls_context=tls, require_starttls=True, auth_required=True, authenticator=let_in)

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(smtp, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
"#;

impl MailServer {
    pub(crate) fn start() -> Self {
        Self::begin(&[])
    }

    /// One that takes mail after STARTTLS and a login only.
    pub(crate) fn with_tls(certificate: &Certificate, user: &str, password: &str) -> Self {
        let file = |path: &Path| path.to_str().unwrap().to_owned();
        Self::begin(&[file(&certificate.chain), file(&certificate.key), user.to_owned(), password.to_owned()])
    }

    fn begin(arguments: &[String]) -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let python: PathBuf = project.join(".services/mail/bin/python");
        assert!(python.is_file(), "{} is missing: run scripts/services", python.display());
        let port = free_port();
        let mut child = Command::new(python)
            .args(["-c", MAIL_SERVER, &port.to_string()])
            .args(arguments)
            .stdout(Stdio::piped())
            // Handshakes that a test wants to fail are tracebacks there.
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let (sender, mails) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        wait("the mail server listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { port, child, mails }
    }

    pub(crate) fn next(&self) -> Value {
        self.mails.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("waited in vain for a mail"))
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
