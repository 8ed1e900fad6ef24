//! The function for scheduled upkeep: see `camtrail_lambda::scheduled`.

use std::process::ExitCode;

use camtrail_lambda::scheduled;

fn main() -> ExitCode {
    camtrail_lambda::main_of(scheduled::run())
}
