//! The notifier: what it is made of, its tasks, and what the API asks of it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use camtrail_model::{
    CameraZones, CatalogRecord, Millis,
    ports::{
        Accounts, Catalog, CatalogError, Clock, DeliveryRow, Expiry, Groups, ObjectStore, Outbox,
        PushSubscriptions,
    },
};
use futures::future::BoxFuture;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    channel::{Channel, Parcel, SendError, web_push::PushOrigins},
    config::{NotifyConfig, Rule},
    message::{Kind, Message},
    rounds::Rounds,
    sender::Sender,
};

/// A test message is given up after so long.
const TEST_LIMIT: Duration = Duration::from_secs(20);

/// Makes links for messages.
pub trait Links: Send + Sync {
    /// A signed link to an event's poster that others can load for some minutes; `None`: there is none now.
    fn poster<'a>(&'a self, record: &'a CatalogRecord) -> BoxFuture<'a, Option<String>>;
}

/// How the gateway is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewayHealth {
    /// Uploads that wait to be stored.
    pub waiting: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many bytes may wait.
    pub max_bytes: u64,
    /// Why the last upload could not be stored; `None` after a success.
    pub problem: Option<String>,
    /// Whether anything was stored since the program started: before, `problem` says nothing.
    pub has_stored: bool,
}

/// Where [`GatewayHealth`] comes from.
pub trait GatewaySource: Send + Sync {
    /// As it is now.
    fn health(&self) -> GatewayHealth;
}

/// What a notifier is made of.
#[derive(Clone)]
pub struct Parts {
    /// Events.
    pub catalog: Arc<dyn Catalog>,
    /// Groups of cameras.
    pub groups: Arc<dyn Groups>,
    /// People: who is gone is told nothing.
    pub accounts: Arc<dyn Accounts>,
    /// Posters.
    pub store: Arc<dyn ObjectStore>,
    /// The notifier's memory.
    pub outbox: Arc<dyn Outbox>,
    /// Browsers.
    pub pushes: Arc<dyn PushSubscriptions>,
    /// What is stored, where that is known.
    pub stored: Option<Arc<dyn Expiry>>,
    /// The gateway, where there is one.
    pub gateway: Option<Arc<dyn GatewaySource>>,
    /// Makes links.
    pub links: Arc<dyn Links>,
    /// The cameras' clocks.
    pub zones: Arc<CameraZones>,
    /// Our clock.
    pub clock: Arc<dyn Clock>,
    /// Where pushes may go.
    pub push_origins: PushOrigins,
}

/// Why there is no notifier.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// A channel can't be made of what is configured.
    #[error("the channel {channel:?} can't be used: {problem}")]
    Channel {
        /// Its name.
        channel: String,
        /// What is wrong.
        problem: String,
    },
}

/// Why a test message didn't get through.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// There is no such channel.
    #[error("there is no channel {0:?}")]
    NoChannel(String),
    /// It was tried.
    #[error("{0}")]
    Failed(String),
}

/// The notifier. Clones share it.
#[derive(Clone)]
pub struct Notifier {
    shared: Arc<Shared>,
}

/// What its tasks share.
pub(crate) struct Shared {
    pub(crate) parts: Parts,
    pub(crate) config: NotifyConfig,
    pub(crate) channels: HashMap<String, Channel>,
    /// Wakes the senders.
    pub(crate) posted: watch::Sender<u64>,
}

impl Notifier {
    /// Makes one; nothing is connected to yet.
    pub fn new(parts: Parts, config: NotifyConfig) -> Result<Self, NotifyError> {
        let mut channels = HashMap::new();
        for channel in &config.channels {
            let made = Channel::new(channel, &parts)
                .map_err(|problem| NotifyError::Channel { channel: channel.name.clone(), problem })?;
            channels.insert(channel.name.clone(), made);
        }
        let posted = watch::Sender::new(0);
        Ok(Self { shared: Arc::new(Shared { parts, config, channels, posted }) })
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }

