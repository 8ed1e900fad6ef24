//! Calls, and what their failures mean.
//!
//! Owns the one retry policy: a bounded number of tries with growing, jittered pauses for what passes by itself
//! (throttling, conflicts of transactions, time-outs, a server's own errors); then `Unavailable`. The SDK's own
//! retries are off, so that times add up in one place. Refuses to hide anything else.

use std::{
    error::Error as StdError,
    future::Future,
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::{
    error::{BuildError, DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::transact_write_items::TransactWriteItemsError,
};
use camtrail_model::{metrics::CATALOG, ports::CatalogError};

/// How often a call is made before it counts as failed.
const TRIES_MAX: u32 = 9;
/// The first pause; each further one is twice as long at most.
const PAUSE_FIRST: Duration = Duration::from_millis(15);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Conditions of these members of the transaction (or of the only item) didn't hold.
    Condition(Vec<usize>),
    /// Passes by itself.
    Passing(String),
    /// Passes by itself, but there is no time left to wait for it.
    Late(String),
    /// Doesn't pass by trying again now: no rights, no table, an answer that can't be read.
    Lasting(String),
}

impl From<Failure> for CatalogError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Condition(at) => Self::Unavailable(format!("too many writers at once ({at:?})")),
            Failure::Passing(why) | Failure::Late(why) | Failure::Lasting(why) => Self::Unavailable(why),
        }
    }
}

/// Codes that pass by themselves.
const PASSING: [&str; 10] = [
    "InternalServerError",
    "InternalServerErrorException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
    "InternalFailure",
];

/// What a failed call means.
pub(crate) fn judge<E, R>(error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug,
{
    let text = || DisplayErrorContext(error).to_string();
    match error {
        SdkError::ServiceError(service) => match service.err().code() {
            Some("ConditionalCheckFailedException") => Failure::Condition(vec![0]),
            Some(code) if PASSING.contains(&code) => Failure::Passing(text()),
            _ => Failure::Lasting(text()),
        },
        SdkError::ConstructionFailure(_) => Failure::Lasting(text()),
        _ => Failure::Passing(text()),
    }
}

/// The same of a transaction, whose parts fail each in its own way.
pub(crate) fn judge_transaction<R: std::fmt::Debug>(error: &SdkError<TransactWriteItemsError, R>) -> Failure {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return judge(error);
    };
    let codes = || cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None"));
    let failed: Vec<_> =
        codes().enumerate().filter(|(_, code)| *code == "ConditionalCheckFailed").map(|(at, _)| at).collect();
    let text = format!("the transaction was cancelled: {:?}", codes().collect::<Vec<_>>());
    if !failed.is_empty() {
        Failure::Condition(failed)
    } else if codes().all(|code| {
        matches!(
            code,
            "None"
                | "TransactionConflict"
                | "ThrottlingError"
                | "ProvisionedThroughputExceeded"
                | "InternalServerError"
        )
    }) {
        Failure::Passing(text)
    } else {
        Failure::Lasting(DisplayErrorContext(error).to_string())
    }
}

/// Calls until it succeeds, or what fails doesn't pass, or it was tried often enough.
pub(crate) async fn retrying<T, E, R, F, Fut>(call: F) -> Result<T, Failure>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, SdkError<E, R>>>,
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug,
{
    retrying_by(call, judge).await
}

/// The same with another judge.
pub(crate) async fn retrying_by<T, E, F, Fut>(call: F, judge: impl Fn(&E) -> Failure) -> Result<T, Failure>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let started = Instant::now();
    let outcome = retrying_untimed(call, judge).await;
    metrics::histogram!(CATALOG, "operation" => "call").record(started.elapsed());
    outcome
}

async fn retrying_untimed<T, E, F, Fut>(call: F, judge: impl Fn(&E) -> Failure) -> Result<T, Failure>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let mut tried = 0;
    loop {
        let failure = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => judge(&error),
        };
        tried += 1;
        let Failure::Passing(why) = &failure else { return Err(failure) };
        if tried == TRIES_MAX {
            return Err(failure);
        }
        tracing::debug!(tried, %why, "DynamoDB call failed, trying again");
        pause(tried).await;
    }
}

/// Waits before the next try: a random share of a bound that doubles.
pub(crate) async fn pause(tried: u32) {
    let bound = PAUSE_FIRST.saturating_mul(1 << tried.min(16)).min(PAUSE_MAX);
    // Without a source of randomness all wait alike; that is slower, not wrong.
    let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    tokio::time::sleep(bound.mul_f64(share)).await;
}

/// Requests are built from complete parts; where not, that is a mistake in this crate.
pub(crate) fn built<T>(request: Result<T, BuildError>) -> Result<T, CatalogError> {
    request.map_err(|error| CatalogError::Corrupt(format!("an incomplete request: {error}")))
}
