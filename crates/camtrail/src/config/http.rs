//! `[http]`: its certificate, and whose word counts about where a request comes from.

use std::path::PathBuf;

use ipnet::IpNet;

use super::{ConfigError, settings::Checker, shape::Http};
use crate::https::{Certificate, CertificateFiles};

/// Networks that are looked through at each request.
const PROXIES_MAX: usize = 64;

/// The certificate's files, if there are any; what is in them is good, too.
pub(super) fn tls(check: &Checker<'_>, http: &Http) -> Result<Option<CertificateFiles>, ConfigError> {
    let files = match (http.tls_cert.as_str(), http.tls_key.as_str()) {
        ("", "") => return Ok(None),
        (_, "") => return Err(check.wrong("http.tls_key", "", "the key's PEM file, beside http.tls_cert")),
        ("", _) => {
            return Err(check.wrong("http.tls_cert", "", "the certificate's PEM file, beside http.tls_key"));
        }
        (chain, key) => CertificateFiles { chain: PathBuf::from(chain), key: PathBuf::from(key) },
    };
    match Certificate::read(&files) {
        Ok(_) => Ok(Some(files)),
        Err(error) => {
            let (key, found) = if error.is_of_key() {
                ("http.tls_key", &http.tls_key)
            } else {
                ("http.tls_cert", &http.tls_cert)
            };
            Err(check.wrong(key, found, error.to_string()))
        }
    }
}

/// Addresses and networks of proxies.
pub(super) fn trusted_proxies(check: &Checker<'_>, http: &Http) -> Result<Vec<IpNet>, ConfigError> {
    if http.trusted_proxies.len() > PROXIES_MAX {
        let found = http.trusted_proxies.len().to_string();
        return Err(check.wrong("http.trusted_proxies", &found, format!("at most {PROXIES_MAX} networks")));
    }
    let network = |(index, text): (usize, &String)| {
        let text = text.trim();
        let network =
            text.parse::<IpNet>().ok().or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from));
        network.map(|network| network.trunc()).ok_or_else(|| {
            let key = format!("http.trusted_proxies[{index}]");
            check.wrong(&key, text, "an address or a network, such as 127.0.0.1 or 10.0.0.0/8")
        })
    };
    http.trusted_proxies.iter().enumerate().map(network).collect()
}
