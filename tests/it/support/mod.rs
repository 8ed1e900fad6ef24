//! What every test uses: an instance, a camera, a person, files, and patience with an end; and for campaigns of
//! faults, programs that upload, a store, and what goes wrong.

mod browser;
mod clients;
mod cloud;
mod dice;
mod events;
mod fake_ftp;
mod fault_proxy;
mod files;
mod ftp;
mod instance;
mod live;
mod notify;
mod programs;
mod receivers;
mod strace;
mod tmpfs;
mod wait;
mod web;
mod wire;

pub(crate) use browser::{browser_keys, opened};
pub(crate) use camtrail_services::{
    S3_KEY, S3_REGION, S3_SECRET, SeaweedFs, encoded, free_port, signed_request,
};
pub(crate) use clients::{curl, curl_active, ftplib, lftp, run, run_within};
pub(crate) use cloud::{BUCKET, Cloud, function};
pub(crate) use dice::Dice;
pub(crate) use events::{by_original, poster, text};
pub(crate) use fake_ftp::FakeFtp;
pub(crate) use fault_proxy::{Fault, FaultProxy};
pub(crate) use files::{
    CLIP, STILL, data, files_below, hevc, mp4_with, program_stream, program_stream_with, sample, sha256,
    still_of, still_with,
};
pub(crate) use ftp::Ftp;
pub(crate) use instance::{ADMIN_PASSWORD, FTP_PASSWORD, Instance, Options, camtrail};
pub(crate) use live::LiveStream;
pub(crate) use notify::{invoke, invoke_file, notification, put_plain};
pub(crate) use programs::{Batch, Program, Target};
pub(crate) use receivers::{Certificate, HttpReceiver, MailServer, Mosquitto, Received};
pub(crate) use strace::{Call, calls, strace};
pub(crate) use tmpfs::Tmpfs;
pub(crate) use wait::{LIMIT, wait, wait_long};
pub(crate) use web::{Reply, Web};
use wire::{Framing, Head, Wire};
