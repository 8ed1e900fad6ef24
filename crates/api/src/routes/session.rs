//! Signing in and out.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Json,
    extract::{ConnectInfo, State, rejection::JsonRejection},
    http::StatusCode,
};
use axum_extra::extract::CookieJar;
use camtrail_auth::{Rule, Token};
use camtrail_model::{
    metrics::SIGN_INS,
    ports::{AuditAction, Role, SessionRow, User},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    problem::Problem,
    reached::Reached,
    routes::users::hashed,
    signed_in::{self, May, Proof, SESSION_S, SignedIn, ToRead},
    state::Api,
    tries,
};

/// The longest name or password that is looked at, in bytes: hashing megabytes is an attack.
pub(super) const CREDENTIAL_MAX_BYTES: usize = 1024;
/// Stands in logs for a name that is nobody's: it may be a password.
const UNKNOWN_USER: &str = "(unknown user)";

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
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UserRole {
    /// Sees everything, or the cameras that they are limited to.
    Viewer,
    /// Everything.
    Admin,
}

impl From<Role> for UserRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<UserRole> for Role {
    fn from(role: UserRole) -> Self {
        match role {
            UserRole::Viewer => Self::Viewer,
            UserRole::Admin => Self::Admin,
        }
    }
}

impl From<&User> for Session {
    fn from(user: &User) -> Self {
        let by_provider = user.provider().is_some();
        Self { username: user.name.clone(), role: user.role.into(), by_provider }
    }
}

/// Sign in.
///
/// Sets the session cookie. Wrong sign-ins from one address to one user slow down, and those from one address to many.
/// Who is signed in already isn't held up.
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
    let Json(Credentials { username, password }) =
        body.map_err(|error| Problem::of_body(&error, "{\"username\": …, \"password\": …}"))?;
    if username.len() > CREDENTIAL_MAX_BYTES || password.len() > CREDENTIAL_MAX_BYTES {
        let detail = format!("the name or password is longer than {CREDENTIAL_MAX_BYTES} bytes");
        return Err(Problem::bad_request(detail));
    }
    let (parts, now, from) = (&api.parts, api.parts.clock.now(), peer.ip());
    let key = failures_key(&api, from, &username);
    // Counted as wrong until it proves right: passwords tried at the same time must not all be the first.
    // By the place first: many names tried from one place are one throttle, and leave no trace each.
    let (place_key, sign_ins) = (place_key(&api, from), &parts.sign_ins);
    let too_many = |wait| {
        count("throttled");
        Problem::too_many("wrong sign-ins", wait)
    };
    sign_ins.attempt(Rule::PLACE, &place_key, now).await.map_err(too_many)?;
    if let Err(wait) = sign_ins.attempt(Rule::ACCOUNT, &key, now).await {
        sign_ins.took_back(&place_key).await;
        return Err(too_many(wait));
    }
    let known = parts.accounts.user(&username).await?;
    // A password that was typed in the wrong field is kept nowhere.
    let told = if known.is_some() { username.as_str() } else { UNKNOWN_USER };
    let user = known.filter(|user| !user.disabled);
    let hash = user.as_ref().map(|user| user.password_hash.as_str());
    if !parts.passwords.verify(password.as_bytes(), hash).await {
        tracing::warn!(%peer, username = told, "a sign-in was refused: wrong user or password");
        api.noted_failure(from, told).await;
        count("wrong");
        return Err(wrong());
    }
    sign_ins.succeeded(&key).await;
    sign_ins.took_back(&place_key).await;
    let user = user.ok_or_else(Problem::unauthorized)?;
    let token = begin(&api, &user).await?;
    tracing::info!(%peer, username, "signed in");
    api.noted_of(Some(&user.name), from, AuditAction::SignedIn, &user.name, "").await;
    count("ok");
    Ok((jar.add(signed_in::cookie(&api, &reached, &token, SESSION_S)), Json(Session::from(&user))))
}

fn count(outcome: &'static str) {
    metrics::counter!(SIGN_INS, "outcome" => outcome).increment(1);
}

/// What wrong sign-ins are counted by: the user and where they came from. Of fixed length, and telling nothing of a
/// person: only we can make it.
fn failures_key(api: &Api, peer: IpAddr, username: &str) -> String {
    let place = tries::place(peer);
    api.parts.key.sign("sign-in failures", &format!("{place}\0{username}"))
}

/// The same of where they came from alone.
fn place_key(api: &Api, peer: IpAddr) -> String {
    api.parts.key.sign("sign-in failures of a place", &tries::place(peer).to_string())
}

