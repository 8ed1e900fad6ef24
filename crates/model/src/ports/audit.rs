//! Who did what, when, from where.

use async_trait::async_trait;

use crate::{ports::CatalogError, time::Millis};

/// The longest text of one entry's fields, in characters: more is cut.
pub const AUDIT_TEXT_MAX_CHARS: usize = 300;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each says what its word says")]
pub enum AuditAction {
    SignedIn,
    SignInFailed,
    SignedOut,
    PasswordChanged,
    UserAdded,
    UserChanged,
    UserDisabled,
    TokenCreated,
    TokenRevoked,
    ShareCreated,
    ShareOpened,
    ShareRevoked,
    ShareRefused,
    EventProtected,
    EventUnprotected,
    EventNoted,
    EventDeleted,
    GroupsReplaced,
    CameraAdded,
    CameraTokenCreated,
    CameraTokensRevoked,
    /// What a later version wrote.
    Unknown,
}

impl AuditAction {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::SignedIn,
        Self::SignInFailed,
        Self::SignedOut,
        Self::PasswordChanged,
        Self::UserAdded,
        Self::UserChanged,
        Self::UserDisabled,
        Self::TokenCreated,
        Self::TokenRevoked,
        Self::ShareCreated,
        Self::ShareOpened,
        Self::ShareRevoked,
        Self::ShareRefused,
        Self::EventProtected,
        Self::EventUnprotected,
        Self::EventNoted,
        Self::EventDeleted,
        Self::GroupsReplaced,
        Self::CameraAdded,
        Self::CameraTokenCreated,
        Self::CameraTokensRevoked,
        Self::Unknown,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SignedOut => "signed_out",
            Self::PasswordChanged => "password_changed",
            Self::UserAdded => "user_added",
            Self::UserChanged => "user_changed",
            Self::UserDisabled => "user_disabled",
            Self::TokenCreated => "token_created",
            Self::TokenRevoked => "token_revoked",
            Self::ShareCreated => "share_created",
            Self::ShareOpened => "share_opened",
            Self::ShareRevoked => "share_revoked",
            Self::ShareRefused => "share_refused",
            Self::EventProtected => "event_protected",
            Self::EventUnprotected => "event_unprotected",
            Self::EventNoted => "event_noted",
            Self::EventDeleted => "event_deleted",
            Self::GroupsReplaced => "groups_replaced",
            Self::CameraAdded => "camera_added",
            Self::CameraTokenCreated => "camera_token_created",
            Self::CameraTokensRevoked => "camera_tokens_revoked",
            Self::Unknown => "unknown",
        }
    }

    /// The reverse of [`Self::as_str`]; one word that isn't known fails no page.
    pub fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|action| action.as_str() == text).unwrap_or(Self::Unknown)
    }
}

/// A place in the log: a time, and what tells those of one millisecond apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditPlace {
    /// When, by the server's clock; never before 1970.
    pub at: Millis,
    /// Random; below 2^63.
    pub tie: u64,
}

/// One entry. No password and no secret is ever in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When, and which of that moment.
    pub place: AuditPlace,
    /// Who did it; `None`: nobody who is known (a wrong sign-in, an opened share).
    pub who: Option<String>,
    /// What.
    pub action: AuditAction,
    /// To whom or what: a name, an id.
    pub subject: String,
    /// From which address; `None`: from this machine's command line.
    pub from: Option<String>,
    /// What else is worth knowing.
    pub detail: String,
}

/// A page of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The newest first.
    pub items: Vec<AuditEntry>,
    /// Whether more follow behind the last.
    pub more: bool,
}

/// The log. Entries are only added, and forgotten after their time.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds an entry, which is kept for `keep_days`. Durable when Ok.
    async fn note_audit(&self, entry: &AuditEntry, keep_days: u32) -> Result<(), CatalogError>;
    /// Entries from `from` and before `to`, the newest first, strictly behind `after`; `limit` at most.
    async fn audit(
        &self,
        from: Millis,
        to: Millis,
        after: Option<AuditPlace>,
        limit: usize,
    ) -> Result<AuditPage, CatalogError>;
}
