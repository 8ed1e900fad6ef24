//! A proxy before a store that fails as stores and links do: errors, lost answers, hangs, slowness, cuts, wrong bytes.
//! It knows HTTP just well enough to do so in the middle of a message.

use std::{
    fmt::Write,
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{Dice, Framing, Head, Wire};

/// Connections at once; more are refused.
const CONNECTIONS_MAX: usize = 256;
/// A hang ends after so long even if the client is more patient.
const HANG_MAX: Duration = Duration::from_secs(4);
const OUTAGE_HANG_MAX: Duration = Duration::from_secs(1);

/// What can happen to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Fault {
    /// 500, and nothing is forwarded.
    Error,
    /// 503 SlowDown, and nothing is forwarded.
    SlowDown,
    /// It is done, and nobody is told.
    LostAnswer,
    /// No answer, until the client gives up; half of them are done all the same.
    Hang,
    /// Drops of bytes, both ways.
    Throttle,
    /// The store gets the first half of the request.
    CutRequest,
    /// One byte of the request's body is another.
    FlippedByte,
    /// The client gets the first half of the answer.
    CutAnswer,
    /// A time in which nothing succeeds.
    Outage,
}

impl Fault {
    pub(crate) const ALL: [Self; 9] = [
        Self::Error,
        Self::SlowDown,
        Self::LostAnswer,
        Self::Hang,
        Self::Throttle,
        Self::CutRequest,
        Self::FlippedByte,
        Self::CutAnswer,
        Self::Outage,
    ];

    /// Of so many faults how many are this one: those that take long are rare, or nothing else would happen.
    fn weight(self) -> usize {
        match self {
            Self::Hang => 1,
            Self::Throttle => 2,
            Self::Outage => 0,
            _ => 5,
        }
    }

    fn any(dice: &mut Dice) -> Self {
        let mut at = dice.between(0, Self::ALL.iter().map(|fault| fault.weight()).sum());
        for fault in Self::ALL {
            match at.checked_sub(fault.weight()) {
                Some(rest) => at = rest,
                None => return fault,
            }
        }
        unreachable!("the weights' sum is the end of the range")
    }
}

struct State {
    upstream: SocketAddr,
    dice: Mutex<Dice>,
    /// Of a thousand requests so many fail.
    per_mille: AtomicUsize,
    /// The next request fails like this.
    next: Mutex<Option<Fault>>,
    outage: AtomicBool,
    /// Nothing but puts is allowed.
    put_only: AtomicBool,
    /// And of captures only those that say that they replace nothing.
    add_only: AtomicBool,
    stop: AtomicBool,
    connections: AtomicUsize,
    requests: AtomicUsize,
    counts: [AtomicUsize; Fault::ALL.len()],
    /// Requests with a flipped byte that the store took.
    flips_taken: AtomicUsize,
}

