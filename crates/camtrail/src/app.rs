//! All stages wired together in one process: the whole box, or the gateway alone.

use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, bail};
use camtrail_api::{
    Api, ApiConfig, ApiParts, FtpStatus, FtpTrouble, MediaStatus, Notifications, Oidc, RetentionStatus,
    SpoolStatus, Status, StatusSource, Webhook,
};
use camtrail_arrival::{Arrivals, ByNotification, Function};
use camtrail_auth::{Passwords, SigningKey};
use camtrail_catalog::SqliteLedger;
use camtrail_derive::{Deriver, Maker, MakerParts, Manifests, Scratch};
use camtrail_durable::Reserve;
use camtrail_gateway::{
    Book, Desk, Diagnosis, FtpLogin, FtpStorage, Parts, ShipConfig, Shipper, ShipperStatus, SpoolIntake,
};
use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::{
    CameraZones, Millis,
    ports::{ArrivalSink, Clock, MediaTool, ObjectStore, SystemClock},
};
use camtrail_oidc::Provider;
use camtrail_retention::{RetentionConfig, Sweeper};
use camtrail_spool::{Spool, SpoolConfig};
use camtrail_store::{LocalStore, S3Config, S3Store};
use camtrail_webapp::Embedded;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    announce::Announcer,
    catalogs::Catalogs,
    config::{ArrivalMode, OidcSettings, Settings, StoreSettings},
    doors::{self, Watches},
    first_start::{self, Given, Shown},
    measured::{self, Measured},
    notifications::ApiLinks,
    people::People,
};

/// What goes where below the data dir.
pub(crate) struct DataDir(PathBuf);

impl DataDir {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }
    pub(crate) fn spool(&self) -> PathBuf {
        self.0.join("spool")
    }
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }
    pub(crate) fn catalog(&self) -> PathBuf {
        self.0.join("catalog.db")
    }
    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.join("ledger.db")
    }
    /// Notes of uploads in parts.
    fn multipart(&self) -> PathBuf {
        self.0.join("multipart")
    }
    fn run(&self) -> PathBuf {
        self.0.join("run")
    }
    pub(crate) fn taken(&self) -> PathBuf {
        self.0.join("taken.db")
    }
    /// What is to be told to others.
    pub(crate) fn notify(&self) -> PathBuf {
        self.0.join("notify.db")
    }
    /// Which objects of other buckets were imported.
    pub(crate) fn imported(&self) -> PathBuf {
        self.0.join("imported.db")
    }
    /// What is made later, while it is made: by the server, or by a command beside it.
    pub(crate) fn scratch(&self, whose: &str) -> PathBuf {
        self.0.join("scratch").join(whose)
    }
    pub(crate) fn backfill_lock(&self) -> PathBuf {
        self.run().join("backfill.lock")
    }
    /// How far an interrupted rebuild came.
    pub(crate) fn rebuild(&self) -> PathBuf {
        self.0.join("rebuild.json")
    }
    pub(crate) fn rebuild_lock(&self) -> PathBuf {
        self.run().join("rebuild.lock")
    }
    /// Where a running program takes files from other processes of this machine.
    pub(crate) fn handover(&self) -> PathBuf {
        self.run().join("handover.sock")
    }
    fn reserve(&self) -> Reserve {
        Reserve::new(self.0.join("reserve"))
    }
    /// Where a running program listens; `None`: none runs here.
    pub(crate) fn running(&self) -> Option<serde_json::Value> {
        let lock = File::open(self.run().join("lock")).ok()?;
        match lock.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {
                serde_json::from_slice(&fs::read(self.addresses()).ok()?).ok()
            }
            _ => None,
        }
    }
    fn addresses(&self) -> PathBuf {
        self.run().join("addresses.json")
    }

    /// Makes it, and makes sure that it is ours alone: two processes over one spool would ship everything twice.
    pub(crate) fn claim(&self) -> anyhow::Result<File> {
        let place = self.0.display();
        camtrail_durable::create_dirs(&self.run()).with_context(|| {
            format!(
                "data_dir {place} can't be written: choose another with --data-dir, or give this user access"
            )
        })?;
        let lock = File::create(self.run().join("lock"))
            .with_context(|| format!("data_dir {place} can't be written"))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(fs::TryLockError::WouldBlock) => {
                bail!(
                    "data_dir {place} is in use by another Camtrail: stop that one, or choose another with --data-dir"
                )
            }
            Err(fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("data_dir {place} can't be locked"))
            }
        }
    }
}

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Everything.
    Box,
    /// FTP, spool, media and shipping: no API and no web app.
    Gateway,
}

