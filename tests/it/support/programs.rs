//! Eight FTP programs as cameras: several files at a time, and what each of them reports, read strictly.
//!
//! Acknowledged is only what a program says was stored. Not every exit code tells: curl's is the last file's alone;
//! lftp, told nothing, would compare sizes and be content; ncftpput takes half a reply for a whole one. All habits of
//! resuming are off: what a camera sends again is the whole file.

use std::{
    fmt::Write,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use super::{FTP_PASSWORD, clients::run_within, run};

/// How long one call of a program may take; then it is killed, as a camera's watchdog does.
const PROGRAM_LIMIT: Duration = Duration::from_secs(50);
/// A program's own patience.
const PATIENCE_SECONDS: &str = "20";
/// How fast a program sends that is to be killed in the middle.
const SLOW_BYTES_A_SECOND: usize = 500_000;

/// Uploads one file after the other and prints what it was told about each.
const FTPLIB: &str = "
import ftplib, sys, time
host, port, password, passive, folder, rest = sys.argv[1:7]
ftp = ftplib.FTP(timeout=20)
ftp.connect(host, int(port))
ftp.login('camera', password)
ftp.set_pasv(passive == 'passive')
for number, name in enumerate(sys.argv[7:]):
    with open(name, 'rb') as data:
        try:
            reply = ftp.storbinary(f'STOR {folder}/{name}', data, 16384, lambda piece: time.sleep(float(rest)))
        except ftplib.Error as error:
            reply = str(error)
    print('reply', number, reply, flush=True)
ftp.quit()
";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Curl,
    CurlActive,
    Lftp,
    Ncftpput,
    Wput,
    Busybox,
    Tnftp,
    Ftplib,
}

/// Where files go, and on whose behalf.
pub(crate) struct Target<'a> {
    pub(crate) ftp: SocketAddr,
    /// A home without anybody's configuration.
    pub(crate) home: &'a Path,
}

/// Files of one folder here, for one folder there.
pub(crate) struct Batch<'a> {
    pub(crate) dir: &'a Path,
    /// Like `/camera/snap`.
    pub(crate) folder: &'a str,
    pub(crate) names: Vec<&'a str>,
}

/// The interpreter itself: what is called python3 may be a slow script that looks for one.
fn python() -> &'static str {
    static FOUND: OnceLock<String> = OnceLock::new();
    FOUND.get_or_init(|| {
        let output = run(Command::new("python3").args(["-c", "import sys; print(sys.executable)"]));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    })
}

impl Program {
    pub(crate) const ALL: [Self; 8] = [
        Self::Curl,
        Self::CurlActive,
        Self::Lftp,
        Self::Ncftpput,
        Self::Wput,
        Self::Busybox,
        Self::Tnftp,
        Self::Ftplib,
    ];

    /// Those that can send slowly, and so be killed in the middle of a small file.
    pub(crate) const SLOW: [Self; 5] = [Self::Curl, Self::CurlActive, Self::Lftp, Self::Wput, Self::Ftplib];

