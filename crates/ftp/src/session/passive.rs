//! RFC 959: PASV; RFC 2428: EPSV.
//!
//! The port is bound on the address that the client already talks to, takes one
//! connection from that client only, and closes by itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::Connection;
use crate::data::{DataSetup, Passive};
use crate::event::SessionEvent;

/// `passive_host` may be a name; a client doesn't wait longer for its `227`.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

impl Connection {
    pub(super) async fn passive(&mut self) {
        if self.epsv_only {
            self.reply(503, "EPSV ALL was sent: only EPSV now.").await;
            return;
        }
        let Some(address) = self.announced_address().await else {
            self.reply(425, "PASV can't tell an IPv6 address, use EPSV.").await;
            return;
        };
        let Some(port) = self.open_passive_port().await else { return };
        let [a, b, c, d] = address.octets();
        let [high, low] = port.to_be_bytes();
        self.reply(227, format!("Entering passive mode ({a},{b},{c},{d},{high},{low}).")).await;
    }

    pub(super) async fn extended_passive(&mut self, argument: &[u8]) {
        let family: &[u8] = if self.local.is_ipv4() { b"1" } else { b"2" };
        match argument.to_ascii_uppercase().as_slice() {
            b"ALL" => {
                self.epsv_only = true;
                self.reply(200, "Only EPSV from now on.").await;
            }
            wanted if wanted.is_empty() || wanted == family => {
                let Some(port) = self.open_passive_port().await else { return };
                self.reply(229, format!("Entering extended passive mode (|||{port}|).")).await;
            }
            _ if self.local.is_ipv4() => self.reply(522, "Other network protocol, use (1).").await,
            _ => self.reply(522, "Other network protocol, use (2).").await,
        }
    }

    async fn open_passive_port(&mut self) -> Option<u16> {
        self.drop_data_setup();
        let config = &self.shared.config;
        let opened = Passive::open(
            self.local,
            self.peer.ip(),
            &config.passive_ports,
            &self.shared.passive_cursor,
            config.data_connect_timeout,
        );
        match opened.await {
            Ok(passive) => {
                let port = passive.port();
                self.data = DataSetup::Listening(passive);
                Some(port)
            }
            Err(error) => {
                tracing::warn!(session = self.id, %error, "no passive port could be opened");
                self.observe(&SessionEvent::NoPassivePort);
                self.reply(425, "No free passive port, try again later.").await;
                None
            }
        }
    }

    /// The address for `227`: the configured one, else our end of the control connection.
    async fn announced_address(&self) -> Option<Ipv4Addr> {
        let Some(host) = &self.shared.config.passive_host else {
            return v4(self.local.ip());
        };
        if let Ok(ip) = host.parse::<IpAddr>() {
            return v4(ip);
        }
        match timeout(LOOKUP_TIMEOUT, lookup_host((host.as_str(), 0))).await {
            Ok(Ok(mut addresses)) => addresses.find_map(|address: SocketAddr| v4(address.ip())),
            Ok(Err(error)) => {
                tracing::warn!(host, %error, "passive_host can't be looked up, announcing the local address");
                v4(self.local.ip())
            }
            Err(_) => {
                tracing::warn!(host, "looking up passive_host takes too long, announcing the local address");
                v4(self.local.ip())
            }
        }
    }
}

fn v4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip.to_canonical() {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    }
}
