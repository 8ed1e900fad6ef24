//! Who did what, as it is noted.
//!
//! Promises: no password and no secret is in it; wrong sign-ins are noted a bounded number an hour, and how many were
//! not. An entry that can't be written is an error in the log and fails no call: what it tells of is done already.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use camtrail_model::{
    Millis,
    ports::{AUDIT_TEXT_MAX_CHARS, AuditAction, AuditEntry, AuditPlace, public_id},
};

use crate::{
    signed_in::{Proof, SignedIn},
    state::Api,
};

const HOUR_MS: i64 = 3_600_000;
/// Wrong sign-ins that are noted in an hour, at most.
const FAILURES_MAX: usize = 200;
/// And of one place.
const FAILURES_OF_ONE_MAX: u32 = 20;

impl Api {
    /// Notes what somebody did.
    pub(crate) async fn noted(&self, who: &SignedIn, action: AuditAction, subject: &str, detail: &str) {
        let detail = match &who.proof {
            Proof::Session(_) => detail.to_owned(),
            Proof::Token(token_sha256, _) => {
                let id = public_id(token_sha256);
                [detail, &format!("with the token {id}")].join(" ").trim_start().to_owned()
            }
        };
        self.noted_of(Some(&who.user.name), who.peer, action, subject, &detail).await;
    }

    /// Notes what happened, done by `who` if they are known.
    pub(crate) async fn noted_of(
        &self,
        who: Option<&str>,
        peer: IpAddr,
        action: AuditAction,
        subject: &str,
        detail: &str,
    ) {
        let parts = &self.parts;
        let tie = camtrail_auth::random_bytes::<8>().map_or(0, |bytes| u64::from_be_bytes(bytes) >> 1);
        let at = Millis(parts.clock.now().0.max(0));
        let entry = AuditEntry {
            place: AuditPlace { at, tie },
            who: who.map(shown),
            action,
            subject: shown(subject),
            from: Some(peer.to_canonical().to_string()),
            detail: shown(detail),
        };
        if let Err(error) = parts.audit.note_audit(&entry, parts.config.people.audit_days).await {
            tracing::error!(%error, action = action.as_str(), subject = entry.subject, "an audit entry could not be written");
        }
    }

    /// Notes a wrong sign-in, if there were not too many.
    pub(crate) async fn noted_failure(&self, peer: IpAddr, username: &str) {
        let now = self.parts.clock.now();
        let Some(skipped) = self.parts.failures_noted.admit(crate::tries::place(peer), now) else { return };
        let detail = match skipped {
            0 => String::new(),
            count => format!("and {count} more since the last entry"),
        };
        self.noted_of(None, peer, AuditAction::SignInFailed, username, &detail).await;
    }
}

/// Bounded, and in one line.
fn shown(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(AUDIT_TEXT_MAX_CHARS).collect()
}

/// How many wrong sign-ins were noted in the hour.
#[derive(Debug, Default)]
pub(crate) struct Budget(Mutex<Hour>);

#[derive(Debug, Default)]
struct Hour {
    since: Millis,
    noted: usize,
    by_place: HashMap<IpAddr, u32>,
    skipped: u64,
}

impl Budget {
    /// Whether one more may be noted, and then how many were not since the last.
    fn admit(&self, place: IpAddr, now: Millis) -> Option<u64> {
        let mut hour = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins anew, too.
        if !(0..HOUR_MS).contains(&(now.0 - hour.since.0)) {
            *hour = Hour { since: now, skipped: hour.skipped, ..Hour::default() };
        }
        let of_place = hour.by_place.get(&place).copied().unwrap_or(0);
        if hour.noted >= FAILURES_MAX || of_place >= FAILURES_OF_ONE_MAX {
            hour.skipped += 1;
            return None;
        }
        hour.noted += 1;
        hour.by_place.insert(place, of_place + 1);
        Some(std::mem::take(&mut hour.skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_sign_ins_are_noted_within_bounds() {
        let budget = Budget::default();
        let place = |n: u32| IpAddr::from(n.to_be_bytes());
        let noted = (0..10_000).filter(|_| budget.admit(place(1), Millis(5)).is_some()).count();
        assert_eq!(noted, 20);
        assert_eq!(
            budget.admit(place(2), Millis(6)),
            Some(9_980),
            "another place is heard, and told of the rest"
        );
        let noted = (3..10_000).filter(|n| budget.admit(place(*n), Millis(7)).is_some()).count();
        assert_eq!(noted, FAILURES_MAX - 21);
        assert!(budget.admit(place(1), Millis(5 + HOUR_MS)).is_some_and(|skipped| skipped > 9_000));
        assert_eq!(budget.admit(place(1), Millis(0)), Some(0), "a clock that was set back");
    }

    #[test]
    fn an_entry_is_short_and_in_one_line() {
        assert_eq!(shown("a\r\nb\u{1b}[0m"), "a  b [0m");
        assert_eq!(shown(&"ü".repeat(5_000)).chars().count(), AUDIT_TEXT_MAX_CHARS);
    }
}
