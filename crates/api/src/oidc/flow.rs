//! What ties the two steps of a sign-in by the provider to one browser.
//!
//! The browser keeps one random secret in a cookie, for ten minutes. The `state` that goes through the provider is signed
//! together with it, and the nonce and the PKCE verifier are made of both: nothing is stored, tabs don't get in each
//! other's way, and a state is good in the browser that began, and in no other (login CSRF).

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use camtrail_auth::Token;
use camtrail_model::Millis;
use camtrail_oidc::Attempt;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use crate::{reached::Reached, state::Api};

/// How long a person may take at the provider.
const ATTEMPT_S: i64 = 600;
/// The longest way back, in bytes; a longer one leads home.
const RETURN_TO_MAX_BYTES: usize = 512;
/// The longest state that is looked at, in bytes.
const STATE_MAX_BYTES: usize = 4_096;
/// The longest address that is passed on as a hint, in bytes.
const HINT_MAX_BYTES: usize = 254;
/// Of [`Token`].
const SECRET_CHARS: usize = 43;

/// What is remembered between the two steps, by the state itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Makes each attempt another one.
    id: String,
    /// When it began, milliseconds.
    began: i64,
    /// Where the person was: a path of ours.
    pub(super) return_to: String,
    /// The provider asks the person nothing.
    pub(super) silent: bool,
    /// Who it should be.
    pub(super) hint: Option<String>,
}

impl Memory {
    pub(super) fn new(api: &Api, wanted: Wanted) -> Result<Self, camtrail_auth::RandomError> {
        let base_path = &api.parts.config.base_path;
        let return_to = wanted.return_to.filter(|path| is_ours(base_path, path));
        Ok(Self {
            id: Token::new()?.text().to_owned(),
            began: api.parts.clock.now().0,
            return_to: return_to.unwrap_or_else(|| format!("{base_path}/")),
            silent: wanted.silent,
            hint: wanted.hint.filter(|hint| hint.len() <= HINT_MAX_BYTES),
        })
    }
}

/// What the app asks for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) return_to: Option<String>,
    pub(super) silent: bool,
    pub(super) hint: Option<String>,
}

/// Whether a path leads to a page of the app and nowhere else, however browsers read it: they take a backslash for a slash,
/// drop tabs and line ends, and take two slashes for another host.
fn is_ours(base_path: &str, path: &str) -> bool {
    path.len() <= RETURN_TO_MAX_BYTES
        && path.bytes().all(|b| b.is_ascii_graphic() && !b"\\#\"<>^`{|}".contains(&b))
        && path.strip_prefix(base_path).is_some_and(|rest| {
            let segments = rest.split(['?']).next().unwrap_or_default().split('/').skip(1);
            let mut climbs = false;
            for segment in segments {
                climbs |= matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
            }
            let ours = rest.starts_with('/') && !rest.starts_with("//") && !climbs;
            ours && !["/api/", "/auth/", "/ingest/"].iter().any(|other| rest.starts_with(other))
        })
}

/// The secret of this browser.
pub(super) struct Binding(String);

/// With the prefix, neighbours below the same domain can't plant one (RFC 6265bis, 4.1.3.2).
fn cookie_name(reached: &Reached) -> &'static str {
    if reached.is_https { "__Host-camtrail_oidc" } else { "camtrail_oidc" }
}

impl Binding {
    /// The browser's, if it has one.
    pub(super) fn of(jar: &CookieJar, reached: &Reached) -> Option<Self> {
        let text = jar.get(cookie_name(reached))?.value();
        (text.len() == SECRET_CHARS).then(|| Self(text.to_owned()))
    }

    pub(super) fn new() -> Result<Self, camtrail_auth::RandomError> {
        Ok(Self(Token::new()?.text().to_owned()))
    }

    pub(super) fn cookie(&self, reached: &Reached) -> Cookie<'static> {
        cookie(reached, self.0.clone(), ATTEMPT_S)
    }

    /// What the provider is told.
    pub(super) fn attempt(&self, api: &Api, memory: &Memory, redirect_uri: String) -> Attempt {
        let said = serde_json::to_vec(memory).unwrap_or_default();
        let said = BASE64URL_NOPAD.encode(&said);
        let signature = api.parts.key.sign("oidc state", &format!("{}.{said}", self.0));
        self.again(api, memory, format!("{said}.{signature}"), redirect_uri)
    }

    fn again(&self, api: &Api, memory: &Memory, state: String, redirect_uri: String) -> Attempt {
        let secret = |purpose| api.parts.key.derive(purpose, &format!("{}.{}", self.0, memory.id));
        let (nonce, verifier) = (secret("oidc nonce"), secret("oidc verifier"));
        Attempt { state, nonce, verifier, redirect_uri }
    }

    /// The attempt that came back; `None`: none of this browser's, or of too long ago.
    pub(super) fn recall(&self, api: &Api, state: &str, redirect_uri: String) -> Option<(Memory, Attempt)> {
        let (said, signature) = state.split_once('.').filter(|_| state.len() <= STATE_MAX_BYTES)?;
        if !api.parts.key.verify("oidc state", &format!("{}.{said}", self.0), signature) {
            return None;
        }
        let memory: Memory = serde_json::from_slice(&BASE64URL_NOPAD.decode(said.as_bytes()).ok()?).ok()?;
        let ends = Millis(memory.began).plus(ATTEMPT_S * 1_000);
        (api.parts.clock.now() < ends)
            .then(|| (memory.clone(), self.again(api, &memory, state.to_owned(), redirect_uri)))
    }
}

/// The `Set-Cookie` that takes it away.
pub(super) fn no_binding(reached: &Reached) -> Cookie<'static> {
    cookie(reached, String::new(), 0)
}

fn cookie(reached: &Reached, value: String, max_age_s: i64) -> Cookie<'static> {
    let mut made = Cookie::new(cookie_name(reached), value);
    made.set_http_only(true);
    // The provider sends the browser back by a link, which Lax lets through.
    made.set_same_site(SameSite::Lax);
    made.set_secure(reached.is_https);
    made.set_path("/");
    made.set_max_age(cookie::time::Duration::seconds(max_age_s));
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_leads_to_ourselves() {
        for (base, path) in [
            ("", "/"),
            ("", "/cameras"),
            ("", "/event/a%2Fb?camera=x&date=2026-01-01"),
            ("/cams", "/cams/"),
            ("/cams", "/cams/event/..x"),
        ] {
            assert!(is_ours(base, path), "{base} {path}");
        }
        for (base, path) in [
            ("", ""),
            ("", "//evil.example"),
            ("", "/\\evil.example"),
            ("", "\\\\evil.example"),
            ("", "/\t/evil.example"),
            ("", "/\n/evil.example"),
            ("", " /"),
            ("", "https://evil.example/"),
            ("", "javascript:alert(1)"),
            ("", "/a\r\nSet-Cookie: x=y"),
            ("", "/é"),
            ("", "/../x"),
            ("", "/%2e%2E/x"),
            ("", "/.//evil.example"),
            ("", "/api/v1/events"),
            ("", "/auth/oidc/start"),
            ("/cams", "/"),
            ("/cams", "/camsevil/"),
            ("/cams", "/cams//evil.example"),
            ("/cams", "/cams/../other"),
            ("", &format!("/{}", "x".repeat(600))),
        ] {
            assert!(!is_ours(base, path), "{base} {path:?}");
        }
    }
}
