//! The clients that cameras' firmware and people's scripts are built from: curl, lftp, Python's ftplib.

use std::{
    io::{Read, Seek, SeekFrom},
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use super::{FTP_PASSWORD, Instance};

/// How long any one program may take.
const PROGRAM_LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(10);

/// Runs a program to its end; one that takes too long is killed, and wrong.
pub(crate) fn run(command: &mut Command) -> Output {
    run_within(command, PROGRAM_LIMIT)
        .unwrap_or_else(|| panic!("{command:?} took over {} s", PROGRAM_LIMIT.as_secs()))
}

/// Runs a program to its end; `None`: it took longer, and was killed.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Option<Output> {
    let (mut out, mut err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let mut child = command
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(err.try_clone().unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error} (scripts/setup installs what the tests need)"));
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() >= deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(POLL);
    };
    let read = |file: &mut std::fs::File| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        bytes
    };
    Some(Output { status, stdout: read(&mut out), stderr: read(&mut err) })
}

fn must(command: &mut Command) {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn curl_to(instance: &Instance, file: &Path, folder: &str) -> Command {
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--user", &format!("camera:{FTP_PASSWORD}"), "--upload-file"])
        .arg(file)
        .arg(format!("ftp://{}{folder}", instance.ftp()));
    command
}

pub(crate) fn curl(instance: &Instance, file: &Path, folder: &str) {
    must(&mut curl_to(instance, file, folder));
}

pub(crate) fn curl_active(instance: &Instance, file: &Path, folder: &str) {
    must(curl_to(instance, file, folder).args(["--ftp-port", "-"]));
}

pub(crate) fn lftp(instance: &Instance, file: &Path, folder: &str, passive: bool) {
    let mode = if passive { "on" } else { "off" };
    let script = format!(
        "set net:max-retries 1; set cmd:fail-exit on; set ftp:passive-mode {mode}; \
         put -O \"{folder}\" \"{}\"; bye",
        file.display()
    );
    must(
        Command::new("lftp")
            .env("HOME", instance.scratch())
            .args(["-u", &format!("camera,{FTP_PASSWORD}"), "-e", &script])
            .arg(format!("ftp://{}", instance.ftp())),
    );
}

/// Python's ftplib with an encoding of its own for names; `name` is Python source of a text.
pub(crate) fn ftplib(
    instance: &Instance,
    file: &Path,
    folder: &str,
    name: &str,
    encoding: &str,
    passive: bool,
) {
    const SCRIPT: &str = "
import ast, ftplib, sys
host, port, password, file, folder, name, encoding, passive = sys.argv[1:]
ftp = ftplib.FTP(timeout=30, encoding=encoding)
ftp.connect(host, int(port))
ftp.login('camera', password)
ftp.set_pasv(passive == 'true')
for part in folder.strip('/').split('/'):
    ftp.cwd(part)
with open(file, 'rb') as data:
    reply = ftp.storbinary('STOR ' + ast.literal_eval(name), data)
assert reply.startswith('226'), reply
ftp.quit()
";
    let ftp = instance.ftp();
    let (host, port) = (ftp.ip().to_string(), ftp.port().to_string());
    must(Command::new("python3").args(["-c", SCRIPT, &host, &port, FTP_PASSWORD]).arg(file).args([
        folder,
        name,
        encoding,
        if passive { "true" } else { "false" },
    ]));
}
