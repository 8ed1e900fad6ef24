//! One DynamoDB Local on a free port: AWS's own server for tests, in memory.

use std::{
    env,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use ureq::Agent;

use crate::ports::free_port;

/// The access key that tests use; it takes any.
pub const DYNAMODB_KEY: &str = "camtrailtestkey";
/// Its secret.
pub const DYNAMODB_SECRET: &str = "camtrailtestsecret";
/// The region that requests are signed for.
pub const DYNAMODB_REGION: &str = "eu-west-1";
/// How long a start may take on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(2);
/// The most memory for its data.
const HEAP: &str = "-Xmx512m";

/// A running server with one database for all keys and regions; killed when dropped.
pub struct DynamoDbLocal {
    scratch: TempDir,
    child: Child,
    address: SocketAddr,
}

fn program() -> PathBuf {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let program = project.join(".services/dynamodb/DynamoDBLocal.jar");
    assert!(
        program.is_file(),
        "{} is missing: run scripts/services (make setup-test does)",
        program.display()
    );
    program.canonicalize().unwrap()
}

impl DynamoDbLocal {
    /// Starts one without tables, and waits until it answers.
    ///
    /// # Panics
    /// Where it can't be started.
    pub fn start() -> Self {
        let scratch = tempfile::Builder::new().prefix("camtrail-tests-dynamodb-").tempdir().unwrap();
        let log = File::create(scratch.path().join("log")).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let jar = program();
        // It ends with this thread, however that ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "java", HEAP])
            // All answers go to the loopback; two cores are enough for a test.
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"])
            .arg(format!("-Djava.io.tmpdir={}", scratch.path().display()))
            .arg(format!("-Djava.library.path={}", jar.with_file_name("DynamoDBLocal_lib").display()))
            .arg("-jar")
            .arg(&jar)
            .args(["-inMemory", "-sharedDb", "-disableTelemetry", "-port"])
            .arg(address.port().to_string())
            .current_dir(scratch.path())
            .env("HOME", scratch.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut server = Self { scratch, child, address };
        server.wait();
        server
    }

    fn wait(&mut self) {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(5)))
            .proxy(None)
            .build()
            .new_agent();
        let deadline = Instant::now() + START_LIMIT;
        // An unsigned request is answered, with a refusal.
        while agent.get(self.endpoint()).call().is_err() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("DynamoDB Local ended at its start with {status} (it needs Java 17):\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "DynamoDB Local isn't ready:\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// `http://…`, where clients go.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default()
    }
}

impl Drop for DynamoDbLocal {
    fn drop(&mut self) {
        // Its data is in memory: nothing is to be saved.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
