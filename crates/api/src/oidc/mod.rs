//! Sign-in by an OpenID Connect provider: the browser goes to the provider and comes back with a code
//! (docs/design/oidc.md).
//!
//! Promises: whatever comes back, the person lands on a page of ours that says how it went; a way back leads to
//! ourselves only; every refusal is a line in the log with its reason. Refuses: what this browser didn't begin.

mod flow;
mod people;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{ConnectInfo, RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use axum_extra::extract::{CookieJar, Query};
use camtrail_auth::Token;
use camtrail_model::ports::AuditAction;
use camtrail_oidc::{Asking, Attempt, Provider, Refusal};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

use crate::{
    problem::Problem,
    reached::Reached,
    signed_in::{self, SESSION_COOKIE},
    state::Api,
};
use flow::{Binding, Memory, Wanted};

/// People who sign in at the same time; each holds a request to the provider.
const AT_ONCE: usize = 32;
/// Where the provider sends browsers, below everything.
const CALLBACK: &str = "/auth/oidc/callback";

/// Sign-in by a provider, as configured.
#[derive(Debug, Clone)]
pub struct Oidc {
    provider: Arc<Provider>,
    /// What people call it: on the button.
    label: String,
    /// How long a session lasts before the provider is asked again.
    session: Duration,
    turns: Arc<Semaphore>,
}

impl Oidc {
    /// By `provider`, which people call `label`; it is asked about each person once in `session`.
    pub fn new(provider: Provider, label: String, session: Duration) -> Self {
        Self { provider: Arc::new(provider), label, session, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// How a sign-in that came to nothing is told to the app: `sign_in=…` behind the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The person, or the provider, said no.
    Denied,
    /// The address may not come in.
    NotAllowed,
    /// The address isn't verified.
    Unverified,
    /// Locked out here.
    Disabled,
    /// The name has a password here.
    Password,
    /// Not begun in this browser, or too long ago, or used before.
    Expired,
    /// The provider's answer is not what it must be.
    Failed,
    /// The provider, or we, can't answer now.
    Unavailable,
    /// The provider would have to ask the person something.
    Ended,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::NotAllowed => "not_allowed",
            Self::Unverified => "unverified",
            Self::Disabled => "disabled",
            Self::Password => "password",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Unavailable => "unavailable",
            Self::Ended => "ended",
        }
    }
}

impl From<&Refusal> for Outcome {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Provider(_) => Self::Unavailable,
            Refusal::Code(_) => Self::Expired,
            Refusal::Token(_) => Self::Failed,
            Refusal::NoAddress { .. } | Refusal::Unverified { .. } => Self::Unverified,
            Refusal::NotAllowed { .. } => Self::NotAllowed,
        }
    }
}

/// How people may sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignInWays {
    /// By an OpenID Connect provider; null: only by password.
    oidc: Option<OidcWay>,
}

/// Sign-in by a provider.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OidcWay {
    /// What people call the provider.
    #[schema(example = "Google")]
    name: String,
    /// Where the browser goes, relative to the base path; `return_to` says where it comes back to.
    #[schema(example = "auth/oidc/start")]
    start: &'static str,
}

/// How people may sign in.
///
/// Public: it is what a sign-in page shows.
#[utoipa::path(
    get, path = "/sign-in", tag = "session",
    responses((status = 200, description = "The ways.", body = SignInWays))
)]
pub(crate) async fn ways(State(api): State<Api>) -> Json<SignInWays> {
    let way = |oidc: &Oidc| OidcWay { name: oidc.label.clone(), start: "auth/oidc/start" };
    Json(SignInWays { oidc: api.parts.oidc.as_ref().map(way) })
}

/// How a sign-in begins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StartQuery {
    /// Where to come back to: a path of this app; anything else leads to its start.
    #[param(example = "/cameras")]
    return_to: Option<String>,
    /// `1`: only if the provider needn't ask the person anything.
    silent: Option<String>,
    /// `1`: the provider asks which account.
    choose: Option<String>,
    /// Whose session is to be renewed; with `silent`, nobody else comes in.
    #[param(example = "anna@example.org")]
    hint: Option<String>,
    /// `1`: sent on from another address of this server; not once more.
    moved: Option<String>,
}

