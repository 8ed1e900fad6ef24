//! Child processes: no shell, and bounds on everything.
//!
//! Each child runs in a process group of its own under `setpriv` (killed with its parent, no new privileges),
//! `prlimit` (memory, CPU time, file size, no core) and `nice`, where the machine has them; each `exec`s the next,
//! so it stays one process. These programs, rather than our own code between fork and exec, because that would
//! need `unsafe`. The time limit, the output bounds and the kill are ours and need none of them.

use std::{
    ffi::OsString,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use camtrail_model::ports::MediaError;
use camtrail_threads::Threads;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout, timeout_at},
};

use crate::input::finished;

/// How much of what a child complains is kept: its end, where the cause stands.
const STDERR_TAIL_BYTES: usize = 4096;
/// A killed child that doesn't go within this time hangs in the kernel: tokio reaps it later.
const REAP_LIMIT: Duration = Duration::from_secs(2);
/// Address space beyond the memory limit: ffmpeg maps some 150 MB of shared libraries, and thread stacks.
const MAPPED_BYTES: u64 = 1024 * 1024 * 1024;
/// Files that a child may write where the job doesn't write any.
const NO_FILE_BYTES: u64 = 0;
/// Below interactive work, above nothing: media work never competes with uploads.
const NICENESS: &str = "10";

/// The programs that bound a child, where they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wrappers {
    pub(crate) setpriv: Option<PathBuf>,
    pub(crate) prlimit: Option<PathBuf>,
    pub(crate) nice: Option<PathBuf>,
}

impl Wrappers {
    /// The death signal follows the *thread* that forked. Runtime workers live as long as the process, but one
    /// that went through `block_in_place` may end early and take its child along: that is then a retry.
    pub(crate) const SETPRIV_ARGUMENTS: &[&str] = &["--no-new-privs", "--pdeathsig", "KILL"];

    fn command(&self, program: &Path, limits: &Limits) -> Command {
        let mut words: Vec<OsString> = Vec::new();
        if let Some(setpriv) = &self.setpriv {
            words.push(setpriv.into());
            words.extend(Self::SETPRIV_ARGUMENTS.iter().map(OsString::from));
        }
        if let Some(prlimit) = &self.prlimit {
            words.push(prlimit.into());
            words.push(format!("--data={}", limits.memory_bytes).into());
            if !limits.maps_devices {
                words.push(format!("--as={}", limits.memory_bytes.saturating_add(MAPPED_BYTES)).into());
            }
            words.push(format!("--cpu={}", limits.cpu_seconds).into());
            words.push(format!("--fsize={}", limits.file_bytes).into());
            words.push("--core=0".into());
        }
        if let Some(nice) = &self.nice {
            words.push(nice.into());
            words.extend(["-n", NICENESS].map(OsString::from));
        }
        words.push(program.into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }
}

struct Limits {
    memory_bytes: u64,
    cpu_seconds: u64,
    file_bytes: u64,
    maps_devices: bool,
}

/// A point in time by which work is done, and the limit that a person was promised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        // An absurd limit is a day: `Instant` would overflow.
        const LONGEST: Duration = Duration::from_hours(24);
        Self { at: Instant::now() + limit.min(LONGEST), limit }
    }

    pub(crate) fn passed(&self) -> MediaError {
        MediaError::TimedOut { limit: self.limit }
    }
}

/// One run of a program.
pub(crate) struct Job<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<OsString>,
    /// More than this on standard output ends the run.
    pub(crate) stdout_max_bytes: usize,
    /// The largest file that it may write, in bytes; none by default.
    pub(crate) file_max_bytes: Option<u64>,
    /// It uses a device whose driver reserves far more address space than memory: that one limit is not set.
    pub(crate) maps_devices: bool,
}

impl<'a> Job<'a> {
    /// A job that writes no file.
    pub(crate) fn new(program: &'a Path, arguments: Vec<OsString>, stdout_max_bytes: usize) -> Self {
        Self { program, arguments, stdout_max_bytes, file_max_bytes: None, maps_devices: false }
    }
}

/// How a run ended.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    complaint: String,
}

impl Finished {
    /// The failure that the exit tells of, if any.
    pub(crate) fn check(&self) -> Result<(), MediaError> {
        if self.status.success() {
            return Ok(());
        }
        Err(self.failure())
    }

