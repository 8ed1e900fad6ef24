//! What is configured, checked by the program that reads it.

use std::{collections::HashMap, fmt, time::Duration};

use camtrail_model::{CameraName, CaptureKind, groups::CameraGroups};
use jiff::civil::Time;

/// Everything about notifications.
#[derive(Debug, Clone)]
pub struct NotifyConfig {
    /// What is told to whom.
    pub rules: Vec<Rule>,
    /// The ways out.
    pub channels: Vec<ChannelConfig>,
    /// A summary once a day.
    pub digest: Option<DigestConfig>,
    /// A run of captures ends when none came for so long.
    pub gap: Duration,
    /// A run that doesn't end is told again after so long.
    pub longest: Duration,
    /// What arrived longer ago than this is summed up into one message.
    pub late_after: Duration,
    /// Where the web app is, with the base path and without a slash at its end; `None`: messages have no links.
    pub public_url: Option<String>,
    /// Cameras with settings of their own.
    pub cameras: HashMap<CameraName, Watched>,
}

/// What is configured of one camera.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    /// What people call it.
    pub display_name: Option<String>,
    /// Unheard for so long it is silent; `None`: never.
    pub silent_after: Option<Duration>,
}

/// What a rule waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// A capture.
    Event,
    /// A camera wasn't heard from for longer than its `silent_after`.
    CameraSilent,
    /// A silent one was heard from again.
    CameraBack,
    /// The spool fills, or the store can't be reached.
    GatewayTrouble,
}

impl On {
    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::CameraSilent => "camera_silent",
            Self::CameraBack => "camera_back",
            Self::GatewayTrouble => "gateway_trouble",
        }
    }

    /// The word of the configuration.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "event" => Self::Event,
            "camera_silent" => Self::CameraSilent,
            "camera_back" => Self::CameraBack,
            "gateway_trouble" => Self::GatewayTrouble,
            _ => return None,
        })
    }
}

/// Hours of the day: from one time until right before another; over midnight where the first is the later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    from: Time,
    until: Time,
}

impl Hours {
    /// `22:00-06:00`; `None` for anything else, and for two equal times.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        let hours = Self { from: time_of_day(from)?, until: time_of_day(until)? };
        (hours.from != hours.until).then_some(hours)
    }

    /// Whether `time` is within.
    pub fn contain(&self, time: Time) -> bool {
        if self.from < self.until {
            (self.from..self.until).contains(&time)
        } else {
            time >= self.from || time < self.until
        }
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.until.strftime("%H:%M"))
    }
}

/// `HH:MM`, `24:00` being midnight.
pub(crate) fn time_of_day(text: &str) -> Option<Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str| (text.len() == 2).then(|| text.parse::<i8>().ok()).flatten();
    match (number(hour)?, number(minute)?) {
        (24, 0) => Some(Time::midnight()),
        (hour, minute) => Time::new(hour, minute, 0, 0).ok(),
    }
}

/// What is told to whom.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name; unique.
    pub name: String,
    /// What it waits for.
    pub on: On,
    /// These cameras; none: all.
    pub cameras: Vec<CameraName>,
    /// And only those of this group.
    pub group: Option<String>,
    /// And only at these hours, by the camera's clock.
    pub hours: Option<Hours>,
    /// And only clips, or stills.
    pub kind: Option<CaptureKind>,
    /// How long the store must be out of reach.
    pub after: Duration,
    /// Whether a run of captures is summed up at its end.
    pub follow_up: bool,
    /// The channels' names.
    pub targets: Vec<String>,
}

impl Rule {
    /// Whether it is about `camera`. A group that nobody made has no cameras.
    pub(crate) fn covers(&self, camera: &CameraName, groups: &CameraGroups) -> bool {
        let named = self.cameras.is_empty() || self.cameras.contains(camera);
        let in_group = self
            .group
            .as_ref()
            .is_none_or(|name| groups.get(name).is_some_and(|group| !group.of([camera.clone()]).is_empty()));
        named && in_group
    }
}

