//! The arrival function: see `camtrail_lambda::arrival`.

use std::process::ExitCode;

use camtrail_lambda::arrival;

fn main() -> ExitCode {
    camtrail_lambda::main_of(arrival::run())
}
