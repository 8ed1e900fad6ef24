//! One running `camtrail serve` in a scratch folder: started, killed, started again.

use std::{
    env,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{Ftp, Web, wait};

pub(crate) const ADMIN_PASSWORD: &str = "admin-pass-1";
pub(crate) const FTP_PASSWORD: &str = "ftp-pass-1";

/// The program under test.
fn binary() -> PathBuf {
    built("camtrail", "camtrail")
}

/// A program of `package`, built beside this test.
pub(super) fn built(name: &str, package: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let built = test.parent().and_then(Path::parent).unwrap().join(name);
    assert!(
        built.is_file(),
        "{} is missing: run `cargo build -p {package}` (make test does)",
        built.display()
    );
    built
}

/// The program with a clean environment: what a test sets, and nothing of the developer's.
pub(crate) fn camtrail() -> Command {
    camtrail_under(&[])
}

/// The same, started by another program and its arguments (a tracer).
fn camtrail_under(starter: &[String]) -> Command {
    let mut command = match starter {
        [] => Command::new(binary()),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary());
            command
        }
    };
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let of_a_developer = text.starts_with("CAMTRAIL") || text.starts_with("AWS_") || text == "RUST_LOG";
        if of_a_developer || text.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(&name);
        }
    }
    command
        .env("CAMTRAIL_ADMIN_PASSWORD", ADMIN_PASSWORD)
        .env("CAMTRAIL_FTP_PASSWORD", FTP_PASSWORD)
        .env("CAMTRAIL__TIME_ZONE", "America/Los_Angeles")
        .env("CAMTRAIL__HTTP__LISTEN", "127.0.0.1:0")
        .env("CAMTRAIL__FTP__LISTEN", "127.0.0.1:0")
        .env("CAMTRAIL__FTP__PASSIVE_PORTS", "0")
        .stdin(Stdio::null());
    command
}

/// How an instance differs from the usual one.
#[derive(Default)]
pub(crate) struct Options<'a> {
    /// Variables beside the usual ones.
    pub(crate) env: &'a [(&'a str, &'a str)],
    /// Another data dir than one in the scratch folder.
    pub(crate) data_dir: Option<PathBuf>,
    /// A program with arguments that starts it, and becomes it: its process is the one that is killed.
    pub(crate) starter: &'a [String],
    /// `serve`, or the gateway alone.
    pub(crate) gateway: bool,
    /// The text of a configuration file.
    pub(crate) config: &'a str,
}

/// A running program; killed when dropped, and its log shown if the test failed.
pub(crate) struct Instance {
    scratch: TempDir,
    data_dir: PathBuf,
    env: Vec<(String, String)>,
    starter: Vec<String>,
    command: &'static str,
    child: Option<Child>,
    http: SocketAddr,
    ftp: SocketAddr,
}

impl Instance {
    /// As a user's first start, on free ports.
    pub(crate) fn start() -> Self {
        Self::with(&Options::default())
    }

    pub(crate) fn with(options: &Options<'_>) -> Self {
        let mut instance = Self::prepare(options);
        instance.restart();
        instance
    }

    /// Everything but the start: a test may put something into the data dir first, then [`Self::restart`].
    pub(crate) fn prepare(options: &Options<'_>) -> Self {
        let scratch = tempfile::Builder::new().prefix("camtrail-tests-").tempdir().unwrap();
        fs::create_dir(scratch.path().join("cwd")).unwrap();
        fs::write(scratch.path().join("camtrail.toml"), options.config).unwrap();
        let data_dir = options.data_dir.clone().unwrap_or_else(|| scratch.path().join("data"));
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            scratch,
            data_dir,
            env: options.env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            starter: options.starter.to_vec(),
            command: if options.gateway { "gateway" } else { "serve" },
            child: None,
            http: nowhere,
            ftp: nowhere,
        }
    }

    /// SIGKILL: no goodbye.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM, as a service manager does.
    pub(crate) fn terminate(&mut self) {
        self.ask_to_end();
        let mut child = self.child.take().unwrap();
        let status = wait("the program ends on SIGTERM", || child.try_wait().unwrap());
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// SIGTERM, and another one as soon as the first is being followed: by somebody who won't wait for the cameras.
    pub(crate) fn terminate_at_once(&mut self) {
        self.ask_to_end();
        wait("it stops", || self.log().contains("a second signal stops at once").then_some(()));
        self.terminate();
    }

    fn ask_to_end(&self) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    /// Starts on the same data dir (killing first, if need be) and waits until it is ready.
    pub(crate) fn restart(&mut self) {
        if let Err(status) = self.try_restart() {
            panic!("the program ended at its start with {status}:\n{}", self.log());
        }
    }

    /// The same; the status of a program that ended at its start.
    pub(crate) fn try_restart(&mut self) -> Result<(), ExitStatus> {
        self.kill();
        let announced = self.data_dir.join("run/addresses.json");
        // A killed process leaves its file behind.
        let _ = fs::remove_file(&announced);
        let log = File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut child = camtrail_under(&self.starter)
            .args([self.command, "--data-dir"])
            .arg(&self.data_dir)
            .arg("--config")
            .arg(self.scratch().join("camtrail.toml"))
            .envs(self.env.iter().map(|(key, value)| (key, value)))
            .current_dir(self.cwd())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let addresses = wait("the program is ready", || {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(Err(status));
            }
            serde_json::from_slice::<Value>(&fs::read(&announced).ok()?).ok().map(Ok)
        })?;
        let address = |name: &str| addresses[name].as_str().unwrap().parse().unwrap();
        self.ftp = address("ftp");
        // A gateway has no API.
        self.http = if self.command == "serve" { address("http") } else { self.http };
        self.child = Some(child);
        Ok(())
    }

    /// Another variable, from the next start on.
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.http
    }
    /// The variables that it is started with, beside the usual ones.
    pub(crate) fn env(&self) -> impl Iterator<Item = (&String, &String)> {
        self.env.iter().map(|(name, value)| (name, value))
    }
    pub(crate) fn ftp(&self) -> SocketAddr {
        self.ftp
    }
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }
    /// The folder that the program runs in; nothing may appear there.
    pub(crate) fn cwd(&self) -> PathBuf {
        self.scratch.path().join("cwd")
    }
    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }
    fn log_path(&self) -> PathBuf {
        self.scratch.path().join("log")
    }

    /// What it said so far, all starts together.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned()
    }

    /// Its process, for signals.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Whether the process is there still.
    pub(crate) fn lives(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// A camera that has logged in.
    pub(crate) fn camera(&self) -> Ftp {
        Ftp::login(self.ftp, "camera", FTP_PASSWORD).unwrap()
    }

    /// A person who has signed in.
    pub(crate) fn person(&self) -> Web {
        Web::sign_in(self.http)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            eprintln!("--- the end of the program's log ---\n{}", tail(&self.log_path()));
        }
    }
}

fn tail(path: &Path) -> String {
    const SHOWN_BYTES: u64 = 8 * 1024;
    let mut text = Vec::new();
    if let Ok(mut file) = File::open(path) {
        let length = file.metadata().map_or(0, |data| data.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(SHOWN_BYTES)));
        let _ = file.read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}
