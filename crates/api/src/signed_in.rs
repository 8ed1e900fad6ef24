//! Who is asking: the session cookie, checked at every request.

use axum::{extract::FromRequestParts, http::request::Parts};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use camtrail_auth::Token;
use camtrail_model::ports::User;

use crate::{problem::Problem, reached::Reached, state::Api};

/// The name of the session's cookie.
pub(crate) const SESSION_COOKIE: &str = "camtrail_session";
/// How long a session lives, in seconds; it can be ended at any time before.
pub(crate) const SESSION_S: i64 = 30 * 86_400;

/// A signed-in person.
pub(crate) struct SignedIn {
    pub(crate) user: User,
    pub(crate) token_sha256: [u8; 32],
}

impl FromRequestParts<Api> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let jar = CookieJar::from_headers(&parts.headers);
        let Some(cookie) = jar.get(SESSION_COOKIE) else { return Err(Problem::unauthorized()) };
        let token_sha256 = Token::sha256(cookie.value());
        match api.parts.accounts.session_user(&token_sha256, api.parts.clock.now()).await? {
            Some(user) => Ok(Self { user, token_sha256 }),
            None => Err(Problem::unauthorized()),
        }
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