    fn failure(&self) -> MediaError {
        /// What the machine lacks, in the C library's words (the children run in the C locale).
        const MACHINE: &[&str] = &["No space left on device", "Cannot allocate memory", "Input/output error"];
        /// `nice` and its like: the program is gone, or can't be run.
        const NOT_RUN: &[i32] = &[126, 127];
        let last = self.complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word why");
        if let Some(signal) = self.status.signal() {
            let sentence = format!("ffmpeg was ended by signal {signal} ({last})");
            // Killed from outside (out of memory, a shutdown), or out of processor time: another try may go well.
            // Any other signal is a crash on this content.
            let from_outside = [Signal::KILL, Signal::XCPU].iter().any(|outside| outside.as_raw() == signal);
            return if from_outside { MediaError::Failed(sentence) } else { MediaError::Unusable(sentence) };
        }
        if self.status.code().is_some_and(|code| NOT_RUN.contains(&code)) {
            return MediaError::Missing(format!("ffmpeg can't be run: {last}"));
        }
        if MACHINE.iter().any(|words| self.complaint.contains(words)) {
            return MediaError::Failed(format!("ffmpeg failed: {last}"));
        }
        MediaError::Unusable(format!("ffmpeg can't use it: {last}"))
    }
}

/// Runs jobs, a bounded number at once.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    wrappers: Wrappers,
    slots: Arc<Semaphore>,
    /// The one place for what takes minutes.
    encodes: Arc<Semaphore>,
    memory_limit_bytes: u64,
    /// For work on pictures, as many as there are slots.
    decoding: Threads,
}

impl Runner {
    pub(crate) fn new(wrappers: Wrappers, max_processes: usize, memory_limit_bytes: u64) -> Self {
        let (slots, encodes) = (Arc::new(Semaphore::new(max_processes)), Arc::new(Semaphore::new(1)));
        Self {
            wrappers,
            slots,
            encodes,
            memory_limit_bytes,
            decoding: Threads::new("decoding", max_processes),
        }
    }

