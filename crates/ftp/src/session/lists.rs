//! RFC 959: LIST, NLST, STAT with a path; RFC 3659: MLSD.

use std::sync::Arc;
use std::time::SystemTime;

use super::Connection;
use crate::data::{Stop, send};
use crate::listing::{ls_line, mlst_line, shown_name};
use crate::path::FtpPath;
use crate::reply::Reply;
use crate::storage::{CutReason, Entry, EntryKind, Session, StorageError};

impl Connection {
    pub(super) async fn list(&mut self, argument: &[u8]) {
        let Some(entries) = self.entries(without_flags(argument)).await else { return };
        let now = SystemTime::now();
        self.send_listing(entries.iter().map(|entry| ls_line(entry, now))).await;
    }

    pub(super) async fn list_names(&mut self, argument: &[u8]) {
        let Some(entries) = self.entries(without_flags(argument)).await else { return };
        self.send_listing(entries.iter().map(|entry| shown_name(entry).collect())).await;
    }

    pub(super) async fn list_facts(&mut self, argument: &[u8]) {
        let folder = if argument.is_empty() {
            self.folder.clone()
        } else {
            let Some(folder) = self.path(argument).await else { return };
            folder
        };
        let Some(session) = self.logged_in().await else { return };
        match self.shared.storage.list(&session, &folder).await {
            Ok(entries) => self.send_listing(entries.iter().map(|entry| mlst_line(entry, &entry.name))).await,
            // RFC 3659, 7.2.1: `MLSD` of a file is a wrong parameter.
            Err(StorageError::NotAFolder) => self.reply(501, "Not a folder.").await,
            Err(error) => self.send(&Reply::from(&error)).await,
        }
    }

    pub(super) async fn list_on_control(&mut self, argument: &[u8]) {
        let Some(entries) = self.entries(without_flags(argument)).await else { return };
        let now = SystemTime::now();
        let lines = entries.iter().map(|entry| ls_line(entry, now));
        self.send(&Reply::lines(213, "Status:", lines, "End")).await;
    }

    /// What is in a folder, or the one file that was named.
    async fn entries(&mut self, argument: &[u8]) -> Option<Vec<Entry>> {
        let path = if argument.is_empty() { self.folder.clone() } else { self.path(argument).await? };
        let session = self.logged_in().await?;
        match self.folder_or_file(&session, &path).await {
            Ok(entries) => Some(entries),
            Err(error) => {
                self.send(&Reply::from(&error)).await;
                None
            }
        }
    }

    async fn folder_or_file(
        &self,
        session: &Arc<Session>,
        path: &FtpPath,
    ) -> Result<Vec<Entry>, StorageError> {
        let storage = &self.shared.storage;
        match storage.list(session, path).await {
            Err(error @ (StorageError::NotFound | StorageError::NotAFolder)) => {
                match storage.info(session, path).await {
                    Ok(entry) if entry.kind == EntryKind::File => Ok(vec![entry]),
                    _ => Err(error),
                }
            }
            listed => listed,
        }
    }

    async fn send_listing(&mut self, lines: impl Iterator<Item = Vec<u8>>) {
        let mut listing = Vec::new();
        for line in lines {
            listing.extend(line);
            listing.extend_from_slice(b"\r\n");
        }
        let Some(setup) = self.take_data_setup().await else { return };
        self.reply(150, "Here comes the listing.").await;
        let stop = Stop::new();
        let Some(stream) = self.open_data(setup, &stop).await else {
            self.tell_no_data(&stop).await;
            return;
        };
        let stall = self.shared.config.stall_timeout;
        let sent = self.attend(Some(&stop), send(stream, listing, stall, stop.clone())).await;
        match sent {
            Ok(()) => self.reply(226, "Listing sent.").await,
            Err(CutReason::Aborted) => self.reply(226, "Abort done.").await,
            Err(reason) => self.reply(426, format!("Listing cut: {reason}.")).await,
        }
    }
}

/// `LIST -al folder`: the flags of `ls` mean nothing here.
fn without_flags(argument: &[u8]) -> &[u8] {
    let mut rest = argument.trim_ascii_start();
    while rest.starts_with(b"-") {
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        rest = rest[end..].trim_ascii_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::without_flags;

    #[test]
    fn flags_of_ls_are_ignored() {
        assert_eq!(without_flags(b"-al"), b"");
        assert_eq!(without_flags(b"-a -l a b"), b"a b");
        assert_eq!(without_flags(b"a-l"), b"a-l");
    }
}
