//! The catalog in the data dir: whether it can be read, and who may sign in and upload.

use camtrail_catalog::SqliteCatalog;
use camtrail_model::ports::{Accounts, Catalog as _, Clock as _, Role, SystemClock};

use super::report::Report;
use crate::{config::Settings, data_dir::DataDir};

pub(super) async fn look(report: &mut Report, dir: &DataDir, settings: &Settings, running: bool) {
    const CHECK: &str = "catalog";
    if !dir.catalog().exists() {
        report.ok(CHECK, "isn't there yet; the first start makes it, with an admin and a camera account");
        return;
    }
    let catalog = match SqliteCatalog::open(&dir.catalog(), &settings.base) {
        Ok(catalog) => catalog,
        Err(error) => {
            let advice = "stop Camtrail, keep a copy of the file, and run `camtrail rebuild`: the store knows every event";
            report.problem(CHECK, &format!("{} can't be opened: {error}", dir.catalog().display()), advice);
            return;
        }
    };
    match catalog.cameras().await {
        Ok(cameras) => {
            let events: u64 = cameras.iter().map(|camera| camera.events).sum();
            report.ok(CHECK, &format!("{events} events of {} cameras", cameras.len()));
            let now = SystemClock.now();
            for camera in &cameras {
                let limit = settings.cameras.get(&camera.name).and_then(|of| of.silent_after);
                if running && camera.is_silent(limit, now) {
                    let since = camera
                        .heard_at(now)
                        .map_or_else(|| "ever".to_owned(), |at| format!("{:.0}", at.timestamp()));
                    report.advice(
                        "camera",
                        &format!("{} is silent: nothing came since {since}", camera.name),
                        "look whether it has power and network, and press \"Test\" on its FTP page",
                    );
                }
            }
        }
        Err(error) => report.problem(CHECK, &error.to_string(), "stop Camtrail and run `camtrail rebuild`"),
    }
    accounts(report, &catalog, settings).await;
}

/// The same of accounts wherever they are.
pub(super) async fn accounts(report: &mut Report, accounts: &dyn Accounts, settings: &Settings) {
    match accounts.users().await {
        Ok(users) => {
            let admins = users.iter().filter(|user| user.role == Role::Admin && !user.disabled).count();
            if admins == 0 && !users.is_empty() {
                report.problem("users", "no admin can sign in", "make one: camtrail user add NAME");
            } else {
                report.ok("users", &format!("{} users, {admins} of them admins", users.len()));
            }
        }
        Err(error) => {
            report.problem("users", &error.to_string(), "nobody can sign in while they can't be read");
        }
    }
    match accounts.ftp_accounts().await {
        Ok(found) if found.is_empty() && settings.accounts.is_empty() => report.advice(
            "ftp accounts",
            "there is none: no camera can upload by FTP",
            "make one: camtrail camera add NAME",
        ),
        Ok(found) => report.ok("ftp accounts", &(found.len() + settings.accounts.len()).to_string()),
        Err(error) => {
            report.problem("ftp accounts", &error.to_string(), "cameras that aren't known yet can't upload");
        }
    }
}