/// Begin to sign in by the provider.
///
/// For browsers: leads to the provider, which leads back to `/auth/oidc/callback`.
#[utoipa::path(
    get, path = "/auth/oidc/start", tag = "session", params(StartQuery),
    responses(
        (status = 303, description = "To the provider; or back to the app with `sign_in=unavailable`."),
        (status = 400, description = "A parameter stands there twice.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No provider is configured.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn start(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    reached: Reached,
    jar: CookieJar,
    RawQuery(raw): RawQuery,
    query: Result<Query<StartQuery>, axum_extra::extract::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let oidc = configured(&api)?;
    if query.moved.is_none()
        && let Some(home) = reached.elsewhere(&api)
    {
        // The provider leads back to the public address: a cookie of this one would not be there.
        let rest = raw.map_or(String::new(), |raw| format!("&{raw}"));
        return Ok(to(&format!("{home}/auth/oidc/start?moved=1{rest}")));
    }
    let random = |error: camtrail_auth::RandomError| {
        tracing::error!(%error, "a sign-in could not begin");
        Problem::unavailable("no sign-in can begin now: try again")
    };
    let (return_to, silent) = (query.return_to, query.silent.as_deref() == Some("1"));
    let memory = Memory::new(&api, Wanted { return_to, silent, hint: query.hint }).map_err(random)?;
    let binding = match Binding::of(&jar, &reached) {
        Some(binding) => binding,
        None => Binding::new().map_err(random)?,
    };
    let attempt = binding.attempt(&api, &memory, redirect_uri(&api, &reached)?);
    let Ok(_turn) = oidc.turns.try_acquire() else {
        return Ok(told(&memory.return_to, Outcome::Unavailable));
    };
    let asking = match query.choose.as_deref() {
        _ if memory.silent => Asking::Nothing,
        Some("1") => Asking::WhichAccount,
        _ => Asking::Usual,
    };
    match oidc.provider.authorization_url(&attempt, asking, memory.hint.as_deref()).await {
        Ok(url) => Ok((jar.add(binding.cookie(&reached)), to(&url)).into_response()),
        Err(refusal) => {
            tracing::error!(%peer, error = %refusal, "a sign-in by the provider could not begin");
            Ok(told(&memory.return_to, Outcome::from(&refusal)))
        }
    }
}

/// What the provider sends back.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CallbackQuery {
    /// To be exchanged for tokens.
    code: Option<String>,
    /// As `/auth/oidc/start` gave it.
    state: Option<String>,
    /// Why there is no code (RFC 6749, 4.1.2.1).
    error: Option<String>,
    /// Whose answer it is (RFC 9207).
    iss: Option<String>,
}