/// A running process.
pub(crate) struct App {
    /// Where the web app is, as bound; `None` for a gateway.
    pub(crate) http: Option<SocketAddr>,
    /// Where FTP is, as bound.
    pub(crate) ftp: SocketAddr,
    /// Passwords that were made now.
    pub(crate) shown: Shown,
    addresses: PathBuf,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    shipper: JoinHandle<()>,
    _lock: File,
}

/// Tells the API how the box is doing.
pub(crate) struct BoxStatus {
    watches: Watches,
    spool: Spool,
    spool_max_bytes: u64,
    shipper: Arc<Mutex<ShipperStatus>>,
    media: Arc<Ffmpeg>,
    ftp: SocketAddr,
    diagnosis: Diagnosis,
    /// `None`: the bucket's and the tables' own rules remove events.
    retention: Option<RetentionConfig>,
}

impl StatusSource for BoxStatus {
    fn status(&self) -> Status {
        let usage = self.spool.usage();
        let shipper = self.shipper.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let spool = SpoolStatus {
            entries: usage.entries,
            bytes: usage.bytes,
            max_bytes: self.spool_max_bytes,
            failing: shipper.failing,
            problem: shipper.last_error,
        };
        let utc = |at: Millis| format!("{:.3}", at.timestamp());
        let troubles = self.diagnosis.recent().into_iter().map(|trouble| FtpTrouble {
            kind: trouble.kind.as_str().to_owned(),
            peer: trouble.peer.to_string(),
            account: trouble.account,
            count: trouble.count,
            last_at: utc(trouble.last_at),
            advice: trouble.advice,
        });
        let problem = self.media.problem();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            media: Some(MediaStatus { available: problem.is_none(), problem }),
            ftp: Some(FtpStatus { address: self.ftp.to_string(), troubles: troubles.collect() }),
            watches: self.watches.status(),
            spool: Some(spool),
            retention: self
                .retention
                .map(|kept| RetentionStatus { days: kept.keep.map(whole_days), max_bytes: kept.max_bytes }),
            now: utc(SystemClock.now()),
        }
    }
}

/// Retention is configured in days.
fn whole_days(keep: Duration) -> u32 {
    u32::try_from(keep.as_secs() / (24 * 60 * 60)).unwrap_or(u32::MAX)
}

/// Whether this process removes events; else the bucket and the tables do, by rules of their own.
fn sweeps(settings: &Settings) -> bool {
    settings.arrival == ArrivalMode::Inline && !settings.catalog.is_shared()
}

/// What the stages share.
pub(crate) struct Rooms {
    pub(crate) spool: Spool,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) catalogs: Catalogs,
    sink: Arc<dyn ArrivalSink>,
    ledger: SqliteLedger,
    media: Arc<Ffmpeg>,
    pub(crate) passwords: Arc<Passwords>,
    pub(crate) zones: Arc<CameraZones>,
    pub(crate) clock: Arc<dyn Clock>,
    manifests: Manifests,
    derive: Deriver,
}

impl Rooms {
    /// Opens what is on disk and recovers what an earlier run left.
    pub(crate) async fn open(dir: &DataDir, settings: &Settings) -> anyhow::Result<Self> {
        let config = SpoolConfig { max_bytes: settings.spool_max_bytes };
        let (spool, recovery) = Spool::open(&dir.spool(), config).context("opening the spool")?;
        if recovery.entries > 0 {
            tracing::info!(
                entries = recovery.entries,
                cut = recovery.cut,
                "the spool holds uploads of an earlier run"
            );
        }
        let media = Arc::new(Ffmpeg::discover(FfmpegConfig::default()));
        if let Some(problem) = media.problem() {
            tracing::warn!("{problem}");
        }
        let store = open_store(dir, &settings.store)?;
        let catalogs = Catalogs::open(dir, settings).await?;
        let zones = Arc::new(settings.zones.clone());
        let arrivals = Arc::new(Arrivals::new(store.clone(), catalogs.events.clone(), zones.clone()));
        let sink = sink(arrivals, settings)?;
        let manifests = Manifests::new(store.clone());
        let scratch = Scratch::open(&dir.scratch("serve")).context("making room for what is made later")?;
        let maker = Maker::new(MakerParts {
            store: store.clone(),
            sink: sink.clone(),
            media: media.clone(),
            manifests: manifests.clone(),
            scratch,
        });
        Ok(Self {
            spool,
            store,
            catalogs,
            sink,
            ledger: SqliteLedger::open(&dir.ledger(), &settings.base)?,
            media,
            passwords: Arc::new(Passwords::new()?),
            zones,
            clock: Arc::new(SystemClock),
            manifests,
            derive: Deriver::new(maker),
        })
    }

