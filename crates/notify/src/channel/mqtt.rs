//! MQTT: states of cameras as retained topics, captures as events, and Home Assistant's discovery of all of it.
//!
//! One connection, kept; what is published is published when the broker said so (QoS 1). A last will makes every entity
//! unavailable when we are gone. While there is no connection nothing is queued here: the outbox has it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use camtrail_model::{CameraName, ports::CatalogError};
use rumqttc::{
    AsyncClient, Event, EventLoop, Incoming, LastWill, MqttOptions, NoticeFailureReason, PublishOptions, QoS,
    Transport,
};
use serde_json::json;
use tokio::sync::watch;

use super::{Parcel, SendError, home_assistant::Topics, webhook};
use crate::{
    config,
    message::{Kind, Message},
    notifier::{Shared, stopped},
};

/// Seconds without a word after which the broker takes us for gone.
const KEEP_ALIVE_S: u16 = 30;
/// The broker has to take a message within this time.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Between two attempts to connect: from this …
const AGAIN_MIN: Duration = Duration::from_secs(1);
/// … to this.
const AGAIN_MAX: Duration = Duration::from_secs(30);
/// How often it is looked for new cameras and silent ones.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Requests that wait for the connection.
const REQUESTS_MAX: usize = 64;
const INCOMING_MAX_BYTES: usize = 64 * 1024;
/// A picture and its topic.
const OUTGOING_MAX_BYTES: usize = 300 * 1024;
/// The last word may take so long.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);

/// One broker. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Mqtt {
    inner: Arc<Inner>,
}

struct Inner {
    client: AsyncClient,
    /// Until the connection's task takes it.
    events: Mutex<Option<EventLoop>>,
    link: watch::Sender<Link>,
    topics: Topics,
    /// Cameras that were introduced since the connection stands, and whether they were said to be silent.
    introduced: Mutex<BTreeMap<CameraName, bool>>,
    /// Cameras that see motion.
    moving: Mutex<BTreeSet<CameraName>>,
}

