//! FTPS, explicit and implicit: RFC 4217 and what clients make of it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use camtrail_ftp::{CutReason, ServerConfig, SuspectReason, TlsConfig, TransferEnd};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::clients::{assert_success, run, sample};
use crate::fake::{PASSWORD, PATIENCE, TestServer, USER, config};
use crate::raw::{Raw, hang_up};

/// A server with a certificate of its own and a client's trust in it.
struct Secure {
    server: TestServer,
    client: Arc<ClientConfig>,
    folder: TempDir,
    ca: String,
}

impl Secure {
    fn start() -> Self {
        Self::with(|_| {})
    }

    fn with(adjust: impl FnOnce(&mut TlsConfig)) -> Self {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let chain = made.cert.pem();
        let mut tls = TlsConfig::from_pem(chain.as_bytes(), made.signing_key.serialize_pem().as_bytes())
            .expect("usable");
        tls.implicit_listen = Some((Ipv4Addr::LOCALHOST, 0).into());
        adjust(&mut tls);
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let folder = tempfile::tempdir().expect("a folder");
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, chain).expect("ca file");
        let ca = ca.to_str().expect("a plain path").to_owned();
        let server = TestServer::with(ServerConfig { tls: Some(tls), ..config() });
        Self { server, client: Arc::new(client), folder, ca }
    }

    fn implicit(&self) -> SocketAddr {
        self.server.implicit.expect("an implicit port")
    }

    async fn wrap(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::clone(&self.client)).connect(name, tcp).await
    }

    /// Encrypted and not logged in.
    async fn connect(&self, auth: &str) -> Raw<TlsStream<TcpStream>> {
        let mut plain = Raw::connect(self.server.address).await;
        plain.ask(auth, 234).await;
        let stream = self.wrap(plain.stream).await.expect("a handshake");
        Raw::over(stream, self.server.address.ip())
    }

    async fn login(&self) -> Raw<TlsStream<TcpStream>> {
        let mut raw = self.connect("AUTH TLS").await;
        raw.log_in().await;
        raw.ask("PBSZ 0", 200).await;
        raw.ask("PROT P", 200).await;
        raw
    }
}

#[tokio::test]
async fn auth_tls_and_auth_ssl_encrypt_both_channels() {
    let secure = Secure::start();
    for auth in ["AUTH TLS", "auth ssl", "AUTH TLS-C"] {
        let mut raw = secure.connect(auth).await;
        raw.log_in().await;
        raw.ask("AUTH TLS", 503).await;
        raw.ask("PBSZ 0", 200).await;
        raw.ask("PROT S", 536).await;
        raw.ask("PROT P", 200).await;
        raw.ask("CCC", 534).await;
        let data = raw.data().await;
        raw.ask("STOR a.jpg", 150).await;
        let mut data = secure.wrap(data).await.expect("a handshake");
        data.write_all(b"secret picture").await.expect("data");
        data.shutdown().await.expect("close_notify");
        let mut rest = Vec::new();
        data.read_to_end(&mut rest).await.expect("the server says close_notify too");
        raw.expect(226).await;
        assert_eq!(secure.server.storage.file(b"/a.jpg").as_deref(), Some(&b"secret picture"[..]));
        assert_eq!(secure.server.storage.end().await, TransferEnd::Complete);
        raw.ask("PROT C", 200).await;
        assert_eq!(raw.store("STOR b.jpg", b"plain").await.code, 226);
        raw.ask("QUIT", 221).await;
        let mut byte = [0];
        let end = timeout(PATIENCE, raw.stream.read(&mut byte)).await.expect("in time");
        assert_eq!(end.expect("the server says close_notify on control"), 0);
    }
}

