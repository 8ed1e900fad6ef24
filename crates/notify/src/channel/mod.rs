//! The ways out: one file each.

pub(crate) mod email;
pub(crate) mod home_assistant;
mod http;
pub(crate) mod mqtt;
pub(crate) mod ntfy;
pub(crate) mod web_push;
pub(crate) mod webhook;

use std::time::Duration;

use camtrail_model::{CatalogRecord, DerivedFiles, DerivedKey, EventId};

use crate::{
    config::{ChannelConfig, ChannelKind},
    message::{Kind, Message},
    notifier::{Parts, Shared},
};

/// How old a message may be when its picture is still waited for: posters are ready within seconds or not at all.
const PICTURE_WAIT_MS: i64 = 5_000;
/// How often it is looked whether the picture is there.
const PICTURE_LOOK: Duration = Duration::from_millis(200);
/// The largest picture that is sent.
const PICTURE_MAX_BYTES: u64 = 200_000;

/// Why a message wasn't taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SendError {
    /// It may be, later.
    #[error("{0}")]
    Again(String),
    /// It won't ever.
    #[error("{0}")]
    Refused(String),
}

/// A message on its way, and what can be had for it.
pub(crate) struct Parcel<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) message: &'a Message,
    /// Whom of the channel.
    pub(crate) target: &'a str,
}

impl<'a> Parcel<'a> {
    pub(crate) fn new(shared: &'a Shared, message: &'a Message, target: &'a str) -> Self {
        Self { shared, message, target }
    }

    /// Where a click leads.
    pub(crate) fn link(&self) -> Option<String> {
        match &self.message.event {
            Some(event) => self.shared.event_link(&event.id),
            None => self.shared.config.public_url.as_ref().map(|url| format!("{url}/")),
        }
    }

    async fn record(&self) -> Option<CatalogRecord> {
        let id = EventId::parse(&self.message.event.as_ref()?.id)?;
        match self.shared.parts.catalog.event(&id).await {
            Ok(record) => record,
            Err(error) => {
                tracing::debug!(%id, %error, "a message goes without its picture");
                None
            }
        }
    }

    /// The event with its poster, waited for while the message is young.
    async fn pictured(&self) -> Option<CatalogRecord> {
        self.message.event.as_ref()?;
        loop {
            if let Some(record) = self.record().await.filter(|record| record.poster) {
                return Some(record);
            }
            let age_ms = self.shared.now().0 - self.message.at.0;
            if !(0..PICTURE_WAIT_MS).contains(&age_ms) {
                return None;
            }
            tokio::time::sleep(PICTURE_LOOK).await;
        }
    }

    /// A link to the poster, if there is one now.
    pub(crate) async fn poster_link_now(&self) -> Option<String> {
        let record = self.record().await.filter(|record| record.poster)?;
        self.shared.parts.links.poster(&record).await
    }

    /// A link to the poster, which may take seconds to come.
    pub(crate) async fn poster_link(&self) -> Option<String> {
        let record = self.pictured().await?;
        self.shared.parts.links.poster(&record).await
    }

    /// The poster itself, a JPEG, which may take seconds to come.
    pub(crate) async fn poster(&self) -> Option<Vec<u8>> {
        let record = self.pictured().await?;
        let key = DerivedKey::new(&record.object_key, DerivedFiles::Poster).to_string();
        match self.shared.parts.store.get_bytes(&key, PICTURE_MAX_BYTES).await {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::debug!(key, %error, "a message goes without its picture");
                None
            }
        }
    }
}

/// A way out.
pub(crate) enum Channel {
    Webhook(webhook::Webhook),
    Mqtt(mqtt::Mqtt),
    Email(email::Email),
    Ntfy(ntfy::Ntfy),
    WebPush(web_push::WebPush),
}

impl Channel {
    /// Prepares it; `Err` says what is wrong.
    pub(crate) fn new(config: &ChannelConfig, parts: &Parts) -> Result<Self, String> {
        Ok(match &config.kind {
            ChannelKind::Webhook(config) => Self::Webhook(webhook::Webhook::new(config)?),
            ChannelKind::Mqtt(config) => Self::Mqtt(mqtt::Mqtt::new(&config_name(&config.topic), config)?),
            ChannelKind::Email(config) => Self::Email(email::Email::new(config)?),
            ChannelKind::Ntfy(config) => Self::Ntfy(ntfy::Ntfy::new(config)?),
            ChannelKind::WebPush { contact } => Self::WebPush(web_push::WebPush::new(contact, parts)?),
        })
    }

    pub(crate) async fn send(&self, parcel: &Parcel<'_>) -> Result<(), SendError> {
        match self {
            Self::Webhook(channel) => channel.send(parcel).await,
            Self::Mqtt(channel) => channel.send(parcel).await,
            Self::Email(channel) => channel.send(parcel).await,
            Self::Ntfy(channel) => channel.send(parcel).await,
            Self::WebPush(channel) => channel.send(parcel).await,
        }
    }

    /// How old a message may become and still be worth something; `None`: as old as it takes. That something moved ten
    /// minutes ago turns on no light.
    pub(crate) fn worth_for(&self) -> Option<Duration> {
        match self {
            Self::Mqtt(_) => Some(Duration::from_mins(10)),
            Self::WebPush(_) => Some(Duration::from_hours(12)),
            Self::Webhook(_) | Self::Email(_) | Self::Ntfy(_) => None,
        }
    }

    /// Whether it wants a message. A sensor goes off at the end of a run; people want to hear of an end only where it
    /// says something new.
    pub(crate) fn wants(&self, message: &Message, follow_up: bool) -> bool {
        match (self, message.kind) {
            (Self::Mqtt(_), _) => true,
            (_, Kind::EventEnd | Kind::EventGoesOn) => follow_up && message.untold > 0,
            _ => true,
        }
    }
}

/// A broker throws out the older of two clients of one name.
fn config_name(topic: &str) -> String {
    let mut random = [0_u8; 6];
    let _ = getrandom::fill(&mut random);
    let topic: String = topic.chars().filter(char::is_ascii_alphanumeric).take(10).collect();
    format!("{topic}-{}", data_encoding::HEXLOWER.encode(&random))
}
