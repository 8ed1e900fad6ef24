//! Owns the server's settings: a default and a doc for each, checked whole before
//! a port is opened.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::tls::TlsConfig;

/// What the server can be told. `ServerConfig::default()` runs.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Where the control port listens; port 0 picks a free one. `[::]` serves
    /// IPv4 and IPv6. Default: `0.0.0.0:2121`.
    pub listen: SocketAddr,
    /// Ports for passive data connections; `0..=0` takes any free port. Default: `0..=0`.
    pub passive_ports: RangeInclusive<u16>,
    /// The address or host name that `PASV` announces, for servers behind NAT.
    /// A name is looked up at each `PASV`. Default: the address of the control
    /// connection.
    pub passive_host: Option<String>,
    /// The text of the greeting, one line.
    pub banner: String,
    /// A session without a command or a transfer for so long gets `421`. Default: 300 s.
    pub idle_timeout: Duration,
    /// A connection that has not logged in after so long gets `421`. Default: 60 s.
    pub login_timeout: Duration,
    /// A transfer without one byte for so long is cut. Default: 60 s.
    pub stall_timeout: Duration,
    /// A data connection must stand after so long, else `425`. Default: 20 s.
    pub data_connect_timeout: Duration,
    /// Sessions at once; one more gets `421`. Default: 1000.
    pub max_connections: usize,
    /// Sessions at once from one address; one more gets `421`. Default: 100.
    pub max_connections_per_ip: usize,
    /// Wrong logins on one connection; the last one gets `421`. Default: 3.
    pub login_attempts: u32,
    /// The answer to the first wrong login waits so long, to each further one
    /// twice as long as the one before. Default: 1 s.
    pub login_delay: Duration,
    /// Encryption. Default: none.
    pub tls: Option<TlsConfig>,
    /// At shutdown, transfers under way may go on for so long; then they are cut.
    /// Default: 30 s.
    pub shutdown_grace: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 2121)),
            passive_ports: 0..=0,
            passive_host: None,
            banner: "FTP server ready.".to_owned(),
            idle_timeout: Duration::from_mins(5),
            login_timeout: Duration::from_mins(1),
            stall_timeout: Duration::from_mins(1),
            data_connect_timeout: Duration::from_secs(20),
            max_connections: 1000,
            max_connections_per_ip: 100,
            login_attempts: 3,
            login_delay: Duration::from_secs(1),
            tls: None,
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

impl ServerConfig {
    /// Refuses what could only fail later, with what was found and expected.
    pub(crate) fn check(&self) -> io::Result<()> {
        let refuse = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if self.passive_ports.is_empty() {
            return refuse(format!("passive_ports {:?} holds no port", self.passive_ports));
        }
        if *self.passive_ports.start() == 0 && *self.passive_ports.end() != 0 {
            return refuse(format!(
                "passive_ports {:?} starts at 0: expected 0..=0 (any port) or a range from 1",
                self.passive_ports
            ));
        }
        if self.banner.bytes().any(|byte| byte.is_ascii_control()) {
            return refuse("banner holds a control character: expected one line".to_owned());
        }
        if self.login_attempts == 0 || self.max_connections == 0 || self.max_connections_per_ip == 0 {
            return refuse("login_attempts and the connection limits must be at least 1".to_owned());
        }
        Ok(())
    }
}
