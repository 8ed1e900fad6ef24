//! `[[notify.channel]]`: each kind with its own keys.

use camtrail_notify::{ChannelKind, Email, EmailTls, Mqtt, Ntfy, Secret, Webhook};

use super::Channel;
use crate::config::{self, ConfigError, settings::Checker};

/// One channel's checks.
pub(super) struct Kinds<'a> {
    pub(super) check: &'a Checker<'a>,
    pub(super) channel: &'a Channel,
    pub(super) index: usize,
}

impl Kinds<'_> {
    fn key(&self, name: &str) -> String {
        format!("notify.channel[{}].{name}", self.index)
    }

    fn wrong(&self, name: &str, found: &str, expected: impl Into<String>) -> ConfigError {
        self.check.wrong(&self.key(name), found, expected)
    }

    pub(super) fn kind(&self) -> Result<ChannelKind, ConfigError> {
        let channel = self.channel;
        let kind = match channel.kind.as_str() {
            "webhook" => ChannelKind::Webhook(self.webhook()?),
            "mqtt" => ChannelKind::Mqtt(self.mqtt()?),
            "email" => ChannelKind::Email(self.email()?),
            "ntfy" => ChannelKind::Ntfy(self.ntfy()?),
            "web_push" => {
                let contact = &channel.contact;
                if !(contact.starts_with("mailto:") && contact.contains('@')
                    || contact.starts_with("https://"))
                {
                    return Err(self.wrong(
                        "contact",
                        contact,
                        "mailto:you@example.org, or an https address",
                    ));
                }
                ChannelKind::WebPush { contact: contact.clone() }
            }
            other => {
                let expected = "\"webhook\", \"mqtt\", \"email\", \"ntfy\" or \"web_push\"";
                return Err(self.wrong("kind", other, expected));
            }
        };
        self.nothing_else()?;
        Ok(kind)
    }

    /// A key that a kind has no use for is a mistake, such as a mail's receiver in a webhook.
    fn nothing_else(&self) -> Result<(), ConfigError> {
        let channel = self.channel;
        let given = [
            ("url", !channel.url.is_empty(), &["webhook", "mqtt", "email", "ntfy"][..]),
            ("secret_file", !channel.secret_file.is_empty(), &["webhook", "mqtt", "email", "ntfy"]),
            ("user", !channel.user.is_empty(), &["mqtt", "email"]),
            ("from", !channel.from.is_empty(), &["email"]),
            ("to", !channel.to.is_empty(), &["email"]),
            ("topic", !channel.topic.is_empty(), &["mqtt"]),
            ("discovery", channel.discovery.is_some(), &["mqtt"]),
            ("priority", channel.priority.is_some(), &["ntfy"]),
            ("contact", !channel.contact.is_empty(), &["web_push"]),
        ];
        match given.iter().find(|(_, given, kinds)| *given && !kinds.contains(&channel.kind.as_str())) {
            Some((name, _, _)) => Err(self.wrong(
                name,
                "(set)",
                format!("nothing: a channel of kind {:?} has no such key", channel.kind),
            )),
            None => Ok(()),
        }
    }

    /// From the environment, else from the file. Never shown.
    fn secret(&self) -> Result<Option<Secret>, ConfigError> {
        const MOST_BYTES: usize = 4_096;
        let variable = secret_variable(&self.channel.name);
        let (text, place) = if let Some(text) = config::variable(&variable) {
            (text, variable)
        } else if self.channel.secret_file.is_empty() {
            return Ok(None);
        } else {
            let file = self.channel.secret_file.clone();
            let text = std::fs::read_to_string(&file).map_err(|error| {
                self.wrong("secret_file", &file, format!("a file that can be read ({error})"))
            })?;
            (text, file)
        };
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() || secret.len() > MOST_BYTES || secret.chars().any(char::is_control) {
            return Err(self.wrong("secret_file", &place, "one line that holds the secret"));
        }
        Ok(Some(Secret::new(secret)))
    }

    fn login(&self) -> Result<Option<(String, Secret)>, ConfigError> {
        match (self.channel.user.as_str(), self.secret()?) {
            ("", None) => Ok(None),
            (user, Some(secret)) if !user.is_empty() => Ok(Some((user.to_owned(), secret))),
            (user, _) => Err(self.wrong("user", user, "a user, and a secret_file with the password")),
        }
    }

    /// Host, port and what stands behind of an address with one of these schemes.
    fn server<'s>(
        &self,
        schemes: &[(&'s str, u16)],
        example: &str,
    ) -> Result<(&'s str, String, u16), ConfigError> {
        let url = &self.channel.url;
        let found = schemes.iter().find_map(|(scheme, port)| {
            let rest = url.strip_prefix(scheme)?.strip_prefix("://")?.trim_end_matches('/');
            let (host, port) = match rest.rsplit_once(':') {
                Some((host, number)) if !number.contains(']') => (host, number.parse().ok()?),
                _ => (rest, *port),
            };
            let host = host.trim_matches(['[', ']']);
            let fine = !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ', '[', ']']);
            fine.then(|| (*scheme, host.to_owned(), port))
        });
        found.ok_or_else(|| self.wrong("url", url, format!("an address such as {example} (no user in it)")))
    }

    fn http_url(&self, example: &str) -> Result<reqwest::Url, ConfigError> {
        let url = &self.channel.url;
        let parsed = reqwest::Url::parse(url).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        });
        parsed.ok_or_else(|| self.wrong("url", url, format!("an address such as {example} (no user in it)")))
    }

    fn webhook(&self) -> Result<Webhook, ConfigError> {
        /// Less could be guessed.
        const LEAST_BYTES: usize = 16;
        let url = self.http_url("https://example.org/hook")?;
        let missing = || {
            let variable = secret_variable(&self.channel.name);
            self.wrong(
                "secret_file",
                &self.channel.secret_file,
                format!(
                    "a file (or {variable}) with the secret of the signature, {LEAST_BYTES} bytes or more (echo \
                     whsec_$(openssl rand -base64 32) makes one)"
                ),
            )
        };
        let secret = self.secret()?.ok_or_else(missing)?;
        let key = match secret.text().strip_prefix("whsec_") {
            Some(encoded) => data_encoding::BASE64.decode(encoded.as_bytes()).ok(),
            None => Some(secret.text().as_bytes().to_vec()),
        };
        if key.is_none_or(|key| key.len() < LEAST_BYTES) {
            return Err(missing());
        }
        Ok(Webhook { url: url.to_string(), secret })
    }

    fn mqtt(&self) -> Result<Mqtt, ConfigError> {
        let channel = self.channel;
        let (scheme, host, port) =
            self.server(&[("mqtt", 1883), ("mqtts", 8883)], "mqtt://homeassistant.local:1883")?;
        let topic = |name: &str, text: &str| {
            let fine = !text.is_empty()
                && text.len() <= 200
                && !text.starts_with(['/', '$'])
                && !text.ends_with('/');
            let fine = fine && !text.contains(['+', '#']) && !text.chars().any(char::is_control);
            if fine {
                Ok(text.to_owned())
            } else {
                Err(self.wrong(name, text, "a topic such as house/camtrail, without + and #"))
            }
        };
        let base = if channel.topic.is_empty() { "camtrail" } else { &channel.topic };
        let discovery = match channel.discovery.as_deref() {
            None => Some("homeassistant".to_owned()),
            Some("") => None,
            Some(text) => Some(topic("discovery", text)?),
        };
        Ok(Mqtt {
            host,
            port,
            tls: scheme == "mqtts",
            login: self.login()?,
            topic: topic("topic", base)?,
            discovery,
        })
    }

    fn email(&self) -> Result<Email, ConfigError> {
        const RECEIVERS_MAX: usize = 50;
        let channel = self.channel;
        let schemes = [("smtps", 465), ("smtp+starttls", 587), ("smtp", 25)];
        let (scheme, host, port) =
            self.server(&schemes, "smtps://mail.example.org:465 or smtp+starttls://mail.example.org:587")?;
        let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let tls = match scheme {
            "smtps" => EmailTls::Implicit,
            "smtp+starttls" => EmailTls::StartTls,
            _ if here => EmailTls::None,
            _ => {
                let expected =
                    "smtps:// or smtp+starttls://: without TLS only a server on this machine is spoken to";
                return Err(self.wrong("url", &channel.url, expected));
            }
        };
        let expected = "a mail address, such as Camtrail <cams@example.org>";
        if !Email::is_mailbox(&channel.from) {
            return Err(self.wrong("from", &channel.from, expected));
        }
        if channel.to.is_empty() || channel.to.len() > RECEIVERS_MAX {
            return Err(self.wrong(
                "to",
                &channel.to.len().to_string(),
                format!("1 to {RECEIVERS_MAX} mail addresses"),
            ));
        }
        if let Some(wrong) = channel.to.iter().find(|to| !Email::is_mailbox(to)) {
            return Err(self.wrong("to", wrong, expected));
        }
        let login = self.login()?;
        Ok(Email { host, port, tls, login, from: channel.from.clone(), to: channel.to.clone() })
    }

    fn ntfy(&self) -> Result<Ntfy, ConfigError> {
        const EXAMPLE: &str = "https://ntfy.sh/my-secret-topic";
        let mut url = self.http_url(EXAMPLE)?;
        let path = url.path().trim_end_matches('/').to_owned();
        let (folder, topic) = path.rsplit_once('/').unwrap_or_default();
        let fine = (1..=64).contains(&topic.len())
            && topic.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if !fine || url.query().is_some() {
            return Err(self.wrong(
                "url",
                &self.channel.url,
                format!("a topic's address, such as {EXAMPLE}"),
            ));
        }
        let (folder, topic) = (folder.to_owned(), topic.to_owned());
        url.set_path(&folder);
        let priority = self.channel.priority.unwrap_or(3);
        if !(1..=5).contains(&priority) {
            return Err(self.wrong("priority", &priority.to_string(), "1 to 5"));
        }
        Ok(Ntfy { server: url.to_string(), topic, priority, token: self.secret()? })
    }
}

/// The variable that goes before a channel's `secret_file`.
fn secret_variable(channel: &str) -> String {
    format!("CAMTRAIL_NOTIFY_{}_SECRET", channel.to_ascii_uppercase().replace('-', "_"))
}
