//! Scheduled upkeep: what no arrival and no request brings about.
//!
//! Tells which cameras are silent and how long ago anything arrived, as metrics that alarms go by; tidies the index of
//! days; lists rows that the article's own function wrote. Each part may fail without the others.

use std::{io::Write, time::Duration};

use camtrail_aws::DynamoCatalog;
use camtrail_model::{
    Millis,
    ports::{Catalog, CatalogError, Clock, SystemClock},
};
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::Settings;

/// Empty days that are looked at in one run.
const DAYS_AT_ONCE: usize = 60;
/// The article was published with rows of this month; nothing older can be one of its function's.
const ARTICLE_SINCE: Date = jiff::civil::date(2016, 10, 1);
/// An object outlives its expiry by a day or two until the store comes round.
const SLACK_DAYS: i32 = 3;

/// Serves until the platform ends the process.
pub async fn run() -> Result<(), Error> {
    let settings = Settings::from_env()?;
    let catalog = DynamoCatalog::open(&settings.tables).await;
    lambda_runtime::run(service_fn(async |_: LambdaEvent<Value>| {
        Box::pin(upkeep(&catalog, &settings, &SystemClock)).await
    }))
    .await
}

async fn upkeep(catalog: &DynamoCatalog, settings: &Settings, clock: &dyn Clock) -> Result<Value, Error> {
    let now = clock.now();
    let health = health(catalog, settings.silent_after, now).await;
    let tidied = catalog.tidy_days(now, DAYS_AT_ONCE).await;
    let (since, until) = article_days(now, settings.tables.retention_days);
    let article = catalog.find_article_rows(since, until).await;
    let health = health.inspect_err(|error| tracing::error!(%error, "the cameras can't be read"))?;
    let mut out = std::io::stdout().lock();
    // A line of its own: the platform makes metrics of it (embedded metric format).
    writeln!(out, "{}", health.metrics(&settings.bucket, now))?;
    for camera in &health.silent {
        tracing::warn!(camera, "the camera is silent: unheard for longer than it should be");
    }
    let tidied = tidied.inspect_err(|error| tracing::error!(%error, "the index of days can't be tidied"))?;
    let article =
        article.inspect_err(|error| tracing::error!(%error, "the article's rows can't be looked for"))?;
    tracing::info!(
        cameras = health.cameras,
        silent = health.silent.len(),
        since_last_arrival_s = health.since_last_arrival_s,
        tidied_days = tidied,
        article_rows = article,
        "upkeep done"
    );
    Ok(
        json!({ "cameras": health.cameras, "silent": health.silent, "tidied_days": tidied, "article_rows": article }),
    )
}

/// How the cameras are doing.
#[derive(Debug)]
struct Health {
    cameras: usize,
    silent: Vec<String>,
    /// Since any camera was heard from; `None`: none ever was.
    since_last_arrival_s: Option<i64>,
}

async fn health(
    catalog: &dyn Catalog,
    silent_after: Option<Duration>,
    now: Millis,
) -> Result<Health, CatalogError> {
    let cameras = catalog.cameras().await?;
    let silent = cameras.iter().filter(|camera| camera.is_silent(silent_after, now));
    let newest = cameras.iter().filter_map(|camera| camera.heard_at(now)).max();
    Ok(Health {
        cameras: cameras.len(),
        silent: silent.map(|camera| camera.name.to_string()).collect(),
        since_last_arrival_s: newest.map(|at| (now.0 - at.0).max(0) / 1_000),
    })
}

impl Health {
    /// CloudWatch's embedded metric format (AWS, "Specification: Embedded metric format").
    fn metrics(&self, bucket: &str, now: Millis) -> Value {
        let mut metrics = vec![json!({ "Name": "SilentCameras", "Unit": "Count" })];
        let mut line = json!({ "Bucket": bucket, "SilentCameras": self.silent.len() });
        if let Some(seconds) = self.since_last_arrival_s {
            metrics.push(json!({ "Name": "SecondsSinceLastArrival", "Unit": "Seconds" }));
            line["SecondsSinceLastArrival"] = json!(seconds);
        }
        line["_aws"] = json!({
            "Timestamp": now.0,
            "CloudWatchMetrics": [{ "Namespace": "Camtrail", "Dimensions": [["Bucket"]], "Metrics": metrics }],
        });
        line
    }
}

/// The days whose objects can still be there: older rows would be dead cards.
fn article_days(now: Millis, retention_days: u32) -> (Date, Date) {
    let today = TimeZone::UTC.to_datetime(now.timestamp()).date();
    // The article filed by its processor's day, which may be tomorrow.
    let until = today.saturating_add(1.day());
    let since = match i32::try_from(retention_days) {
        Ok(days) if days > 0 => today.saturating_sub((days + SLACK_DAYS).days()).max(ARTICLE_SINCE),
        _ => ARTICLE_SINCE,
    };
    (since, until)
}
