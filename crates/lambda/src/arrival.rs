//! The arrival function: `security_cam_video_added`, as the article calls it; stills, too.
//!
//! Called by the bucket itself, by a queue (whose failed messages alone come again), a topic or EventBridge. An error
//! makes the platform call again, and in the end puts the notification into the dead-letter queue.

use std::sync::Arc;

use camtrail_arrival::{Arrivals, Function, NotificationError, Outcome, Report, notification};
use camtrail_aws::DynamoCatalog;
use camtrail_store::S3Store;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::{Value, json, value::RawValue};

use crate::Settings;

/// Serves until the platform ends the process.
pub async fn run() -> Result<(), Error> {
    let settings = Settings::from_env()?;
    let store = Arc::new(S3Store::open(&settings.store())?);
    let catalog = Arc::new(DynamoCatalog::open(&settings.tables).await);
    let arrivals = Arrivals::new(store, catalog, Arc::new(settings.zones()));
    let function = Function::new(Arc::new(arrivals), settings.base.clone(), Some(settings.bucket.clone()));
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        handle(&function, event.payload.get().as_bytes()).await
    }))
    .await
}

/// Why a call is answered with an error: the platform calls again.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    NoNotification(#[from] NotificationError),
    #[error(
        "{failed} of {records} records failed: the notification comes again, or goes to the dead letters"
    )]
    RecordsFailed { failed: usize, records: usize },
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let error_type = match failure {
            Failure::NoNotification(_) => "NoNotification",
            Failure::RecordsFailed { .. } => "RecordsFailed",
        };
        Self { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

async fn handle(function: &Function, payload: &[u8]) -> Result<Value, Failure> {
    let notification = notification::read(payload).inspect_err(|error| {
        tracing::error!(%error, bytes = payload.len(), "this is no notification: nothing was done");
    })?;
    let report = function.run(&notification).await;
    answer(&report)
}

fn answer(report: &Report) -> Result<Value, Failure> {
    // A queue is answered message by message: an error would bring back the good ones, too.
    if report.done.iter().any(|done| done.message_id.is_some()) {
        return Ok(json!(report.batch_response()));
    }
    let records = report.done.len();
    match report.totals.of(Outcome::Failed) {
        0 => {
            Ok(json!({ "records": records, "totals": report.totals.to_string(), "took_ms": report.took_ms }))
        }
        failed => Err(Failure::RecordsFailed { failed, records }),
    }
}
