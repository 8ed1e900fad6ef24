//! People and camera accounts, and people's sessions.

use async_trait::async_trait;

use crate::{ports::CatalogError, sight::Sight, time::Millis};

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sees everything, or the cameras that they are limited to; changes nothing but their own review state.
    Viewer,
    /// Everything.
    Admin,
}

impl Role {
    /// `viewer` or `admin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Admin => "admin",
        }
    }

    /// The reverse of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// A person who signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name that they type; unique, case counts.
    pub name: String,
    /// Argon2id in PHC string form; or a [`provider_mark`], which no password fits.
    pub password_hash: String,
    /// What they may do.
    pub role: Role,
    /// A disabled user has no sessions and gets none.
    pub disabled: bool,
    /// Which cameras they may see.
    pub sight: Sight,
}

impl User {
    /// Whether they can change other people.
    pub fn is_active_admin(&self) -> bool {
        self.role == Role::Admin && !self.disabled
    }
}

/// Whether nobody but `name` can change people.
pub fn is_last_admin(users: &[User], name: &str) -> bool {
    let mut admins = users.iter().filter(|user| user.is_active_admin());
    admins.next().is_some_and(|user| user.name == name) && admins.next().is_none()
}

/// What a [`provider_mark`] begins with; no password hash does.
const PROVIDER_MARK: &str = "oidc:";

/// Stands in the place of a password hash for somebody whom an OpenID Connect provider vouches for: which provider, and
/// who they are to it. Another one ends their sessions, as another password does.
pub fn provider_mark(issuer: &str, subject: &str) -> String {
    format!("{PROVIDER_MARK}{issuer} {subject}")
}

impl User {
    /// The provider that vouches for them; `None`: they have a password.
    pub fn provider(&self) -> Option<&str> {
        self.password_hash.strip_prefix(PROVIDER_MARK)?.split_once(' ').map(|(issuer, _)| issuer)
    }
}

/// An FTP account that was made at the first start or by command (not by configuration).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FtpAccount {
    /// The login name.
    pub user: String,
    /// Argon2id in PHC string form.
    pub password_hash: String,
    /// A camera's name, or `*`: the first folder of the path names the camera.
    pub camera: String,
}

/// A signed-in browser. The token itself is never stored, only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the token.
    pub token_sha256: [u8; 32],
    /// Whose it is.
    pub user: String,
    /// When it began.
    pub created_at: Millis,
    /// When it ends by itself.
    pub expires_at: Millis,
}

/// The shortest password that is taken from a person.
pub const PASSWORD_MIN_CHARS: usize = 8;

/// The longest name of a user or an FTP account that is made, in bytes.
pub const ACCOUNT_NAME_MAX_BYTES: usize = 256;

/// Whether a person or a camera may be called so: something, of bounded length, that can be typed and shown.
pub fn is_account_name(text: &str) -> bool {
    (1..=ACCOUNT_NAME_MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The same failures as the catalog's.
pub type AccountsError = CatalogError;

/// Users, camera accounts and sessions. Every call is durable when Ok.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// One user.
    async fn user(&self, name: &str) -> Result<Option<User>, AccountsError>;
    /// All users, by name.
    async fn users(&self) -> Result<Vec<User>, AccountsError>;
    /// Makes or replaces a user; with `disabled` or another password, their sessions end in the same step.
    async fn put_user(&self, user: &User) -> Result<(), AccountsError>;
    /// Makes `before` to `after`, of the same name; false, and nothing is changed, where the user is another by now:
    /// whoever was locked out meanwhile isn't let in again by somebody who had read them before. Sessions end as with
    /// [`Self::put_user`].
    async fn change_user(&self, before: &User, after: &User) -> Result<bool, AccountsError>;
    /// Makes a user; false, and nothing is changed, where there is one of that name.
    async fn add_user(&self, user: &User) -> Result<bool, AccountsError>;
    /// All FTP accounts made here, by user.
    async fn ftp_accounts(&self) -> Result<Vec<FtpAccount>, AccountsError>;
    /// Makes or replaces an FTP account.
    async fn put_ftp_account(&self, account: &FtpAccount) -> Result<(), AccountsError>;
    /// Makes an FTP account; false, and nothing is changed, where there is one of that name.
    async fn add_ftp_account(&self, account: &FtpAccount) -> Result<bool, AccountsError>;
    /// Begins a session of a user who has just proved the password of `password_hash`. False, and there is none,
    /// where they have another password by now, or are disabled or gone: checking a password takes a while.
    async fn begin_session(&self, session: &SessionRow, password_hash: &str) -> Result<bool, AccountsError>;
    /// The user of a session that is neither ended nor expired at `now`, if they aren't disabled.
    async fn session_user(&self, token_sha256: &[u8; 32], now: Millis)
    -> Result<Option<User>, AccountsError>;
    /// Ends a session, at once and everywhere; Ok also where there was none.
    async fn end_session(&self, token_sha256: &[u8; 32]) -> Result<(), AccountsError>;
    /// The secret under `name`: `fresh` at the first call, and the same ever after, for everybody.
    async fn secret(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, AccountsError>;
}
