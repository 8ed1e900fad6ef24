//! What holds for every configuration, said once: the fuzzer (`fuzz/`) and the tests both ask it.

use std::{ffi::OsString, net::SocketAddr, path::Path};

use crate::config::{ConfigError, Settings, load_text};

/// Everything that must hold for a text that claims to be a configuration. Its lines that begin with `CAMTRAIL__` are
/// the environment's.
///
/// # Panics
///
/// Where something doesn't.
pub fn hold(wire: &[u8]) {
    let text = String::from_utf8_lossy(wire);
    let (variables, file): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("CAMTRAIL__"));
    let variables = variables.into_iter().filter_map(|line| line.split_once('='));
    let environment: Vec<_> =
        variables.map(|(name, value)| (name.to_owned(), OsString::from(value))).collect();
    let file = file.join("\n");
    for is_json in [false, true] {
        let loaded = match load_text(&file, is_json, environment.iter().cloned()) {
            Ok(loaded) => loaded,
            Err(error) => {
                says_what_is_wrong(&error);
                continue;
            }
        };
        let (ftp, http) = (&loaded.config.ftp, &loaded.config.http);
        let addresses = [&ftp.listen, &ftp.tls_implicit_listen, &http.listen];
        if addresses.iter().any(|address| asks_for_a_name(address)) {
            continue;
        }
        match Settings::check(loaded, Some(Path::new("/nowhere"))) {
            Ok(settings) => assert!(!settings.data_dir.as_os_str().is_empty(), "no place for data"),
            Err(error) => says_what_is_wrong(&error),
        }
    }
}

/// Whether reading it asks a name server: not from here.
fn asks_for_a_name(address: &str) -> bool {
    address.parse::<SocketAddr>().is_err()
        && address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok())
}

fn says_what_is_wrong(error: &ConfigError) {
    let message = error.to_string();
    assert!(message.contains(": ") || matches!(error, ConfigError::Unreadable { .. }), "{message:?}");
    assert!(!message.trim().ends_with(':'), "it ends in the middle: {message:?}");
}

#[cfg(test)]
mod tests {
    use camtrail_model::corpus;

    use super::hold;

    #[test]
    fn invariants_hold_for_the_kept_corpus() {
        for wire in corpus::inputs(include_str!("../../../fuzz/corpus/config.txt"), 20) {
            hold(&wire);
        }
    }
}
