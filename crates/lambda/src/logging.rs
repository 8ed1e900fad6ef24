//! Logs: one JSON object a line on standard error, which the platform keeps.

use tracing_subscriber::EnvFilter;

/// `RUST_LOG` chooses; else `info`.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .init();
}
