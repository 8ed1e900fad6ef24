//! What the handlers work with.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use camtrail_arrival::Decisions;
use camtrail_auth::{Passwords, SignIns, SigningKey, Throttle};
use camtrail_derive::Deriver;
use camtrail_model::{
    CameraName, CameraZones, CatalogRecord,
    ports::{
        Accounts, ApiTokens, ArrivalSink, AuditLog, CameraTokens, Catalog, CatalogError, Clock, DeliveryRow,
        Groups, Intake, ObjectStore, PushSubscriptions, ReviewState, Shares, SignInFailures,
    },
};
use ipnet::IpNet;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};
use utoipa::ToSchema;

use crate::{
    audit::Budget,
    links::Links,
    oidc::Oidc,
    routes::{
        arrivals::{ARRIVALS_MAX, Webhook},
        ingest::INGESTS_MAX,
    },
    web::WebFiles,
};

/// Live streams at once; each is a task and a socket.
const LIVE_MAX: usize = 1_000;

/// What is configured of HTTP.
#[derive(Debug, Clone, Default)]
pub struct ApiConfig {
    /// Below which path everything stands: empty, or `/cams` (a slash before, none behind).
    pub base_path: String,
    /// How the world reaches us, if configured: decides about `Secure` cookies, cross-site checks and absolute addresses.
    pub public_url: Option<String>,
    /// Every connection is TLS: ours, not a proxy's.
    pub tls: bool,
    /// Whose `X-Forwarded-*` and `Forwarded` count.
    pub trusted_proxies: Vec<IpNet>,
    /// How live updates are given.
    pub live: LiveMode,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// What people may hand on, and what is remembered of them.
    pub people: PeopleConfig,
}

/// What people may hand on, and what is remembered of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeopleConfig {
    /// How long a share lasts unless its maker says otherwise.
    pub share_days: u32,
    /// How long one may last; 0: nobody can make any.
    pub share_max_days: u32,
    /// How long the audit log keeps its entries.
    pub audit_days: u32,
}

impl Default for PeopleConfig {
    fn default() -> Self {
        Self { share_days: 7, share_max_days: 90, audit_days: 400 }
    }
}

impl PeopleConfig {
    /// The longest of all: years.
    const DAYS_MAX: u32 = 3_650;

    /// Else the configuration's key that is wrong, and what is expected.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let most = Self::DAYS_MAX;
        if self.share_max_days > most {
            return Err(("shares.max_days", format!("0 (no shares) to {most}")));
        }
        if self.share_days == 0 || self.share_max_days > 0 && self.share_days > self.share_max_days {
            return Err(("shares.days", "at least 1, and no more than shares.max_days".to_owned()));
        }
        if !(1..=most).contains(&self.audit_days) {
            return Err(("audit.days", format!("1 to {most}")));
        }
        Ok(())
    }
}

/// Who may read `/metrics`, which names cameras.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Whoever is signed in; and programs of this machine, as long as no `public_url` is configured: with one, a proxy
    /// of this machine may be the way in from everywhere.
    #[default]
    Local,
    /// Everybody who reaches the port.
    Open,
    /// Nobody.
    Off,
}

/// How `/live` answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LiveMode {
    /// A stream that stays open.
    #[default]
    Stream,
    /// What there is since the client's last id, and the end: where answers can't stream (functions behind an HTTP
    /// API). Browsers come again by themselves.
    Poll,
}

/// What is configured of one camera.
#[derive(Debug, Clone, Default)]
pub struct CameraSettings {
    /// What people call it; else its name.
    pub display_name: Option<String>,
    /// Unheard for so long it is silent; `None`: never.
    pub silent_after: Option<Duration>,
}

/// How the box is doing. What belongs to a gateway is null where the gateway is another machine.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Status {
    /// Camtrail's version.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The media tool.
    pub media: Option<MediaStatus>,
    /// The FTP gateway.
    pub ftp: Option<FtpStatus>,
    /// Watched folders.
    pub watches: Vec<WatchedFolder>,
    /// What waits to be stored.
    pub spool: Option<SpoolStatus>,
    /// How long events stay, where this program removes them.
    pub retention: Option<RetentionStatus>,
    /// The server's clock, RFC 3339.
    pub now: String,
}

/// How long events stay that nobody protected.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct RetentionStatus {
    /// So many days from when they were stored; `null`: no end by age.
    pub days: Option<u32>,
    /// Above so many bytes of all objects together, the oldest go; `null`: no end by size.
    pub max_bytes: Option<u64>,
}

