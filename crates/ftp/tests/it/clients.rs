//! Real client programs: what cameras' firmware is built from.
//!
//! A missing program is a failure, not a skip: `apt-get install` line in the message.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::fake::{PASSWORD, TestServer, USER};

const CLIENT_PATIENCE: Duration = Duration::from_mins(1);

/// Runs a client program and gives what it said.
pub(crate) async fn run(program: &str, package: &str, arguments: &[&str]) -> Output {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .env("HOME", "/nonexistent")
        .env("PYENV_VERSION", "system")
        .kill_on_drop(true)
        .output();
    match timeout(CLIENT_PATIENCE, child).await.expect("the client program ends in time") {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            panic!("{program} is missing; install it with: apt-get install {package}")
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

pub(crate) fn assert_success(program: &str, output: &Output) -> String {
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} failed with {}: {said}", output.status);
    said
}

/// A file big enough for several chunks, with every byte value.
pub(crate) fn sample(folder: &Path) -> (String, Vec<u8>) {
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let path = folder.join("clip.mp4");
    std::fs::write(&path, &bytes).expect("sample file");
    (path.to_str().expect("a plain path").to_owned(), bytes)
}

async fn curl(extra: &[&str]) {
    let server = TestServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, bytes) = sample(folder.path());
    let url = format!("ftp://{}/2026/11/24/clip.mp4", server.address);
    let login = format!("{USER}:{PASSWORD}");
    let mut arguments = vec!["-v", "-sS", "--ftp-create-dirs", "-u", &login, "-T", &file];
    arguments.extend_from_slice(extra);
    arguments.push(&url);
    assert_success("curl", &run("curl", "curl", &arguments).await);
    assert_eq!(server.storage.file(b"/2026/11/24/clip.mp4").as_deref(), Some(&bytes[..]));
    // Again, into folders that are there now, then appended.
    assert_success("curl", &run("curl", "curl", &arguments).await);
    arguments.push("--append");
    assert_success("curl", &run("curl", "curl", &arguments).await);
    assert_eq!(server.storage.file(b"/2026/11/24/clip.mp4").map(|file| file.len()), Some(bytes.len() * 2));
}

#[tokio::test]
async fn curl_epsv() {
    curl(&[]).await;
}

#[tokio::test]
async fn curl_pasv() {
    curl(&["--disable-epsv"]).await;
}

#[tokio::test]
async fn curl_eprt() {
    curl(&["--ftp-port", "-"]).await;
}

#[tokio::test]
async fn curl_port() {
    curl(&["--ftp-port", "-", "--disable-eprt"]).await;
}

#[tokio::test]
async fn curl_without_cwd() {
    curl(&["--ftp-method", "nocwd"]).await;
}

#[tokio::test]
async fn curl_lists_and_renames() {
    let server = TestServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, _) = sample(folder.path());
    let login = format!("{USER}:{PASSWORD}");
    let root = format!("ftp://{}/", server.address);
    let upload = ["-sS", "-u", &login, "-T", &file, &format!("{root}a.tmp")];
    assert_success("curl", &run("curl", "curl", &upload).await);
    let rename = ["-sS", "-u", &login, "-Q", "RNFR a.tmp", "-Q", "RNTO a.mp4", &root];
    let listing = assert_success("curl", &run("curl", "curl", &rename).await);
    assert!(listing.contains(" a.mp4"), "{listing}");
}

async fn lftp(settings: &str) {
    let server = TestServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, bytes) = sample(folder.path());
    let script = format!(
        "set net:max-retries 1; set net:timeout 15; {settings}; \
         open -u {USER},{PASSWORD} ftp://{}; mkdir -p -f deep/er; cd deep/er; put {file}; \
         mv clip.mp4 moved.mp4; cls -l; ls; put -c {file} -o moved.mp4; bye",
        server.address
    );
    let said = assert_success("lftp", &run("lftp", "lftp", &["--norc", "-c", &script]).await);
    assert!(said.contains("moved.mp4"), "{said}");
    assert_eq!(server.storage.file(b"/deep/er/moved.mp4").as_deref(), Some(&bytes[..]));
}

#[tokio::test]
async fn lftp_passive() {
    lftp("set ftp:ssl-allow no").await;
}

#[tokio::test]
async fn lftp_active() {
    lftp("set ftp:ssl-allow no; set ftp:passive-mode no").await;
}

#[tokio::test]
async fn lftp_resumes_a_half_file() {
    let server = TestServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, bytes) = sample(folder.path());
    {
        let mut state = server.storage.state.lock().expect("state");
        state.files.insert(b"/clip.mp4".to_vec(), bytes[..100_000].to_vec());
    }
    let script = format!(
        "set ftp:ssl-allow no; set net:max-retries 1; open -u {USER},{PASSWORD} ftp://{}; put -c {file}; bye",
        server.address
    );
    assert_success("lftp", &run("lftp", "lftp", &["--norc", "-c", &script]).await);
    assert_eq!(server.storage.file(b"/clip.mp4").as_deref(), Some(&bytes[..]));
}

