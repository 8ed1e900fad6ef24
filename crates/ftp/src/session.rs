//! One control connection from greeting to goodbye.
//!
//! Owns the session's state and its loop: one command at a time, in order, while
//! time-outs, shutdown and the passive port are watched. Commands live in the
//! folder `session/`, one file a group. A transfer and the control connection
//! run side by side in this same task ([`Connection::attend`]).

mod active;
mod facts;
mod files;
mod folders;
mod lists;
mod login;
mod misc;
mod parameters;
mod passive;
mod security;
mod upload;

#[cfg(any(test, feature = "testing"))]
pub(crate) use active::parse_addresses;

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::command::{Command, Verb};
use crate::control::{Control, Incoming};
use crate::data::{Arrival, DataSetup, Stop};
use crate::event::SessionEvent;
use crate::panic::caught;
use crate::path::FtpPath;
use crate::reply::Reply;
use crate::server::{Shared, Stage};
use crate::storage::{CutReason, Receipt, Session};
use crate::stream::{Stream, Waiting};

use self::login::LoginState;

/// Commands that a client may send ahead during a transfer; then the server stops reading.
const MAX_QUEUED: usize = 32;
/// How long the rest of a line may take whose beginning has arrived, when looking
/// whether the client is still there.
const LINE_WAIT: Duration = Duration::from_millis(100);
/// Commands in a row that made no sense; then it isn't an FTP client.
const MAX_BAD_COMMANDS: u32 = 10;

/// Whether the session goes on after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Continue,
    /// The last reply has been sent.
    Close(&'static str),
}

/// What the session waits for between commands.
enum Next {
    Incoming(Incoming),
    Arrival(Arrival),
    Idle,
    Shutdown,
    /// Nothing came after a `226` for a while.
    Quiet,
}

/// An upload whose client was told `226`, and has shown no sign yet that it heard.
struct Told {
    path: FtpPath,
    receipt: Receipt,
    at: Instant,
}

/// A client that hasn't broken off by then has heard.
const TOLD_WAIT: Duration = Duration::from_secs(2);

pub(crate) struct Connection {
    shared: Arc<Shared>,
    stage: watch::Receiver<Stage>,
    id: u64,
    peer: SocketAddr,
    local: SocketAddr,
    control: Control,
    /// Commands that came during a transfer.
    queue: VecDeque<Incoming>,
    login: LoginState,
    session: Option<Arc<Session>>,
    folder: FtpPath,
    restart: Option<u64>,
    rename_from: Option<FtpPath>,
    data: DataSetup,
    epsv_only: bool,
    /// `PROT P`.
    protect_data: bool,
    /// TLS starts before the greeting.
    implicit_tls: bool,
    bad_commands: u32,
    told: Option<Told>,
}

impl Connection {
    pub(crate) fn new(
        shared: Arc<Shared>,
        stage: watch::Receiver<Stage>,
        id: u64,
        peer: SocketAddr,
        local: SocketAddr,
        tcp: TcpStream,
        implicit_tls: bool,
    ) -> Self {
        Self {
            shared,
            stage,
            id,
            peer,
            local,
            control: Control::new(Stream::Plain(tcp)),
            queue: VecDeque::new(),
            login: LoginState::new(),
            session: None,
            folder: FtpPath::root(),
            restart: None,
            rename_from: None,
            data: DataSetup::None,
            epsv_only: false,
            protect_data: implicit_tls,
            implicit_tls,
            bad_commands: 0,
            told: None,
        }
    }

    /// Runs the session to its end; a panic of the storage ends it with `421`.
    pub(crate) async fn serve(mut self) {
        // Boxed, so that an idle session's task stays small.
        let why = match caught(Box::pin(self.converse())).await {
            Ok(why) => why,
            Err(message) => {
                tracing::error!(session = self.id, peer = %self.peer, message, "the storage panicked");
                self.observe(&SessionEvent::Panicked { message });
                self.reply(421, "Internal error, closing the connection.").await;
                "panic"
            }
        };
        // Whoever is told goodbye has heard what came before.
        self.acknowledged(true);
        tracing::debug!(session = self.id, peer = %self.peer, why, "FTP session ended");
        self.observe(&SessionEvent::Ended { why });
        self.control.close().await;
    }