/// The media tool.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MediaStatus {
    /// Whether clips can be remuxed and get posters.
    pub available: bool,
    /// What is missing, for a person.
    pub problem: Option<String>,
}

/// The FTP gateway.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FtpStatus {
    /// Where it listens, as bound.
    #[schema(example = "0.0.0.0:2121")]
    pub address: String,
    /// What went wrong at its door in the last day, newest first: why a camera doesn't get through.
    pub troubles: Vec<FtpTrouble>,
}

/// One trouble of a camera (or a stranger) at the FTP door.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FtpTrouble {
    /// `login`, `passive_blocked`, `active_blocked`, `refused` or `protocol`.
    #[schema(example = "login")]
    pub kind: String,
    /// From which address.
    #[schema(example = "192.168.1.64")]
    pub peer: String,
    /// The account, or what was typed as one; empty before a login.
    #[schema(example = "camera")]
    pub account: String,
    /// How often.
    pub count: u64,
    /// When it came last, RFC 3339.
    pub last_at: String,
    /// What happened and what to do, for a person.
    pub advice: String,
}

/// A folder from which files are taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WatchedFolder {
    /// Where it is.
    #[schema(example = "/srv/ftp")]
    pub path: String,
    /// Whose its files are; `*`: the first folder says.
    #[schema(example = "*")]
    pub camera: String,
    /// Whether files stay there.
    pub keep: bool,
    /// Files taken since the start.
    pub taken: u64,
    /// Files that were found and are not taken yet.
    pub waiting: u64,
    /// When it was last looked through, RFC 3339; null: not yet.
    pub scanned_at: Option<String>,
    /// What is wrong and what to do, for a person; null: nothing.
    pub problem: Option<String>,
}

/// What waits to be stored.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct SpoolStatus {
    /// Uploads that wait.
    pub entries: u64,
    /// Their bytes and those of uploads under way.
    pub bytes: u64,
    /// How many bytes the spool takes before it refuses uploads.
    pub max_bytes: u64,
    /// Uploads that failed to be stored last time and are tried again.
    pub failing: usize,
    /// Why the last one failed; null after a success.
    pub problem: Option<String>,
}

/// Where the status comes from.
pub trait StatusSource: Send + Sync {
    /// How the box is doing now.
    fn status(&self) -> Status;
}

/// Where the figures of `/metrics` come from.
#[async_trait::async_trait]
pub trait MetricsSource: Send + Sync {
    /// All figures, in Prometheus' text format.
    async fn text(&self) -> String;
}

/// What a test message came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestOutcome {
    /// The other end took it.
    Delivered,
    /// It didn't.
    Failed(String),
    /// There is no such channel.
    NoChannel,
}

