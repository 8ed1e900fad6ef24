//! Why a camera doesn't get through, in words for the person who set it up (NEVER-39).
//!
//! FTP tells a camera in three digits, and the camera tells nobody. What goes wrong at the door is kept here for a
//! day, bounded, the same trouble counted instead of repeated, and shown in the API and the web app.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use camtrail_ftp::{LoginError, SessionEvent, StorageError};
use camtrail_model::{Millis, ports::Clock};

/// Troubles kept at once; the longest-quiet one goes first.
const KEPT: usize = 50;
/// A trouble that did not come again for so long is forgotten.
const FORGOTTEN_AFTER_MS: i64 = 24 * 60 * 60 * 1000;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// Wrong user or password, or too many of them.
    Login,
    /// A passive port was asked for and nothing ever connected to it.
    PassiveBlocked,
    /// The camera can't be reached where it wants to be called back.
    ActiveBlocked,
    /// An upload was refused.
    Refused,
    /// The connection isn't FTP, or its encryption failed.
    Protocol,
}

impl TroubleKind {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::PassiveBlocked => "passive_blocked",
            Self::ActiveBlocked => "active_blocked",
            Self::Refused => "refused",
            Self::Protocol => "protocol",
        }
    }
}

/// One trouble at the FTP door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What went wrong.
    pub kind: TroubleKind,
    /// From where.
    pub peer: IpAddr,
    /// The account, or what was typed as one; empty before a login.
    pub account: String,
    /// How often.
    pub count: u64,
    /// When it came last.
    pub last_at: Millis,
    /// What happened and what to do, in a sentence or two.
    pub advice: String,
}

/// Recent troubles. Clones share them.
#[derive(Clone)]
pub struct Diagnosis {
    clock: Arc<dyn Clock>,
    troubles: Arc<Mutex<Vec<Trouble>>>,
}

impl Diagnosis {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, troubles: Arc::default() }
    }

    /// The troubles of the last day, newest first.
    pub fn recent(&self) -> Vec<Trouble> {
        let oldest = self.clock.now().plus(-FORGOTTEN_AFTER_MS);
        let mut recent: Vec<_> = self.lock().iter().filter(|t| t.last_at >= oldest).cloned().collect();
        recent.sort_by_key(|trouble| std::cmp::Reverse(trouble.last_at));
        recent
    }

    /// Takes note of what a session told, if it is a trouble; returns the advice for the log.
    pub(crate) fn observe(&self, peer: IpAddr, account: &str, event: &SessionEvent) -> Option<String> {
        let (kind, account, advice) = explain(account, event)?;
        self.note(Trouble {
            kind,
            peer,
            account,
            count: 1,
            last_at: self.clock.now(),
            advice: advice.clone(),
        });
        Some(advice)
    }

    /// The spool refused bytes of an upload under way.
    pub(crate) fn refused(&self, peer: IpAddr, account: &str, path: &str, error: &StorageError) {
        let (kind, account, advice) = (TroubleKind::Refused, account.to_owned(), refusal(path, error));
        self.note(Trouble { kind, peer, account, count: 1, last_at: self.clock.now(), advice });
    }

    fn note(&self, trouble: Trouble) {
        let mut troubles = self.lock();
        let same =
            |t: &&mut Trouble| (t.kind, t.peer, &t.account) == (trouble.kind, trouble.peer, &trouble.account);
        if let Some(there) = troubles.iter_mut().find(same) {
            there.count += 1;
            there.last_at = trouble.last_at;
            there.advice = trouble.advice;
            return;
        }
        if troubles.len() >= KEPT {
            let quietest = troubles.iter().enumerate().min_by_key(|(_, t)| t.last_at).map(|(at, _)| at);
            troubles.swap_remove(quietest.unwrap_or(0));
        }
        troubles.push(trouble);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Trouble>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn explain(account: &str, event: &SessionEvent) -> Option<(TroubleKind, String, String)> {
    let account = account.to_owned();
    Some(match event {
        SessionEvent::LoginFailed { user, error } => {
            let advice = match error {
                LoginError::Denied => "Wrong user or password: check both on the camera's FTP page.",
                LoginError::Throttled { .. } => {
                    "Too many wrong logins: it has to wait. Check user and password on the camera's FTP page."
                }
                LoginError::Unavailable => "Logins can't be checked now: see the server's log.",
            };
            (TroubleKind::Login, user.clone(), advice.to_owned())
        }
        SessionEvent::PassiveNeverConnected { port } => (
            TroubleKind::PassiveBlocked,
            account,
            format!(
                "It logged in and asked for data port {port}, and never connected to it. Is a firewall or router \
                 blocking the passive ports (ftp.passive_ports)? Behind NAT, set ftp.passive_host."
            ),
        ),
        SessionEvent::NoPassivePort => (
            TroubleKind::PassiveBlocked,
            account,
            "All passive ports are taken: give ftp.passive_ports a wider range.".to_owned(),
        ),
        SessionEvent::ActiveConnectFailed { target, reason } => (
            TroubleKind::ActiveBlocked,
            account,
            format!(
                "It wants to be called back on {target}, which fails ({reason}): choose passive mode on its FTP page."
            ),
        ),
        SessionEvent::UploadRefused { path, error } => {
            (TroubleKind::Refused, account, refusal(&path.to_string(), error))
        }
        SessionEvent::NotFtp { what } => (
            TroubleKind::Protocol,
            account,
            format!(
                "What it sends is not FTP but looks like {what}: check protocol and port on its FTP page."
            ),
        ),
        SessionEvent::HandshakeFailed { reason, .. } => (
            TroubleKind::Protocol,
            account,
            format!(
                "The encrypted connection failed ({reason}): does the camera trust the certificate, and know TLS 1.2?"
            ),
        ),
        _ => return None,
    })
}

fn refusal(path: &str, error: &StorageError) -> String {
    match error {
        StorageError::Full => format!(
            "{path} was refused: the disk or the spool is full. Free some space, or raise spool.max_bytes; uploads work \
             again by themselves."
        ),
        other => format!("{path} was refused: {other}."),
    }
}

#[cfg(test)]
mod tests {
    use camtrail_model::ports::SystemClock;

    use super::*;

    #[test]
    fn the_same_trouble_is_counted_and_strangers_dont_fill_the_memory() {
        let diagnosis = Diagnosis::new(Arc::new(SystemClock));
        let wrong =
            |user: &str| SessionEvent::LoginFailed { user: user.to_owned(), error: LoginError::Denied };
        let home: IpAddr = [192, 168, 1, 64].into();
        for _ in 0..3 {
            diagnosis.observe(home, "", &wrong("backyard"));
        }
        assert_eq!(diagnosis.recent().len(), 1);
        assert_eq!((diagnosis.recent()[0].count, diagnosis.recent()[0].account.as_str()), (3, "backyard"));
        for number in 0..200 {
            diagnosis.observe([10, 0, 0, number].into(), "", &wrong("root"));
        }
        assert_eq!(diagnosis.recent().len(), KEPT);
        assert!(diagnosis.observe(home, "x", &SessionEvent::LoggedIn).is_none());
        let blocked = diagnosis.observe(home, "gate", &SessionEvent::PassiveNeverConnected { port: 50_001 });
        assert!(blocked.is_some_and(|advice| advice.contains("50001") && advice.contains("firewall")));
    }
}
