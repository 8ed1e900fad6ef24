//! A person's tokens for their programs.
//!
//! Promises: a token's text is told once; it is good for its scopes, never for more than its person's role, and revoked
//! at once everywhere. Refuses: to make one that says more than its person may.

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use camtrail_auth::Token;
use camtrail_model::{
    Millis,
    ports::{API_TOKENS_MAX, ApiToken, AuditAction, Scope, Scopes},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    dto::utc,
    problem::Problem,
    routes::events::moment,
    signed_in::{May, SignedIn, TOKEN_PREFIX, ToManage},
    state::Api,
};

/// The longest name of a token, in characters.
const NAME_MAX_CHARS: usize = 100;

/// What a token is good for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TokenScope {
    /// Look: events, cameras, groups, live updates, what was viewed.
    Read,
    /// Mark as viewed; for admins also protect and note.
    Review,
    /// Make, list and revoke shares.
    Share,
    /// Everything that its person may do.
    Admin,
}

impl From<TokenScope> for Scope {
    fn from(scope: TokenScope) -> Self {
        match scope {
            TokenScope::Read => Self::Read,
            TokenScope::Review => Self::Review,
            TokenScope::Share => Self::Share,
            TokenScope::Admin => Self::Admin,
        }
    }
}

impl From<Scope> for TokenScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::Read,
            Scope::Review => Self::Review,
            Scope::Share => Self::Share,
            Scope::Admin => Self::Admin,
        }
    }
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// What you call it: one line, at most 100 characters.
    #[schema(max_length = 100, example = "Home Assistant")]
    name: String,
    /// What it is good for.
    #[schema(min_items = 1)]
    scopes: Vec<TokenScope>,
    /// When it ends by itself, RFC 3339; never, where that isn't said.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A token, without its text.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenInfo {
    /// What it is called here; it opens nothing.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015")]
    id: String,
    /// Whose it is.
    #[schema(example = "anna")]
    username: String,
    /// What they call it.
    #[schema(example = "Home Assistant")]
    name: String,
    /// What it is good for.
    scopes: Vec<TokenScope>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends by itself.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// In which hour it was last used.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

/// A token that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeToken {
    /// What to send behind `Authorization: Bearer`. Told only now.
    #[schema(example = "ct_…")]
    token: String,
    #[serde(flatten)]
    info: TokenInfo,
}

/// Tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenList {
    /// By person and age.
    items: Vec<TokenInfo>,
}

impl From<&ApiToken> for TokenInfo {
    fn from(token: &ApiToken) -> Self {
        Self {
            id: token.id(),
            username: token.user.clone(),
            name: token.name.clone(),
            scopes: token.scopes.iter().map(TokenScope::from).collect(),
            created_at: utc(token.created_at),
            expires_at: token.expires_at.map(utc),
            last_used_at: token.last_used_at.map(utc),
        }
    }
}

impl NewToken {
    fn check(&self, who: &SignedIn, now: Millis) -> Result<(Scopes, Option<Millis>), Problem> {
        let chars = self.name.chars().count();
        if !(1..=NAME_MAX_CHARS).contains(&chars) || self.name.chars().any(char::is_control) {
            let detail = format!(
                "name: found {chars} characters, expected 1 to {NAME_MAX_CHARS} without control characters"
            );
            return Err(Problem::bad_request(detail));
        }
        let scopes = Scopes::new(self.scopes.iter().copied().map(Scope::from));
        if scopes.is_empty() {
            return Err(Problem::bad_request(
                "scopes: found none, expected some of read, review, share, admin",
            ));
        }
        if scopes.names(Scope::Admin) && !who.is_admin() {
            return Err(Problem::bad_request(
                "scopes: found admin, expected no more than you may: you are no admin",
            ));
        }
        let end = self.expires_at.as_deref().map(|text| moment("expires_at", text)).transpose()?;
        if end.is_some_and(|end| end <= now) {
            return Err(Problem::bad_request(
                "expires_at: found a moment that is past, expected one to come",
            ));
        }
        Ok((scopes, end))
    }
}