    pub(crate) fn shipper(&self, settings: &Settings) -> (Shipper, FtpStorage) {
        if settings.small.any() {
            // Beside the start: a driver that hangs takes seconds to be given up.
            let media = self.media.clone();
            tokio::spawn(async move { media.encoder().await });
        }
        Shipper::new(Parts {
            spool: self.spool.clone(),
            store: self.store.clone(),
            sink: self.sink.clone(),
            cameras: Arc::new(Book(self.catalogs.events.clone())),
            ledger: Arc::new(self.ledger.clone()),
            media: self.media.clone(),
            manifests: self.manifests.clone(),
            later: settings.preview_always.then(|| self.derive.clone()),
            zones: self.zones.clone(),
            clock: self.clock.clone(),
            config: Arc::new(ShipConfig {
                base: settings.base.clone(),
                remux: settings.remux,
                remux_limit: settings.remux_limit,
                poster: settings.poster,
                small: settings.small.clone(),
                keep_original: settings.keep_original,
            }),
        })
    }

    /// The way into the spool for all but FTP.
    pub(crate) fn intake(&self) -> SpoolIntake {
        SpoolIntake::new(self.spool.clone(), self.clock.clone())
    }

    /// Takes files from other processes of this machine.
    pub(crate) fn desk(&self) -> Desk {
        Desk::new(self.intake(), Arc::new(self.ledger.clone()), self.store.clone())
    }

    fn arrivals(&self) -> Arc<Arrivals> {
        let catalog = self.catalogs.events.clone();
        Arc::new(Arrivals::new(self.store.clone(), catalog, self.zones.clone()))
    }

    /// Removes what is due; where others tell the catalog of objects, the bucket's own rules do that.
    pub(crate) fn sweeper(&self, settings: &Settings) -> Sweeper {
        Sweeper {
            store: self.store.clone(),
            sink: self.arrivals(),
            expiry: Arc::new(self.catalogs.local.clone()),
            ledger: Arc::new(self.ledger.clone()),
            clock: self.clock.clone(),
            config: settings.retention,
        }
    }

    fn ftp_server(&self, settings: &Settings, storage: FtpStorage) -> anyhow::Result<camtrail_ftp::Server> {
        let login = FtpLogin::new(
            settings.accounts.clone(),
            Some(self.catalogs.ftp_accounts.clone()),
            self.passwords.clone(),
            self.clock.clone(),
        );
        let config = camtrail_ftp::ServerConfig {
            listen: settings.ftp_listen,
            passive_ports: settings.passive_ports.clone(),
            passive_host: settings.passive_host.clone(),
            banner: "Camtrail".to_owned(),
            tls: settings.ftp_tls.clone(),
            max_connections: settings.ftp_connections,
            max_connections_per_ip: settings.ftp_connections_per_address,
            ..camtrail_ftp::ServerConfig::default()
        };
        camtrail_ftp::Server::bind(config, Arc::new(login), Arc::new(storage))
            .with_context(|| bind_advice("ftp.listen", "CAMTRAIL__FTP__LISTEN", settings.ftp_listen))
    }

