//! SeaweedFS: an S3-compatible server that checks signatures, conditions and checksums.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{free_ports, installed};

/// How long it may take to be ready; usually it is four seconds.
const READY_LIMIT: Duration = Duration::from_mins(1);
/// Starts before giving up: a port can be taken between our look and its bind.
const STARTS: u32 = 3;

/// A running server with one bucket and one key pair that may do everything.
#[derive(Debug)]
pub struct SeaweedFs {
    child: Child,
    s3_port: u16,
    filer_port: u16,
    _dir: tempfile::TempDir,
}

impl SeaweedFs {
    /// The access key that is let in.
    pub const ACCESS_KEY: &str = "camtrail-test";
    /// Its secret.
    pub const SECRET_KEY: &str = "not-a-secret";
    /// A bucket that exists.
    pub const BUCKET: &str = "security-alarms";

    /// Starts one and waits until it serves.
    ///
    /// # Panics
    /// Where it can't be started.
    pub fn start() -> Self {
        for _ in 0..STARTS {
            if let Some(started) = Self::try_start() {
                return started;
            }
        }
        panic!("SeaweedFS did not start in {STARTS} tries of {} s", READY_LIMIT.as_secs());
    }

    fn try_start() -> Option<Self> {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let (data, keys) = (dir.path().join("data"), dir.path().join("s3.json"));
        fs::create_dir(&data).expect("a data folder");
        // For this bucket only: with more, it would make any other bucket that is asked for.
        let actions =
            ["Read", "Write", "List", "Tagging"].map(|action| format!("\"{action}:{}\"", Self::BUCKET));
        let identity = format!(
            r#"{{"identities":[{{"name":"camtrail","credentials":[{{"accessKey":"{}","secretKey":"{}"}}],"actions":[{}]}}]}}"#,
            Self::ACCESS_KEY,
            Self::SECRET_KEY,
            actions.join(",")
        );
        fs::write(&keys, identity).expect("a key file");
        let ports: [u16; 8] = free_ports();
        let [master, volume, filer, s3, master_grpc, volume_grpc, filer_grpc, s3_grpc] = ports;
        let log = File::create(dir.path().join("log")).expect("a log file");
        let child = Command::new(installed("venv/bin/weed"))
            .arg("server")
            .args([
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                "-filer",
                "-s3",
                "-s3.iam.readOnly=false",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
            ])
            .args(["-volume.max=20", "-master.volumeSizeLimitMB=256", "-master.telemetry=false"])
            .arg(format!("-dir={}", data.display()))
            .arg(format!("-s3.config={}", keys.display()))
            .arg(format!("-master.port={master}"))
            .arg(format!("-master.port.grpc={master_grpc}"))
            .arg(format!("-volume.port={volume}"))
            .arg(format!("-volume.port.grpc={volume_grpc}"))
            .arg(format!("-filer.port={filer}"))
            .arg(format!("-filer.port.grpc={filer_grpc}"))
            .arg(format!("-s3.port={s3}"))
            .arg(format!("-s3.port.grpc={s3_grpc}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log file again"))
            .stderr(log)
            .spawn()
            .expect("SeaweedFS starts");
        let mut started = Self { child, s3_port: s3, filer_port: filer, _dir: dir };
        started.becomes_ready().then_some(started)
    }

    /// Ready is when an object can be written: the filer answers before the volumes do. The folder below
    /// `/buckets` is the bucket.
    fn becomes_ready(&mut self) -> bool {
        let deadline = Instant::now() + READY_LIMIT;
        let probe = format!("/buckets/{}/.ready", Self::BUCKET);
        while Instant::now() < deadline {
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                return false;
            }
            let made = self.http("PUT", &probe, b"ready").is_some_and(|(status, _)| status == 201)
                && TcpStream::connect(("127.0.0.1", self.s3_port)).is_ok();
            if made {
                return self.http("DELETE", &probe, b"").is_some();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }

    /// `http://127.0.0.1:port` of its S3 door.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.s3_port)
    }

    /// An object's bytes, read past S3 from the server's own file door: what is really stored.
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        let mut path = format!("/buckets/{}/", Self::BUCKET);
        for byte in key.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                path.push(char::from(byte));
            } else {
                let _ = write!(path, "%{byte:02X}");
            }
        }
        self.http("GET", &path, b"").filter(|(status, _)| *status == 200).map(|(_, body)| body)
    }

    /// A plain request to the file door.
    fn http(&self, method: &str, path: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.filer_port)).ok()?;
        stream.set_read_timeout(Some(READY_LIMIT)).ok()?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nhost: 127.0.0.1\r\ncontent-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer[end + 4..].to_vec()))
    }
}

impl Drop for SeaweedFs {
    fn drop(&mut self) {
        // It takes its time over SIGTERM, and nothing of it is needed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
