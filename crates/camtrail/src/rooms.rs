//! What the stages share: opened once, and put together to what runs.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, bail};
use camtrail_api::{Api, ApiConfig, ApiParts, Notifications, Oidc, Webhook};
use camtrail_arrival::{Arrivals, ByNotification, Function};
use camtrail_auth::{Passwords, SigningKey};
use camtrail_catalog::SqliteLedger;
use camtrail_derive::{Deriver, Maker, MakerParts, Manifests, Scratch};
use camtrail_gateway::{Book, Desk, FtpLogin, FtpStorage, Parts, ShipConfig, Shipper, SpoolIntake};
use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::{
    CameraZones,
    ports::{ArrivalSink, Clock, MediaTool, ObjectStore, SystemClock},
};
use camtrail_oidc::Provider;
use camtrail_retention::Sweeper;
use camtrail_spool::{Spool, SpoolConfig};
use camtrail_store::{LocalStore, S3Config, S3Store};
use camtrail_webapp::Embedded;
use tokio::sync::watch;

use crate::{
    announce::Announcer,
    box_status::BoxStatus,
    catalogs::Catalogs,
    config::{ArrivalMode, OidcSettings, Settings, StoreSettings},
    data_dir::DataDir,
    measured::Measured,
};

/// What the stages share.
pub(crate) struct Rooms {
    pub(crate) spool: Spool,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) catalogs: Catalogs,
    sink: Arc<dyn ArrivalSink>,
    ledger: SqliteLedger,
    pub(crate) media: Arc<Ffmpeg>,
    pub(crate) passwords: Arc<Passwords>,
    pub(crate) zones: Arc<CameraZones>,
    pub(crate) clock: Arc<dyn Clock>,
    manifests: Manifests,
    pub(crate) derive: Deriver,
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

    pub(crate) fn ftp_server(
        &self,
        settings: &Settings,
        storage: FtpStorage,
    ) -> anyhow::Result<camtrail_ftp::Server> {
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

pub(crate) fn bind_advice(key: &str, variable: &str, address: SocketAddr) -> String {
    format!(
        "{key} {address} can't be opened: is another program using it? choose another address with {variable}"
    )
}
