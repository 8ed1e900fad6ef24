//! `camtrail demo`: a box in a scratch folder, with cameras that really upload over FTP.

mod cameras;
mod happenings;
mod pictures;
mod scenes;
mod seed;

use std::net::SocketAddr;

use anyhow::Context;
use camtrail_auth::readable_password;

use crate::{
    app::{App, Shape},
    cli::{ConfigArgs, DemoArgs},
    commands::serve::{print_welcome, scheme, stop_signal},
    config::{self, CatalogSettings, StoreSettings},
    data_dir::DataDir,
    first_start::{Given, Shown},
};

pub(crate) async fn demo(demo: &DemoArgs) -> anyhow::Result<()> {
    let scratch =
        tempfile::Builder::new().prefix("camtrail-demo-").tempdir().context("making a scratch folder")?;
    let args = ConfigArgs { config: None, data_dir: Some(scratch.path().join("data")) };
    let mut settings = config::settings(&args)?;
    settings.http_listen = free_or_any(settings.http_listen);
    settings.ftp_listen = free_or_any(settings.ftp_listen);
    let local = (&settings.store, &settings.catalog);
    if demo.events > 0 && !matches!(local, (StoreSettings::Local, CatalogSettings::Sqlite)) {
        anyhow::bail!(
            "demo --events fills a folder that goes afterwards: found another store or catalog in the environment, \
             expected local ones"
        );
    }
    let from_environment = Given::from_environment();
    let or_made = |given: Option<String>| given.map_or_else(readable_password, Ok);
    let given = Given {
        admin_password: Some(or_made(from_environment.admin_password)?),
        ftp_password: Some(or_made(from_environment.ftp_password)?),
    };
    let zone = settings.zones.default_zone().clone();
    if demo.events > 0 {
        // It is of the past already: by the rule of 30 days most of it would go a few minutes after it came.
        settings.retention.keep = None;
        let dir = DataDir::new(&settings.data_dir);
        seed::fill(&dir, &settings.base, &zone, demo, &scratch.path().join("seed")).await?;
    }
    let scheme = scheme(&settings);
    let app = App::start(settings, &given, Shape::Box).await?;
    let shown = Shown { admin_password: given.admin_password, ftp_password: given.ftp_password.clone() };
    print_welcome(app.http, app.ftp, scheme, "", &shown);
    if !demo.no_uploads {
        println!("  Three simulated cameras upload to it by FTP, now and every few seconds.");
    }
    println!("  Everything is in {}; Ctrl-C stops and removes it.", scratch.path().display());
    println!();
    let cameras = (!demo.no_uploads).then(|| {
        cameras::start(app.ftp, given.ftp_password.unwrap_or_default(), zone, scratch.path().join("scenes"))
    });
    stop_signal().await;
    println!("Stopping, and removing {}.", scratch.path().display());
    if let Some(cameras) = cameras {
        cameras.stop().await;
    }
    app.stop().await;
    scratch.close().context("removing the scratch folder")
}

/// A demo must not fail because the usual port is taken: then any free one does.
fn free_or_any(address: SocketAddr) -> SocketAddr {
    match std::net::TcpListener::bind(address) {
        Ok(_) => address,
        Err(_) => SocketAddr::new(address.ip(), 0),
    }
}
