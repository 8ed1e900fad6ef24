//! Configuration: one struct a stage, a default and a doc for each key, all of it checked before a port opens.
//!
//! A file (TOML, or JSON with the same keys), then the environment (`CAMTRAIL__SECTION__KEY`), then the command
//! line. Unknown keys are errors.

mod arrival;
mod bucket;
mod error;
mod http;
mod load;
mod notify;
mod oidc;
mod reference;
mod section;
mod settings;
mod shape;
mod watch;

pub(crate) use arrival::ArrivalMode;
pub(crate) use bucket::{SERVER_EXPECTED, server_address, variable};
pub(crate) use error::ConfigError;
pub(crate) use load::load;
#[cfg(any(test, feature = "testing"))]
pub(crate) use load::load_text;
pub(crate) use oidc::OidcSettings;
pub(crate) use reference::{example, reference};
pub(crate) use settings::{CatalogSettings, Settings, StoreSettings};
pub(crate) use watch::{overlap, real};

use std::ffi::OsString;

use crate::cli::ConfigArgs;

/// The checked configuration.
pub(crate) fn settings(args: &ConfigArgs) -> Result<Settings, ConfigError> {
    let loaded = load(args.config.as_deref(), environment())?;
    Settings::check(loaded, args.data_dir.as_deref())
}

/// The process's variables, those with names in UTF-8.
pub(crate) fn environment() -> impl Iterator<Item = (String, OsString)> {
    std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value)))
}
