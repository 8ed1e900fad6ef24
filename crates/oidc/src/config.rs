//! Which provider, as whom, and who may come in: checked.

use reqwest::Url;

use crate::Rules;

/// What the provider knows us by.
#[derive(Clone, Default)]
pub struct Credential(Option<String>);

impl Credential {
    /// A client secret; empty: none, for clients that are registered as public.
    pub fn new(secret: &str) -> Self {
        Self(Some(secret.to_owned()).filter(|secret| !secret.is_empty()))
    }

    pub(crate) fn secret(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(secret)")
    }
}

/// A provider and its rules.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// As the provider writes itself, such as `https://accounts.google.com`.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// What proves that we are that.
    pub credential: Credential,
    /// Who may come in, and as what.
    pub rules: Rules,
}

/// A value that can't be right: which key, and what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}")]
pub struct ConfigProblem {
    /// The key in its section.
    pub key: &'static str,
    /// What should stand there.
    pub expected: &'static str,
}

impl ProviderConfig {
    /// Whether all of it is plausible.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        let wrong = |key, expected| Err(ConfigProblem { key, expected });
        let issuer = Url::parse(&self.issuer).ok();
        let plain = issuer.is_some_and(|url| {
            is_safe(&url) && url.query().is_none() && url.fragment().is_none() && url.username().is_empty()
        });
        if !plain {
            return wrong("issuer", "the provider's https address, such as https://accounts.google.com");
        }
        if self.client_id.is_empty() || self.client_id.len() > 512 {
            return wrong("client_id", "what the provider calls this Camtrail");
        }
        self.rules.check()
    }
}

/// Whether what is sent there can be read by nobody between: https, or this very machine (tests, a provider beside us).
pub(crate) fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_an_address_that_nobody_can_listen_to() {
        let config = |issuer: &str| ProviderConfig {
            issuer: issuer.to_owned(),
            client_id: "c".to_owned(),
            credential: Credential::default(),
            rules: Rules::new(&[], &["anna@example.org".to_owned()], &[]),
        };
        for good in
            ["https://accounts.google.com", "https://id.example.org/realms/home", "http://127.0.0.1:9"]
        {
            assert_eq!(config(good).check(), Ok(()), "{good}");
        }
        for bad in
            ["", "accounts.google.com", "http://id.example.org", "ftp://x", "https://x/?a", "https://u@x/"]
        {
            assert_eq!(config(bad).check().unwrap_err().key, "issuer", "{bad}");
        }
        assert_eq!(format!("{:?}", Credential::new("hunter2")), "Credential(secret)");
    }
}
