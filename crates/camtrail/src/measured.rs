//! `/metrics`: what the stages measured, and what is looked up when somebody asks.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use anyhow::Context;
use camtrail_api::MetricsSource;
use camtrail_catalog::SqliteCatalog;
use camtrail_gateway::ShipperStatus;
use camtrail_model::{
    metrics::{self as names, MetricKind},
    ports::{CameraSummary, Catalog, Clock, SystemClock},
};
use camtrail_spool::Spool;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use tokio::{sync::watch, time::Instant};

use crate::{app::until, config::Settings, rooms::Rooms};

/// Upper bounds of durations, in seconds: from a page of the catalog to an upload over a thin line.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];
/// How often measured durations are put into their buckets, where nobody asks.
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// Tables cost by the read: cameras in them are looked up again after so long.
const CAMERAS_FOR: Duration = Duration::from_secs(15);

/// One recorder a process: what is measured before it is lost.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to measure. Twice is once.
pub(crate) fn begin() -> anyhow::Result<PrometheusHandle> {
    if let Some(handle) = RECORDER.get() {
        return Ok(handle.clone());
    }
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
        .context("the buckets of durations")?;
    let handle = builder.install_recorder().context("beginning to measure")?;
    for metric in names::ALL {
        match metric.kind {
            MetricKind::Counter => metrics::describe_counter!(metric.name, metric.help),
            MetricKind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            MetricKind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
        }
    }
    Ok(RECORDER.get_or_init(|| handle).clone())
}

/// Keeps the memory of measured durations bounded until the program stops.
pub(crate) async fn tidy(handle: PrometheusHandle, stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(TIDY_EVERY) => handle.run_upkeep(),
            () = until(stopped.clone()) => return,
        }
    }
}

/// All that `/metrics` gives.
pub(crate) struct Measured {
    handle: PrometheusHandle,
    process: Collector,
    spool: Spool,
    spool_max_bytes: u64,
    shipper: Arc<Mutex<ShipperStatus>>,
    catalog: Arc<dyn Catalog>,
    /// The database that sessions are in, where they are in one of this machine.
    people: Option<SqliteCatalog>,
    settings: Arc<Settings>,
    cameras: tokio::sync::Mutex<Option<(Instant, Vec<CameraSummary>)>>,
}

impl Measured {
    /// Over these parts.
    pub(crate) fn new(
        handle: PrometheusHandle,
        rooms: &Rooms,
        shipper: Arc<Mutex<ShipperStatus>>,
        settings: Arc<Settings>,
    ) -> Self {
        let (spool, catalog) = (rooms.spool.clone(), rooms.catalogs.events.clone());
        let people = (!settings.catalog.is_shared()).then(|| rooms.catalogs.local.clone());
        let process = Collector::default();
        process.describe();
        let spool_max_bytes = settings.spool_max_bytes;
        let cameras = tokio::sync::Mutex::new(None);
        Self { handle, process, spool, spool_max_bytes, shipper, catalog, people, settings, cameras }
    }

    fn look_at_the_spool(&self) {
        let usage = self.spool.usage();
        let now = SystemClock.now();
        let oldest_ms = usage.oldest.map_or(0, |at| now.0.saturating_sub(at.0).max(0));
        let failing = self.shipper.lock().unwrap_or_else(PoisonError::into_inner).failing;
        for (name, value) in [
            (names::SPOOL_ENTRIES, usage.entries as f64),
            (names::SPOOL_BYTES, usage.bytes as f64),
            (names::SPOOL_MAX_BYTES, self.spool_max_bytes as f64),
            (names::SPOOL_OLDEST, oldest_ms as f64 / 1_000.0),
            (names::SHIP_FAILING, failing as f64),
        ] {
            metrics::gauge!(name).set(value);
        }
        metrics::gauge!(names::BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    }

    /// What can't be read now keeps its last value.
    async fn look_at_the_catalog(&self) {
        let now = SystemClock.now();
        if let Some(people) = &self.people
            && let Ok(sessions) = people.open_sessions(now).await
        {
            metrics::gauge!(names::SESSIONS).set(sessions as f64);
        }
        let mut cameras = self.cameras.lock().await;
        let keep = if self.people.is_some() { Duration::ZERO } else { CAMERAS_FOR };
        if cameras.as_ref().is_none_or(|(at, _)| at.elapsed() >= keep)
            && let Ok(read) = self.catalog.cameras().await
        {
            *cameras = Some((Instant::now(), read));
        }
        for camera in cameras.iter().flat_map(|(_, cameras)| cameras) {
            let silent_after = self.settings.cameras.get(&camera.name).and_then(|of| of.silent_after);
            let silent = camera.is_silent(silent_after, now);
            let name = camera.name.to_string();
            metrics::gauge!(names::CAMERA_EVENTS, "camera" => name.clone()).set(camera.events as f64);
            metrics::gauge!(names::CAMERA_SILENT, "camera" => name.clone()).set(f64::from(u8::from(silent)));
            if let Some(at) = camera.last_seen_at {
                metrics::gauge!(names::CAMERA_LAST_SEEN, "camera" => name).set(at.0 as f64 / 1_000.0);
            }
        }
    }
}

#[async_trait::async_trait]
impl MetricsSource for Measured {
    async fn text(&self) -> String {
        self.look_at_the_spool();
        self.look_at_the_catalog().await;
        self.process.collect();
        self.handle.render()
    }
}