fn wrong() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "wrong user or password")
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// The password of now.
    current: String,
    /// The one from now on, at least 8 characters.
    #[schema(min_length = 8)]
    new: String,
}

/// Change your password.
///
/// All your sessions end, but for this browser's, which gets a new one. Your tokens stay: revoke those that you don't
/// trust. Takes no token.
#[utoipa::path(
    put, path = "/session/password", operation_id = "change_password", tag = "session", request_body = NewPassword,
    security(("session" = [])),
    responses(
        (status = 200, description = "Changed; the cookie holds a new session.", body = Session),
        (status = 400, description = "The body is no such JSON, or the new password is too short.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "The password of now is another one.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The account was changed meanwhile; nothing was done.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many wrong passwords.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn change_password(
    State(api): State<Api>,
    who: SignedIn,
    reached: Reached,
    jar: CookieJar,
    body: Result<Json<NewPassword>, JsonRejection>,
) -> Result<(CookieJar, Json<Session>), Problem> {
    let Json(NewPassword { current, new }) =
        body.map_err(|error| Problem::of_body(&error, "{\"current\": …, \"new\": …}"))?;
    if current.len() > CREDENTIAL_MAX_BYTES {
        return Err(Problem::bad_request(format!("current is longer than {CREDENTIAL_MAX_BYTES} bytes")));
    }
    let (parts, user) = (&api.parts, &who.user);
    if let Some(issuer) = user.provider() {
        let detail = format!("you sign in by {issuer}, and have no password here to change");
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    // Whoever found an open browser is no better off than at the door.
    let key = failures_key(&api, who.peer, &user.name);
    let attempt = parts.sign_ins.attempt(Rule::ACCOUNT, &key, parts.clock.now()).await;
    attempt.map_err(|wait| Problem::too_many("wrong passwords", wait))?;
    if !parts.passwords.verify(current.as_bytes(), Some(&user.password_hash)).await {
        api.noted_failure(who.peer, &user.name).await;
        return Err(Problem::new(StatusCode::FORBIDDEN, "the password of now is another one"));
    }
    parts.sign_ins.succeeded(&key).await;
    let changed = User { password_hash: hashed(&api, &new).await?, ..user.clone() };
    // Disabled or changed while the passwords were hashed: that stands.
    if !parts.accounts.change_user(user, &changed).await? {
        let detail = "your account was changed meanwhile: nothing was done, try again";
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    api.noted(&who, AuditAction::PasswordChanged, &user.name, "").await;
    let token = begin(&api, &changed).await?;
    Ok((jar.add(signed_in::cookie(&api, &reached, &token, SESSION_S)), Json(Session::from(&changed))))
}

/// A new session of somebody who has just proved their password.
async fn begin(api: &Api, user: &User) -> Result<Token, Problem> {
    let now = api.parts.clock.now();
    let token = Token::new().map_err(|error| Problem::no_secret(&error))?;
    let row = SessionRow {
        token_sha256: Token::sha256(token.text()),
        user: user.name.clone(),
        created_at: now,
        expires_at: now.plus(SESSION_S * 1000),
    };
    // They were changed meanwhile.
    let has_begun = api.parts.accounts.begin_session(&row, &user.password_hash).await?;
    if has_begun { Ok(token) } else { Err(wrong()) }
}

/// Who is signed in.
#[utoipa::path(
    get, path = "/session", tag = "session", security(("session" = []), ("api_token" = ["read"])),
    responses(
        (status = 200, description = "The signed-in user.", body = Session),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn who(who: May<ToRead>) -> Json<Session> {
    Json(Session::from(&who.user))
}

/// Sign out.
///
/// The session ends at once, everywhere; without one, nothing happens.
#[utoipa::path(
    delete, path = "/session", tag = "session", security((), ("session" = [])),
    responses((status = 204, description = "Nobody is signed in any more."))
)]
pub(crate) async fn sign_out(
    State(api): State<Api>,
    reached: Reached,
    jar: CookieJar,
    session: Result<SignedIn, Problem>,
) -> Result<(CookieJar, StatusCode), Problem> {
    if let Ok(who) = session
        && let Proof::Session(token_sha256) = &who.proof
    {
        api.parts.accounts.end_session(token_sha256).await?;
        tracing::info!(username = who.user.name, "signed out");
        api.noted(&who, AuditAction::SignedOut, &who.user.name, "").await;
    }
    Ok((jar.add(signed_in::no_cookie(&api, &reached)), StatusCode::NO_CONTENT))
}
