//! Signing in and out.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::{
    Json,
    extract::{ConnectInfo, State, rejection::JsonRejection},
    http::StatusCode,
};
use axum_extra::extract::CookieJar;
use camtrail_auth::Token;
use camtrail_model::ports::{Role, SessionRow, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    problem::Problem,
    reached::Reached,
    signed_in::{self, SESSION_S, SignedIn},
    state::Api,
};

/// The longest name or password that is looked at, in bytes: hashing megabytes is an attack.
const CREDENTIAL_MAX_BYTES: usize = 1024;

/// What a person types.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Credentials {
    /// The user's name.
    #[schema(example = "admin")]
    username: String,
    /// The password.
    password: String,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Session {
    /// The user's name.
    #[schema(example = "admin")]
    username: String,
    /// What they may do.
    role: UserRole,
    /// The sign-in provider vouches for them: their session is short, and renewed by `/auth/oidc/start?silent=1`.
    by_provider: bool,
}

/// What a person may do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum UserRole {
    /// Sees everything.
    Viewer,
    /// Everything.
    Admin,
}

impl From<&User> for Session {
    fn from(user: &User) -> Self {
        let role = match user.role {
            Role::Viewer => UserRole::Viewer,
            Role::Admin => UserRole::Admin,
        };
        Self { username: user.name.clone(), role, by_provider: user.provider().is_some() }
    }
}

/// Sign in.
///
/// Sets the session cookie. Wrong sign-ins from one address to one user slow down.
#[utoipa::path(
    post, path = "/session", tag = "session", request_body = Credentials,
    responses(
        (status = 200, description = "Signed in; the cookie holds the session.", body = Session),
        (status = 400, description = "The body is no such JSON.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Wrong user or password.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong sign-ins.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn sign_in(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    reached: Reached,
    jar: CookieJar,
    body: Result<Json<Credentials>, JsonRejection>,
) -> Result<(CookieJar, Json<Session>), Problem> {
    let Json(Credentials { username, password }) = body.map_err(|error| {
        Problem::bad_request(format!(
            "expected {{\"username\": …, \"password\": …}} as application/json: {}",
            error.body_text()
        ))
    })?;
    if username.len() > CREDENTIAL_MAX_BYTES || password.len() > CREDENTIAL_MAX_BYTES {
        let detail = format!("the name or password is longer than {CREDENTIAL_MAX_BYTES} bytes");
        return Err(Problem::bad_request(detail));
    }
    let (parts, now) = (&api.parts, api.parts.clock.now());
    let key = failures_key(&api, peer.ip(), &username);
    // Counted as wrong until it proves right: passwords tried at the same time must not all be the first.
    parts.sign_ins.attempt(&key, now).await.map_err(|wait| Problem::too_many("wrong sign-ins", wait))?;
    let user = parts.accounts.user(&username).await?.filter(|user| !user.disabled);
    let hash = user.as_ref().map(|user| user.password_hash.as_str());
    if !parts.passwords.verify(password.as_bytes(), hash).await {
        tracing::warn!(%peer, username, "a sign-in was refused: wrong user or password");
        return Err(wrong());
    }
    parts.sign_ins.succeeded(&key).await;
    let user = user.ok_or_else(Problem::unauthorized)?;
    let token = Token::new().map_err(|error| {
        tracing::error!(%error, "a session could not be made");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "a session can't be made now: try again")
    })?;
    let row = SessionRow {
        token_sha256: Token::sha256(token.text()),
        user: user.name.clone(),
        created_at: now,
        expires_at: now.plus(SESSION_S * 1000),
    };
    if !parts.accounts.begin_session(&row, &user.password_hash).await? {
        tracing::warn!(%peer, username, "a sign-in was refused: the user was changed meanwhile");
        return Err(wrong());
    }
    tracing::info!(%peer, username, "signed in");
    Ok((jar.add(signed_in::cookie(&api, &reached, &token, SESSION_S)), Json(Session::from(&user))))
}

/// What wrong sign-ins are counted by: the user and where they came from. Of fixed length, and telling nothing of a
/// person: only we can make it. An IPv6 network of 64 bits is one place, since whoever has one address of it has all.
fn failures_key(api: &Api, peer: IpAddr, username: &str) -> String {
    let place = match peer.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).to_string(),
    };
    api.parts.key.sign("sign-in failures", &format!("{place}\0{username}"))
}

fn wrong() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "wrong user or password")
}

/// Who is signed in.
#[utoipa::path(
    get, path = "/session", tag = "session", security(("session" = [])),
    responses(
        (status = 200, description = "The signed-in user.", body = Session),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn who(SignedIn { user, .. }: SignedIn) -> Json<Session> {
    Json(Session::from(&user))
}

/// Sign out.
///
/// The session ends at once, everywhere; without one, nothing happens.
#[utoipa::path(
    delete, path = "/session", tag = "session", security(("session" = [])),
    responses((status = 204, description = "Nobody is signed in any more."))
)]
pub(crate) async fn sign_out(
    State(api): State<Api>,
    reached: Reached,
    jar: CookieJar,
    session: Result<SignedIn, Problem>,
) -> Result<(CookieJar, StatusCode), Problem> {
    if let Ok(SignedIn { user, token_sha256 }) = session {
        api.parts.accounts.end_session(&token_sha256).await?;
        tracing::info!(username = user.name, "signed out");
    }
    Ok((jar.add(signed_in::no_cookie(&api, &reached)), StatusCode::NO_CONTENT))
}
