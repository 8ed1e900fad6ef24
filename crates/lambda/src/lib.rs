//! The three functions of the serverless shape, wiring only: arrival, API, scheduled upkeep.
//!
//! Owns what a function is told by its environment, and the shapes that the runtime wants. Promises: a notification of
//! which any record failed comes again (an error, or the failed messages of a queue's batch); configuration is checked
//! before the first event. Refuses: decisions, which are the stages'. What each may do in the account is its role's in
//! `deploy/aws/template.yaml`.

pub mod api;
pub mod arrival;
mod logging;
pub mod scheduled;
mod settings;

pub use settings::{SettingError, Settings};

use std::process::ExitCode;

use lambda_runtime::Error;

/// Runs a function until the platform ends it; what keeps it from starting is told in one line.
pub fn main_of(run: impl Future<Output = Result<(), Error>>) -> ExitCode {
    logging::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Error::from).and_then(|runtime| runtime.block_on(run)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "the function can't start");
            ExitCode::FAILURE
        }
    }
}
