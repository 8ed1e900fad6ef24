//! One SeaweedFS on free ports: an S3-compatible server that checks signatures, and a door past it to see what is
//! really stored.

use std::{
    env,
    fmt::Write,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;

use crate::ports::free_port_with;

/// The access key that is let in.
pub const S3_KEY: &str = "camtrailtestkey";
/// Its secret.
pub const S3_SECRET: &str = "camtrailtestsecret";
/// The region that it says it is in.
pub const S3_REGION: &str = "eu-west-1";
/// How long a start may take on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(2);
/// Each server also listens for gRPC at its port and so much more.
const GRPC: u16 = 10_000;
const OBJECT_MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A running server with one bucket; killed when dropped.
pub struct SeaweedFs {
    scratch: TempDir,
    child: Child,
    filer: SocketAddr,
    s3: SocketAddr,
    bucket: String,
    agent: Agent,
}

fn program() -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = project.join(".services/venv/bin/weed");
    assert!(
        program.is_file(),
        "{} is missing: run scripts/services (make setup-test does)",
        program.display()
    );
    program
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl SeaweedFs {
    /// Starts one with an empty `bucket`, and waits until objects can be put.
    ///
    /// # Panics
    /// Where it can't be started.
    pub fn start(bucket: &str) -> Self {
        let scratch = tempfile::Builder::new().prefix("camtrail-tests-s3-").tempdir().unwrap();
        let identities = scratch.path().join("s3.json");
        // For this bucket only: with more, any other bucket that is asked for would be made.
        let actions =
            ["Admin", "Read", "Write", "List", "Tagging"].map(|action| format!("{action}:{bucket}"));
        let identity = serde_json::json!({ "identities": [{
            "name": "camtrail",
            "credentials": [{ "accessKey": S3_KEY, "secretKey": S3_SECRET }],
            "actions": actions,
        }] });
        fs::write(&identities, identity.to_string()).unwrap();
        let data = scratch.path().join("data");
        fs::create_dir(&data).unwrap();
        let log = File::create(scratch.path().join("log")).unwrap();
        // Four servers in a row, so that none takes another's place.
        let offsets = [1, 2, 3, GRPC, GRPC + 1, GRPC + 2, GRPC + 3];
        let first = free_port_with(&offsets);
        let (filer, s3) = (local(first + 2), local(first + 3));
        // It ends with this thread, however that ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program())
            .args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=200"])
            // It would take nothing on a disk that is 99 % full, however large the disk is.
            .arg("-volume.minFreeSpace=1GiB")
            // It would report to its makers by itself; and it has more services, on fixed ports.
            .args(["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"])
            .args(["-master.volumeSizeLimitMB=128", "-filer", "-s3"])
            .arg(format!("-filer.localSocket={}", scratch.path().join("filer.sock").display()))
            .arg(format!("-s3.localSocket={}", scratch.path().join("s3.sock").display()))
            .arg(format!("-dir={}", data.display()))
            .arg(format!("-master.port={first}"))
            .arg(format!("-volume.port={}", first + 1))
            .arg(format!("-filer.port={}", first + 2))
            .arg(format!("-s3.port={}", first + 3))
            .arg(format!("-s3.config={}", identities.display()))
            // It looks for configuration there, and leaves sockets and logs.
            .current_dir(scratch.path())
            .env("HOME", scratch.path())
            .env("TMPDIR", scratch.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .proxy(None)
            .build()
            .new_agent();
        let mut server = Self { scratch, child, filer, s3, bucket: bucket.to_owned(), agent };
        server.create_bucket();
        server
    }

    /// The first request that succeeds is the sign that all four are ready.
    fn create_bucket(&mut self) {
        let deadline = Instant::now() + START_LIMIT;
        // curl's signature covers the header, whatever the body is.
        let ready = ["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--data-binary", "yes"];
        let made = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("SeaweedFS ended at its start with {status}:\n{}", self.log());
            }
            // A bucket without a volume to write to isn't ready.
            let made = matches!(self.s3_request("PUT", "", &[]).as_str(), "200" | "409")
                && self.s3_request("PUT", "/ready", &ready) == "200";
            if made || Instant::now() >= deadline {
                break made;
            }
            thread::sleep(Duration::from_millis(100));
        };
        assert!(made, "SeaweedFS isn't ready after {} s:\n{}", START_LIMIT.as_secs(), self.log());
        assert_eq!(self.s3_request("DELETE", "/ready", &[]), "204");
    }

    /// One signed request by curl, straight to the server; the status.
    pub fn s3_request(&self, method: &str, path: &str, arguments: &[&str]) -> String {
        let url = format!("http://{}/{}{path}", self.s3, self.bucket);
        signed_request(method, &url, arguments)
    }

    /// `http://…` of its S3 side.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.s3)
    }

    /// Where S3 clients, or a proxy before them, go.
    pub fn s3(&self) -> SocketAddr {
        self.s3
    }

    /// Its bucket.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// An object's bytes, read past the S3 side; `None` where there is none.
    pub fn object(&self, key: &str) -> Option<Vec<u8>> {
        let url = format!("http://{}/buckets/{}/{}", self.filer, self.bucket, encoded(key));
        let mut response = self.agent.get(&url).call().unwrap();
        match response.status().as_u16() {
            200 => Some(response.body_mut().with_config().limit(OBJECT_MAX_BYTES).read_to_vec().unwrap()),
            404 => None,
            status => panic!("{url}: {status}"),
        }
    }

    /// The keys of all objects below a folder, read past the S3 side.
    pub fn keys(&self, folder: &str) -> Vec<String> {
        let (mut keys, mut folders) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(folder) = folders.pop() {
            let mut last = String::new();
            loop {
                let url = format!(
                    "http://{}/buckets/{}/{}/?limit=1000&lastFileName={}",
                    self.filer,
                    self.bucket,
                    encoded(&folder),
                    encoded(&last)
                );
                let mut response = self.agent.get(&url).header("accept", "application/json").call().unwrap();
                if response.status().as_u16() == 404 {
                    break;
                }
                let page: Value = response.body_mut().read_json().unwrap();
                for entry in page["Entries"].as_array().into_iter().flatten() {
                    // The highest bit of what Go calls a mode marks a folder.
                    let is_folder = entry["Mode"].as_u64().unwrap() >> 31 & 1 == 1;
                    let name = entry["FullPath"].as_str().unwrap().rsplit('/').next().unwrap();
                    let path = format!("{folder}/{name}");
                    if is_folder { folders.push(path) } else { keys.push(path) }
                }
                if page["ShouldDisplayLoadMore"] != true {
                    break;
                }
                page["LastFileName"].as_str().unwrap().clone_into(&mut last);
            }
        }
        keys
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default()
    }
}

impl Drop for SeaweedFs {
    fn drop(&mut self) {
        // Its data is thrown away; a polite end would take ten seconds.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A key as it stands in an address.
pub fn encoded(key: &str) -> String {
    let mut path = String::new();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// One request by curl, signed with the test's key; the status, `000` where there was no answer.
pub fn signed_request(method: &str, url: &str, arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--noproxy", "*", "--max-time", "20", "--output", "/dev/null"])
        .args(["--write-out", "%{http_code}", "--request", method])
        .args(["--user", &format!("{S3_KEY}:{S3_SECRET}")])
        .args(["--aws-sigv4", &format!("aws:amz:{S3_REGION}:s3")])
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("curl: {error} (scripts/setup installs what the tests need)"));
    // An interim answer is none.
    if output.status.success() {
        String::from_utf8_lossy(&output.stdout).into_owned()
    } else {
        "000".to_owned()
    }
}