/// Make a token.
///
/// For yourself. It is good until it is revoked, its time is over, or you are disabled. A token can make tokens only
/// where its scopes hold `admin`.
#[utoipa::path(
    post, path = "/tokens", operation_id = "create_token", tag = "people",
    request_body(content = NewToken, example = json!({ "name": "Home Assistant", "scopes": ["read", "review"], "expires_at": "2027-01-01T00:00:00Z" })),
    security(("session" = []), ("api_token" = ["admin"])),
    responses(
        (status = 201, description = "The token; its text is told only now.", body = MadeToken),
        (status = 400, description = "The body is no such JSON, or says more than you may.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "You have too many tokens: revoke some.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    who: May<ToManage>,
    body: Result<Json<NewToken>, JsonRejection>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    let now = api.parts.clock.now();
    let expected = "{\"name\": …, \"scopes\": [\"read\", …], \"expires_at\": …}";
    let Json(new) = body.map_err(|error| Problem::of_body(&error, expected))?;
    let (scopes, expires_at) = new.check(&who, now)?;
    if let Some(issuer) = who.user.provider() {
        let detail = format!(
            "you sign in by {issuer}, and a token would outlive what it says of you: tokens are for users with a password here"
        );
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let there = api.parts.api_tokens.api_tokens().await?;
    if there.iter().filter(|token| token.user == who.user.name).count() >= API_TOKENS_MAX {
        let detail = format!("you have {API_TOKENS_MAX} tokens: revoke some");
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    let secret = Token::new().map_err(|error| Problem::no_secret(&error))?;
    let text = format!("{TOKEN_PREFIX}{}", secret.text());
    let token = ApiToken {
        token_sha256: Token::sha256(&text),
        user: who.user.name.clone(),
        name: new.name,
        scopes,
        created_at: now,
        expires_at,
        last_used_at: None,
    };
    api.parts.api_tokens.put_api_token(&token).await?;
    let detail = format!("{}: {}", token.name, token.scopes.to_text());
    api.noted(&who, AuditAction::TokenCreated, &token.id(), &detail).await;
    Ok((StatusCode::CREATED, Json(MadeToken { token: text, info: TokenInfo::from(&token) })))
}

/// List tokens.
///
/// Your own; an admin gets everybody's.
#[utoipa::path(
    get, path = "/tokens", operation_id = "list_tokens", tag = "people",
    security(("session" = []), ("api_token" = ["admin"])),
    responses(
        (status = 200, description = "The tokens, without their texts.", body = TokenList),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(State(api): State<Api>, who: May<ToManage>) -> Result<Json<TokenList>, Problem> {
    let tokens = api.parts.api_tokens.api_tokens().await?;
    let shown = tokens.iter().filter(|token| is_theirs(&who, token));
    Ok(Json(TokenList { items: shown.map(TokenInfo::from).collect() }))
}

fn is_theirs(who: &SignedIn, token: &ApiToken) -> bool {
    who.is_admin() || token.user == who.user.name
}

/// Revoke a token.
///
/// Your own, or as an admin anybody's: it is worthless at once, everywhere.
#[utoipa::path(
    delete, path = "/tokens/{id}", operation_id = "revoke_token", tag = "people",
    security(("session" = []), ("api_token" = ["admin"])),
    params(("id" = String, Path, description = "A token's id.")),
    responses(
        (status = 204, description = "It is worth nothing any more."),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such token of yours.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn revoke(
    State(api): State<Api>,
    who: May<ToManage>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let token = api.parts.api_tokens.api_token(&id).await?.filter(|token| is_theirs(&who, token));
    let token = token.ok_or_else(|| Problem::not_found("token of yours"))?;
    if api.parts.api_tokens.forget_api_token(&id).await? {
        let detail = format!("{} of {}", token.name, token.user);
        api.noted(&who, AuditAction::TokenRevoked, &id, &detail).await;
    }
    Ok(StatusCode::NO_CONTENT)
}