    /// Works until `stop` turns true.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        for (name, channel) in &self.shared.channels {
            if let Channel::Mqtt(mqtt) = channel {
                tasks.spawn(mqtt.clone().run(self.shared.clone(), name.clone(), stop.clone()));
            }
            tasks.spawn(Sender::new(self.shared.clone(), name.clone()).run(stop.clone()));
        }
        tasks.spawn(Rounds::new(self.shared.clone()).run(stop));
        while tasks.join_next().await.is_some() {}
    }

    /// Sends a test message by a channel, now and past the queue. By Web Push only `user` gets it.
    pub async fn test(&self, channel: &str, user: &str) -> Result<(), TestError> {
        let shared = &self.shared;
        let found = shared.channels.get(channel).ok_or_else(|| TestError::NoChannel(channel.to_owned()))?;
        let now = shared.parts.clock.now();
        let text = format!("Sent by {user} to see whether the channel {channel:?} works.");
        let message = Message::new(Kind::Test, now, "Camtrail: test message".to_owned(), text);
        let outcome = tokio::time::timeout(TEST_LIMIT, shared.send_test(found, &message, user)).await;
        match outcome {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(TestError::Failed(error.to_string())),
            Err(_) => Err(TestError::Failed(format!("no answer within {} seconds", TEST_LIMIT.as_secs()))),
        }
    }

    /// The channels' names and kinds, as they were configured.
    pub fn channels(&self) -> Vec<(String, &'static str)> {
        self.shared.config.channels.iter().map(|one| (one.name.clone(), one.kind.as_str())).collect()
    }

    /// What is told to whom, as it was configured.
    pub fn rules(&self) -> &[Rule] {
        &self.shared.config.rules
    }

    /// The newest deliveries before `before`, newest first.
    pub async fn deliveries(
        &self,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<DeliveryRow>, CatalogError> {
        self.shared.parts.outbox.deliveries(before, limit).await
    }

    /// The public key that browsers subscribe with; `None`: nothing is pushed. The first call makes it.
    pub async fn push_key(&self) -> Result<Option<String>, CatalogError> {
        let mut channels = self.shared.channels.values();
        let Some(push) = channels.find_map(|channel| match channel {
            Channel::WebPush(push) => Some(push),
            _ => None,
        }) else {
            return Ok(None);
        };
        Ok(Some(push.key().await?.public()))
    }

    /// Where subscriptions may lead.
    pub fn push_origins(&self) -> PushOrigins {
        self.shared.parts.push_origins
    }
}

impl Shared {
    async fn send_test(&self, channel: &Channel, message: &Message, user: &str) -> Result<(), SendError> {
        if !matches!(channel, Channel::WebPush(_)) {
            return channel.send(&Parcel::new(self, message, "")).await;
        }
        let all = self.parts.pushes.push_subscriptions().await;
        let all = all.map_err(|error| SendError::Again(error.to_string()))?;
        let mut theirs = all.into_iter().filter(|one| one.user == user).peekable();
        if theirs.peek().is_none() {
            return Err(SendError::Refused(format!("{user:?} has no browser that asked for Web Push")));
        }
        for one in theirs {
            channel.send(&Parcel::new(self, message, &one.id)).await?;
        }
        Ok(())
    }

    /// What people call a camera.
    pub(crate) fn label(&self, camera: &camtrail_model::CameraName) -> String {
        let configured = self.config.cameras.get(camera).and_then(|one| one.display_name.clone());
        configured.unwrap_or_else(|| camera.to_string())
    }

    /// Where an event is shown.
    pub(crate) fn event_link(&self, id: &str) -> Option<String> {
        // Ids are of letters and digits only.
        self.config.public_url.as_ref().map(|url| format!("{url}/event/{id}"))
    }

    pub(crate) fn now(&self) -> Millis {
        self.parts.clock.now()
    }
}

/// Returns when `stop` is true (or nobody can say so any more).
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