    async fn converse(&mut self) -> &'static str {
        if self.implicit_tls
            && let Flow::Close(why) = Box::pin(self.secure_control()).await
        {
            return why;
        }
        let banner = self.shared.config.banner.clone();
        self.reply(220, banner).await;
        loop {
            let flow = match self.next().await {
                Next::Incoming(Incoming::Command(command)) => self.obey(command).await,
                Next::Incoming(Incoming::Overlong) => {
                    self.reply(500, "Line too long.").await;
                    self.count_bad_command().await
                }
                Next::Incoming(Incoming::TlsHello) => {
                    self.not_ftp("TLS", "This port speaks plain FTP; encrypt with AUTH TLS.").await
                }
                Next::Incoming(Incoming::Closed) => Flow::Close("closed by the client"),
                Next::Arrival(arrival) => {
                    self.arrived(arrival);
                    Flow::Continue
                }
                Next::Quiet => {
                    self.acknowledged(true);
                    Flow::Continue
                }
                Next::Idle => {
                    self.reply(421, "Idle for too long, closing the connection.").await;
                    Flow::Close("idle")
                }
                Next::Shutdown => {
                    self.reply(421, "The server is stopping, closing the connection.").await;
                    Flow::Close("shutdown")
                }
            };
            if let Flow::Close(why) = flow {
                self.drop_data_setup();
                return why;
            }
        }
    }

    /// Waits for the next command. The deadline stands from the start, so a
    /// client that sends a byte now and then gains nothing.
    async fn next(&mut self) -> Next {
        if let Some(incoming) = self.queue.pop_front() {
            return Next::Incoming(incoming);
        }
        let config = &self.shared.config;
        let deadline = match self.session {
            Some(_) => self.login.idle_since + config.idle_timeout,
            None => self.login.connected_at + config.login_timeout,
        };
        let quiet = self.told.as_ref().map_or(deadline, |told| told.at + TOLD_WAIT);
        tokio::select! {
            incoming = self.control.next() => {
                self.heard(&incoming).await;
                Next::Incoming(incoming)
            }
            arrival = arrival(&self.data) => Next::Arrival(arrival),
            () = sleep_until(quiet), if quiet < deadline => Next::Quiet,
            () = sleep_until(deadline) => Next::Idle,
            () = reached(&mut self.stage, Stage::Draining) => Next::Shutdown,
        }
    }

    /// What comes next tells whether the client heard a `226`: a command does; an end with a reset behind it doesn't.
    async fn heard(&mut self, incoming: &Incoming) {
        if self.told.is_some() {
            let heard = !matches!(incoming, Incoming::Closed) || self.control.took_last_reply().await;
            self.acknowledged(heard);
        }
    }

    /// The last word about an upload that was told `226`, if there is one.
    fn acknowledged(&mut self, heard: bool) {
        let Some(Told { path, receipt, .. }) = self.told.take() else { return };
        self.observe(&if heard {
            SessionEvent::UploadAcknowledged { receipt }
        } else {
            SessionEvent::UploadEndedWithoutListener { path, receipt }
        });
    }

    async fn obey(&mut self, command: Command) -> Flow {
        let Command { verb, argument } = command;
        if self.session.is_none() && !verb.before_login() {
            self.reply(530, "Log in with USER and PASS first.").await;
            return self.count_bad_command().await;
        }
        if !verb.keeps_restart() {
            self.restart = None;
        }
        if verb != Verb::Rnto {
            // Only `RNTO` uses it, and only at once.
            self.rename_from = None;
        }
        // Boxed: only a session that does something needs room for a transfer.
        let flow = Box::pin(self.dispatch(verb, &argument)).await;
        if !matches!(verb, Verb::Unknown | Verb::Garbage) {
            self.bad_commands = 0;
        }
        self.login.idle_since = Instant::now();
        flow
    }

    /// The table of contents: which file answers which command.
    async fn dispatch(&mut self, verb: Verb, argument: &[u8]) -> Flow {
        match verb {
            Verb::User => return self.user(argument).await,
            Verb::Pass => return self.pass(argument).await,
            Verb::Acct => self.reply(202, "No account needed.").await,
            Verb::Rein => self.reinitialize().await,
            Verb::Quit => {
                // A client that leaves politely has no trouble with its passive port.
                self.data = DataSetup::None;
                self.reply(221, "Goodbye.").await;
                return Flow::Close("quit");
            }
            Verb::Cwd => self.change_folder(argument).await,
            Verb::Cdup => self.change_folder(b"..").await,
            Verb::Pwd => self.tell_folder().await,
            Verb::Mkd => self.make_folder(argument).await,
            Verb::Rmd => self.remove_folder(argument).await,
            Verb::Dele => self.delete(argument).await,
            Verb::Rnfr => self.rename_from(argument).await,
            Verb::Rnto => self.rename_to(argument).await,
            Verb::Type => self.set_type(argument).await,
            Verb::Mode => self.set_mode(argument).await,
            Verb::Stru => self.set_structure(argument).await,
            Verb::Allo => self.reply(202, "No storage allocation needed.").await,
            Verb::Pasv => self.passive().await,
            Verb::Epsv => self.extended_passive(argument).await,
            Verb::Port => self.port(argument).await,
            Verb::Eprt => self.extended_port(argument).await,
            Verb::Rest => self.restart(argument).await,
            Verb::Stor => self.store(argument).await,
            Verb::Appe => self.append(argument).await,
            Verb::Stou => self.store_unique(argument).await,
            Verb::Retr => self.reply(550, "This gateway only takes uploads.").await,
            Verb::Abor => self.reply(226, "No transfer to abort.").await,
            Verb::List => self.list(argument).await,
            Verb::Nlst => self.list_names(argument).await,
            Verb::Mlsd => self.list_facts(argument).await,
            Verb::Mlst => self.tell_facts(argument).await,
            Verb::Stat => self.status(argument).await,
            Verb::Size => self.size(argument).await,
            Verb::Mdtm => self.modification_time(argument).await,
            Verb::Mfmt => self.set_modification_time(argument).await,
            Verb::Site => self.site(argument).await,
            Verb::Syst => self.reply(215, "UNIX Type: L8").await,
            Verb::Feat => self.features().await,
            Verb::Opts => self.options(argument).await,
            Verb::Help => self.help().await,
            Verb::Noop => self.reply(200, "Fine.").await,
            Verb::Clnt => self.reply(200, "Noted.").await,
            Verb::Auth => return self.authenticate(argument).await,
            Verb::Pbsz => self.buffer_size().await,
            Verb::Prot => self.protection(argument).await,
            Verb::Ccc => self.reply(534, "Encryption stays on.").await,
            Verb::Smnt => self.reply(502, "Not supported here.").await,
            Verb::Unknown => {
                self.reply(500, "Unknown command.").await;
                return self.count_bad_command().await;
            }
            Verb::Garbage if self.session.is_none() => {
                return self.not_ftp("garbage", "This is an FTP server.").await;
            }
            Verb::Garbage => {
                self.reply(500, "Not an FTP command.").await;
                return self.count_bad_command().await;
            }
        }
        Flow::Continue
    }

    /// Runs `work` (a part of a transfer) while the control connection stays
    /// alive: `ABOR` sets `stop`, harmless questions are answered at once, the
    /// rest waits its turn. Without `stop` the work can't be ended early.
    async fn attend<T>(&mut self, stop: Option<&Stop>, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut cutting = false;
        loop {
            let listening = !self.control.is_gone() && self.queue.len() < MAX_QUEUED;
            let incoming = tokio::select! {
                done = &mut work => return done,
                incoming = self.control.next(), if listening => incoming,
                () = reached(&mut self.stage, Stage::Cutting), if !cutting => {
                    cutting = true;
                    if let Some(stop) = stop {
                        stop.set(CutReason::Shutdown);
                    }
                    continue;
                }
            };
            self.meanwhile(incoming, stop).await;
        }
    }

    /// A command that came during a transfer.
    async fn meanwhile(&mut self, incoming: Incoming, stop: Option<&Stop>) {
        match incoming {
            Incoming::Closed => {}
            Incoming::Command(Command { verb: Verb::Abor, .. })
                if stop.is_some_and(|s| s.reason().is_none()) =>
            {
                self.reply(426, "Transfer aborted.").await;
                if let Some(stop) = stop {
                    stop.set(CutReason::Aborted);
                }
            }
            Incoming::Command(Command { verb, ref argument }) if self.queue.is_empty() => match verb {
                Verb::Noop => self.reply(200, "Fine.").await,
                Verb::Pwd => self.tell_folder().await,
                Verb::Stat if argument.is_empty() => self.reply(211, "Transfer in progress.").await,
                _ => self.queue.push_back(incoming),
            },
            later => self.queue.push_back(later),
        }
    }

    /// Whether the client has closed the control connection, as of now.
    async fn client_is_gone(&mut self, stop: Option<&Stop>) -> bool {
        while self.queue.len() < MAX_QUEUED {
            match self.control.look() {
                Waiting::End | Waiting::Broken => return true,
                Waiting::Nothing => return false,
                // Behind these bytes may be the end.
                Waiting::Data => match timeout(LINE_WAIT, self.control.next()).await {
                    Ok(incoming) => self.meanwhile(incoming, stop).await,
                    Err(_) => return false,
                },
            }
        }
        false
    }

    fn arrived(&mut self, arrival: Arrival) {
        match (arrival, std::mem::take(&mut self.data)) {
            (Arrival::Client(tcp), DataSetup::Listening(_)) => self.data = DataSetup::Connected(tcp),
            (Arrival::TimedOut, DataSetup::Listening(passive)) => {
                let port = passive.port();
                self.observe(&SessionEvent::PassiveNeverConnected { port });
                self.data = DataSetup::Expired(port);
            }
            (Arrival::Stranger(from), setup) => {
                self.observe(&SessionEvent::StrangerOnDataPort { from });
                self.data = setup;
            }
            (_, setup) => self.data = setup,
        }
    }

    /// Forgets an arranged data connection. A passive port that the client asked
    /// for and never used is worth telling: the firewall may block it.
    fn drop_data_setup(&mut self) {
        if let DataSetup::Listening(passive) = std::mem::take(&mut self.data) {
            self.observe(&SessionEvent::PassiveNeverConnected { port: passive.port() });
        }
    }

    async fn not_ftp(&mut self, what: &'static str, answer: &str) -> Flow {
        tracing::debug!(session = self.id, peer = %self.peer, what, "not an FTP client");
        self.observe(&SessionEvent::NotFtp { what });
        self.reply(500, answer).await;
        Flow::Close("not FTP")
    }

    async fn count_bad_command(&mut self) -> Flow {
        self.bad_commands += 1;
        if self.bad_commands < MAX_BAD_COMMANDS {
            return Flow::Continue;
        }
        self.reply(421, "Too many errors, closing the connection.").await;
        Flow::Close("too many errors")
    }

    async fn reply(&mut self, code: u16, text: impl AsRef<[u8]>) {
        self.send(&Reply::new(code, text)).await;
    }

    async fn send(&mut self, reply: &Reply) {
        self.control.send(reply).await;
    }

    fn observe(&self, event: &SessionEvent) {
        self.shared.storage.observe(self.peer, self.session.as_deref(), event);
    }

    /// The argument as a path; answers the client if it is none.
    async fn path(&mut self, argument: &[u8]) -> Option<FtpPath> {
        match self.folder.resolve(argument) {
            Ok(path) => Some(path),
            Err(error) => {
                self.send(&Reply::from(error)).await;
                None
            }
        }
    }

    /// Like [`Connection::path`], for what can't be done to the root.
    async fn below_root(&mut self, argument: &[u8]) -> Option<FtpPath> {
        let path = self.path(argument).await?;
        if path.is_root() {
            self.reply(550, "Not the root folder.").await;
            return None;
        }
        Some(path)
    }

    /// Like [`Connection::path`], for what the root can't be: a file.
    async fn file_path(&mut self, argument: &[u8]) -> Option<FtpPath> {
        let path = self.path(argument).await?;
        if path.is_root() || argument.ends_with(b"/") {
            self.reply(553, "A file name is needed.").await;
            return None;
        }
        Some(path)
    }

    /// The login that the dispatcher made sure of; answers `530` otherwise.
    async fn logged_in(&mut self) -> Option<Arc<Session>> {
        if self.session.is_none() {
            self.reply(530, "Log in with USER and PASS first.").await;
        }
        self.session.clone()
    }
}

/// The next event on the passive port, if one is open.
async fn arrival(data: &DataSetup) -> Arrival {
    match data {
        DataSetup::Listening(passive) => passive.arrival().await,
        _ => std::future::pending().await,
    }
}

/// Ends once the server has come as far as `stage`. If the server itself is gone,
/// the end has come too.
async fn reached(current: &mut watch::Receiver<Stage>, stage: Stage) {
    if current.wait_for(|current| *current >= stage).await.is_err() {
        tracing::debug!("the server ended before its sessions");
    }
}