/// A summary once a day.
#[derive(Debug, Clone)]
pub struct DigestConfig {
    /// When, by the site's clock.
    pub at: Time,
    /// The channels' names.
    pub channels: Vec<String>,
}

impl DigestConfig {
    /// `08:00`.
    pub fn parse_at(text: &str) -> Option<Time> {
        time_of_day(text)
    }
}

/// Something that no log may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A way out.
#[derive(Debug, Clone)]
pub struct ChannelConfig {
    /// Its name; unique.
    pub name: String,
    /// What it is.
    pub kind: ChannelKind,
}

/// What a channel is.
#[derive(Debug, Clone)]
pub enum ChannelKind {
    /// `webhook`.
    Webhook(Webhook),
    /// `mqtt`.
    Mqtt(Mqtt),
    /// `email`.
    Email(Email),
    /// `ntfy`.
    Ntfy(Ntfy),
    /// `web_push`.
    WebPush {
        /// Whom a push service may ask about us: `mailto:` or `https:`.
        contact: String,
    },
}

impl ChannelKind {
    /// The word of the configuration.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Mqtt(_) => "mqtt",
            Self::Email(_) => "email",
            Self::Ntfy(_) => "ntfy",
            Self::WebPush { .. } => "web_push",
        }
    }
}

/// A signed `POST`.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where to.
    pub url: String,
    /// The key of the signature, in bytes.
    pub secret: Secret,
}

/// A broker.
#[derive(Debug, Clone)]
pub struct Mqtt {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether by TLS.
    pub tls: bool,
    /// Who logs in, and the password.
    pub login: Option<(String, Secret)>,
    /// What our topics begin with.
    pub topic: String,
    /// What Home Assistant's discovery topics begin with; `None`: no discovery.
    pub discovery: Option<String>,
}

/// How a mail server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailTls {
    /// TLS from the first byte.
    Implicit,
    /// TLS after `STARTTLS`, always.
    StartTls,
    /// None, on this machine only.
    None,
}

/// Mail by SMTP.
#[derive(Debug, Clone)]
pub struct Email {
    /// The server's host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub tls: EmailTls,
    /// Who logs in, and the password.
    pub login: Option<(String, Secret)>,
    /// The sender.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
}

impl Email {
    /// Whether a text is a mail address, with or without a name before it.
    pub fn is_mailbox(text: &str) -> bool {
        text.parse::<lettre::message::Mailbox>().is_ok()
    }
}

/// A topic of an ntfy server.
#[derive(Debug, Clone)]
pub struct Ntfy {
    /// The server, without a slash at its end.
    pub server: String,
    /// The topic.
    pub topic: String,
    /// 1 to 5.
    pub priority: u8,
    /// An access token.
    pub token: Option<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_may_go_over_midnight() {
        let at = |text| time_of_day(text).unwrap();
        let night = Hours::parse("22:00-06:00").unwrap();
        for (time, within) in
            [("21:59", false), ("22:00", true), ("00:00", true), ("05:59", true), ("06:00", false)]
        {
            assert_eq!(night.contain(at(time)), within, "{time}");
        }
        assert_eq!(night.to_string(), "22:00-06:00");
        let evening = Hours::parse("18:00-24:00").unwrap();
        assert!(evening.contain(at("23:59")) && !evening.contain(at("00:00")));
        let day = Hours::parse("08:30 - 17:00").unwrap();
        assert!(day.contain(at("08:30")) && !day.contain(at("17:00")));
        for wrong in
            ["", "8-17", "08:00", "08:00-08:00", "25:00-01:00", "08:60-09:00", "08:00-09:00-10:00", "a:b-c:d"]
        {
            assert_eq!(Hours::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let webhook = Webhook { url: "http://x".to_owned(), secret: Secret::new("geheim") };
        assert!(!format!("{webhook:?}").contains("geheim"));
    }
}
