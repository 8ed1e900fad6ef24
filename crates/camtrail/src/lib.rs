//! The `camtrail` program: configuration, wiring, commands.
//!
//! Owns exit codes: 0 done; 1 failed; 2 wrong usage or configuration. Nothing is decided here that a stage could
//! decide; nothing is started before all of the configuration is checked.

mod announce;
mod app;
mod beside;
mod box_status;
mod catalogs;
mod cli;
mod commands;
mod config;
mod connections;
mod data_dir;
mod doors;
mod first_start;
#[cfg(feature = "aws")]
mod ftp_accounts;
mod https;
#[cfg(any(test, feature = "testing"))]
pub mod invariants;
mod measured;
mod memory;
mod notifications;
mod people;
mod rooms;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

/// Threads for what waits for the disk. Far more than ever wait at once; but on a machine without a free processor tokio makes
/// a new one for each piece of work (those that it has are awake and haven't run yet): docs/design/memory.md.
const BLOCKING_THREADS_MAX: usize = 128;
/// Without work for so long, such a thread ends. They take turns: with tokio's ten seconds, twenty events a second would keep
/// as many as there ever were.
const BLOCKING_THREADS_STAY: Duration = Duration::from_millis(100);

/// The program: reads its arguments, does what they say, and gives the exit code.
pub fn main() -> ExitCode {
    memory::give_back_at_once();
    allow_many_connections();
    let cli = cli::Cli::parse();
    cli::start_logging(cli.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_keep_alive(BLOCKING_THREADS_STAY)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(commands::run(cli)),
        Err(error) => Err(anyhow::Error::from(error).context("the program could not start its threads")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain in one line: what was wanted, and why it failed.
            eprintln!("camtrail: {error:#}");
            if error.is::<config::ConfigError>() || error.is::<cli::UsageError>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Each camera that stays connected is a descriptor; many systems let a program open 1,024, and more only if it asks.
fn allow_many_connections() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without more, the usual number of cameras still works.
    let _ = setrlimit(Resource::Nofile, limit);
}
