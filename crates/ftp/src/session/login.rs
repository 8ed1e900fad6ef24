//! RFC 959: USER, PASS, REIN.
//!
//! Owns the login and its throttle on this connection. The password goes to the
//! authenticator and nowhere else: no log, no event, no error holds it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Connection, Flow};
use crate::event::SessionEvent;
use crate::path::{FtpPath, write_escaped};
use crate::storage::{LoginError, Session};

/// No answer to a wrong login waits longer.
const MAX_LOGIN_DELAY: Duration = Duration::from_secs(30);
const MAX_SHOWN_USER_BYTES: usize = 64;

/// How far the login has come, and the clocks that depend on it.
pub(super) struct LoginState {
    user: Option<Vec<u8>>,
    failures: u32,
    pub(super) connected_at: Instant,
    /// The end of the last command.
    pub(super) idle_since: Instant,
}

impl LoginState {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { user: None, failures: 0, connected_at: now, idle_since: now }
    }
}

impl Connection {
    pub(super) async fn user(&mut self, argument: &[u8]) -> Flow {
        if argument.is_empty() {
            self.reply(501, "A user name is needed.").await;
            return Flow::Continue;
        }
        if self.tls_required() && !self.control.is_tls() {
            self.reply(530, "Encrypt with AUTH TLS first.").await;
            return Flow::Continue;
        }
        if self.session.is_some() {
            // Cameras whose "Test" button logs in twice on one connection go on after this.
            if self.login.user.as_deref() == Some(argument) {
                self.reply(331, "Already logged in; any password will do.").await;
            } else {
                self.reply(530, "Already logged in as another user.").await;
            }
            return Flow::Continue;
        }
        if argument.eq_ignore_ascii_case(b"anonymous") {
            return self.refuse_login(argument, LoginError::Denied).await;
        }
        self.login.user = Some(argument.to_vec());
        self.reply(331, "Password needed.").await;
        Flow::Continue
    }

    pub(super) async fn pass(&mut self, password: &[u8]) -> Flow {
        if self.session.is_some() {
            self.reply(230, "Already logged in.").await;
            return Flow::Continue;
        }
        let Some(user) = self.login.user.take() else {
            self.reply(503, "Say USER first.").await;
            return Flow::Continue;
        };
        let verdict = match std::str::from_utf8(&user) {
            Ok(name) => self.shared.authenticator.login(self.peer.ip(), name, password).await,
            // Accounts have UTF-8 names, so this is none of them.
            Err(_) => Err(LoginError::Denied),
        };
        match verdict {
            Ok(account) => {
                let session = Session {
                    id: self.id,
                    peer: self.peer,
                    account: account.name,
                    scope: account.scope,
                    encrypted: self.control.is_tls(),
                };
                tracing::info!(session = self.id, peer = %self.peer, account = session.account, "FTP login");
                self.session = Some(Arc::new(session));
                self.login.user = Some(user);
                self.login.failures = 0;
                self.observe(&SessionEvent::LoggedIn);
                self.reply(230, "Logged in.").await;
                Flow::Continue
            }
            Err(error) => self.refuse_login(&user, error).await,
        }
    }

    /// Back to the greeting, as far as the client can tell.
    pub(super) async fn reinitialize(&mut self) {
        self.login.connected_at = Instant::now();
        self.forget_session();
        self.reply(220, "Ready for a new user.").await;
    }

    /// Forgets the login and all that was said since.
    pub(super) fn forget_session(&mut self) {
        self.session = None;
        self.login.user = None;
        self.folder = FtpPath::root();
        self.restart = None;
        self.rename_from = None;
        self.epsv_only = false;
        self.drop_data_setup();
    }

    async fn refuse_login(&mut self, user: &[u8], error: LoginError) -> Flow {
        let user = shown(user);
        tracing::debug!(session = self.id, peer = %self.peer, user, %error, "FTP login refused");
        self.observe(&SessionEvent::LoginFailed { user, error });
        match error {
            LoginError::Unavailable => {
                self.reply(421, "Logins can't be checked now, try again later.").await;
                return Flow::Close("login unavailable");
            }
            LoginError::Throttled { retry_after } => {
                let seconds = retry_after.as_secs().max(1);
                self.reply(421, format!("Too many wrong logins, try again in {seconds} s.")).await;
                return Flow::Close("login throttled");
            }
            LoginError::Denied => {}
        }
        let config = &self.shared.config;
        let attempts = config.login_attempts;
        let growth = 2_u32.saturating_pow(self.login.failures);
        let delay = config.login_delay.saturating_mul(growth).min(MAX_LOGIN_DELAY);
        self.login.failures += 1;
        sleep(delay).await;
        if self.login.failures >= attempts {
            self.reply(421, "Too many wrong logins, closing the connection.").await;
            return Flow::Close("wrong logins");
        }
        self.reply(530, "Wrong user or password.").await;
        Flow::Continue
    }
}

/// A user name for people: bounded, and without control characters.
fn shown(user: &[u8]) -> String {
    let mut text = String::new();
    let written = write_escaped(&mut text, &user[..user.len().min(MAX_SHOWN_USER_BYTES)]);
    debug_assert!(written.is_ok(), "writing to a String can't fail");
    if user.len() > MAX_SHOWN_USER_BYTES {
        let _ = write!(text, "…");
    }
    text
}
