//! The platform's side of one function: AWS's documented runtime interface ("Using the Lambda runtime API"), version
//! 2018-06-01, on the loopback. The function is a real process; nothing of it is replaced.

use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// How long an invocation, or a start, may take on a busy machine.
const LIMIT: Duration = Duration::from_mins(2);
const ARN: &str = "arn:aws:lambda:eu-west-1:000000000000:function:test";

/// What became of an invocation.
#[derive(Debug)]
pub struct Invocation {
    /// The answer, or the error that the function reported.
    pub outcome: Result<Value, Value>,
    /// From the event's handing over to the answer.
    pub took: Duration,
}

#[derive(Default)]
struct Desk {
    events: VecDeque<Vec<u8>>,
    handed_over: u64,
    /// When the event under way was handed over.
    given: Option<Instant>,
    /// When the function first asked for an event.
    ready: Option<Instant>,
    done: Option<Invocation>,
    /// What it said when it could not start.
    failed_start: Option<Value>,
    is_over: bool,
}

#[derive(Default)]
struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
}

/// A function's process with its platform; ended when dropped.
pub struct LambdaHost {
    shared: Arc<Shared>,
    child: Child,
    started: Instant,
    scratch: TempDir,
}

impl LambdaHost {
    /// Starts `function` (a `bootstrap`, or what runs one) as the platform would.
    ///
    /// # Panics
    /// Where it can't be started.
    pub fn start(mut function: Command) -> Self {
        let scratch = tempfile::Builder::new().prefix("camtrail-tests-lambda-").tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let desk = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let desk = Arc::clone(&desk);
                // A connection that breaks is the function's end; the wait for its answer tells.
                thread::spawn(move || stream.map(|stream| desk.serve(&stream)));
            }
        });
        let log = File::create(scratch.path().join("log")).unwrap();
        let started = Instant::now();
        let child = function
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "test")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { shared, child, started, scratch }
    }

    /// Hands over one event and waits for what becomes of it.
    ///
    /// # Panics
    /// Where the function ends instead, or takes longer than it may.
    pub fn invoke(&mut self, event: &[u8]) -> Invocation {
        self.shared.desk.lock().unwrap().events.push_back(event.to_vec());
        self.shared.changed.notify_all();
        self.wait("an answer", |desk| desk.done.take())
    }

    /// From the process's start to its first question for an event: the start without an event.
    ///
    /// # Panics
    /// Where it doesn't get there.
    pub fn ready_after(&mut self) -> Duration {
        let started = self.started;
        self.wait("a function that is ready", |desk| desk.ready).duration_since(started)
    }

    /// The most memory that the process had so far, in bytes.
    ///
    /// # Panics
    /// Where it isn't there any more.
    pub fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        1024 * line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote so far, both outputs.
    pub fn log(&self) -> String {
        fs::read_to_string(self.scratch.path().join("log")).unwrap_or_default()
    }

    /// Waits for the process to end by itself, as one does that can't start; returns what it wrote.
    ///
    /// # Panics
    /// Where it goes on.
    pub fn ends(mut self) -> String {
        let deadline = Instant::now() + LIMIT;
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the function still runs:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
        self.log()
    }

    fn wait<T>(&mut self, what: &str, take: impl Fn(&mut Desk) -> Option<T>) -> T {
        let deadline = Instant::now() + LIMIT;
        let shared = Arc::clone(&self.shared);
        let mut desk = shared.desk.lock().unwrap();
        loop {
            if let Some(found) = take(&mut desk) {
                return found;
            }
            if let Some(why) = &desk.failed_start {
                panic!("the function couldn't start: {why}\n{}", self.log());
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the function ended with {status}:\n{}", self.log());
            }
            assert!(Instant::now() < deadline, "no {what} after {LIMIT:?}:\n{}", self.log());
            desk = shared.changed.wait_timeout(desk, Duration::from_millis(50)).unwrap().0;
        }
    }
}

impl Drop for LambdaHost {
    fn drop(&mut self) {
        self.shared.desk.lock().unwrap().is_over = true;
        self.shared.changed.notify_all();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shared {
    /// One connection of the function.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        let mut reader = BufReader::new(stream);
        loop {
            let (path, body) = request(&mut reader)?;
            let answer = if path.ends_with("/invocation/next") {
                let (event, number) = self.next()?;
                let deadline_ms = u64::MAX >> 12;
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: {number}\r\n\
                     Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\nLambda-Runtime-Invoked-Function-Arn: {ARN}\r\n\
                     Content-Length: {}\r\n\r\n",
                    event.len()
                )
                .into_bytes()
                .into_iter()
                .chain(event)
                .collect()
            } else {
                self.told(&path, &body);
                b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_vec()
            };
            (&*stream).write_all(&answer).ok()?;
        }
    }

    /// The next event, when there is one; `None`: it is over.
    fn next(&self) -> Option<(Vec<u8>, u64)> {
        let mut desk = self.desk.lock().unwrap();
        desk.ready.get_or_insert_with(Instant::now);
        self.changed.notify_all();
        loop {
            if desk.is_over {
                return None;
            }
            if let Some(event) = desk.events.pop_front() {
                desk.given = Some(Instant::now());
                desk.handed_over += 1;
                return Some((event, desk.handed_over));
            }
            desk = self.changed.wait(desk).unwrap();
        }
    }

    fn told(&self, path: &str, body: &[u8]) {
        let value = serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into());
        let mut desk = self.desk.lock().unwrap();
        if path.ends_with("/init/error") {
            desk.failed_start = Some(value);
        } else {
            let took = desk.given.take().map_or(Duration::ZERO, |given| given.elapsed());
            let outcome = if path.ends_with("/response") { Ok(value) } else { Err(value) };
            desk.done = Some(Invocation { outcome, took });
        }
        self.changed.notify_all();
    }
}

/// Path and body of the next request; `None`: the connection ended.
fn request(reader: &mut BufReader<&TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut line = String::new();
    let mut next = |reader: &mut BufReader<&TcpStream>| {
        line.clear();
        (reader.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let path = next(reader)?.split_whitespace().nth(1)?.to_owned();
    let (mut length, mut is_chunked) = (0_usize, false);
    loop {
        let header = next(reader)?.to_ascii_lowercase();
        match header.split_once(':') {
            None => break,
            Some(("content-length", value)) => length = value.trim().parse().ok()?,
            Some(("transfer-encoding", value)) => is_chunked = value.contains("chunked"),
            Some(_) => {}
        }
    }
    let mut body = Vec::new();
    if !is_chunked {
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
        return Some((path, body));
    }
    loop {
        let size = usize::from_str_radix(next(reader)?.split(';').next()?.trim(), 16).ok()?;
        let mut chunk = vec![0; size];
        reader.read_exact(&mut chunk).ok()?;
        next(reader)?;
        if size == 0 {
            return Some((path, body));
        }
        body.extend(chunk);
    }
}