const PYTHON: &str = r#"
import ftplib, io, sys
host, port, user, password, passive = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5] == "passive"
data = bytes(range(256)) * 1000
ftp = ftplib.FTP(timeout=15)
ftp.connect(host, port)
ftp.login(user, password)
ftp.set_pasv(passive)
assert ftp.mkd("snap") == "/snap"
ftp.cwd("snap")
assert ftp.pwd() == "/snap"
assert ftp.storbinary("STOR a.jpg_", io.BytesIO(data)).startswith("226")
assert ftp.storbinary("APPE a.jpg_", io.BytesIO(b"tail")).startswith("226")
assert ftp.size("a.jpg_") == len(data) + 4
ftp.rename("a.jpg_", "a.jpg")
assert [name for name, facts in ftp.mlsd() if facts["type"] == "file"] == ["a.jpg"]
assert ftp.nlst() == ["a.jpg"]
assert ftp.storbinary("STOR b.jpg", io.BytesIO(data[:99]), rest=None).startswith("226")
assert ftp.storbinary("STOR b.jpg", io.BytesIO(b"xy"), rest=50).startswith("226")
assert ftp.size("b.jpg") == 52
conn = ftp.transfercmd("STOR c.jpg")
conn.sendall(b"half")
assert ftp.abort()[:3] in ("426", "226")
conn.close()
assert ftp.getresp().startswith("226")
assert ftp.storbinary("STOR d.jpg", io.BytesIO(data)).startswith("226")
ftp.delete("d.jpg")
try:
    ftp.retrbinary("RETR a.jpg", print)
    raise SystemExit("downloads are refused")
except ftplib.error_perm as error:
    assert str(error).startswith("550")
ftp.quit()
"#;

async fn python(mode: &str) {
    let server = TestServer::start();
    let port = server.address.port().to_string();
    let arguments = ["-c", PYTHON, "127.0.0.1", &port, USER, PASSWORD, mode];
    assert_success("python3", &run("python3", "python3", &arguments).await);
    assert_eq!(server.storage.file_names(), ["/snap/a.jpg", "/snap/b.jpg"]);
}

#[tokio::test]
async fn python_ftplib_passive() {
    python("passive").await;
}

#[tokio::test]
async fn python_ftplib_active() {
    python("active").await;
}

#[tokio::test]
async fn busybox_ftpput() {
    let server = TestServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, bytes) = sample(folder.path());
    let port = server.address.port().to_string();
    let arguments = ["ftpput", "-v", "-u", USER, "-p", PASSWORD, "-P", &port, "127.0.0.1", "box.mp4", &file];
    assert_success("busybox", &run("busybox", "busybox", &arguments).await);
    assert_eq!(server.storage.file(b"/box.mp4").as_deref(), Some(&bytes[..]));
}

#[tokio::test]
async fn ncftpput_passive_and_active() {
    for flag in ["-F", "-E"] {
        let server = TestServer::start();
        let folder = tempfile::tempdir().expect("a folder");
        let (file, bytes) = sample(folder.path());
        let port = server.address.port().to_string();
        let arguments = [
            "-u",
            USER,
            "-p",
            PASSWORD,
            "-P",
            &port,
            "-t",
            "15",
            "-r",
            "1",
            "-V",
            flag,
            "-m",
            "127.0.0.1",
            "/nc/2026",
            &file,
        ];
        assert_success("ncftpput", &run("ncftpput", "ncftp", &arguments).await);
        assert_eq!(server.storage.file(b"/nc/2026/clip.mp4").as_deref(), Some(&bytes[..]), "{flag}");
    }
}

#[tokio::test]
async fn tnftp_uploads() {
    let server = TestServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, bytes) = sample(folder.path());
    let url = format!("ftp://{USER}:{PASSWORD}@{}/tn.mp4", server.address);
    assert_success("tnftp", &run("tnftp", "tnftp", &["-n", "-u", &url, &file]).await);
    assert_eq!(server.storage.file(b"/tn.mp4").as_deref(), Some(&bytes[..]));
}

#[tokio::test]
async fn wput_uploads() {
    let server = TestServer::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (file, bytes) = sample(folder.path());
    let url = format!("ftp://{USER}:{PASSWORD}@{}/w/put.mp4", server.address);
    assert_success("wput", &run("wput", "wput", &["--tries=1", &file, &url]).await);
    assert_eq!(server.storage.file(b"/w/put.mp4").as_deref(), Some(&bytes[..]));
}