    pub(crate) async fn api(
        &self,
        settings: &Settings,
        status: Arc<BoxStatus>,
        measured: Arc<Measured>,
        notifications: Option<Arc<dyn Notifications>>,
        stop: watch::Receiver<bool>,
    ) -> anyhow::Result<Api> {
        let secret = self.catalogs.accounts.secret("links", &camtrail_auth::random_bytes::<32>()?).await?;
        Ok(Api::new(ApiParts {
            catalog: self.catalogs.events.clone(),
            accounts: self.catalogs.accounts.clone(),
            sign_in_failures: self.catalogs.sign_in_failures.clone(),
            groups: self.catalogs.groups.clone(),
            review: self.catalogs.review.clone(),
            shares: self.catalogs.shares.clone(),
            api_tokens: self.catalogs.api_tokens.clone(),
            audit: self.catalogs.audit.clone(),
            pushes: self.catalogs.pushes.clone(),
            notifications,
            tokens: self.catalogs.tokens.clone(),
            intake: Some(Arc::new(self.intake())),
            store: self.store.clone(),
            sink: self.arrivals(),
            derive: Some(self.derive.clone()),
            zones: self.zones.clone(),
            cameras: settings.cameras.clone(),
            passwords: self.passwords.clone(),
            clock: self.clock.clone(),
            key: SigningKey::new(secret),
            web: Arc::new(Embedded),
            status,
            metrics: Some(measured),
            oidc: settings.oidc.clone().map(sign_in_by).transpose()?,
            webhook: settings.arrival_token.clone().map(|token| Webhook {
                function: Function::new(self.arrivals(), settings.base.clone(), settings.store.bucket()),
                token,
            }),
            config: ApiConfig {
                base_path: settings.base_path.clone(),
                public_url: settings.public_url.clone(),
                tls: settings.http_tls.is_some(),
                trusted_proxies: settings.trusted_proxies.clone(),
                live: settings.live,
                people: settings.people,
                metrics: settings.metrics,
            },
            stop,
        }))
    }
}

/// Who is told of objects and manifests.
fn sink(arrivals: Arc<Arrivals>, settings: &Settings) -> anyhow::Result<Arc<dyn ArrivalSink>> {
    Ok(match (&settings.arrival, &settings.arrival_token) {
        (ArrivalMode::Inline, _) => arrivals,
        (ArrivalMode::Notified, _) => Arc::new(ByNotification),
        (ArrivalMode::Announced(url), Some(token)) => {
            Arc::new(Announcer::new(url, token.clone(), settings.store.bucket())?)
        }
        (ArrivalMode::Announced(_), None) => bail!("arrival.url needs arrival.token_file"),
    })
}

fn sign_in_by(oidc: OidcSettings) -> anyhow::Result<Oidc> {
    let provider = Provider::new(oidc.provider).context("preparing for the sign-in provider")?;
    Ok(Oidc::new(provider, oidc.name, oidc.session))
}

fn open_store(dir: &DataDir, settings: &StoreSettings) -> anyhow::Result<Arc<dyn ObjectStore>> {
    Ok(match settings {
        StoreSettings::Local => Arc::new(LocalStore::open(&dir.store()).context("opening the store")?),
        StoreSettings::S3(config) => Arc::new(open_bucket(dir, config)?),
    })
}

pub(crate) fn open_bucket(dir: &DataDir, config: &S3Config) -> anyhow::Result<S3Store> {
    let config = S3Config { notes_dir: dir.multipart(), ..config.clone() };
    S3Store::open(&config).with_context(|| format!("preparing for the bucket {}", config.bucket))
}

/// Binds before anything else is started, and says what to do where that fails.
async fn bind_http(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| bind_advice("http.listen", "CAMTRAIL__HTTP__LISTEN", address))
}

fn bind_advice(key: &str, variable: &str, address: SocketAddr) -> String {
    format!(
        "{key} {address} can't be opened: is another program using it? choose another address with {variable}"
    )
}

