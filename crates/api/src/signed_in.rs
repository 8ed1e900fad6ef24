//! Who is asking, and what for: the session cookie or a person's token, checked at every request.
//!
//! Promises: a handler names what its call is for ([`May`]), and a token that isn't good for that is refused; one that
//! names nothing ([`SignedIn`]) takes sessions only. A token is never more than its person's role, and worth nothing
//! while they are disabled.

use std::{marker::PhantomData, net::IpAddr, ops::Deref};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use camtrail_auth::Token;
use camtrail_model::{
    CameraName,
    ports::{Role, Scope, Scopes, User, public_id},
};

use crate::{problem::Problem, reached::Reached, state::Api, tries};

/// The name of the session's cookie.
pub(crate) const SESSION_COOKIE: &str = "camtrail_session";
/// How long a session lives, in seconds; it can be ended at any time before.
pub(crate) const SESSION_S: i64 = 30 * 86_400;
/// What a person's token begins with, so that scanners of published code know it.
pub(crate) const TOKEN_PREFIX: &str = "ct_";
/// A token's last use is noted to this, in milliseconds.
const USE_STEP_MS: i64 = 3_600_000;

/// How somebody proved who they are.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// A session: its token's digest.
    Session([u8; 32]),
    /// A token: its digest, and what it is good for.
    Token([u8; 32], Scopes),
}

/// A person.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) user: User,
    pub(crate) proof: Proof,
    /// From where.
    pub(crate) peer: IpAddr,
}

impl SignedIn {
    /// Whether this call may be made for `scope`.
    fn check(&self, scope: Scope) -> Result<(), Problem> {
        match &self.proof {
            Proof::Session(_) => Ok(()),
            Proof::Token(_, scopes) if scopes.allow(scope) => Ok(()),
            Proof::Token(_, scopes) => {
                let (has, wants) = (scopes.to_text(), scope.as_str());
                let detail = format!("this token is good for {has:?}, and this call wants {wants:?}");
                Err(Problem::new(StatusCode::FORBIDDEN, detail))
            }
        }
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.user.role == Role::Admin
    }

    /// Whether the person may see a camera and what it sent.
    pub(crate) fn sees(&self, camera: &CameraName) -> bool {
        self.user.sight.sees(camera)
    }

    /// The same person as they are now; `None` where they may not go on.
    pub(crate) async fn again(&self, api: &Api) -> Result<Option<User>, Problem> {
        match &self.proof {
            Proof::Session(token_sha256) => {
                Ok(api.parts.accounts.session_user(token_sha256, api.parts.clock.now()).await?)
            }
            Proof::Token(token_sha256, _) => Ok(of_token(api, token_sha256).await?.map(|(user, _)| user)),
        }
    }
}

/// The person of a token that is good now, and what it is good for.
async fn of_token(api: &Api, token_sha256: &[u8; 32]) -> Result<Option<(User, Scopes)>, Problem> {
    let (parts, now) = (&api.parts, api.parts.clock.now());
    let found = parts.api_tokens.api_token(&public_id(token_sha256)).await?;
    let is_good = |token: &camtrail_model::ports::ApiToken| {
        token.token_sha256 == *token_sha256 && token.expires_at.is_none_or(|end| now < end)
    };
    let Some(token) = found.filter(is_good) else { return Ok(None) };
    // Whom a provider vouches for is asked after again and again; a token would outlive that.
    let may = |user: &User| !user.disabled && user.provider().is_none();
    let user = parts.accounts.user(&token.user).await?.filter(may);
    if user.is_some() && token.last_used_at.is_none_or(|at| now.0 - at.0 >= USE_STEP_MS) {
        let hour = camtrail_model::Millis(now.0.div_euclid(USE_STEP_MS) * USE_STEP_MS);
        if let Err(error) = parts.api_tokens.touch_api_token(&token.id(), hour).await {
            tracing::warn!(%error, "a token's use could not be noted");
        }
    }
    Ok(user.map(|user| (user, token.scopes)))
}