    /// Runs work on pictures in a thread for that. The caller holds a slot, so that there is one.
    pub(crate) async fn decode<T: Send + 'static>(
        &self,
        _slot: &OwnedSemaphorePermit,
        work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
    ) -> Result<T, MediaError> {
        finished(self.decoding.run(work).await)
    }

    /// Waits for one of the places that bound media work, child or not.
    pub(crate) async fn slot(&self) -> Result<OwnedSemaphorePermit, MediaError> {
        Self::place(&self.slots).await
    }

    /// Waits for the place of what takes minutes: one at a time, and beside the others, which mustn't wait for it.
    pub(crate) async fn encode_slot(&self) -> Result<OwnedSemaphorePermit, MediaError> {
        Self::place(&self.encodes).await
    }

    async fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, MediaError> {
        let slot = Arc::clone(places).acquire_owned().await;
        slot.map_err(|_closed| MediaError::Failed("media work has ended".to_owned()))
    }

    /// Waits for a place no longer than the deadline.
    pub(crate) async fn slot_by(&self, deadline: Deadline) -> Result<OwnedSemaphorePermit, MediaError> {
        timeout_at(deadline.at, self.slot()).await.unwrap_or_else(|_elapsed| Err(deadline.passed()))
    }

    /// Runs a job to its end or to the deadline, by which it is killed. The caller holds a slot.
    pub(crate) async fn run(
        &self,
        _slot: &OwnedSemaphorePermit,
        job: Job<'_>,
        deadline: Deadline,
    ) -> Result<Finished, MediaError> {
        let mut group = Group::spawn(self.command(&job, deadline))?;
        let stdout = group.child.stdout.take();
        let stderr = group.child.stderr.take();
        let work = async {
            // An overflowing child never ends by itself: the first error ends the wait.
            let (stdout, complaint) = tokio::try_join!(read_bounded(stdout, job.stdout_max_bytes), async {
                Ok(read_tail(stderr).await)
            })?;
            let status = group.child.wait().await.map_err(|error| machine(&error))?;
            Ok(Finished { status, stdout, complaint })
        };
        let finished = match timeout_at(deadline.at, work).await {
            Ok(Ok(finished)) => return Ok(finished),
            Ok(Err(error)) => Err(error),
            Err(_elapsed) => Err(deadline.passed()),
        };
        group.end().await;
        finished
    }

    fn command(&self, job: &Job<'_>, deadline: Deadline) -> Command {
        let remaining = deadline.at.saturating_duration_since(Instant::now());
        let limits = Limits {
            memory_bytes: self.memory_limit_bytes,
            // Only a backstop for the time when nobody is there to watch the clock.
            cpu_seconds: remaining.as_secs() + 2,
            file_bytes: job.file_max_bytes.unwrap_or(NO_FILE_BYTES),
            maps_devices: job.maps_devices,
        };
        let mut command = self.wrappers.command(job.program, &limits);
        // A clean environment: FFREPORT would write files, a locale would translate what `failure` looks for.
        command
            .args(&job.arguments)
            .env_clear()
            .env("LC_ALL", "C")
            .env("AV_LOG_FORCE_NOCOLOR", "1")
            .envs(
                ["PATH", "LD_LIBRARY_PATH", "TMPDIR"]
                    .iter()
                    .filter_map(|&key| Some((key, std::env::var_os(key)?))),
            )
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// A child and whatever it started: all of it goes when this is dropped, also with a cancelled future.
struct Group {
    child: Child,
}

impl Group {
    fn spawn(mut command: Command) -> Result<Self, MediaError> {
        match command.spawn() {
            Ok(child) => Ok(Self { child }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(MediaError::Missing(format!("ffmpeg can't be run: {error}")))
            }
            Err(error) => Err(machine(&error)),
        }
    }

    fn kill(&self) {
        // `id` is None once the child was waited for: its number may be another's by then.
        if let Some(pid) = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()))
            && let Err(error) = kill_process_group(pid, Signal::KILL)
        {
            tracing::debug!(pid = pid.as_raw_nonzero().get(), %error, "a media process was gone before its kill");
        }
    }

    async fn end(mut self) {
        self.kill();
        if timeout(REAP_LIMIT, self.child.wait()).await.is_err() {
            tracing::warn!(pid = self.child.id(), "a killed media process doesn't end yet");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

fn machine(error: &std::io::Error) -> MediaError {
    MediaError::Failed(format!("a media process can't be run: {error}"))
}

/// All of standard output, or an error beyond `max` bytes.
async fn read_bounded(pipe: Option<impl AsyncRead + Unpin>, max: usize) -> Result<Vec<u8>, MediaError> {
    let Some(pipe) = pipe else { return Ok(Vec::new()) };
    let mut bytes = Vec::new();
    pipe.take(max as u64 + 1).read_to_end(&mut bytes).await.map_err(|error| machine(&error))?;
    if bytes.len() > max {
        return Err(MediaError::Unusable(format!("ffmpeg answered with more than {max} bytes")));
    }
    Ok(bytes)
}

/// The end of standard error; all of it is read, so that a talkative child never blocks.
async fn read_tail(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else { return String::new() };
    let mut tail = Vec::new();
    let mut chunk = [0; STDERR_TAIL_BYTES];
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        tail.extend_from_slice(&chunk[..read]);
        tail.drain(..tail.len().saturating_sub(STDERR_TAIL_BYTES));
    }
    String::from_utf8_lossy(&tail).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(raw_status: i32, complaint: &str) -> MediaError {
        let status = ExitStatus::from_raw(raw_status);
        Finished { status, stdout: Vec::new(), complaint: complaint.to_owned() }.check().unwrap_err()
    }

    const EXIT_1: i32 = 1 << 8;
    const EXIT_127: i32 = 127 << 8;

    #[test]
    fn the_machines_failures_may_be_retried_and_the_contents_may_not() {
        for (status, complaint) in [
            (EXIT_1, "av_interleaved_write_frame(): No space left on device\n"),
            (EXIT_1, "x: Cannot allocate memory"),
            (Signal::KILL.as_raw(), ""),
        ] {
            assert!(failure(status, complaint).may_retry(), "{complaint}");
        }
        for (status, complaint) in
            [(EXIT_1, "moov atom not found\nx: Invalid data\n"), (Signal::SEGV.as_raw(), "")]
        {
            assert!(matches!(failure(status, complaint), MediaError::Unusable(_)), "{complaint}");
        }
        assert!(matches!(failure(EXIT_127, "nice: ffmpeg: No such file"), MediaError::Missing(_)));
    }

    #[test]
    fn a_failure_tells_the_last_complaint() {
        let told = failure(EXIT_1, "first\nthe cause\n\n").to_string();
        assert_eq!(told, "ffmpeg can't use it: the cause");
    }
}
