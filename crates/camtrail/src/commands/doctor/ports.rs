//! The doors: whether they can be opened, or are open already by a running Camtrail.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, TcpListener},
    ops::RangeInclusive,
    time::Duration,
};

use tokio::{io::AsyncReadExt as _, net::TcpStream};

use super::{super::health, report::Report};
use crate::{app::Shape, config::Settings, data_dir::DataDir};

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Whether a Camtrail runs over this data dir.
pub(super) async fn look(report: &mut Report, dir: &DataDir, settings: &Settings, shape: Shape) -> bool {
    let running = dir.running();
    if let Some(addresses) = &running {
        if let Some(http) = addresses["http"].as_str() {
            check_http(report, http, settings).await;
        }
        if let Some(ftp) = addresses["ftp"].as_str() {
            check_ftp(report, ftp).await;
        }
    } else {
        if shape == Shape::Box {
            can_open(report, "http.listen", settings.http_listen);
        }
        can_open(report, "ftp.listen", settings.ftp_listen);
        passive(report, settings);
    }
    if shape == Shape::Box {
        who_hears_passwords(report, settings);
    }
    if settings.ftp_tls.is_none() && !settings.ftp_listen.ip().is_loopback() {
        report.advice(
            "ftp.tls_cert",
            "cameras' passwords and clips cross the network in clear",
            "fine on a home network of your own; else set ftp.tls_cert and ftp.tls_key, and choose FTPS in the cameras",
        );
    }
    running.is_some()
}

fn can_open(report: &mut Report, check: &'static str, address: SocketAddr) {
    match TcpListener::bind(address) {
        Ok(_) => report.ok(check, &format!("{address} can be opened")),
        Err(error) => {
            report.problem(check, &format!("{address} can't be opened: {error}"), &advice(&error, check));
        }
    }
}

fn advice(error: &io::Error, check: &str) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => format!(
            "another program has it (find it with `ss -ltnp`): stop that one, or choose another port with {check}"
        ),
        ErrorKind::PermissionDenied => format!(
            "ports below 1024 need a right: choose a higher one with {check}, or give the service \
             CAP_NET_BIND_SERVICE"
        ),
        ErrorKind::AddrNotAvailable => format!("no such address on this machine: correct {check}"),
        _ => format!("correct {check}"),
    }
}

fn passive(report: &mut Report, settings: &Settings) {
    const CHECK: &str = "passive ports";
    let range: &RangeInclusive<u16> = &settings.passive_ports;
    if *range.end() == 0 {
        report.ok(CHECK, "free ones are taken; a firewall must let them all through");
        return;
    }
    let ip = settings.ftp_listen.ip();
    let taken: Vec<u16> = range.clone().filter(|port| TcpListener::bind((ip, *port)).is_err()).collect();
    let (total, shown) = (range.len(), format!("{}-{}", range.start(), range.end()));
    if taken.len() == total {
        report.problem(
            CHECK,
            &format!("none of {shown} can be opened"),
            "choose others with ftp.passive_ports",
        );
    } else if !taken.is_empty() {
        let found = format!("{} of {total} in {shown} are taken by others", taken.len());
        report.advice(
            CHECK,
            &found,
            "uploads use the rest; choose others with ftp.passive_ports if cameras fail now and then",
        );
    } else {
        report.ok(CHECK, &format!("{shown}: cameras must reach these through any firewall"));
    }
    if let Some(host) = &settings.passive_host {
        report.ok("passive_host", &format!("{host} is announced to cameras"));
    }
}

fn who_hears_passwords(report: &mut Report, settings: &Settings) {
    let is_https = settings.http_tls.is_some()
        || settings.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    if !settings.http_listen.ip().is_loopback() && !is_https {
        report.advice(
            "http.listen",
            &format!("{} is open to the network without encryption", settings.http_listen),
            "fine on a home network of your own; for the world put a reverse proxy with HTTPS before it, listen on \
             127.0.0.1 and set http.public_url",
        );
    }
}

async fn check_http(report: &mut Report, address: &str, settings: &Settings) {
    const CHECK: &str = "http";
    let scheme = if settings.http_tls.is_some() { "https" } else { "http" };
    let Ok(at) = address.parse::<SocketAddr>() else {
        report.problem(CHECK, &format!("{address:?} is no address"), "start Camtrail again");
        return;
    };
    match health::ready(&format!("{scheme}://{}{}/readyz", here(at), settings.base_path)).await {
        Ok(()) => report.ok(CHECK, &format!("a running Camtrail answers on {scheme}://{address}: ready")),
        Err(error) => report.problem(
            CHECK,
            &format!("{error:#}"),
            "look into the running Camtrail's log, or start it again",
        ),
    }
}

async fn check_ftp(report: &mut Report, address: &str) {
    const CHECK: &str = "ftp";
    match greeting(address).await {
        Ok(greeting) if greeting.starts_with("220") => {
            report.ok(CHECK, &format!("a running Camtrail greets cameras on {address}"));
        }
        Ok(greeting) => {
            let line = greeting.lines().next().unwrap_or_default();
            report.problem(
                CHECK,
                &format!("{address} greets with {line:?}, expected 220"),
                "too many connections (421)? raise ftp.max_connections",
            );
        }
        Err(error) => report.problem(
            CHECK,
            &format!("{address} doesn't answer: {error}"),
            "look into the running Camtrail's log, or start it again",
        ),
    }
}

/// What is said first.
async fn greeting(address: &str) -> io::Result<String> {
    let whole = async {
        let address: SocketAddr = address.parse().map_err(io::Error::other)?;
        let mut stream = TcpStream::connect(here(address)).await?;
        let mut answer = vec![0; 1024];
        let length = stream.read(&mut answer).await?;
        answer.truncate(length);
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    tokio::time::timeout(ANSWER_WITHIN, whole).await.map_err(|_| io::Error::from(ErrorKind::TimedOut))?
}

fn here(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from(([127, 0, 0, 1], address.port())),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], address.port())),
        _ => address,
    }
}