    fn command(self, to: &Target<'_>, batch: &Batch<'_>, slowly: bool) -> Command {
        let (host, port) = (to.ftp.ip().to_string(), to.ftp.port().to_string());
        let url = format!("ftp://camera:{FTP_PASSWORD}@{}{}/", to.ftp, batch.folder);
        let mut command = Command::new(match self {
            Self::Curl | Self::CurlActive => "curl",
            Self::Lftp => "lftp",
            Self::Ncftpput => "ncftpput",
            Self::Wput => "wput",
            Self::Busybox => "busybox",
            Self::Tnftp => "tnftp",
            Self::Ftplib => python(),
        });
        for proxy in ["ftp_proxy", "FTP_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        command.current_dir(batch.dir).env("HOME", to.home);
        match self {
            Self::Curl | Self::CurlActive => {
                command.args(["--silent", "--show-error", "--connect-timeout", PATIENCE_SECONDS]);
                command.args(["--speed-time", PATIENCE_SECONDS, "--speed-limit", "1"]);
                command.args(["--write-out", "%{urlnum} %{exitcode} %{response_code}\n"]);
                if self == Self::CurlActive {
                    command.args(["--ftp-port", "-"]);
                }
                if slowly {
                    command.args(["--limit-rate", &SLOW_BYTES_A_SECOND.to_string()]);
                }
                for name in &batch.names {
                    command.args(["--upload-file", name, &url]);
                }
            }
            Self::Lftp => {
                let mut script = format!(
                    "set net:timeout {PATIENCE_SECONDS}; set net:max-retries 1; set net:reconnect-interval-base 1; \
                     set ftp:use-size no; set ftp:use-mdtm no; "
                );
                if slowly {
                    let _ = write!(script, "set net:limit-rate 0:{SLOW_BYTES_A_SECOND}; ");
                }
                for (number, name) in batch.names.iter().enumerate() {
                    let _ =
                        write!(script, "put -O \"{}\" \"{name}\" && echo stored {number}; ", batch.folder);
                }
                command.args(["-u", &format!("camera,{FTP_PASSWORD}"), "-e", &(script + "bye")]);
                command.arg(format!("ftp://{}", to.ftp));
            }
            Self::Ncftpput => {
                command.args([
                    "-V",
                    "-Z",
                    "-r",
                    "1",
                    "-t",
                    PATIENCE_SECONDS,
                    "-u",
                    "camera",
                    "-p",
                    FTP_PASSWORD,
                ]);
                command.args(["-P", &port, &host, batch.folder]).args(&batch.names);
            }
            Self::Wput => {
                command.args(["--tries=0", "--waitretry=0", "--dont-continue", "--reupload", "--binary"]);
                command.args(["--timeout=200", "--less-verbose"]);
                if slowly {
                    command.arg(format!("--limit-rate={SLOW_BYTES_A_SECOND}"));
                }
                command.args(&batch.names).arg(&url);
            }
            Self::Busybox => {
                let name = batch.names.first().unwrap();
                command.args(["ftpput", "-u", "camera", "-p", FTP_PASSWORD, "-P", &port, &host]);
                command.args([&format!("{}/{name}", batch.folder), *name]);
            }
            Self::Tnftp => {
                command.args(["-q", PATIENCE_SECONDS, "-u", &url]).args(&batch.names);
            }
            Self::Ftplib => {
                let rest = if slowly { 16_384.0 / SLOW_BYTES_A_SECOND as f64 } else { 0.0 };
                let mode = if to.ftp.port().is_multiple_of(2) { "passive" } else { "active" };
                command.args(["-c", FTPLIB, &host, &port, FTP_PASSWORD, mode, batch.folder]);
                command.arg(rest.to_string()).args(&batch.names);
            }
        }
        command
    }

    /// Which of the files the program says were stored.
    fn judge(self, output: &Output, files: usize) -> Vec<bool> {
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaints = String::from_utf8_lossy(&output.stderr);
        let said = |line: &dyn Fn(usize) -> String| {
            (0..files).map(|file| told.lines().any(|told| told.starts_with(&line(file)))).collect()
        };
        match self {
            Self::Curl | Self::CurlActive => said(&|file| format!("{file} 0 226")),
            Self::Lftp => said(&|file| format!("stored {file}")),
            Self::Ftplib => said(&|file| format!("reply {file} 226 ")),
            Self::Ncftpput => {
                let broken =
                    ["closed", "Could not read", "imed out"].iter().any(|sign| complaints.contains(sign));
                vec![output.status.success() && !broken; files]
            }
            Self::Wput => {
                let broken = ["Error", "Failed", "failed", "kip"].iter().any(|sign| {
                    // Names of files are part of what it prints; none of ours holds such a word.
                    complaints.contains(sign) || told.contains(sign)
                });
                vec![output.status.success() && !broken; files]
            }
            Self::Busybox | Self::Tnftp => vec![output.status.success(); files],
        }
    }

    /// Sends the files; which of them the program says were stored.
    pub(crate) fn upload(self, to: &Target<'_>, batch: &Batch<'_>) -> Vec<bool> {
        // It takes one file a call.
        if self == Self::Busybox && batch.names.len() > 1 {
            let single = |name: &&'_ str| {
                let one = Batch { dir: batch.dir, folder: batch.folder, names: vec![*name] };
                self.upload(to, &one)[0]
            };
            return batch.names.iter().map(single).collect();
        }
        match run_within(&mut self.command(to, batch, false), PROGRAM_LIMIT) {
            Some(output) => self.judge(&output, batch.names.len()),
            None => vec![false; batch.names.len()],
        }
    }

    /// Sends the first file slowly and kills the program once it has read so much of it; `while_stalled` is called
    /// before, with the program stopped and its connections open. Returns whether it got so far.
    pub(crate) fn cut(
        self,
        to: &Target<'_>,
        batch: &Batch<'_>,
        after_bytes: u64,
        while_stalled: Option<&mut dyn FnMut()>,
    ) -> bool {
        let mut command = self.command(to, batch, true);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let file = batch.dir.join(batch.names[0]);
        let deadline = Instant::now() + PROGRAM_LIMIT;
        let reached = loop {
            if child.try_wait().unwrap().is_some() || Instant::now() >= deadline {
                break false;
            }
            if position(&child, &file).is_some_and(|position| position >= after_bytes) {
                break true;
            }
            thread::sleep(Duration::from_millis(2));
        };
        if let (true, Some(while_stalled)) = (reached, while_stalled) {
            let id = child.id().to_string();
            // It may have ended just now; then there is nothing to stop.
            let _ = Command::new("kill").args(["-STOP", &id]).stderr(Stdio::null()).status();
            while_stalled();
        }
        let _ = child.kill();
        let _ = child.wait();
        reached
    }
}

/// How much of a file a process has read.
fn position(child: &Child, file: &Path) -> Option<u64> {
    let process = Path::new("/proc").join(child.id().to_string());
    let open = fs::read_dir(process.join("fd")).ok()?;
    let of_file = open.flatten().filter(|fd| fs::read_link(fd.path()).is_ok_and(|link| link == file));
    of_file
        .filter_map(|fd| {
            let info = fs::read_to_string(process.join("fdinfo").join(fd.file_name())).ok()?;
            info.lines().next()?.strip_prefix("pos:")?.trim().parse::<u64>().ok()
        })
        .max()
}