/// Come back from the provider.
///
/// Leads to the app: signed in, or with `sign_in=` and `denied`, `not_allowed`, `unverified`, `disabled`, `password`,
/// `expired`, `failed`, `unavailable` or `ended`.
#[utoipa::path(
    get, path = "/auth/oidc/callback", tag = "session", params(CallbackQuery),
    responses(
        (status = 303, description = "To the app; with the session's cookie, or why there is none."),
        (status = 404, description = "No provider is configured.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The accounts can't be reached.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn callback(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    reached: Reached,
    jar: CookieJar,
    query: Result<Query<CallbackQuery>, axum_extra::extract::QueryRejection>,
) -> Result<Response, Problem> {
    let oidc = configured(&api)?;
    let home = format!("{}/", api.parts.config.base_path);
    let recalled = query.ok().and_then(|Query(query)| {
        let binding = Binding::of(&jar, &reached)?;
        let (memory, attempt) =
            binding.recall(&api, query.state.as_deref()?, redirect_uri(&api, &reached).ok()?)?;
        Some((memory, attempt, query))
    });
    let Some((memory, attempt, query)) = recalled else {
        refused(peer, "", "not begun in this browser, or too long ago (state)");
        return Ok(told(&home, Outcome::Expired));
    };
    let outcome = match exchanged(&api, oidc, peer, &memory, &attempt, &query).await? {
        Ok(token) => {
            if let Some(before) = jar.get(SESSION_COOKIE) {
                api.parts.accounts.end_session(&Token::sha256(before.value())).await?;
            }
            let cookie = signed_in::cookie(&api, &reached, &token, people::lifetime_s(&api));
            // Done: the same answer a second time is nobody's.
            let jar = jar.add(flow::no_binding(&reached)).add(cookie);
            return Ok((jar, to(&memory.return_to)).into_response());
        }
        Err(outcome) => outcome,
    };
    Ok((jar.add(flow::no_binding(&reached)), told(&memory.return_to, outcome)).into_response())
}

/// A session for who comes back; or how it ended.
async fn exchanged(
    api: &Api,
    oidc: &Oidc,
    peer: SocketAddr,
    memory: &Memory,
    attempt: &Attempt,
    query: &CallbackQuery,
) -> Result<Result<Token, Outcome>, Problem> {
    if query.iss.as_deref().is_some_and(|iss| iss != oidc.provider.issuer()) {
        refused(peer, "", "the answer is of another issuer (iss)");
        return Ok(Err(Outcome::Failed));
    }
    if let Some(error) = query.error.as_deref() {
        return Ok(Err(provider_said(peer, memory, error)));
    }
    let Ok(_turn) = oidc.turns.try_acquire() else { return Ok(Err(Outcome::Unavailable)) };
    let code = query.code.as_deref().unwrap_or_default();
    let person = match oidc.provider.person(code, attempt, api.parts.clock.now()).await {
        Ok(person) => person,
        Err(refusal) => {
            refused(peer, "", &refusal.to_string());
            return Ok(Err(Outcome::from(&refusal)));
        }
    };
    if memory.silent && memory.hint.as_ref().is_some_and(|hint| hint.to_lowercase() != person.address) {
        // Somebody else is signed in at the provider by now: they may come in, but not unasked.
        refused(peer, &person.address, "another person than the one whose session was to be renewed");
        return Ok(Err(Outcome::Ended));
    }
    match people::let_in(api, oidc.provider.issuer(), &person).await {
        Ok(token) => {
            tracing::info!(%peer, username = person.address, silent = memory.silent, "signed in by the provider");
            let (who, how) = (
                Some(person.address.as_str()),
                if memory.silent { "by the provider, renewed" } else { "by the provider" },
            );
            api.noted_of(who, peer.ip(), AuditAction::SignedIn, &person.address, how).await;
            Ok(Ok(token))
        }
        Err(people::Failure::Refused(outcome, why)) => {
            refused(peer, &person.address, &why);
            Ok(Err(outcome))
        }
        Err(people::Failure::Ours(problem)) => Err(problem),
    }
}

fn provider_said(peer: SocketAddr, memory: &Memory, error: &str) -> Outcome {
    let error: String = error.chars().filter(|c| !c.is_control()).take(100).collect();
    refused(peer, "", &format!("the provider said {error:?}"));
    match error.as_str() {
        _ if memory.silent => Outcome::Ended,
        "access_denied" => Outcome::Denied,
        "temporarily_unavailable" | "server_error" => Outcome::Unavailable,
        _ => Outcome::Failed,
    }
}

/// The line that an audit looks for.
fn refused(peer: SocketAddr, username: &str, reason: &str) {
    tracing::warn!(%peer, username, reason, "a sign-in by the provider was refused");
}

fn configured(api: &Api) -> Result<&Oidc, Problem> {
    api.parts.oidc.as_ref().ok_or_else(|| Problem::not_found("sign-in: no provider is configured ([oidc])"))
}

fn redirect_uri(api: &Api, reached: &Reached) -> Result<String, Problem> {
    let home = reached.home(api);
    home.map(|home| format!("{home}{CALLBACK}"))
        .ok_or_else(|| Problem::bad_request("the request names no host, and http.public_url is not set"))
}

fn told(return_to: &str, outcome: Outcome) -> Response {
    let mark = if return_to.contains('?') { '&' } else { '?' };
    to(&format!("{return_to}{mark}sign_in={}", outcome.as_str()))
}

fn to(place: &str) -> Response {
    let Ok(place) = HeaderValue::from_str(place) else {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "no place to go on to").into_response();
    };
    let headers = [(header::LOCATION, place), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::SEE_OTHER, headers).into_response()
}

#[cfg(test)]
mod tests;