#[tokio::test]
async fn a_client_hello_right_behind_auth_reaches_the_handshake() {
    let secure = Secure::start();
    for _ in 0..20 {
        let name = ServerName::try_from("localhost").expect("a name");
        let mut connection = ClientConnection::new(Arc::clone(&secure.client), name).expect("a client");
        let mut bytes = b"AUTH TLS\r\n".to_vec();
        connection.write_tls(&mut bytes).expect("a ClientHello");
        let mut raw = Raw::connect(secure.server.address).await;
        raw.send(bytes).await;
        // Byte by byte: behind the line comes the server's part of the handshake.
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(timeout(PATIENCE, raw.stream.read_u8()).await.expect("in time").expect("234"));
        }
        assert!(line.starts_with(b"234 "), "{}", line.escape_ascii());
        let socket = raw.stream.into_std().expect("a std socket");
        let greeting = tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            socket.set_nonblocking(false).expect("blocking");
            socket.set_read_timeout(Some(PATIENCE)).expect("bounded");
            let mut stream = rustls::StreamOwned::new(connection, socket);
            stream.write_all(b"NOOP\r\n").expect("write");
            let mut answer = [0; 5];
            stream.read_exact(&mut answer).expect("an answer");
            answer
        });
        assert_eq!(&greeting.await.expect("no panic"), b"200 F");
    }
}

#[tokio::test]
async fn commands_smuggled_in_before_the_handshake_are_refused() {
    let secure = Secure::start();
    let mut raw = Raw::connect(secure.server.address).await;
    raw.send("AUTH TLS\r\nUSER backyard\r\nNOOP\r\n").await;
    raw.expect(234).await;
    raw.expect_end().await;
    secure.server.storage.event("plain text behind AUTH").await;

    // In a packet of their own they reach the TLS library, which refuses them.
    let mut raw = Raw::connect(secure.server.address).await;
    raw.ask("AUTH TLS", 234).await;
    raw.send("NOOP\r\n").await;
    let mut rest = Vec::new();
    timeout(PATIENCE, raw.stream.read_to_end(&mut rest)).await.expect("in time").ok();
    assert!(!rest.starts_with(b"200"), "{}", rest.escape_ascii());
}

#[tokio::test]
async fn a_login_before_auth_is_forgotten() {
    let secure = Secure::start();
    let mut plain = Raw::login(secure.server.address).await;
    plain.ask("AUTH TLS", 234).await;
    let stream = secure.wrap(plain.stream).await.expect("a handshake");
    let mut raw = Raw::over(stream, secure.server.address.ip());
    raw.ask("PWD", 530).await;
}

#[tokio::test]
async fn stalled_and_broken_handshakes_end_only_their_own_session() {
    let secure = Secure::with(|tls| tls.handshake_timeout = Duration::from_millis(150));
    let mut bystander = secure.login().await;
    for address in [secure.server.address, secure.implicit()] {
        for garbage in [
            &b""[..],
            b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
            b"\x16\x03\x01",
            b"USER me\r\n",
            &[0xff; 300],
        ] {
            let mut raw = Raw::without_greeting(address).await;
            if address == secure.server.address {
                raw.expect(220).await;
                raw.ask("AUTH TLS", 234).await;
            }
            raw.send(garbage).await;
            let mut rest = Vec::new();
            timeout(PATIENCE, raw.stream.read_to_end(&mut rest)).await.expect("closed in time").ok();
        }
    }
    let events = secure.server.storage.events();
    let failures = events.iter().filter(|event| event.contains("HandshakeFailed { channel: Control"));
    assert_eq!(failures.count(), 10, "{events:#?}");
    bystander.ask("NOOP", 200).await;
}

#[tokio::test]
async fn a_failed_handshake_on_the_data_connection_gets_425() {
    let secure = Secure::with(|tls| tls.handshake_timeout = Duration::from_millis(150));
    let mut raw = secure.login().await;
    for garbage in [&b""[..], b"plain picture", b"\x16\x03\x01\x00"] {
        for command in ["STOR a.jpg", "LIST"] {
            // Too early: the bytes are there before the command.
            let mut data = raw.data().await;
            data.write_all(garbage).await.expect("data");
            raw.ask(command, 150).await;
            raw.expect(425).await;
        }
        // Gone before the handshake.
        let data = raw.data().await;
        raw.ask("STOR a.jpg", 150).await;
        drop(data);
        raw.expect(425).await;
    }
    secure.server.storage.event("HandshakeFailed { channel: Data").await;
    assert_eq!(secure.server.storage.end().await, TransferEnd::Cut(CutReason::Handshake));
    assert_eq!(secure.server.storage.file(b"/a.jpg"), None);
    raw.ask("NOOP", 200).await;
}

