//! The notifier, wired: what it is made of here, and what the API asks of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use anyhow::Context;
use async_trait::async_trait;
use camtrail_api::{Api, NotificationRule, Notifications, TestOutcome};
use camtrail_catalog::SqliteOutbox;
use camtrail_gateway::ShipperStatus;
use camtrail_model::{
    CameraName, CaptureKind, CatalogRecord,
    ports::{CatalogError, DeliveryRow, Expiry},
};
use camtrail_notify::{
    GatewayHealth, GatewaySource, Links, Notifier, Parts, PushOrigins, TestError, Watched, endpoint_problem,
};
use camtrail_spool::Spool;
use futures::future::BoxFuture;

use crate::{config::Settings, data_dir::DataDir, rooms::Rooms};

/// Links, once there is an API that answers them.
#[derive(Clone, Default)]
pub(crate) struct ApiLinks(Arc<OnceLock<(Api, String)>>);

impl ApiLinks {
    /// From now on there are links; `site` is scheme and host of our own.
    pub(crate) fn open(&self, api: &Api, site: &str) {
        let _ = self.0.set((api.clone(), site.to_owned()));
    }
}

impl Links for ApiLinks {
    fn poster<'a>(&'a self, record: &'a CatalogRecord) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let (api, site) = self.0.get()?;
            let link = api.poster_link(record).await?;
            // A store's own link is whole; ours begins with the base path.
            if !link.starts_with('/') {
                return Some(link);
            }
            (!site.is_empty()).then(|| format!("{site}{link}"))
        })
    }
}

struct Gateway {
    spool: Spool,
    max_bytes: u64,
    shipper: Arc<Mutex<ShipperStatus>>,
}

impl GatewaySource for Gateway {
    fn health(&self) -> GatewayHealth {
        let usage = self.spool.usage();
        let shipper = self.shipper.lock().unwrap_or_else(PoisonError::into_inner).clone();
        GatewayHealth {
            waiting: usage.entries,
            bytes: usage.bytes,
            max_bytes: self.max_bytes,
            problem: shipper.last_error,
            has_stored: shipper.has_stored,
        }
    }
}

/// Cameras, as the notifier wants them.
pub(crate) fn watched(
    settings: &HashMap<CameraName, camtrail_api::CameraSettings>,
) -> HashMap<CameraName, Watched> {
    let watched = |one: &camtrail_api::CameraSettings| Watched {
        display_name: one.display_name.clone(),
        silent_after: one.silent_after,
    };
    settings.iter().map(|(name, one)| (name.clone(), watched(one))).collect()
}

/// What the API asks of the notifier.
pub(crate) struct Desk(pub(crate) Notifier);

#[async_trait]
impl Notifications for Desk {
    fn channels(&self) -> Vec<(String, &'static str)> {
        self.0.channels()
    }

    fn rules(&self) -> Vec<NotificationRule> {
        let rule = |rule: &camtrail_notify::Rule| NotificationRule {
            name: rule.name.clone(),
            on: rule.on.as_str(),
            cameras: rule.cameras.iter().map(CameraName::to_string).collect(),
            group: rule.group.clone(),
            hours: rule.hours.map(|hours| hours.to_string()),
            kind: rule.kind.map(CaptureKind::as_str),
            targets: rule.targets.clone(),
        };
        self.0.rules().iter().map(rule).collect()
    }

    async fn deliveries(&self, before: Option<i64>, limit: usize) -> Result<Vec<DeliveryRow>, CatalogError> {
        self.0.deliveries(before, limit).await
    }

    async fn test(&self, channel: &str, user: &str) -> TestOutcome {
        match self.0.test(channel, user).await {
            Ok(()) => TestOutcome::Delivered,
            Err(TestError::NoChannel(_)) => TestOutcome::NoChannel,
            Err(TestError::Failed(problem)) => TestOutcome::Failed(problem),
        }
    }

    async fn push_key(&self) -> Result<Option<String>, CatalogError> {
        self.0.push_key().await
    }

    fn push_problem(&self, endpoint: &str) -> Option<&'static str> {
        endpoint_problem(endpoint, self.0.push_origins())
    }
}

impl Rooms {
    /// The notifier; `None` where nothing is configured.
    pub(crate) fn notifier(
        &self,
        dir: &DataDir,
        settings: &Settings,
        shipper: Arc<Mutex<ShipperStatus>>,
        links: &ApiLinks,
    ) -> anyhow::Result<Option<Notifier>> {
        let Some(config) = &settings.notify else { return Ok(None) };
        let stored: Option<Arc<dyn Expiry>> =
            (!settings.catalog.is_shared()).then(|| Arc::new(self.catalogs.local.clone()) as Arc<dyn Expiry>);
        let outbox = SqliteOutbox::open(&dir.notify()).context("opening the queue of notifications")?;
        let parts = Parts {
            catalog: self.catalogs.events.clone(),
            groups: self.catalogs.groups.clone(),
            accounts: self.catalogs.accounts.clone(),
            store: self.store.clone(),
            outbox: Arc::new(outbox),
            pushes: self.catalogs.pushes.clone(),
            stored,
            gateway: Some(Arc::new(Gateway {
                spool: self.spool.clone(),
                max_bytes: settings.spool_max_bytes,
                shipper,
            })),
            links: Arc::new(links.clone()),
            zones: self.zones.clone(),
            clock: self.clock.clone(),
            push_origins: if settings.push_to_loopback {
                PushOrigins::AlsoLoopback
            } else {
                PushOrigins::Public
            },
        };
        Ok(Some(Notifier::new(parts, config.clone())?))
    }
}