/// The connection.
#[derive(Debug, Clone, Default)]
struct Link {
    is_up: bool,
    /// How often there was a reason to introduce everything.
    greetings: u64,
    problem: String,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mqtt {
    pub(crate) fn new(client_id: &str, config: &config::Mqtt) -> Result<Self, String> {
        let topics = Topics { base: config.topic.clone(), discovery: config.discovery.clone() };
        let mut options = MqttOptions::new(client_id, (config.host.clone(), config.port));
        options
            .set_keep_alive(KEEP_ALIVE_S)
            .set_max_packet_size(INCOMING_MAX_BYTES, OUTGOING_MAX_BYTES)
            .set_last_will(LastWill::new(topics.availability(), "offline", QoS::AtLeastOnce, true));
        if let Some((user, password)) = &config.login {
            options.set_credentials(user.clone(), password.text().to_owned());
        }
        if config.tls {
            let tls = Transport::try_tls_with_default_config().map_err(|error| error.to_string())?;
            options.set_transport(tls);
        }
        let built = AsyncClient::builder(options).capacity(REQUESTS_MAX).try_build();
        let (client, events) = built.map_err(|error| error.to_string())?;
        let link = Link { problem: "not connected yet".to_owned(), ..Link::default() };
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                events: Mutex::new(Some(events)),
                link: watch::Sender::new(link),
                topics,
                introduced: Mutex::default(),
                moving: Mutex::default(),
            }),
        })
    }

    /// Keeps the connection, and what the broker knows of cameras, until `stop` turns true.
    pub(crate) async fn run(self, shared: Arc<Shared>, channel: String, stop: watch::Receiver<bool>) {
        let Some(events) = lock(&self.inner.events).take() else { return };
        tokio::select! {
            () = self.introduce_always(&shared, &channel, stop) => {}
            () = self.connection(events, &channel) => {}
        }
    }

    async fn connection(&self, mut events: EventLoop, channel: &str) {
        let birth = self.inner.topics.birth();
        let mut pause = AGAIN_MIN;
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                    pause = AGAIN_MIN;
                    tracing::info!(channel, "connected to the MQTT broker");
                    lock(&self.inner.introduced).clear();
                    self.inner.link.send_modify(|link| {
                        link.is_up = true;
                        link.greetings += 1;
                    });
                }
                Ok(Event::Incoming(Incoming::Publish(publish))) => {
                    let is_birth = birth.as_ref().is_some_and(|birth| birth.as_bytes() == &*publish.topic);
                    if is_birth && &*publish.payload == b"online" {
                        lock(&self.inner.introduced).clear();
                        self.inner.link.send_modify(|link| link.greetings += 1);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let problem = format!("no connection to the broker: {error}");
                    let was_up = self.inner.link.borrow().is_up;
                    if was_up || pause == AGAIN_MIN {
                        tracing::warn!(channel, problem, "MQTT: tried again");
                    }
                    self.inner.link.send_modify(|link| {
                        link.is_up = false;
                        link.problem = problem;
                    });
                    // The outbox makes them again; sent from here, too, they would come twice.
                    events.drain_pending_as_failed(NoticeFailureReason::SessionReset);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(AGAIN_MAX);
                }
            }
        }
    }

    /// Says what there is, whenever the broker or Home Assistant may not know it.
    async fn introduce_always(&self, shared: &Shared, channel: &str, mut stop: watch::Receiver<bool>) {
        let mut link = self.inner.link.subscribe();
        let mut greeted = 0;
        loop {
            let now = link.borrow_and_update().clone();
            if now.is_up {
                let outcome = self.introduce(shared, channel, now.greetings != greeted).await;
                match outcome {
                    Ok(()) => greeted = now.greetings,
                    Err(error) => tracing::warn!(channel, %error, "MQTT: cameras can't be introduced now"),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = link.changed() => {}
                () = stopped(&mut stop) => break,
            }
        }
        if self.inner.link.borrow().is_up {
            let goodbye = self.publish(self.inner.topics.availability(), "offline", true);
            let _ = tokio::time::timeout(GOODBYE_LIMIT, goodbye).await;
        }
    }

    async fn introduce(&self, shared: &Shared, channel: &str, afresh: bool) -> Result<(), SendError> {
        if afresh {
            if let Some(birth) = self.inner.topics.birth() {
                let asked = self.inner.client.subscribe(birth, QoS::AtLeastOnce).await;
                asked.map_err(|error| SendError::Again(error.to_string()))?;
            }
            self.publish(self.inner.topics.availability(), "online", true).await?;
        }
        let unread = |error: CatalogError| SendError::Again(error.to_string());
        let cameras = shared.parts.catalog.cameras().await.map_err(unread)?;
        let groups = shared.parts.groups.groups().await.map_err(unread)?;
        let ours = |rule: &&config::Rule| rule.targets.iter().any(|target| target == channel);
        let rules: Vec<_> = shared.config.rules.iter().filter(ours).collect();
        for camera in cameras {
            if !rules.iter().any(|rule| rule.covers(&camera.name, &groups)) {
                continue;
            }
            let limit = shared.config.cameras.get(&camera.name).and_then(|one| one.silent_after);
            self.introduce_camera(shared, &camera.name, camera.is_silent(limit, shared.now())).await?;
        }
        Ok(())
    }

    async fn introduce_camera(
        &self,
        shared: &Shared,
        camera: &CameraName,
        silent: bool,
    ) -> Result<(), SendError> {
        let known = lock(&self.inner.introduced).get(camera).copied();
        if known == Some(silent) {
            return Ok(());
        }
        let topics = &self.inner.topics;
        if known.is_none() {
            let url = shared.config.public_url.as_deref();
            if let Some((topic, payload)) = topics.device(camera, &shared.label(camera), url) {
                self.publish(topic, payload.to_string(), true).await?;
            }
            let moving = lock(&self.inner.moving).contains(camera);
            self.publish(topics.camera(camera, "motion"), on_off(moving), true).await?;
        }
        self.publish(topics.camera(camera, "problem"), on_off(silent), true).await?;
        lock(&self.inner.introduced).insert(camera.clone(), silent);
        Ok(())
    }

    pub(crate) async fn send(&self, parcel: &Parcel<'_>) -> Result<(), SendError> {
        let message = parcel.message;
        if let Some(camera) = &message.camera {
            self.tell_camera(parcel, camera, message).await?;
        }
        if matches!(message.kind, Kind::GatewayTrouble | Kind::GatewayOk) {
            let trouble = on_off(message.kind == Kind::GatewayTrouble);
            self.publish(self.inner.topics.gateway(), trouble, true).await?;
        }
        let body = webhook::body(parcel, parcel.poster_link_now().await).to_string();
        self.publish(self.inner.topics.messages(), body, false).await?;
        let pictured = matches!(message.kind, Kind::Event | Kind::EventGoesOn | Kind::EventEnd);
        if let (true, Some(camera)) = (pictured, &message.camera)
            && let Some(poster) = parcel.poster().await
        {
            self.publish(self.inner.topics.camera(camera, "picture"), poster, true).await?;
        }
        Ok(())
    }

    async fn tell_camera(
        &self,
        parcel: &Parcel<'_>,
        camera: &CameraName,
        message: &Message,
    ) -> Result<(), SendError> {
        let topics = &self.inner.topics;
        let (began, ended) = (message.kind == Kind::Event, message.kind == Kind::EventEnd);
        if began {
            lock(&self.inner.moving).insert(camera.clone());
        } else if ended {
            lock(&self.inner.moving).remove(camera);
        }
        let silent = message.kind == Kind::CameraSilent;
        self.introduce_camera(parcel.shared, camera, silent).await?;
        if began || ended {
            self.publish(topics.camera(camera, "motion"), on_off(began), true).await?;
        }
        let Some(event) = &message.event else { return Ok(()) };
        let told = json!({
            "event_type": "capture", "id": event.id, "kind": event.kind, "captured_at": event.captured_at,
            "count": message.count, "rule": message.rule, "url": parcel.link(),
        });
        // What is retained comes again at every start; an event must not.
        if began || message.untold > 0 {
            self.publish(topics.camera(camera, "event"), told.to_string(), false).await?;
        }
        self.publish(topics.camera(camera, "last_event"), told.to_string(), true).await
    }

    /// Ok: the broker has it.
    async fn publish(
        &self,
        topic: String,
        payload: impl Into<Vec<u8>>,
        retain: bool,
    ) -> Result<(), SendError> {
        {
            let link = self.inner.link.borrow();
            if !link.is_up {
                return Err(SendError::Again(link.problem.clone()));
            }
        }
        let options = PublishOptions::at_least_once().retain(retain);
        let published = async {
            let notice = self.inner.client.publish_tracked(topic, payload.into(), options).await;
            let notice = notice.map_err(|error| SendError::Refused(error.to_string()))?;
            let lost = |error| SendError::Again(format!("the broker didn't take it: {error}"));
            notice.wait_completion_async().await.map_err(lost)
        };
        let slow = |_| {
            SendError::Again(format!("the broker didn't take it within {} seconds", ANSWER_LIMIT.as_secs()))
        };
        tokio::time::timeout(ANSWER_LIMIT, published).await.map_err(slow)?
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "ON" } else { "OFF" }
}
