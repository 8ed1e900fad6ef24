//! The machine: clock, zone, descriptors, ffmpeg.

use std::{process::Stdio, time::Duration};

use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::ports::{Clock as _, MediaTool as _, SystemClock};
use tokio::process::Command;

use super::report::Report;
use crate::config::Settings;

/// When this was written: an earlier clock is a board without a battery that found no time server yet.
const WRITTEN_MS: i64 = 1_795_478_400_000;
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn clock(report: &mut Report) {
    const CHECK: &str = "clock";
    let now = SystemClock.now();
    let shown = format!("{:.0}", now.timestamp());
    if now.0 < WRITTEN_MS {
        let advice = "set the clock: turn on a time service (systemd-timesyncd, chrony); events would be filed under a wrong date";
        report.problem(CHECK, &format!("{shown} can't be right"), advice);
        return;
    }
    match is_synchronised().await {
        Some(true) => report.ok(CHECK, &format!("{shown}, kept by a time service")),
        Some(false) => report.advice(
            CHECK,
            &format!("{shown}; no time service keeps it"),
            "turn one on (timedatectl set-ntp true): a clock that drifts makes every camera's look wrong",
        ),
        None => report.ok(CHECK, &format!("{shown}; whether a time service keeps it can't be told here")),
    }
}

/// What systemd knows; `None` where there is none.
async fn is_synchronised() -> Option<bool> {
    let asked = Command::new("timedatectl")
        .args(["show", "-p", "NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let answer = tokio::time::timeout(ANSWER_WITHIN, asked).await.ok()?.ok()?;
    match String::from_utf8_lossy(&answer.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

pub(super) fn zone(report: &mut Report, settings: &Settings) {
    const CHECK: &str = "time_zone";
    let zone = settings.zones.default_zone();
    let name = zone.iana_name().unwrap_or("of unknown name");
    let now = SystemClock.now().timestamp();
    let there = now.display_with_offset(zone.to_offset(now));
    let shown = format!("{name}: there it is {there:.0}");
    if matches!(name, "UTC" | "Etc/UTC" | "of unknown name") {
        report.advice(
            CHECK,
            &shown,
            "names of files give the cameras' own time: if that isn't UTC, set time_zone (such as \"America/Denver\")",
        );
    } else {
        report.ok(CHECK, &shown);
    }
}

pub(super) fn descriptors(report: &mut Report, settings: &Settings) {
    const CHECK: &str = "descriptors";
    /// What the program has open beside cameras: databases, people, the bucket.
    const OTHERS: u64 = 200;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    // A session has a control connection, and while it uploads a data connection and a file.
    let wanted = settings.ftp_connections as u64 * 3 + OTHERS;
    match limit {
        Some(limit) if limit < wanted => report.advice(
            CHECK,
            &format!("at most {limit} files and connections at once; ftp.max_connections may need {wanted}"),
            "raise it (LimitNOFILE= in the systemd unit), or lower ftp.max_connections",
        ),
        _ => report.ok(CHECK, "enough for ftp.max_connections"),
    }
}

pub(super) async fn ffmpeg(report: &mut Report, settings: &Settings) {
    const CHECK: &str = "ffmpeg";
    let media = Ffmpeg::discover(FfmpegConfig::default());
    if let Some(problem) = media.problem() {
        report.problem(
            CHECK,
            &problem,
            "Debian, Raspberry Pi OS, Ubuntu: apt-get install ffmpeg; then start Camtrail again",
        );
        return;
    }
    match media.version().await {
        Some(version) => report.ok(CHECK, &version),
        None => {
            report.problem(
                CHECK,
                "it is there and doesn't run",
                "run `ffmpeg -version` and see what it says",
            );
        }
    }
    if settings.small.any() {
        match media.encoder().await {
            Some("libx264") => report.advice(
                "media.small",
                "small renditions are made by the processor (libx264)",
                "on a small board each takes about as long as its clip; no camera waits for it",
            ),
            Some(encoder) => report.ok("media.small", &format!("small renditions are made with {encoder}")),
            None => report.problem(
                "media.small",
                "no encoder of H.264 works here",
                "install an ffmpeg with libx264, or set media.small = false",
            ),
        }
    }
}
