//! `camtrail serve`: everything in one process until a signal.

use std::net::{IpAddr, SocketAddr};

use crate::{
    app::App,
    cli::ConfigArgs,
    config,
    first_start::{Given, Shown},
};

pub(crate) async fn serve(args: &ConfigArgs) -> anyhow::Result<()> {
    let settings = config::settings(args)?;
    let base_path = settings.base_path.clone();
    let app = App::start(settings, &Given::from_environment()).await?;
    print_welcome(app.http, app.ftp, &base_path, &app.shown);
    tracing::info!(http = %app.http, ftp = %app.ftp, "ready");
    stop_signal().await;
    tracing::info!("stopping: uploads under way may end (a second signal stops at once)");
    tokio::select! {
        () = app.stop() => {}
        () = stop_signal() => tracing::warn!("stopped at once; what was acknowledged is in the spool"),
    }
    Ok(())
}

/// What a person needs, once, on standard output (logs go to stderr).
pub(crate) fn print_welcome(http: SocketAddr, ftp: SocketAddr, base_path: &str, shown: &Shown) {
    println!();
    println!("  Camtrail is running.");
    println!();
    println!("  Open      http://{}{base_path}/", reachable(http));
    match &shown.admin_password {
        Some(password) => println!("  Sign in   admin / {password}      (shown only this once)"),
        None => println!("  Sign in   with your user and password"),
    }
    println!("  Cameras   upload by FTP to {}", reachable(ftp));
    if let Some(password) = &shown.ftp_password {
        println!("            user camera, password {password}      (shown only this once)");
        println!("            the first folder of the path names the camera, such as /backyard");
    }
    println!();
}

/// An address that can be typed on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
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
