//! RFC 959: PORT; RFC 2428: EPRT; RFC 2577 on the bounce attack.
//!
//! The server connects to nobody but the control connection's peer, and to no
//! privileged port.

use std::net::{IpAddr, Ipv4Addr};

use super::Connection;
use crate::data::{DataSetup, scoped};
use crate::event::SessionEvent;

const FIRST_UNPRIVILEGED_PORT: u16 = 1024;

/// What `EPRT` said.
#[derive(Debug, PartialEq, Eq)]
enum Eprt {
    Target(IpAddr, u16),
    OtherProtocol,
    Malformed,
}

impl Connection {
    pub(super) async fn port(&mut self, argument: &[u8]) {
        match parse_port(argument) {
            Some((ip, port)) => self.use_target(ip.into(), port).await,
            None => self.reply(501, "Expected h1,h2,h3,h4,p1,p2.").await,
        }
    }

    pub(super) async fn extended_port(&mut self, argument: &[u8]) {
        match parse_eprt(argument) {
            Eprt::Target(ip, port) => self.use_target(ip, port).await,
            Eprt::OtherProtocol => self.reply(522, "Unknown network protocol, use (1,2).").await,
            Eprt::Malformed => self.reply(501, "Expected |1 or 2|address|port|.").await,
        }
    }

    async fn use_target(&mut self, ip: IpAddr, port: u16) {
        if self.epsv_only {
            self.reply(503, "EPSV ALL was sent: only EPSV now.").await;
            return;
        }
        self.drop_data_setup();
        let target = scoped(ip.to_canonical(), port, self.peer);
        if target.ip() != self.peer.ip() || port < FIRST_UNPRIVILEGED_PORT {
            tracing::warn!(session = self.id, peer = %self.peer, %target, "refused a data connection elsewhere");
            self.observe(&SessionEvent::BounceRefused { target });
            self.reply(504, "Data connections only to your own address, ports from 1024.").await;
            return;
        }
        self.data = DataSetup::Active(target);
        self.reply(200, "Port noted.").await;
    }
}

/// Reads an argument as `PORT` and as `EPRT` would.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn parse_addresses(argument: &[u8]) {
    let _ = parse_port(argument);
    let _ = parse_eprt(argument);
}

fn parse_port(argument: &[u8]) -> Option<(Ipv4Addr, u16)> {
    let mut numbers = [0_u8; 6];
    let mut parts = argument.trim_ascii().split(|byte| *byte == b',');
    for number in &mut numbers {
        *number = std::str::from_utf8(parts.next()?.trim_ascii()).ok()?.parse().ok()?;
    }
    if parts.next().is_some() {
        return None;
    }
    let [a, b, c, d, high, low] = numbers;
    Some((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
}

fn parse_eprt(argument: &[u8]) -> Eprt {
    let Ok(text) = std::str::from_utf8(argument.trim_ascii()) else { return Eprt::Malformed };
    let Some(delimiter) = text.chars().next() else { return Eprt::Malformed };
    let parts: Vec<&str> = text.split(delimiter).collect();
    let ["", protocol, address, port, ""] = parts.as_slice() else { return Eprt::Malformed };
    if !matches!(*protocol, "1" | "2") {
        return Eprt::OtherProtocol;
    }
    match (address.parse::<IpAddr>(), port.parse()) {
        (Ok(ip), Ok(port)) if ip.is_ipv4() == (*protocol == "1") => Eprt::Target(ip, port),
        _ => Eprt::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::{Eprt, parse_eprt, parse_port};
    use std::net::Ipv4Addr;

    #[test]
    fn port_arguments() {
        assert_eq!(parse_port(b"127,0,0,1,4,1"), Some((Ipv4Addr::LOCALHOST, 1025)));
        for bad in [
            &b"127,0,0,1,4"[..],
            b"127,0,0,1,4,256",
            b"127,0,0,1,4,1,1",
            b"",
            b"a,b,c,d,e,f",
            b"-1,0,0,1,4,1",
        ] {
            assert_eq!(parse_port(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn eprt_arguments() {
        let v4 = Ipv4Addr::LOCALHOST.into();
        assert_eq!(parse_eprt(b"|1|127.0.0.1|1025|"), Eprt::Target(v4, 1025));
        assert_eq!(parse_eprt(b"!2!::1!1025!"), Eprt::Target("::1".parse().expect("address"), 1025));
        assert_eq!(parse_eprt(b"|3|x|1|"), Eprt::OtherProtocol);
        for bad in
            [&b"|2|127.0.0.1|1025|"[..], b"|1|127.0.0.1|70000|", b"|1|127.0.0.1|1025", b"", b"||||", b"\xff"]
        {
            assert!(
                matches!(parse_eprt(bad), Eprt::Malformed | Eprt::OtherProtocol),
                "{}",
                bad.escape_ascii()
            );
        }
    }
}
