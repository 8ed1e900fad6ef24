//! RFC 3659: SIZE, MDTM, MLST; draft-somers-ftp-mfxx: MFMT.
//!
//! SIZE is the stored size in bytes, in `TYPE A` too, because nothing is
//! converted. MFMT is accepted and not acted upon: the capture's time comes from
//! better sources.

use super::Connection;
use crate::listing::mlst_line;
use crate::reply::Reply;
use crate::storage::EntryKind;
use crate::timestamp::{compact, is_compact};

impl Connection {
    pub(super) async fn size(&mut self, argument: &[u8]) {
        let Some(path) = self.path(argument).await else { return };
        let Some(session) = self.logged_in().await else { return };
        let reply = match self.shared.storage.info(&session, &path).await {
            Ok(entry) if entry.kind == EntryKind::File => Reply::new(213, entry.size.to_string()),
            Ok(_) => Reply::new(550, "Not a file."),
            Err(error) => Reply::from(&error),
        };
        self.send(&reply).await;
    }

    pub(super) async fn modification_time(&mut self, argument: &[u8]) {
        let Some(path) = self.path(argument).await else { return };
        let Some(session) = self.logged_in().await else { return };
        let reply = match self.shared.storage.info(&session, &path).await {
            Ok(entry) => Reply::new(213, compact(entry.modified)),
            Err(error) => Reply::from(&error),
        };
        self.send(&reply).await;
    }

    pub(super) async fn set_modification_time(&mut self, argument: &[u8]) {
        let mut words = argument.splitn(2, |byte| *byte == b' ');
        let (time, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if !is_compact(time) {
            self.reply(501, "Expected YYYYMMDDHHMMSS and a name.").await;
            return;
        }
        let Some(path) = self.path(name).await else { return };
        let Some(session) = self.logged_in().await else { return };
        let reply = match self.shared.storage.info(&session, &path).await {
            Ok(_) => Reply::new(213, [b"Modify=", time, b"; ", path.to_bytes().as_slice()].concat()),
            Err(error) => Reply::from(&error),
        };
        self.send(&reply).await;
    }

    pub(super) async fn tell_facts(&mut self, argument: &[u8]) {
        let path = if argument.is_empty() {
            self.folder.clone()
        } else {
            let Some(path) = self.path(argument).await else { return };
            path
        };
        let Some(session) = self.logged_in().await else { return };
        let reply = match self.shared.storage.info(&session, &path).await {
            Ok(entry) => Reply::lines(250, "Facts:", [mlst_line(&entry, &path.to_bytes())], "End."),
            Err(error) => Reply::from(&error),
        };
        self.send(&reply).await;
    }
}
