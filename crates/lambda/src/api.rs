//! The API and the web app behind an HTTP API.
//!
//! The same router as everywhere. What differs: no gateway is here, live updates are polled, and who calls is told by
//! the HTTP API instead of a socket.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    middleware::{Next, from_fn},
    response::Response,
};
use camtrail_api::{Api, ApiConfig, ApiParts, LiveMode, MetricsAccess, Status, StatusSource};
use camtrail_arrival::ByNotification;
use camtrail_auth::{Passwords, SigningKey};
use camtrail_aws::{DynamoAccounts, DynamoCatalog};
use camtrail_model::ports::{Accounts, Clock, SystemClock};
use camtrail_store::S3Store;
use camtrail_webapp::Embedded;
use lambda_http::{Error, RequestExt, request::RequestContext};
use tokio::sync::watch;

use crate::Settings;

/// Serves until the platform ends the process.
pub async fn run() -> Result<(), Error> {
    let settings = Settings::from_env()?;
    lambda_http::run(router(&settings).await?).await
}

async fn router(settings: &Settings) -> Result<Router, Error> {
    let catalog = DynamoCatalog::open(&settings.tables).await;
    let people = Arc::new(DynamoAccounts::beside(&catalog));
    let secret = people.secret("links", &camtrail_auth::random_bytes::<32>()?).await?;
    // Nobody stops a function in order: the platform freezes it.
    let (never, stop) = watch::channel(false);
    let api = Api::new(ApiParts {
        catalog: Arc::new(catalog),
        accounts: people.clone(),
        sign_in_failures: people.clone(),
        groups: people.clone(),
        review: people.clone(),
        shares: people.clone(),
        api_tokens: people.clone(),
        audit: people.clone(),
        pushes: people.clone(),
        notifications: None,
        tokens: people,
        intake: None,
        store: Arc::new(S3Store::open(&settings.store())?),
        sink: Arc::new(ByNotification),
        // No ffmpeg here.
        derive: None,
        zones: Arc::new(settings.zones()),
        cameras: HashMap::new(),
        passwords: Arc::new(Passwords::new()?),
        clock: Arc::new(SystemClock),
        key: SigningKey::new(secret),
        web: Arc::new(Embedded),
        status: Arc::new(Elsewhere { _never: never }),
        // CloudWatch has the functions' own.
        metrics: None,
        oidc: None,
        webhook: None,
        config: ApiConfig {
            base_path: String::new(),
            public_url: settings.public_url.clone(),
            // Who calls, and that it is by https, the HTTP API and `public_url` say.
            tls: false,
            trusted_proxies: Vec::new(),
            live: LiveMode::Poll,
            people: settings.people,
            metrics: MetricsAccess::Off,
        },
        stop,
    });
    Ok(camtrail_api::router(api).layer(from_fn(with_caller)))
}

/// The gateway is another machine.
struct Elsewhere {
    _never: watch::Sender<bool>,
}

impl StatusSource for Elsewhere {
    fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            media: None,
            ftp: None,
            watches: Vec::new(),
            spool: None,
            retention: None,
            now: format!("{:.3}", SystemClock.now().timestamp()),
        }
    }
}

/// Who calls, as the HTTP API tells it: wrong sign-ins slow down by address. Headers say only what callers like.
async fn with_caller(mut request: Request, next: Next) -> Response {
    let address = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.http.source_ip.as_deref().and_then(|ip| ip.parse().ok())
        }
        _ => None,
    };
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address, 0)));
    next.run(request).await
}
