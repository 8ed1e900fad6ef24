//! `camtrail serve`: everything in one process until a signal; and `camtrail gateway`: all but API and web app.

use std::net::{IpAddr, SocketAddr};

use crate::{
    app::{App, Shape},
    cli::ConfigArgs,
    config::{self, ArrivalMode, ConfigError, Settings},
    first_start::{Given, Shown},
};

pub(crate) async fn serve(args: &ConfigArgs) -> anyhow::Result<()> {
    let settings = config::settings(args)?;
    can_be_told(&settings)?;
    let (base_path, scheme) = (settings.base_path.clone(), scheme(&settings));
    let app = App::start(settings, &Given::from_environment(), Shape::Box).await?;
    print_welcome(app.http, app.ftp, scheme, &base_path, &app.shown);
    until_stopped(app).await;
    Ok(())
}

/// How browsers speak to the web door.
pub(crate) fn scheme(settings: &Settings) -> &'static str {
    if settings.http_tls.is_some() { "https" } else { "http" }
}

/// What would leave this one's own catalog empty is no choice for `serve`.
fn can_be_told(settings: &Settings) -> Result<(), ConfigError> {
    let wrong = |key: &str, found: &str, expected: &str| ConfigError::Value {
        place: "configuration".to_owned(),
        key: key.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    };
    match &settings.arrival {
        ArrivalMode::Notified if settings.arrival_token.is_none() => Err(wrong(
            "arrival.token_file",
            "",
            "a file with the token that the bucket's notifications bring to POST /api/v1/arrivals: with arrival.mode \
             \"notified\" nothing else tells this catalog",
        )),
        ArrivalMode::Announced(url) => Err(wrong(
            "arrival.url",
            url,
            "nothing: `camtrail serve` has a catalog of its own (`camtrail gateway` announces to one elsewhere)",
        )),
        _ => Ok(()),
    }
}

/// `camtrail gateway`.
pub(crate) async fn gateway(args: &ConfigArgs) -> anyhow::Result<()> {
    let settings = config::settings(args)?;
    let app = App::start(settings, &Given::from_environment(), Shape::Gateway).await?;
    print_welcome(app.http, app.ftp, "http", "", &app.shown);
    until_stopped(app).await;
    Ok(())
}

async fn until_stopped(app: App) {
    let http = app.http.map(|http| http.to_string());
    tracing::info!(http, ftp = %app.ftp, "ready");
    stop_signal().await;
    tracing::info!("stopping: uploads under way may end (a second signal stops at once)");
    tokio::select! {
        () = app.stop() => {}
        () = stop_signal() => tracing::warn!("stopped at once; what was acknowledged is in the spool"),
    }
}

/// What a person needs, once, on standard output (logs go to stderr).
pub(crate) fn print_welcome(
    http: Option<SocketAddr>,
    ftp: SocketAddr,
    scheme: &str,
    base_path: &str,
    shown: &Shown,
) {
    println!();
    let what = if http.is_some() { "Camtrail" } else { "Camtrail's gateway" };
    println!("  {what} is running.");
    println!();
    if let Some(http) = http {
        println!("  Open      {scheme}://{}{base_path}/", reachable(http));
        match &shown.admin_password {
            Some(password) => println!("  Sign in   admin / {password}      (shown only this once)"),
            None => println!("  Sign in   with your user and password"),
        }
    }
    println!("  Cameras   upload by FTP to {}", reachable(ftp));
    if let Some(password) = &shown.ftp_password {
        println!("            user camera, password {password}      (shown only this once)");
        println!("            the first folder of the path names the camera, such as /backyard");
    }
    println!();
}

/// An address that can be typed on this machine.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::from(([127, 0, 0, 1], address.port())),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::from(([127, 0, 0, 1], address.port())),
        _ => address,
    }
}

/// Ctrl-C, or the service manager's SIGTERM.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
