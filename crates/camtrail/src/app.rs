//! All stages wired together in one process: the whole box, or the gateway alone.

use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use camtrail_durable::Reserve;
use camtrail_spool::Spool;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    box_status::BoxStatus,
    config::{ArrivalMode, Settings, StoreSettings},
    data_dir::DataDir,
    doors,
    first_start::{self, Given, Shown},
    measured::{self, Measured},
    notifications::ApiLinks,
    people::People,
    rooms::{Rooms, bind_advice},
};

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
    spool: Spool,
    tasks: JoinSet<()>,
    shipper: JoinHandle<()>,
    _lock: File,
}

impl App {
    /// Starts what `shape` has; when this returns, the ports are open and `run/addresses.json` is written.
    pub(crate) async fn start(mut settings: Settings, given: &Given, shape: Shape) -> anyhow::Result<Self> {
        let dir = DataDir::new(&settings.data_dir);
        let lock = dir.claim()?;
        let _ = fs::remove_file(dir.addresses());
        let reserve = made_room(&dir, &settings);
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
                measured: Arc::new(Measured::new(handle, &rooms, shipper.status(), settings.clone())),
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
        advise(&settings);
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
            spool: rooms.spool.clone(),
            tasks,
            shipper,
            _lock: lock,
        })
    }

    /// Stops all at once: nothing new is taken, what is under way gets a grace, and what isn't shipped stays in the spool.
    pub(crate) async fn stop(mut self) {
        self.spool.close();
        let _ = fs::remove_file(&self.addresses);
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        let _ = self.shipper.await;
    }
}

pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stop| *stop).await;
}

/// Binds before anything else is started, and says what to do where that fails.
async fn bind_http(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| bind_advice("http.listen", "CAMTRAIL__HTTP__LISTEN", address))
}

/// Whether this process removes events; else the bucket and the tables do, by rules of their own.
pub(crate) fn sweeps(settings: &Settings) -> bool {
    settings.arrival == ArrivalMode::Inline && !settings.catalog.is_shared()
}

/// The reserve of disk space; given back where there is hardly any other.
fn made_room(dir: &DataDir, settings: &Settings) -> Reserve {
    let reserve = dir.reserve();
    if reserve.release_if_tight().unwrap_or(false) {
        tracing::warn!(
            data_dir = %settings.data_dir.display(),
            "the disk is full: the reserve of a few megabytes was given back, so that this start can work; free some space"
        );
    }
    reserve
}

/// What works and is hardly meant.
fn advise(settings: &Settings) {
    if settings.catalog.is_shared() && matches!(settings.store, StoreSettings::Local) {
        tracing::warn!(
            "catalog.kind = \"dynamodb\" with a local store: rows expire by themselves, and the files in the store stay \
             for ever; use a bucket with a lifecycle rule, or catalog.kind = \"sqlite\""
        );
    }
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
