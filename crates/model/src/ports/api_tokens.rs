//! Tokens with which a person's programs use the API.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::{
    ports::{CatalogError, public_id},
    time::Millis,
};

/// Tokens of one person, at most.
pub const API_TOKENS_MAX: usize = 100;

/// What a token may be used for. None of them is more than its person's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Look: events, cameras, groups, live updates, what was viewed.
    Read,
    /// Mark as viewed; for admins also protect and note.
    Review,
    /// Make, list and revoke shares.
    Share,
    /// Everything that its person may do: also delete events, and change tokens, users and groups.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Review, Self::Share, Self::Admin];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Review => "review",
            Self::Share => "share",
            Self::Admin => "admin",
        }
    }

    /// The reverse of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// What one token may be used for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// These.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self(scopes.into_iter().collect())
    }

    /// Whether it may be used for `scope`.
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&scope) || self.0.contains(&Scope::Admin)
    }

    /// Whether it is named itself.
    pub fn names(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// Good for nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As one text, for storage.
    pub fn to_text(&self) -> String {
        self.0.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The reverse of [`Self::to_text`]; a word that isn't known grants nothing.
    pub fn parse(text: &str) -> Self {
        Self(text.split(' ').filter_map(Scope::parse).collect())
    }
}

/// A token of a person. Its text is never stored, only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// SHA-256 of the text.
    pub token_sha256: [u8; 32],
    /// Whose it is.
    pub user: String,
    /// What they call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Millis>,
}

impl ApiToken {
    /// What it is called where it may be told.
    pub fn id(&self) -> String {
        public_id(&self.token_sha256)
    }
}

/// People's tokens. Every call is durable when Ok, and what was revoked is worthless for everybody.
#[async_trait]
pub trait ApiTokens: Send + Sync {
    /// Keeps a new token.
    async fn put_api_token(&self, token: &ApiToken) -> Result<(), CatalogError>;
    /// The token of an id. Any text may be asked for.
    async fn api_token(&self, id: &str) -> Result<Option<ApiToken>, CatalogError>;
    /// All of them, by person and age.
    async fn api_tokens(&self) -> Result<Vec<ApiToken>, CatalogError>;
    /// Forgets a token; false where there is none.
    async fn forget_api_token(&self, id: &str) -> Result<bool, CatalogError>;
    /// Notes that it was used; Ok also where there is none, and never brings one back.
    async fn touch_api_token(&self, id: &str, at: Millis) -> Result<(), CatalogError>;
}
