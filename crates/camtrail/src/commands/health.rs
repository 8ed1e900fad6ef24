//! `camtrail health`: whether the Camtrail of this data dir answers, for containers and watchdogs.
//!
//! Promises: an answer within seconds; nothing of the data dir is opened but the note of where it listens.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::{printed, serve::reachable};
use crate::{cli::ConfigArgs, config, data_dir::DataDir};

/// Each door must have answered by then.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) async fn health(args: &ConfigArgs) -> anyhow::Result<()> {
    // Unchecked: passwords need not be hashed for this, every half a minute.
    let config = config::load(args.config.as_deref(), config::environment())?.config;
    let data_dir = args.data_dir.as_deref().unwrap_or(&config.data_dir);
    let Some(addresses) = DataDir::new(data_dir).running() else {
        bail!("no Camtrail runs on data_dir {}", data_dir.display());
    };
    let address = |door: &str| addresses[door].as_str()?.parse::<SocketAddr>().ok().map(reachable);
    let ftp = address("ftp").context("run/addresses.json names no FTP address")?;
    timeout(PATIENCE, greeting(ftp)).await.with_context(|| format!("FTP at {ftp} doesn't answer"))??;
    if let Some(http) = address("http") {
        let scheme = if config.http.tls_cert.is_empty() { "http" } else { "https" };
        let base_path = config.http.base_path.trim_matches('/');
        let path = if base_path.is_empty() { String::new() } else { format!("/{base_path}") };
        ready(&format!("{scheme}://{http}{path}/readyz")).await?;
    }
    printed::print("well\n")
}

async fn greeting(ftp: SocketAddr) -> anyhow::Result<()> {
    let connection = TcpStream::connect(ftp).await.with_context(|| format!("FTP at {ftp}"))?;
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line).await.with_context(|| format!("FTP at {ftp}"))?;
    // 421: as many sessions as it takes; that is a limit, not an illness.
    if line.starts_with("220") || line.starts_with("421") {
        return Ok(());
    }
    bail!("FTP at {ftp} says {line:?}, expected 220");
}

pub(super) async fn ready(url: &str) -> anyhow::Result<()> {
    // This machine's own address, and nothing secret is said: its certificate is for another name.
    let client = reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .context("preparing to ask")?;
    let answer = client.get(url).send().await.with_context(|| format!("asking {url}"))?;
    if !answer.status().is_success() {
        bail!("{url} says {}", answer.status());
    }
    Ok(())
}