/// A running proxy; it ends when dropped.
pub(crate) struct FaultProxy {
    address: SocketAddr,
    state: Arc<State>,
    acceptor: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Passes everything on until it is told otherwise.
    pub(crate) fn start(upstream: SocketAddr, dice: Dice) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            upstream,
            dice: Mutex::new(dice),
            per_mille: AtomicUsize::new(0),
            next: Mutex::new(None),
            outage: AtomicBool::new(false),
            put_only: AtomicBool::new(false),
            add_only: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            counts: Default::default(),
            flips_taken: AtomicUsize::new(0),
        });
        let accepted = Arc::clone(&state);
        let acceptor = thread::spawn(move || accept(&listener, &accepted));
        Self { address, state, acceptor: Some(acceptor) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Of a thousand requests so many fail from now on.
    pub(crate) fn fail(&self, per_mille: usize) {
        self.state.per_mille.store(per_mille, Ordering::Relaxed);
    }

    /// The next request fails like this.
    pub(crate) fn fail_next(&self, fault: Fault) {
        *self.state.next.lock().unwrap() = Some(fault);
    }

    /// Whether everything fails.
    pub(crate) fn outage(&self, on: bool) {
        self.state.outage.store(on, Ordering::Relaxed);
    }

    /// From now on as for a role that may put objects, and neither read, list nor delete.
    pub(crate) fn allow_only_puts(&self) {
        self.state.put_only.store(true, Ordering::Relaxed);
    }

    /// The same, under a policy that demands `If-None-Match` of every new capture (`s3:if-none-match`; beginning an
    /// upload in parts, and its parts, are no creation of an object and say nothing).
    pub(crate) fn allow_only_additions(&self) {
        self.allow_only_puts();
        self.state.add_only.store(true, Ordering::Relaxed);
    }

    pub(crate) fn count(&self, fault: Fault) -> usize {
        self.state.counts[fault as usize].load(Ordering::Relaxed)
    }

    /// Wrong bytes that the store took: whoever sent them gave it no means to see it.
    pub(crate) fn flips_taken(&self) -> usize {
        self.state.flips_taken.load(Ordering::Relaxed)
    }

    /// One line for a person.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!("{} requests", self.state.requests.load(Ordering::Relaxed));
        for fault in Fault::ALL {
            let _ = write!(text, ", {fault:?} {}", self.count(fault));
        }
        text
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for stream in listener.incoming() {
        if state.stop.load(Ordering::Relaxed) {
            return;
        }
        let Ok(client) = stream.and_then(Wire::new) else { continue };
        if state.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            state.connections.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let state = Arc::clone(state);
        thread::spawn(move || {
            // An error here is a side that broke off: it knows.
            let _ = state.converse(client);
            state.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// A whole request, and who sent it.
struct Request {
    method: String,
    head: Vec<u8>,
    body: Vec<u8>,
}

/// A whole answer.
struct Answer {
    status: u16,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl State {
    fn go_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn dice(&self) -> Dice {
        self.dice.lock().unwrap().fork()
    }

    fn choose(&self, dice: &mut Dice) -> Option<Fault> {
        if self.outage.load(Ordering::Relaxed) {
            return Some(Fault::Outage);
        }
        let asked_for = self.next.lock().unwrap().take();
        let random = dice.between(0, 1000) < self.per_mille.load(Ordering::Relaxed);
        asked_for.or_else(|| random.then(|| Fault::any(dice)))
    }

    fn converse(&self, mut client: Wire) -> io::Result<()> {
        while let Some(head) = client.head(&|| self.go_on())? {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let mut dice = self.dice();
            let fault = self.choose(&mut dice);
            if let Some(fault) = fault {
                self.counts[fault as usize].fetch_add(1, Ordering::Relaxed);
            }
            match self.exchange(client, &head, fault, &mut dice)? {
                Some(open) => client = open,
                None => return Ok(()),
            }
        }
        client.close();
        Ok(())
    }

    /// One request; the client's connection, if it is still of use.
    fn exchange(
        &self,
        mut client: Wire,
        head: &Head,
        fault: Option<Fault>,
        dice: &mut Dice,
    ) -> io::Result<Option<Wire>> {
        let framing = head.request_framing();
        match fault {
            Some(Fault::Outage) => return self.out_of_order(client, head, dice),
            Some(Fault::Hang) if dice.one_in(2) => {
                client.ignore(HANG_MAX, &|| self.go_on());
                return Ok(None);
            }
            _ => {}
        }
        if head.value("expect").is_some() {
            client.send(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let body = match (fault, framing) {
            (Some(Fault::Throttle), Framing::Length(length)) => {
                client.body_slowly(length, 20, dice.millis(20, 80))?
            }
            (Some(Fault::CutRequest), Framing::Length(length)) if length > 1 => {
                client.body(Framing::Length(length / 2))?
            }
            _ => client.body(framing)?,
        };
        let mut request = Request { method: head.method(), head: head.without("expect"), body };
        // Uploads in parts are begun and completed by POST.
        let is_put = matches!(request.method.as_str(), "PUT" | "POST");
        let may_replace = head.value("if-none-match").as_deref() != Some("*") && makes_a_capture(head);
        if self.put_only.load(Ordering::Relaxed) && !is_put
            || self.add_only.load(Ordering::Relaxed) && is_put && may_replace
        {
            return answer(client, &request.method, "403 Forbidden", "AccessDenied").map(Some);
        }
        match fault {
            Some(Fault::Error) => {
                return answer(client, &request.method, "500 Internal Server Error", "InternalError")
                    .map(Some);
            }
            Some(Fault::SlowDown) => {
                return answer(client, &request.method, "503 Slow Down", "SlowDown").map(Some);
            }
            Some(Fault::CutRequest) => {
                let mut upstream = Wire::connect(self.upstream)?;
                if request.body.is_empty() {
                    request.head.truncate(request.head.len() / 2);
                }
                upstream.send(&request.head)?;
                upstream.send(&request.body)?;
                upstream.reset();
                client.reset();
                return Ok(None);
            }
            Some(Fault::FlippedByte) if !request.body.is_empty() => {
                let at = dice.between(0, request.body.len());
                request.body[at] ^= 1 << dice.between(0, 8);
            }
            _ => {}
        }
        let flipped = fault == Some(Fault::FlippedByte) && !request.body.is_empty();
        let answer = self.forward(&request)?;
        if flipped && (200..300).contains(&answer.status) {
            self.flips_taken.fetch_add(1, Ordering::Relaxed);
        }
        match fault {
            Some(Fault::LostAnswer) => client.reset(),
            Some(Fault::Hang) => client.ignore(HANG_MAX, &|| self.go_on()),
            Some(Fault::CutAnswer) => {
                let all = [answer.head, answer.body].concat();
                client.send(&all[..all.len() / 2])?;
                client.reset();
            }
            Some(Fault::Throttle) => {
                let all = [answer.head, answer.body].concat();
                client.send_slowly(&all, 10, dice.millis(10, 50))?;
                return Ok(Some(client));
            }
            _ => {
                client.send(&answer.head)?;
                client.send(&answer.body)?;
                return Ok(Some(client));
            }
        }
        Ok(None)
    }

    /// Nothing works: refused, broken off, or silent for a while.
    fn out_of_order(&self, mut client: Wire, head: &Head, dice: &mut Dice) -> io::Result<Option<Wire>> {
        match dice.between(0, 4) {
            0 => client.reset(),
            1 => client.ignore(OUTAGE_HANG_MAX, &|| self.go_on()),
            _ if head.value("expect").is_some() => client.close(),
            _ => {
                client.body(head.request_framing())?;
                return answer(client, &head.method(), "503 Service Unavailable", "ServiceUnavailable")
                    .map(Some);
            }
        }
        Ok(None)
    }

    /// To the store and back, on a connection of its own.
    fn forward(&self, request: &Request) -> io::Result<Answer> {
        let mut upstream = Wire::connect(self.upstream)?;
        upstream.send(&request.head)?;
        upstream.send(&request.body)?;
        let head = upstream.head(&|| self.go_on())?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = upstream.body(head.response_framing(&request.method))?;
        Ok(Answer { status: head.status(), head: head.bytes, body })
    }
}

/// An answer as S3 gives it.
fn answer(mut client: Wire, method: &str, status: &str, code: &str) -> io::Result<Wire> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>on purpose</Message></Error>"
    );
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    client.send(head.as_bytes())?;
    if method != "HEAD" {
        client.send(body.as_bytes())?;
    }
    Ok(client)
}

/// Whether a put makes an object below `patrolcams/` of its bucket.
fn makes_a_capture(head: &Head) -> bool {
    let line = head.first_line();
    let path = line.split(' ').nth(1).unwrap_or_default();
    let key = path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key);
    key.starts_with("patrolcams/") && !path.contains("?uploads") && !path.contains("partNumber=")
}
