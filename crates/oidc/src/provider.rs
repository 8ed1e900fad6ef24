//! One provider: its description and keys, kept for a while, and the two steps of a sign-in.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use camtrail_model::{Millis, ports::Role};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::{
    ProviderConfig, Refusal, TokenFault,
    claims::{Claims, UserInfo},
    discovery::{Endpoints, discover},
    fetch::{Fetch, encoded},
    keys::{KeyDocument, Keys, Signed},
};

/// Description and keys are asked for again after so long.
const FRESH_FOR: Duration = Duration::from_hours(1);
/// Where that fails, the old ones do for so long.
const USABLE_FOR: Duration = Duration::from_hours(24);
/// Two requests for the same thing are at least so far apart, whatever tokens name which keys.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// The longest code that is passed on.
const CODE_MAX_BYTES: usize = 4_096;

/// What is kept, when it was had, and when it was last asked for.
struct Kept<T> {
    value: Option<(Arc<T>, Instant)>,
    asked: Option<Instant>,
}

impl<T> Kept<T> {
    const fn nothing() -> Self {
        Self { value: None, asked: None }
    }

    fn younger_than(&self, age: Duration, now: Instant) -> Option<Arc<T>> {
        let young = self.value.as_ref().filter(|(_, had)| now.duration_since(*had) < age);
        young.map(|(value, _)| value.clone())
    }

    fn was_just_asked(&self, now: Instant) -> bool {
        self.asked.is_some_and(|asked| now.duration_since(asked) < AGAIN_AFTER)
    }
}

/// An OpenID Connect provider.
pub struct Provider {
    config: ProviderConfig,
    fetch: Fetch,
    endpoints: Mutex<Kept<Endpoints>>,
    keys: Mutex<Kept<Keys>>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What ties the two steps of one sign-in together; all of it secret until the code is exchanged.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Comes back beside the code.
    pub state: String,
    /// Comes back inside the ID token.
    pub nonce: String,
    /// PKCE (RFC 7636): 43 to 128 characters of base64url.
    pub verifier: String,
    /// Where the provider sends the browser; registered there.
    pub redirect_uri: String,
}

/// How much the provider asks the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// As it sees fit.
    Usual,
    /// Nothing: it sends back an error where it would have to.
    Nothing,
    /// Which account, even where only one is signed in.
    WhichAccount,
}

/// Somebody whom the provider vouches for and the configuration lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The provider's name of them, which never changes hands.
    pub subject: String,
    /// Verified, in lower case.
    pub address: String,
    /// What the configuration makes them.
    pub role: Role,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct TokenError {
    error: String,
}

impl Provider {
    /// Contacts nobody yet. The configuration was checked.
    pub fn new(config: ProviderConfig) -> Result<Self, Refusal> {
        let fetch = Fetch::new()?;
        Ok(Self { config, fetch, endpoints: Mutex::new(Kept::nothing()), keys: Mutex::new(Kept::nothing()) })
    }

    /// As it writes itself.
    pub fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Where the browser goes. `hint`: who it should be.
    pub async fn authorization_url(
        &self,
        attempt: &Attempt,
        asking: Asking,
        hint: Option<&str>,
    ) -> Result<String, Refusal> {
        let endpoints = self.endpoints().await?;
        let mut url: Url = endpoints.authorization.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &attempt.redirect_uri)
            .append_pair("scope", "openid email")
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &challenge(&attempt.verifier))
            .append_pair("code_challenge_method", "S256");
        match asking {
            Asking::Usual => {}
            Asking::Nothing => drop(url.query_pairs_mut().append_pair("prompt", "none")),
            Asking::WhichAccount => drop(url.query_pairs_mut().append_pair("prompt", endpoints.choose)),
        }
        if let Some(hint) = hint {
            url.query_pairs_mut().append_pair("login_hint", hint);
        }
        Ok(url.into())
    }

    /// Exchanges the code, and says who it is.
    pub async fn person(&self, code: &str, attempt: &Attempt, now: Millis) -> Result<Person, Refusal> {
        if code.is_empty() || code.len() > CODE_MAX_BYTES {
            return Err(Refusal::Code(format!("a code of {} bytes", code.len())));
        }
        let endpoints = self.endpoints().await?;
        let tokens = self.exchange(&endpoints, code, attempt).await?;
        let id_token = tokens.id_token.ok_or_else(|| Refusal::Provider("it gave no ID token".to_owned()))?;
        let claims = self.claims(&endpoints, &id_token).await?;
        claims.check(&self.config.issuer, &self.config.client_id, &attempt.nonce, now)?;
        let info = match (&endpoints.user_info, tokens.access_token) {
            (Some(url), Some(token)) if !claims.has_address() => {
                let request = self.fetch.get(url.clone()).bearer_auth(token);
                let info: UserInfo = Fetch::json("user information", request).await?;
                // Core 5.3.2: or somebody else's information could be put in.
                if info.sub != claims.subject() {
                    return Err(TokenFault::Subject.into());
                }
                Some(info.about)
            }
            _ => None,
        };
        let told = claims.told(info);
        let (address, role) = self.config.rules.admit(&self.config.issuer, &told)?;
        Ok(Person { subject: told.subject, address, role })
    }

    async fn exchange(
        &self,
        endpoints: &Endpoints,
        code: &str,
        attempt: &Attempt,
    ) -> Result<Tokens, Refusal> {
        let (client_id, secret) = (self.config.client_id.as_str(), self.config.credential.secret());
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &attempt.redirect_uri),
            ("code_verifier", &attempt.verifier),
        ];
        match secret {
            Some(secret) if endpoints.secret_in_form => {
                form.extend([("client_id", client_id), ("client_secret", secret)]);
            }
            Some(_) => {}
            None => form.push(("client_id", client_id)),
        }
        let mut request = self.fetch.post(endpoints.token.clone(), &form);
        if let Some(secret) = secret.filter(|_| !endpoints.secret_in_form) {
            // RFC 6749, 2.3.1: both as in a form.
            let form = |text| encoded(&[("", text)]).trim_start_matches('=').to_owned();
            request = request.basic_auth(form(client_id), Some(form(secret)));
        }
        let (status, body) = Fetch::answer("token endpoint", request).await?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body)
                .map_err(|error| Refusal::Provider(format!("its tokens can't be read: {error}")));
        }
        let error = serde_json::from_slice::<TokenError>(&body).map_or(String::new(), |body| body.error);
        let error: String = error.chars().filter(|c| !c.is_control()).take(100).collect();
        match error.as_str() {
            "invalid_grant" => Err(Refusal::Code(error)),
            "invalid_client" | "unauthorized_client" => Err(Refusal::Provider(format!(
                "it doesn't take oidc.client_id with oidc.client_secret ({error})"
            ))),
            _ => Err(Refusal::Provider(format!("its token endpoint answers {status} {error}"))),
        }
    }

    async fn claims(&self, endpoints: &Endpoints, id_token: &str) -> Result<Claims, Refusal> {
        let signed = Signed::read(id_token)?;
        let keys = self.keys(endpoints, FRESH_FOR).await?;
        match signed.verified(&keys) {
            // It may be new: providers change their keys.
            Err(TokenFault::UnknownKey(_)) => {
                let keys = self.keys(endpoints, Duration::ZERO).await?;
                Ok(signed.verified(&keys)?)
            }
            claims => Ok(claims?),
        }
    }

    async fn endpoints(&self) -> Result<Arc<Endpoints>, Refusal> {
        let mut kept = self.endpoints.lock().await;
        renewed(&mut kept, FRESH_FOR, Instant::now(), || discover(&self.fetch, &self.config.issuer)).await
    }

    async fn keys(&self, endpoints: &Endpoints, fresh_for: Duration) -> Result<Arc<Keys>, Refusal> {
        let mut kept = self.keys.lock().await;
        renewed(&mut kept, fresh_for, Instant::now(), async || {
            let request = self.fetch.get(endpoints.keys.clone());
            Ok(Keys::from(Fetch::json::<KeyDocument>("keys", request).await?))
        })
        .await
    }
}

