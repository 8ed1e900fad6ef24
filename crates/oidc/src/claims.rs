//! What an ID token must say (OpenID Connect Core 1.0, 3.1.3.7), once its signature is known to be right; and what is
//! told of the person.

use camtrail_model::Millis;
use serde::{Deserialize, Deserializer};

use crate::TokenFault;

/// How far the provider's clock and ours may be apart.
const CLOCKS_APART_S: i64 = 60;
/// The longest subject, by the standard.
const SUBJECT_MAX_BYTES: usize = 255;

/// The claims of an ID token, as far as they matter here.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    azp: Option<String>,
    #[serde(flatten)]
    about: About,
}

/// What the ID token, or the user information, says of the person.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct About {
    email: Option<String>,
    /// Some providers write `"true"`.
    #[serde(default, deserialize_with = "truth")]
    email_verified: bool,
    hd: Option<String>,
}

/// The answer of the user information endpoint.
#[derive(Debug, Deserialize)]
pub(crate) struct UserInfo {
    pub(crate) sub: String,
    #[serde(flatten)]
    pub(crate) about: About,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

fn truth<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    Ok(match serde_json::Value::deserialize(value)? {
        serde_json::Value::Bool(truth) => truth,
        serde_json::Value::String(text) => text == "true",
        _ => false,
    })
}

/// Whom the provider speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) subject: String,
    pub(crate) address: Option<String>,
    pub(crate) is_verified: bool,
    pub(crate) hosted_domain: Option<String>,
}

impl Claims {
    /// Whether the token is `issuer`'s, for `client_id`, of the sign-in with `nonce`, and good at `now`.
    pub(crate) fn check(
        &self,
        issuer: &str,
        client_id: &str,
        nonce: &str,
        now: Millis,
    ) -> Result<(), TokenFault> {
        if self.iss != issuer {
            return Err(TokenFault::Issuer(shown(&self.iss)));
        }
        let audience = match &self.aud {
            Audience::One(one) => std::slice::from_ref(one),
            Audience::Many(many) => many,
        };
        let party = self.azp.as_deref();
        // Where it is for several, the one that it was made for must be named.
        let is_ours = audience.iter().any(|one| one == client_id)
            && (audience.len() == 1 || party.is_some())
            && party.is_none_or(|party| party == client_id);
        if !is_ours {
            return Err(TokenFault::Audience(shown(&audience.join(" "))));
        }
        if self.nonce.as_deref() != Some(nonce) {
            return Err(TokenFault::Nonce);
        }
        let now_s = now.0.div_euclid(1_000);
        let past_s = now_s.saturating_sub(self.exp as i64);
        if self.exp <= (now_s - CLOCKS_APART_S) as f64 {
            return Err(TokenFault::Expired(past_s));
        }
        for begin in [Some(self.iat), self.nbf].into_iter().flatten() {
            if begin > (now_s + CLOCKS_APART_S) as f64 {
                return Err(TokenFault::Future((begin as i64).saturating_sub(now_s)));
            }
        }
        if self.sub.is_empty() || self.sub.len() > SUBJECT_MAX_BYTES || self.sub.chars().any(char::is_control)
        {
            return Err(TokenFault::Unreadable(format!("sub has {} bytes", self.sub.len())));
        }
        Ok(())
    }

    pub(crate) fn subject(&self) -> &str {
        &self.sub
    }

    /// Whether the token itself tells the address.
    pub(crate) fn has_address(&self) -> bool {
        self.about.email.is_some()
    }

    /// What is told: by the token, or by `info` where the token tells no address. An organisation that the token names
    /// stays named.
    pub(crate) fn told(self, info: Option<About>) -> Told {
        let hosted_domain = self.about.hd.clone();
        let about = info.unwrap_or(self.about);
        Told {
            subject: self.sub,
            address: about.email,
            is_verified: about.email_verified,
            hosted_domain: hosted_domain.or(about.hd),
        }
    }
}

/// For messages: bounded, and on one line.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
