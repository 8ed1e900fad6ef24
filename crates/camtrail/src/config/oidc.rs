//! `[oidc]`: sign-in by an OpenID Connect provider.

use std::time::Duration;

use camtrail_oidc::{Credential, ProviderConfig, Rules};

use super::{ConfigError, section::section, settings::Checker};

/// The shortest and longest time before the provider is asked again: the longest is for how long somebody who was
/// removed there may still look on (NEVER-30), the shortest is how often a page may be drawn anew for it.
const SESSION: std::ops::RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_hours(12);
/// Of the name on the button.
const NAME_MAX_CHARS: usize = 40;
const SECRET_MAX_BYTES: usize = 4_096;

section! {
    /// Sign-in by an OpenID Connect provider ([guide](../guide/sign-in.md)).
    pub(crate) struct Oidc {
        /// the provider as it writes itself, such as `https://accounts.google.com`; empty: sign-in by password only
        issuer: String,
        /// what the provider calls this Camtrail
        client_id: String,
        /// what proves it; empty, and no file: a public client
        client_secret: String,
        /// or a file that holds it
        client_secret_file: String,
        /// what the button calls the provider: "Continue with …"
        name: String = "single sign-on".to_owned(),
        /// everybody with a verified address of these domains may sign in; at Google, of these Workspace domains
        allowed_domains: Vec<String>,
        /// these addresses may, too
        allowed_addresses: Vec<String>,
        /// these may, too, and are administrators; all others are viewers
        admins: Vec<String>,
        /// how long a session lasts before the provider is asked again, 5m to 12h
        session: String = "1h".to_owned(),
    }
}

/// The section, checked.
#[derive(Debug, Clone)]
pub(crate) struct OidcSettings {
    pub(crate) provider: ProviderConfig,
    pub(crate) name: String,
    pub(crate) session: Duration,
}

/// `None`: nobody signs in by a provider.
pub(super) fn check(check: &Checker<'_>, oidc: &Oidc) -> Result<Option<OidcSettings>, ConfigError> {
    if oidc.issuer.is_empty() {
        let left = [
            ("client_id", !oidc.client_id.is_empty()),
            ("client_secret", !oidc.client_secret.is_empty()),
            ("client_secret_file", !oidc.client_secret_file.is_empty()),
            ("allowed_domains", !oidc.allowed_domains.is_empty()),
            ("allowed_addresses", !oidc.allowed_addresses.is_empty()),
            ("admins", !oidc.admins.is_empty()),
        ];
        return match left.into_iter().find(|(_, set)| *set) {
            Some((key, _)) => Err(check.wrong(&format!("oidc.{key}"), "(set)", "oidc.issuer beside it")),
            None => Ok(None),
        };
    }
    let rules = Rules::new(&oidc.allowed_domains, &oidc.allowed_addresses, &oidc.admins);
    let provider = ProviderConfig {
        issuer: oidc.issuer.clone(),
        client_id: oidc.client_id.clone(),
        credential: Credential::new(&secret(check, oidc)?),
        rules,
    };
    provider.check().map_err(|problem| {
        let found = match problem.key {
            "issuer" => oidc.issuer.clone(),
            "client_id" => oidc.client_id.clone(),
            "allowed_domains" => oidc.allowed_domains.join(", "),
            "admins" => oidc.admins.join(", "),
            _ => oidc.allowed_addresses.join(", "),
        };
        check.wrong(&format!("oidc.{}", problem.key), &found, problem.expected)
    })?;
    let session = check.duration("oidc.session", &oidc.session)?;
    if !SESSION.contains(&session) {
        return Err(check.wrong("oidc.session", &oidc.session, "5m to 12h"));
    }
    let name = oidc.name.trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME_MAX_CHARS || name.chars().any(char::is_control) {
        let expected =
            format!("what people call the provider, such as Google (up to {NAME_MAX_CHARS} characters)");
        return Err(check.wrong("oidc.name", &oidc.name, expected));
    }
    Ok(Some(OidcSettings { provider, name, session }))
}

/// Never shown in an error.
fn secret(check: &Checker<'_>, oidc: &Oidc) -> Result<String, ConfigError> {
    const KEY: &str = "oidc.client_secret_file";
    let file = oidc.client_secret_file.as_str();
    let text = match (oidc.client_secret.as_str(), file) {
        (text, "") => return Ok(text.to_owned()),
        ("", file) => std::fs::read_to_string(file)
            .map_err(|error| check.wrong(KEY, file, format!("a file that can be read ({error})")))?,
        _ => return Err(check.wrong(KEY, file, "one of client_secret and client_secret_file")),
    };
    let secret = text.trim();
    if secret.is_empty() || secret.len() > SECRET_MAX_BYTES {
        return Err(check.wrong(KEY, file, "a file that holds the client's secret, and nothing else"));
    }
    Ok(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Option<OidcSettings>, String> {
        let section: Oidc = toml::from_str(text).unwrap();
        check(&Checker { place: "camtrail.toml" }, &section).map_err(|error| error.to_string())
    }

    #[test]
    fn a_provider_wants_an_issuer_a_client_and_somebody_to_let_in() {
        assert!(checked("").unwrap().is_none());
        let good = "issuer = \"https://accounts.google.com\"\nclient_id = \"c\"\nname = \"Google\"\n";
        let some = checked(&format!("{good}allowed_domains = [\"example.org\"]\n")).unwrap().unwrap();
        assert_eq!((some.name.as_str(), some.session), ("Google", Duration::from_hours(1)));
        for (text, want) in [
            ("client_id = \"c\"", "oidc.client_id: found \"(set)\", expected oidc.issuer beside it"),
            ("issuer = \"accounts.google.com\"", "oidc.issuer: found \"accounts.google.com\""),
            ("issuer = \"https://a.example\"", "oidc.client_id: found \"\""),
            (good, "oidc.allowed_addresses: found \"\", expected somebody who may sign in"),
            (&format!("{good}admins = [\"boss\"]"), "oidc.admins: found \"boss\""),
            (
                &format!("{good}admins = [\"b@c.example\"]\nsession = \"30d\""),
                "oidc.session: found \"30d\", expected 5m",
            ),
            (
                &format!("{good}client_secret_file = \"/dev/null\""),
                "oidc.client_secret_file: found \"/dev/null\"",
            ),
            (
                &format!("{good}client_secret = \"hunter2\"\nclient_secret_file = \"/x\""),
                "oidc.client_secret_file: found \"/x\", expected one of",
            ),
        ] {
            let error = checked(text).unwrap_err();
            assert!(error.contains(want) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