/// What is kept, if it is young; else asked for, but not twice in a short time. One asks, and those who come meanwhile
/// wait for the same answer: each request is bounded in time, and so are they by the API.
async fn renewed<T>(
    kept: &mut Kept<T>,
    fresh_for: Duration,
    now: Instant,
    ask: impl AsyncFnOnce() -> Result<T, Refusal>,
) -> Result<Arc<T>, Refusal> {
    if let Some(value) = kept.younger_than(fresh_for, now) {
        return Ok(value);
    }
    let usable = kept.younger_than(USABLE_FOR, now);
    if kept.was_just_asked(now) {
        return usable.ok_or_else(|| Refusal::Provider("it could not be reached a moment ago".to_owned()));
    }
    kept.asked = Some(now);
    match (ask().await, usable) {
        (Ok(value), _) => {
            let value = Arc::new(value);
            kept.value = Some((value.clone(), now));
            Ok(value)
        }
        (Err(error), Some(usable)) => {
            tracing::warn!(%error, "the provider's description or keys can't be renewed: the old ones are used");
            Ok(usable)
        }
        (Err(error), None) => Err(error),
    }
}

/// RFC 7636, 4.2.
fn challenge(verifier: &str) -> String {
    use sha2::Digest as _;
    data_encoding::BASE64URL_NOPAD.encode(&sha2::Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_the_standards() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[tokio::test]
    async fn the_provider_is_asked_now_and_then_only() {
        let (mut kept, start) = (Kept::nothing(), Instant::now());
        let asked = std::cell::Cell::new(0);
        let away = || Refusal::Provider("away".to_owned());
        let mut ask = async |fresh_for: Duration, after: Duration, answer: Result<u32, Refusal>| {
            let value = renewed(&mut kept, fresh_for, start + after, async || {
                asked.set(asked.get() + 1);
                answer
            });
            (value.await.map(|value| *value).ok(), asked.get())
        };
        let (hour, second) = (Duration::from_hours(1), Duration::from_secs(1));
        assert_eq!(ask(FRESH_FOR, Duration::ZERO, Err(away())).await, (None, 1));
        assert_eq!(ask(FRESH_FOR, second, Ok(1)).await, (None, 1), "not again at once");
        assert_eq!(ask(FRESH_FOR, 10 * second, Ok(1)).await, (Some(1), 2));
        assert_eq!(ask(FRESH_FOR, hour, Ok(2)).await, (Some(1), 2), "fresh");
        assert_eq!(ask(Duration::ZERO, 11 * second, Ok(2)).await, (Some(1), 2), "whatever keys tokens name");
        assert_eq!(ask(Duration::ZERO, 20 * second, Ok(2)).await, (Some(2), 3), "a new key is fetched");
        assert_eq!(ask(FRESH_FOR, 2 * hour, Err(away())).await, (Some(2), 4), "an outage is bridged");
        assert_eq!(ask(FRESH_FOR, 25 * hour, Err(away())).await, (None, 5), "but not for ever");
    }
}