#[tokio::test]
async fn a_missing_close_notify_is_suspect() {
    let secure = Secure::start();
    let mut raw = secure.login().await;
    let data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    let mut data = secure.wrap(data).await.expect("a handshake");
    data.write_all(b"half a picture?").await.expect("data");
    data.flush().await.expect("flush");
    hang_up(data.into_inner().0).await;
    raw.expect(226).await;
    assert_eq!(secure.server.storage.end().await, TransferEnd::Suspect(SuspectReason::NoCloseNotify));
    assert_eq!(secure.server.storage.file(b"/a.jpg").as_deref(), Some(&b"half a picture?"[..]));
}

#[tokio::test]
async fn a_killed_client_is_suspect_under_tls_too() {
    let secure = Secure::start();
    let mut raw = secure.login().await;
    let data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    let mut data = secure.wrap(data).await.expect("a handshake");
    data.write_all(b"half").await.expect("data");
    data.flush().await.expect("flush");
    hang_up(raw.stream.into_inner().0).await;
    hang_up(data.into_inner().0).await;
    assert_eq!(secure.server.storage.end().await, TransferEnd::Suspect(SuspectReason::ControlClosed));
}

#[tokio::test]
async fn abor_and_questions_work_under_tls() {
    let secure = Secure::start();
    let mut raw = secure.login().await;
    let data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    // During the handshake already.
    raw.ask("NOOP", 200).await;
    let mut data = secure.wrap(data).await.expect("a handshake");
    data.write_all(b"half").await.expect("data");
    data.flush().await.expect("flush");
    raw.ask("PWD", 257).await;
    raw.ask("ABOR", 426).await;
    raw.expect(226).await;
    assert_eq!(secure.server.storage.end().await, TransferEnd::Cut(CutReason::Aborted));
    raw.ask("NOOP", 200).await;
}

#[tokio::test]
async fn required_means_logins_and_data() {
    let secure = Secure::with(|tls| tls.required = true);
    let mut plain = Raw::connect(secure.server.address).await;
    assert!(plain.ask(format!("USER {USER}"), 530).await.string().contains("AUTH TLS"));
    plain.ask(format!("PASS {PASSWORD}"), 503).await;
    plain.ask("PBSZ 0", 503).await;
    plain.ask("PROT P", 503).await;
    let mut raw = secure.connect("AUTH TLS").await;
    raw.log_in().await;
    let _data = raw.data().await;
    raw.ask("STOR a.jpg", 522).await;
    raw.ask("PROT C", 534).await;
    raw.ask("PROT P", 200).await;
    let data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    let mut data = secure.wrap(data).await.expect("a handshake");
    data.shutdown().await.expect("close_notify");
    raw.expect(226).await;
}

#[tokio::test]
async fn features_name_tls_only_where_it_is() {
    let secure = Secure::start();
    let mut raw = Raw::connect(secure.server.address).await;
    let features = raw.ask("FEAT", 211).await.string();
    assert!(features.contains("\n AUTH TLS\n") && features.contains("\n PROT\n"), "{features}");
    raw.ask("AUTH GSSAPI", 504).await;
    let plain = TestServer::start();
    let mut raw = Raw::connect(plain.address).await;
    assert!(!raw.ask("FEAT", 211).await.string().contains("AUTH"));
}

