//! `[notify]`: rules, channels and the digest, as they are written and as they are checked.

mod channels;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use camtrail_model::{CameraName, CaptureKind};
use camtrail_notify::{ChannelConfig, DigestConfig, Hours, NotifyConfig, On, Rule, Watched};

use super::{ConfigError, section::section, settings::Checker};
use channels::Kinds;

section! {
    /// What is told to others ([notifications](../design/notifications.md)).
    pub(crate) struct Notify {
        /// a run of captures is over when none came for so long
        gap: String = "60s".to_owned(),
        /// a run that doesn't end is counted this often
        longest: String = "15m".to_owned(),
        /// what arrived longer ago is summed up in one message
        late_after: String = "10m".to_owned(),
        /// Web Push may go to this machine, without https: for tests
        push_to_loopback: bool,
        rule: Vec<NotifyRule>,
        channel: Vec<Channel>,
        #[serde(skip_serializing_if = "Option::is_none")]
        digest: Option<Digest>,
    }
}

section! {
    /// What is told to which channels.
    pub(crate) struct NotifyRule {
        /// letters, digits, `-`, `_`; each once
        name: String,
        /// `event`, `camera_silent` (needs the camera's `silent_after`), `camera_back` or `gateway_trouble`
        on: String = "event".to_owned(),
        /// cameras' names; none: all
        cameras: Vec<String>,
        /// the name of a group of cameras; with `cameras`, those in both
        group: String,
        /// hours of the day by the camera's clock, `22:00-06:00`; empty: always
        hours: String,
        /// `record` or `snap`; empty: both
        kind: String,
        /// `gateway_trouble`: the store must be out of reach for so long
        after: String = "10m".to_owned(),
        /// a run of more than one capture is counted at its end
        follow_up: bool = true,
        /// names of channels
        targets: Vec<String>,
    }
}

section! {
    /// A way in which others are told.
    pub(crate) struct Channel {
        /// letters, digits, `-`, `_`; each once
        name: String,
        /// `webhook`, `mqtt`, `email`, `ntfy` or `web_push`
        kind: String,
        /// `https://…` (webhook); `https://ntfy.sh/TOPIC` (ntfy); `mqtt://HOST:1883`, `mqtts://HOST:8883`;
        /// `smtps://HOST:465`, `smtp+starttls://HOST:587`, `smtp://localhost:25` (only this machine); without a user in it
        url: String,
        /// a file with the secret: the signature's (webhook, needed: `whsec_…` or any text), an access token (ntfy), a
        /// password (mqtt, email). `CAMTRAIL_NOTIFY_NAME_SECRET` goes before it (the channel's name in capitals, `-` as
        /// `_`)
        secret_file: String,
        /// who logs in (mqtt, email)
        user: String,
        /// the sender's mail address (email)
        from: String,
        /// the receivers' mail addresses (email)
        to: Vec<String>,
        /// what our topics begin with (mqtt); empty: `camtrail`
        topic: String,
        /// what Home Assistant's discovery topics begin with (mqtt); unset: `homeassistant`; `""`: no discovery
        #[serde(skip_serializing_if = "Option::is_none")]
        discovery: Option<String>,
        /// 1 to 5 (ntfy); unset: 3; trouble has 4 at least
        #[serde(skip_serializing_if = "Option::is_none")]
        priority: Option<u8>,
        /// whom a push service may ask about us: `mailto:you@example.org` or `https://…` (web_push)
        contact: String,
    }
}

section! {
    /// A summary once a day.
    pub(crate) struct Digest {
        /// when, by the site's clock (`time_zone`): `08:00`
        at: String,
        /// names of channels
        channels: Vec<String>,
    }
}

/// Rules, channels: at most.
const MOST: usize = 100;
/// A name, in bytes at most.
const NAME_MAX_BYTES: usize = 64;
/// A shorter gap would be a message a capture.
const GAP_MIN: Duration = Duration::from_secs(1);

