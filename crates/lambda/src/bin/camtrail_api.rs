//! The API function: see `camtrail_lambda::api`.

use std::process::ExitCode;

use camtrail_lambda::api;

fn main() -> ExitCode {
    camtrail_lambda::main_of(api::run())
}