#[test]
fn bad_certificates_are_told_apart() {
    let made = rcgen::generate_simple_self_signed(["a".to_owned()]).expect("a certificate");
    let other = rcgen::generate_simple_self_signed(["b".to_owned()]).expect("a certificate");
    let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let wrong_key = other.signing_key.serialize_pem();
    let said = |chain: &str, key: &str| match TlsConfig::from_pem(chain.as_bytes(), key.as_bytes()) {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(said(&cert, &key), "fine");
    assert!(said("", &key).contains("no certificate found"));
    assert!(said(&cert, "").contains("private key can't be read"));
    assert!(said(&cert, &wrong_key).contains("can't be used"));
}

async fn curl(extra: &[&str], scheme: &str) {
    let secure = Secure::start();
    let (file, bytes) = sample(secure.folder.path());
    let address = if scheme == "ftps" { secure.implicit() } else { secure.server.address };
    let url = format!("{scheme}://localhost:{}/tls/clip.mp4", address.port());
    let login = format!("{USER}:{PASSWORD}");
    let mut arguments = vec![
        "-v",
        "-sS",
        "-4",
        "--ssl-reqd",
        "--cacert",
        &secure.ca,
        "--ftp-create-dirs",
        "-u",
        &login,
        "-T",
        &file,
    ];
    arguments.extend_from_slice(extra);
    arguments.push(&url);
    for _ in 0..5 {
        let said = assert_success("curl", &run("curl", "curl", &arguments).await);
        assert!(said.contains("PROT P"), "{said}");
        assert_eq!(secure.server.storage.file(b"/tls/clip.mp4").as_deref(), Some(&bytes[..]));
        assert_eq!(secure.server.storage.end().await, TransferEnd::Complete);
    }
}

#[tokio::test]
async fn curl_explicit() {
    curl(&[], "ftp").await;
}

#[tokio::test]
async fn curl_explicit_tls12() {
    curl(&["--tls-max", "1.2"], "ftp").await;
}

#[tokio::test]
async fn curl_implicit() {
    curl(&[], "ftps").await;
}

async fn lftp(implicit: bool, settings: &str) {
    let secure = Secure::with(|tls| tls.required = true);
    let (file, bytes) = sample(secure.folder.path());
    let (scheme, address) =
        if implicit { ("ftps", secure.implicit()) } else { ("ftp", secure.server.address) };
    let script = format!(
        "set net:max-retries 1; set net:timeout 15; set ftp:ssl-force yes; set ftp:ssl-protect-data yes; \
         set ftp:ssl-protect-list yes; set ssl:ca-file {ca}; {settings}; \
         open -u {USER},{PASSWORD} {scheme}://localhost:{port}; mkdir -p -f a/b; cd a/b; put {file}; cls -l; \
         mv clip.mp4 b.mp4; bye",
        ca = secure.ca,
        port = address.port(),
    );
    let said = assert_success("lftp", &run("lftp", "lftp", &["--norc", "-c", &script]).await);
    assert!(said.contains("clip.mp4"), "{said}");
    assert_eq!(secure.server.storage.file(b"/a/b/b.mp4").as_deref(), Some(&bytes[..]));
}

#[tokio::test]
async fn lftp_explicit_passive() {
    lftp(false, "set ftp:passive-mode yes").await;
}

#[tokio::test]
async fn lftp_explicit_active() {
    lftp(false, "set ftp:passive-mode no").await;
}

#[tokio::test]
async fn lftp_implicit() {
    lftp(true, "set ftp:passive-mode yes").await;
}

const PYTHON: &str = r#"
import ftplib, io, ssl, sys
port, user, password, ca, passive = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5] == "passive"
data = bytes(range(256)) * 1000
ftp = ftplib.FTP_TLS(context=ssl.create_default_context(cafile=ca), timeout=15)
ftp.connect("localhost", port)
ftp.login(user, password)
ftp.set_pasv(passive)
ftp.prot_p()
for n in range(10):
    # storbinary waits for the server's close_notify.
    assert ftp.storbinary("STOR a.jpg", io.BytesIO(data)).startswith("226")
    assert ftp.size("a.jpg") == len(data)
assert ftp.nlst() == ["a.jpg"]
assert len(list(ftp.mlsd())) == 1
ftp.prot_c()
assert ftp.storbinary("STOR b.jpg", io.BytesIO(data)).startswith("226")
ftp.quit()
"#;

async fn python(mode: &str) {
    let secure = Secure::start();
    let port = secure.server.address.port().to_string();
    let arguments = ["-c", PYTHON, &port, USER, PASSWORD, &secure.ca, mode];
    assert_success("python3", &run("python3", "python3", &arguments).await);
    assert_eq!(secure.server.storage.file_names(), ["/a.jpg", "/b.jpg"]);
    assert!(secure.server.storage.ends().iter().all(|(_, end)| *end == TransferEnd::Complete));
}

#[tokio::test]
async fn python_ftp_tls_passive() {
    python("passive").await;
}

#[tokio::test]
async fn python_ftp_tls_active() {
    python("active").await;
}