/// `None`: nothing is told to anybody.
pub(super) fn check(
    check: &Checker<'_>,
    notify: &Notify,
    public_url: Option<&str>,
    cameras: HashMap<CameraName, Watched>,
) -> Result<Option<NotifyConfig>, ConfigError> {
    for (key, found) in [("notify.rule", notify.rule.len()), ("notify.channel", notify.channel.len())] {
        if found > MOST {
            return Err(check.wrong(key, &found.to_string(), format!("{MOST} at most")));
        }
    }
    let at_least = |key: &str, text: &str| {
        let duration = check.duration(key, text)?;
        if duration < GAP_MIN {
            return Err(check.wrong(key, text, "a second or more"));
        }
        Ok(duration)
    };
    let mut channels = Vec::new();
    let mut names = HashSet::new();
    for (index, channel) in notify.channel.iter().enumerate() {
        let key = |name: &str| format!("notify.channel[{index}].{name}");
        unique(check, &key("name"), &channel.name, &mut names)?;
        let kind = Kinds { check, channel, index }.kind()?;
        channels.push(ChannelConfig { name: channel.name.clone(), kind });
    }
    let is_channel = |key: &str, targets: &[String]| {
        let known: Vec<_> = channels.iter().map(|channel| channel.name.as_str()).collect();
        if targets.is_empty() {
            return Err(check.wrong(key, "[]", format!("names of channels ({})", known.join(", "))));
        }
        match targets.iter().find(|target| !known.contains(&target.as_str())) {
            Some(unknown) => {
                Err(check.wrong(key, unknown, format!("the name of a channel ({})", known.join(", "))))
            }
            None => Ok(()),
        }
    };
    let mut rules = Vec::new();
    let mut names = HashSet::new();
    for (index, rule) in notify.rule.iter().enumerate() {
        let key = |name: &str| format!("notify.rule[{index}].{name}");
        unique(check, &key("name"), &rule.name, &mut names)?;
        is_channel(&key("targets"), &rule.targets)?;
        rules.push(self::rule(check, rule, index)?);
    }
    let digest = match &notify.digest {
        None => None,
        Some(digest) => {
            is_channel("notify.digest.channels", &digest.channels)?;
            let at = DigestConfig::parse_at(&digest.at).ok_or_else(|| {
                check.wrong("notify.digest.at", &digest.at, "a time of the day, such as 08:00")
            })?;
            Some(DigestConfig { at, channels: digest.channels.clone() })
        }
    };
    let config = NotifyConfig {
        rules,
        channels,
        digest,
        gap: at_least("notify.gap", &notify.gap)?,
        longest: at_least("notify.longest", &notify.longest)?,
        late_after: at_least("notify.late_after", &notify.late_after)?,
        public_url: public_url.map(str::to_owned),
        cameras,
    };
    Ok((!config.channels.is_empty()).then_some(config))
}

fn unique(
    check: &Checker<'_>,
    key: &str,
    name: &str,
    names: &mut HashSet<String>,
) -> Result<(), ConfigError> {
    let fine = (1..=NAME_MAX_BYTES).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    if !fine {
        let expected = format!("1 to {NAME_MAX_BYTES} letters, digits, - or _");
        return Err(check.wrong(key, name, expected));
    }
    if !names.insert(name.to_owned()) {
        return Err(check.wrong(key, name, "a name that no other has"));
    }
    Ok(())
}

fn rule(check: &Checker<'_>, rule: &NotifyRule, index: usize) -> Result<Rule, ConfigError> {
    let key = |name: &str| format!("notify.rule[{index}].{name}");
    let on = On::parse(&rule.on).ok_or_else(|| {
        let expected = "\"event\", \"camera_silent\", \"camera_back\" or \"gateway_trouble\"";
        check.wrong(&key("on"), &rule.on, expected)
    })?;
    let camera = |name: &String| {
        CameraName::parse(name).map_err(|error| check.wrong(&key("cameras"), name, error.to_string()))
    };
    let hours = match rule.hours.as_str() {
        "" => None,
        text => Some(Hours::parse(text).ok_or_else(|| {
            check.wrong(&key("hours"), text, "two different times of the day, such as 22:00-06:00")
        })?),
    };
    let kind = match rule.kind.as_str() {
        "" => None,
        text => Some(
            CaptureKind::parse(text)
                .ok_or_else(|| check.wrong(&key("kind"), text, "\"record\" or \"snap\""))?,
        ),
    };
    let of_cameras = !rule.cameras.is_empty() || !rule.group.is_empty() || hours.is_some();
    if on == On::GatewayTrouble && of_cameras {
        return Err(check.wrong(
            &key("on"),
            &rule.on,
            "no cameras, group or hours beside it: it is about none",
        ));
    }
    if on != On::Event && kind.is_some() {
        return Err(check.wrong(
            &key("kind"),
            &rule.kind,
            "nothing beside this `on`: only captures have a kind",
        ));
    }
    Ok(Rule {
        name: rule.name.clone(),
        on,
        cameras: rule.cameras.iter().map(camera).collect::<Result<_, _>>()?,
        group: Some(rule.group.clone()).filter(|group| !group.is_empty()),
        hours,
        kind,
        after: check.duration(&key("after"), &rule.after)?,
        follow_up: rule.follow_up,
        targets: rule.targets.clone(),
    })
}

#[cfg(test)]
mod tests;
