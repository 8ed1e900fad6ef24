//! Programs that take uploads, each in a folder of its own, ended with the value.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{Camera, Failed};

const START_MAX: Duration = Duration::from_mins(1);
const SETTLE_MAX: Duration = Duration::from_mins(10);
const PAUSE: Duration = Duration::from_millis(10);
const PASSWORD: &str = "bench-password";

/// Who takes uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The release build, as it comes.
    Camtrail,
    /// vsftpd: what most cameras upload to. It writes and promises nothing.
    Vsftpd,
    /// pyftpdlib: the article's. It writes and promises nothing.
    Pyftpdlib,
}

impl Kind {
    /// As tables call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Camtrail => "camtrail",
            Self::Vsftpd => "vsftpd",
            Self::Pyftpdlib => "pyftpdlib",
        }
    }
}

/// A started server of any kind.
#[derive(Debug)]
pub enum FtpServer {
    /// Ours.
    Camtrail(Camtrail),
    /// Another one: it has done its work when it has said so.
    Other(Other),
}

impl FtpServer {
    /// Starts one in `scratch`.
    pub fn start(kind: Kind, scratch: &Path) -> Result<Self, Failed> {
        match kind {
            Kind::Camtrail => Camtrail::start(scratch, &[]).map(Self::Camtrail),
            Kind::Vsftpd => Other::vsftpd(scratch).map(Self::Other),
            Kind::Pyftpdlib => Other::pyftpdlib(scratch).map(Self::Other),
        }
    }

    /// A camera that has logged in.
    pub fn camera(&self) -> io::Result<Camera> {
        match self {
            Self::Camtrail(camtrail) => camtrail.camera(),
            Self::Other(other) => Camera::log_in(other.address, other.user, PASSWORD),
        }
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        match self {
            Self::Camtrail(camtrail) => camtrail.process.0.id(),
            Self::Other(other) => other.process.0.id(),
        }
    }

    /// The folder that one's cameras upload to.
    #[must_use]
    pub fn folder(&self) -> &'static str {
        match self {
            Self::Camtrail(_) => "",
            Self::Other(other) => other.folder,
        }
    }

    /// Waits until all is done that an upload brings: for ours, that it is stored and listed.
    pub fn settle(&self) -> Result<(), Failed> {
        match self {
            Self::Camtrail(camtrail) => camtrail.settle(),
            Self::Other(_) => Ok(()),
        }
    }
}

/// Ended with the value: politely, then for certain.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // The master of vsftpd and ours end their children on SIGTERM.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(PAUSE);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Result<T, Failed> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(found) = probe() {
            return Ok(found);
        }
        thread::sleep(PAUSE);
    }
    Err(format!("waited {} s in vain: {what}", limit.as_secs()).into())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A server that only writes files.
#[derive(Debug)]
pub struct Other {
    process: Process,
    address: SocketAddr,
    user: &'static str,
    folder: &'static str,
}

impl Other {
    fn launch(
        command: &mut Command,
        port: u16,
        user: &'static str,
        folder: &'static str,
    ) -> Result<Self, Failed> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{name}: {error} (scripts/setup bench installs it)"))?;
        let (process, address) = (Process(child), SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        wait(&format!("{name} answers"), START_MAX, || TcpStream::connect(address).ok())?;
        Ok(Self { process, address, user, folder })
    }

    /// Anonymous, in a chroot, as its manual has it for uploads (vsftpd.conf(5)).
    fn vsftpd(scratch: &Path) -> Result<Self, Failed> {
        let (root, empty) = (scratch.join("root"), scratch.join("empty"));
        let upload = root.join("up");
        fs::create_dir_all(&upload)?;
        fs::create_dir_all(&empty)?;
        // Its user must come in; the root of a chroot must not be its own.
        for dir in [scratch, &root, &empty] {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
        }
        let (user, group) = id_of("ftp")?;
        chown(&upload, Some(user), Some(group))?;
        let port = free_port()?;
        let configuration = scratch.join("vsftpd.conf");
        let text = format!(
            "listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nanonymous_enable=YES\n\
             no_anon_password=YES\nanon_root={}\nwrite_enable=YES\nanon_upload_enable=YES\n\
             anon_mkdir_write_enable=YES\nanon_umask=022\nmax_per_ip=0\nmax_clients=0\nxferlog_enable=NO\n\
             secure_chroot_dir={}\npasv_address=127.0.0.1\n",
            root.display(),
            empty.display()
        );
        fs::write(&configuration, text)?;
        Self::launch(Command::new("/usr/sbin/vsftpd").arg(&configuration), port, "anonymous", "/up")
    }

    fn pyftpdlib(scratch: &Path) -> Result<Self, Failed> {
        let root = scratch.join("root");
        fs::create_dir_all(&root)?;
        let port = free_port()?;
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-m", "pyftpdlib", "-w", "-i", "127.0.0.1", "-u", "camera", "-P", PASSWORD]);
        Self::launch(command.args(["-p", &port.to_string(), "-d"]).arg(&root), port, "camera", "")
    }
}

