//! The web door: people's accounts, the API, and the wait for both where they stand in tables.
//!
//! Promises: cameras don't wait for people. Where the accounts' table can't be reached at the start, everything else
//! works, the web door answers 503, and opens by itself when the table is there.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header},
    response::IntoResponse,
    serve::ListenerExt as _,
};
use camtrail_api::Notifications;
use camtrail_notify::Notifier;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tower::ServiceExt as _;

use crate::{
    app::until,
    box_status::BoxStatus,
    config::Settings,
    connections::{self, Bounds},
    first_start,
    https::{Https, TlsListener},
    measured::Measured,
    notifications::{ApiLinks, Desk},
    rooms::Rooms,
};

/// How long the start waits for tables.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// How often they are tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(3);

/// What the web door is made of.
#[derive(Clone)]
pub(crate) struct People {
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) status: Arc<BoxStatus>,
    pub(crate) measured: Arc<Measured>,
    /// The first user's password, where one was given.
    pub(crate) given: Option<String>,
    pub(crate) notifier: Option<Notifier>,
    pub(crate) links: ApiLinks,
    pub(crate) stop: watch::Receiver<bool>,
}

impl People {
    /// Opens the door, now or as soon as it can be; gives a password that was made now.
    pub(crate) async fn let_in(
        self,
        http: TcpListener,
        tasks: &mut JoinSet<()>,
    ) -> anyhow::Result<Option<String>> {
        let stop = self.stop.clone();
        let bounds = Bounds::new(&self.settings.trusted_proxies);
        let http = Door::open(http, &bounds, &self.settings, tasks, &stop)?;
        let is_shared = self.settings.catalog.is_shared();
        let opened = match tokio::time::timeout(WAIT_MAX, self.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(anyhow::anyhow!("no answer within {} seconds", WAIT_MAX.as_secs())),
        };
        match opened {
            Ok((router, shown)) => {
                tasks.spawn(serve(http, bounds, router, stop));
                Ok(shown)
            }
            Err(error) if is_shared => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "people's accounts can't be reached now: nobody can sign in until they can; uploads are taken"
                );
                let ready = Arc::new(OnceLock::new());
                tasks.spawn(serve(http, bounds, when(ready.clone()), stop.clone()));
                tasks.spawn(async move {
                    tokio::select! {
                        () = self.keep_trying(&ready) => {}
                        () = until(stop) => {}
                    }
                });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn open(&self) -> anyhow::Result<(Router, Option<String>)> {
        let (accounts, passwords) = (&*self.rooms.catalogs.accounts, &self.rooms.passwords);
        let shown = first_start::admin(self.given.as_deref(), accounts, passwords).await?;
        let desk = self.notifier.clone().map(|notifier| Arc::new(Desk(notifier)) as Arc<dyn Notifications>);
        let (status, measured) = (self.status.clone(), self.measured.clone());
        let api = self.rooms.api(&self.settings, status, measured, desk, self.stop.clone()).await?;
        self.links.open(&api, &self.site());
        Ok((camtrail_api::router(api), shown))
    }

    /// Scheme and host of our own, as the world knows them; empty where nobody said.
    fn site(&self) -> String {
        let url = self.settings.public_url.as_deref().unwrap_or_default();
        url.strip_suffix(&self.settings.base_path).unwrap_or(url).to_owned()
    }

    async fn keep_trying(&self, ready: &OnceLock<Router>) {
        loop {
            tokio::time::sleep(AGAIN_AFTER).await;
            match self.open().await {
                Ok((router, shown)) => {
                    if let Some(password) = shown {
                        println!("  Sign in   admin / {password}      (shown only this once)");
                    }
                    tracing::info!("people's accounts are there: the web door is open");
                    let _ = ready.set(router);
                    return;
                }
                Err(error) => {
                    tracing::debug!(error = format!("{error:#}"), "people's accounts are still away");
                }
            }
        }
    }
}

/// Answers 503 until there is a router.
fn when(ready: Arc<OnceLock<Router>>) -> Router {
    Router::new().fallback(async move |request: Request| {
        if let Some(router) = ready.get() {
            return router.clone().oneshot(request).await.into_response();
        }
        let wait = [
            (header::RETRY_AFTER, "5"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        let why = "the accounts can't be reached now: try again\n";
        (StatusCode::SERVICE_UNAVAILABLE, wait, why).into_response()
    })
}

/// Where connections come from: in the clear, or after their handshake.
enum Door {
    Plain(TcpListener),
    Tls(TlsListener),
}

impl Door {
    fn open(
        tcp: TcpListener,
        bounds: &Bounds,
        settings: &Settings,
        tasks: &mut JoinSet<()>,
        stop: &watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let Some(files) = settings.http_tls.clone() else { return Ok(Self::Plain(tcp)) };
        let https = Https::new(files).context("reading http.tls_cert and http.tls_key")?;
        let listener = https.listen(bounds, tcp)?;
        tasks.spawn(https.keep_fresh(stop.clone()));
        Ok(Self::Tls(listener))
    }
}

async fn serve(door: Door, bounds: Bounds, router: Router, stopped: watch::Receiver<bool>) {
    match door {
        Door::Plain(tcp) => {
            connections::serve(bounds, tcp.tap_io(|tcp| connections::at_once(tcp)), router, stopped).await;
        }
        Door::Tls(tls) => connections::serve(bounds, tls, router, stopped).await,
    }
}