impl App {
    /// Starts what `shape` has; when this returns, the ports are open and `run/addresses.json` is written.
    pub(crate) async fn start(mut settings: Settings, given: &Given, shape: Shape) -> anyhow::Result<Self> {
        let dir = DataDir::new(&settings.data_dir);
        let lock = dir.claim()?;
        let _ = fs::remove_file(dir.addresses());
        let reserve = dir.reserve();
        if reserve.release_if_tight().unwrap_or(false) {
            tracing::warn!(
                data_dir = %settings.data_dir.display(),
                "the disk is full: the reserve of a few megabytes was given back, so that this start can work; free some space"
            );
        }
        let http = match shape {
            Shape::Box => Some(bind_http(settings.http_listen).await?),
            Shape::Gateway => None,
        };
        let http_address = http.as_ref().map(TcpListener::local_addr).transpose()?;
        let rooms = Rooms::open(&dir, &settings).await?;
        let (configured, accounts) = (&mut settings.accounts, &*rooms.catalogs.ftp_accounts);
        let ftp_password = first_start::camera(given, configured, accounts, &rooms.passwords).await?;
        let mut shown = Shown { admin_password: None, ftp_password };
        let (rooms, settings) = (Arc::new(rooms), Arc::new(settings));
        let (shipper, storage) = rooms.shipper(&settings);
        let diagnosis = storage.diagnosis();
        let ftp = rooms.ftp_server(&settings, storage)?;
        let (ftp_address, ftps_address) = (ftp.local_addr(), ftp.implicit_addr());
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        doors::open_handover(&dir, &rooms, &mut tasks, &stopped)?;
        let watches = doors::watch_folders(&dir, &settings, &rooms, &mut tasks, &stopped)?;
        let links = ApiLinks::default();
        let notifier = rooms.notifier(&dir, &settings, shipper.status(), &links)?;
        if let Some(http) = http {
            let handle = measured::begin()?;
            tasks.spawn(measured::tidy(handle.clone(), stopped.clone()));
            let status = Arc::new(BoxStatus {
                watches,
                spool: rooms.spool.clone(),
                spool_max_bytes: settings.spool_max_bytes,
                shipper: shipper.status(),
                media: rooms.media.clone(),
                ftp: ftp_address,
                diagnosis,
                retention: sweeps(&settings).then_some(settings.retention),
            });
            let people = People {
                rooms: rooms.clone(),
                settings: settings.clone(),
                status,
                measured: Arc::new(Measured::new(
                    handle,
                    rooms.spool.clone(),
                    shipper.status(),
                    rooms.catalogs.events.clone(),
                    (!settings.catalog.is_shared()).then(|| rooms.catalogs.local.clone()),
                    settings.clone(),
                )),
                given: given.admin_password.clone(),
                notifier: notifier.clone(),
                links,
                stop: stopped.clone(),
            };
            shown.admin_password = people.let_in(http, &mut tasks).await?;
        }
        if let Some(notifier) = notifier {
            tasks.spawn(notifier.run(stopped.clone()));
        }
        tasks.spawn(ftp.run(until(stopped.clone())));
        if settings.catalog.is_shared() && matches!(settings.store, StoreSettings::Local) {
            tracing::warn!(
                "catalog.kind = \"dynamodb\" with a local store: rows expire by themselves, and the files in the store stay \
                 for ever; use a bucket with a lifecycle rule, or catalog.kind = \"sqlite\""
            );
        }
        // Tables and bucket have rules of their own.
        if sweeps(&settings) {
            tasks.spawn(rooms.sweeper(&settings).run(stopped.clone()));
        }
        tasks.spawn(rooms.derive.clone().run(stopped.clone()));
        tasks.spawn(keep_reserve(reserve, stopped.clone()));
        let shipper = tokio::spawn(shipper.run(stopped));
        announce(&dir.addresses(), http_address, ftp_address, ftps_address)
            .context("writing run/addresses.json")?;
        Ok(Self {
            http: http_address,
            ftp: ftp_address,
            shown,
            addresses: dir.addresses(),
            stop,
            tasks,
            shipper,
            _lock: lock,
        })
    }

    /// Stops in order: no new uploads, then what is under way, then shipping.
    pub(crate) async fn stop(mut self) {
        let _ = fs::remove_file(&self.addresses);
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        let _ = self.shipper.await;
    }
}

pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Makes the reserve (again) when there is room for it.
async fn keep_reserve(reserve: Reserve, stopped: watch::Receiver<bool>) {
    const EVERY: std::time::Duration = std::time::Duration::from_mins(1);
    loop {
        let made = tokio::task::spawn_blocking({
            let reserve = reserve.clone();
            move || reserve.restore_if_roomy()
        });
        match made.await {
            Ok(Ok(_)) | Err(_) => {}
            Ok(Err(error)) => tracing::debug!(%error, "no reserve could be made on the disk"),
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = until(stopped.clone()) => return,
        }
    }
}

/// What scripts and checks read: the ports as really bound.
fn announce(
    path: &Path,
    http: Option<SocketAddr>,
    ftp: SocketAddr,
    ftps: Option<SocketAddr>,
) -> io::Result<()> {
    let mut addresses = serde_json::json!({ "ftp": ftp.to_string() });
    for (name, address) in [("http", http), ("ftps", ftps)] {
        if let Some(address) = address {
            addresses[name] = address.to_string().into();
        }
    }
    camtrail_durable::replace_file(path, addresses.to_string().as_bytes())
}