fn id_of(user: &str) -> Result<(u32, u32), Failed> {
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.split(':').next() == Some(user));
    let mut fields = line.ok_or_else(|| format!("no user {user}: is vsftpd installed?"))?.split(':').skip(2);
    let mut next = || fields.next().unwrap_or_default().parse::<u32>();
    Ok((next()?, next()?))
}

/// `camtrail serve`, the release build, on free ports.
#[derive(Debug)]
pub struct Camtrail {
    process: Process,
    ftp: SocketAddr,
    /// Where its API is.
    pub http: SocketAddr,
    cookie: String,
}

/// The release build.
fn binary() -> Result<PathBuf, Failed> {
    // Examples stand beside it: target/release/examples.
    let own = std::env::current_exe()?;
    let found = own.ancestors().nth(2).map(|dir| dir.join("camtrail"));
    found.filter(|found| found.is_file()).ok_or_else(|| "camtrail isn't built: make does".into())
}

/// A data dir that was kept has a password of its own.
fn admin_password() -> String {
    std::env::var("CAMTRAIL_ADMIN_PASSWORD").unwrap_or_else(|_| PASSWORD.to_owned())
}

impl Camtrail {
    /// Starts it on a data dir in `scratch`, with more variables.
    pub fn start(scratch: &Path, environment: &[(&str, &str)]) -> Result<Self, Failed> {
        Self::start_on(&scratch.join("data"), scratch, environment)
    }

    /// The same on any data dir, such as one that was kept; its log goes to `scratch`.
    pub fn start_on(data: &Path, scratch: &Path, environment: &[(&str, &str)]) -> Result<Self, Failed> {
        // What an earlier one left would be taken for its own.
        match fs::remove_file(data.join("run/addresses.json")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let log = fs::File::create(scratch.join("log"))?;
        let child = Command::new(binary()?)
            .args(["serve", "--data-dir"])
            .arg(data)
            .current_dir(scratch)
            .env("CAMTRAIL_ADMIN_PASSWORD", admin_password())
            .env("CAMTRAIL_FTP_PASSWORD", PASSWORD)
            .env("CAMTRAIL__TIME_ZONE", "America/Los_Angeles")
            .env("CAMTRAIL__HTTP__LISTEN", "127.0.0.1:0")
            .env("CAMTRAIL__FTP__LISTEN", "127.0.0.1:0")
            .env("CAMTRAIL__FTP__PASSIVE_PORTS", "0")
            .env("RUST_LOG", "warn")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut process = Process(child);
        let addresses = wait("camtrail is ready", START_MAX, || {
            if matches!(process.0.try_wait(), Ok(Some(_))) {
                return Some(None);
            }
            let text = fs::read(data.join("run/addresses.json")).ok()?;
            serde_json::from_slice::<Value>(&text).ok().map(Some)
        })?;
        let ended = || fs::read_to_string(scratch.join("log")).unwrap_or_default();
        let addresses = addresses.ok_or_else(ended)?;
        let address = |name: &str| addresses[name].as_str().unwrap_or_default().parse::<SocketAddr>();
        let mut camtrail =
            Self { process, ftp: address("ftp")?, http: address("http")?, cookie: String::new() };
        camtrail.sign_in()?;
        Ok(camtrail)
    }

    fn sign_in(&mut self) -> Result<(), Failed> {
        let body = json!({ "username": "admin", "password": admin_password() }).to_string();
        let reply = ureq::post(format!("http://{}/api/v1/session", self.http))
            .header("content-type", "application/json")
            .send(body)?;
        let cookie = reply.headers().get("set-cookie").ok_or("no cookie")?.to_str()?;
        cookie.split(';').next().unwrap_or_default().clone_into(&mut self.cookie);
        Ok(())
    }

    /// A camera that has logged in.
    pub fn camera(&self) -> io::Result<Camera> {
        Camera::log_in(self.ftp, "camera", PASSWORD)
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// What says to the API who asks.
    #[must_use]
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// An answer of the API, as it comes.
    pub fn open(&self, path: &str) -> Result<ureq::Body, Failed> {
        let request = ureq::get(format!("http://{}{path}", self.http)).header("cookie", &self.cookie);
        Ok(request.call()?.into_body())
    }

    /// An answer of the API.
    pub fn get(&self, path: &str) -> Result<Value, Failed> {
        Ok(serde_json::from_str(&self.open(path)?.read_to_string()?)?)
    }

    /// Waits until all that was acknowledged is stored, listed and done with.
    pub fn settle(&self) -> Result<(), Failed> {
        wait("the spool is empty", SETTLE_MAX, || {
            let status = self.get("/api/v1/status").ok()?;
            (status["spool"]["entries"] == 0).then_some(())
        })
    }
}