/// What stands behind `Bearer`; `None` where no such thing was sent.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whoever sends this proof. A token goes before a cookie, and a wrong one is not made good by it.
async fn somebody(parts: &Parts, api: &Api) -> Result<SignedIn, Problem> {
    let peer = tries::peer(&parts.extensions);
    if let Some(text) = bearer(&parts.headers) {
        let token_sha256 = Token::sha256(text);
        if text.starts_with(TOKEN_PREFIX)
            && let Some((user, scopes)) = of_token(api, &token_sha256).await?
        {
            return Ok(SignedIn { user, proof: Proof::Token(token_sha256, scopes), peer });
        }
        return Err(Problem::no_api_token());
    }
    let jar = CookieJar::from_headers(&parts.headers);
    let Some(cookie) = jar.get(SESSION_COOKIE) else { return Err(Problem::unauthorized()) };
    let token_sha256 = Token::sha256(cookie.value());
    match api.parts.accounts.session_user(&token_sha256, api.parts.clock.now()).await? {
        Some(user) => Ok(SignedIn { user, proof: Proof::Session(token_sha256), peer }),
        None => Err(Problem::unauthorized()),
    }
}

impl FromRequestParts<Api> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let who = somebody(parts, api).await?;
        match who.proof {
            Proof::Session(_) => Ok(who),
            Proof::Token(..) => {
                let detail = "this call takes no token: sign in with POST /api/v1/session";
                Err(Problem::new(StatusCode::FORBIDDEN, detail))
            }
        }
    }
}

/// What a call is for.
pub(crate) trait Purpose {
    /// What a token must be good for.
    const SCOPE: Scope;
    /// Whether only an admin may.
    const ADMINS_ONLY: bool = false;
}

/// Looking.
pub(crate) struct ToRead;
/// One's own review state; for admins, protection and notes.
pub(crate) struct ToReview;
/// Shares.
pub(crate) struct ToShare;
/// One's own tokens and password.
pub(crate) struct ToManage;
/// What only admins may.
pub(crate) struct ToAdminister;

impl Purpose for ToRead {
    const SCOPE: Scope = Scope::Read;
}
impl Purpose for ToReview {
    const SCOPE: Scope = Scope::Review;
}
impl Purpose for ToShare {
    const SCOPE: Scope = Scope::Share;
}
impl Purpose for ToManage {
    const SCOPE: Scope = Scope::Admin;
}
impl Purpose for ToAdminister {
    const SCOPE: Scope = Scope::Admin;
    const ADMINS_ONLY: bool = true;
}

/// A person who may make a call of this purpose.
pub(crate) struct May<P>(pub(crate) SignedIn, PhantomData<P>);

impl<P> Deref for May<P> {
    type Target = SignedIn;
    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

impl<P: Purpose> FromRequestParts<Api> for May<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let who = somebody(parts, api).await?;
        who.check(P::SCOPE)?;
        if P::ADMINS_ONLY && !who.is_admin() {
            return Err(Problem::new(StatusCode::FORBIDDEN, "only an admin may do this"));
        }
        Ok(Self(who, PhantomData))
    }
}

/// The `Set-Cookie` of a new session that lasts `lifetime_s` seconds.
pub(crate) fn cookie(api: &Api, reached: &Reached, token: &Token, lifetime_s: i64) -> Cookie<'static> {
    base_cookie(api, reached, token.text().to_owned(), lifetime_s)
}

/// The `Set-Cookie` that takes it away.
pub(crate) fn no_cookie(api: &Api, reached: &Reached) -> Cookie<'static> {
    base_cookie(api, reached, String::new(), 0)
}

fn base_cookie(api: &Api, reached: &Reached, value: String, max_age_s: i64) -> Cookie<'static> {
    let mut made = Cookie::new(SESSION_COOKIE, value);
    made.set_http_only(true);
    made.set_same_site(SameSite::Lax);
    made.set_secure(reached.is_https);
    made.set_path(format!("{}/", api.parts.config.base_path));
    made.set_max_age(cookie::time::Duration::seconds(max_age_s));
    made
}