/// What tells others, as far as people see it.
#[async_trait]
pub trait Notifications: Send + Sync {
    /// The channels' names and kinds.
    fn channels(&self) -> Vec<(String, &'static str)>;
    /// The rules, as they were configured.
    fn rules(&self) -> Vec<NotificationRule>;
    /// The newest deliveries before `before`, newest first, at most `limit`.
    async fn deliveries(&self, before: Option<i64>, limit: usize) -> Result<Vec<DeliveryRow>, CatalogError>;
    /// Sends a test message now; by Web Push to browsers of `user`.
    async fn test(&self, channel: &str, user: &str) -> TestOutcome;
    /// The key that browsers subscribe with; `None`: nothing is pushed.
    async fn push_key(&self) -> Result<Option<String>, CatalogError>;
    /// What is wrong with a browser's endpoint.
    fn push_problem(&self, endpoint: &str) -> Option<&'static str>;
}

/// What is told to whom, in the configuration's words.
#[derive(Debug, Clone)]
pub struct NotificationRule {
    /// Its name.
    pub name: String,
    /// What it waits for.
    pub on: &'static str,
    /// These cameras; none: all.
    pub cameras: Vec<String>,
    /// And only those of this group.
    pub group: Option<String>,
    /// And only at these hours, by the camera's clock: `22:00-06:00`.
    pub hours: Option<String>,
    /// And only `record`, or `snap`.
    pub kind: Option<&'static str>,
    /// The channels' names.
    pub targets: Vec<String>,
}

/// The API's parts. Clones share them.
#[derive(Clone)]
pub struct Api {
    pub(crate) parts: Arc<Parts>,
}

/// What was given, and what the API keeps of its own.
pub(crate) struct Parts {
    given: ApiParts,
    pub(crate) decisions: Decisions,
    /// Wrong sign-ins, by user from an address.
    pub(crate) sign_ins: SignIns,
    /// Wrong tokens of uploads and notifications, by address. In this process only: a token can't be guessed, this
    /// spares the catalog.
    pub(crate) ingest_throttle: Throttle<IpAddr>,
    /// The same of shares.
    pub(crate) share_throttle: Throttle<IpAddr>,
    /// Wrong sign-ins in the audit log.
    pub(crate) failures_noted: Budget,
    pub(crate) live: Arc<Semaphore>,
    pub(crate) ingests: Arc<Semaphore>,
    pub(crate) arrivals: Arc<Semaphore>,
}

impl std::ops::Deref for Parts {
    type Target = ApiParts;
    fn deref(&self) -> &ApiParts {
        &self.given
    }
}

/// What [`Api::new`] wants.
pub struct ApiParts {
    /// Events.
    pub catalog: Arc<dyn Catalog>,
    /// People.
    pub accounts: Arc<dyn Accounts>,
    /// What is remembered of wrong sign-ins, by all processes that take any.
    pub sign_in_failures: Arc<dyn SignInFailures>,
    /// How cameras are grouped.
    pub groups: Arc<dyn Groups>,
    /// What they have seen.
    pub review: Arc<dyn ReviewState>,
    /// Public links.
    pub shares: Arc<dyn Shares>,
    /// People's tokens for programs.
    pub api_tokens: Arc<dyn ApiTokens>,
    /// Who did what.
    pub audit: Arc<dyn AuditLog>,
    /// Browsers that asked for Web Push.
    pub pushes: Arc<dyn PushSubscriptions>,
    /// What tells others; `None`: nothing does.
    pub notifications: Option<Arc<dyn Notifications>>,
    /// Who may upload by HTTP.
    pub tokens: Arc<dyn CameraTokens>,
    /// Where uploads by HTTP go; `None`: only a gateway elsewhere takes any.
    pub intake: Option<Arc<dyn Intake>>,
    /// Objects.
    pub store: Arc<dyn ObjectStore>,
    /// Told of what people decided; a no-op where the store's own notification tells.
    pub sink: Arc<dyn ArrivalSink>,
    /// Makes what people ask for of stored events; `None`: nothing is made here.
    pub derive: Option<Deriver>,
    /// The cameras' clocks.
    pub zones: Arc<CameraZones>,
    /// Configured cameras.
    pub cameras: HashMap<CameraName, CameraSettings>,
    /// Checks passwords.
    pub passwords: Arc<Passwords>,
    /// Our clock.
    pub clock: Arc<dyn Clock>,
    /// Signs media links and cursors.
    pub key: SigningKey,
    /// The web app.
    pub web: Arc<dyn WebFiles>,
    /// How the box is doing.
    pub status: Arc<dyn StatusSource>,
    /// What is measured; `None`: it is told elsewhere.
    pub metrics: Option<Arc<dyn MetricsSource>>,
    /// Sign-in by a provider; `None`: by password only.
    pub oidc: Option<Oidc>,
    /// Takes notifications of the store; `None`: nobody may send any.
    pub webhook: Option<Webhook>,
    /// What is configured.
    pub config: ApiConfig,
    /// Turns true when the program stops: live streams end.
    pub stop: watch::Receiver<bool>,
}

impl Api {
    /// From its parts.
    pub fn new(given: ApiParts) -> Self {
        let (store, sink, clock) = (given.store.clone(), given.sink.clone(), given.clock.clone());
        let parts = Parts {
            sign_ins: SignIns::new(given.sign_in_failures.clone()),
            given,
            decisions: Decisions::new(store, sink, clock),
            ingest_throttle: Throttle::new(),
            share_throttle: Throttle::new(),
            failures_noted: Budget::default(),
            live: Arc::new(Semaphore::new(LIVE_MAX)),
            ingests: Arc::new(Semaphore::new(INGESTS_MAX)),
            arrivals: Arc::new(Semaphore::new(ARRIVALS_MAX)),
        };
        Self { parts: Arc::new(parts) }
    }

    /// A signed link to an event's poster, good for a quarter of an hour or more: the store's own, or ours, which begins with
    /// the base path. `None`: it has no poster.
    pub async fn poster_link(&self, record: &CatalogRecord) -> Option<String> {
        Links::of(self, record).await.poster
    }
}
