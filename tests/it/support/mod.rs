//! What every test uses: an instance, a camera, a person, files, and patience with an end.

mod clients;
mod events;
mod files;
mod ftp;
mod instance;
mod live;
mod wait;
mod web;

pub(crate) use clients::{curl, curl_active, ftplib, lftp, run};
pub(crate) use events::{by_original, poster, text};
pub(crate) use files::{
    CLIP, STILL, data, mp4_with, program_stream, program_stream_with, sample, sha256, still_of, still_with,
};
pub(crate) use ftp::Ftp;
pub(crate) use instance::{ADMIN_PASSWORD, FTP_PASSWORD, Instance, Options, camtrail};
pub(crate) use live::LiveStream;
pub(crate) use wait::{LIMIT, wait};
pub(crate) use web::{Reply, Web};
