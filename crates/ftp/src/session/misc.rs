//! RFC 959: SITE, STAT, HELP; RFC 2389: FEAT, OPTS.

use super::Connection;
use crate::command::HELP_LINES;
use crate::reply::Reply;

impl Connection {
    /// Cameras send `SITE CHMOD` after an upload and give up on an error. Nothing
    /// is changed.
    pub(super) async fn site(&mut self, argument: &[u8]) {
        let word = argument.split(|byte| *byte == b' ').next().unwrap_or_default();
        match word.to_ascii_uppercase().as_slice() {
            b"CHMOD" | b"UMASK" | b"UTIME" | b"IDLE" => self.reply(200, "Noted.").await,
            b"HELP" => self.reply(214, "CHMOD and UTIME are accepted and change nothing.").await,
            _ => self.reply(502, "Not supported here.").await,
        }
    }

    pub(super) async fn features(&mut self) {
        let tls: &[&str] =
            if self.shared.config.tls.is_some() { &["AUTH TLS", "AUTH SSL", "PBSZ", "PROT"] } else { &[] };
        let others = [
            "EPRT",
            "EPSV",
            "MDTM",
            "MFMT",
            "MLST type*;size*;modify*;perm*;",
            "REST STREAM",
            "SIZE",
            "TVFS",
            "UTF8",
        ];
        self.send(&Reply::lines(211, "Features:", tls.iter().chain(&others), "End")).await;
    }

    pub(super) async fn options(&mut self, argument: &[u8]) {
        let upper = argument.to_ascii_uppercase();
        match upper.as_slice() {
            b"UTF8 ON" | b"UTF8" | b"UTF-8 ON" | b"UTF-8" | b"UTF8 NLST" => {
                self.reply(200, "UTF-8 is always on.").await;
            }
            // RFC 3659, 7.9: the server tells which facts it will send, here always all.
            facts if facts.starts_with(b"MLST") => self.reply(200, "MLST OPTS type;size;modify;perm;").await,
            _ => self.reply(501, "No such option.").await,
        }
    }

    pub(super) async fn help(&mut self) {
        self.send(&Reply::lines(214, "These commands are known:", HELP_LINES, "End")).await;
    }

    pub(super) async fn status(&mut self, argument: &[u8]) {
        if !argument.is_empty() {
            self.list_on_control(argument).await;
            return;
        }
        let account = self.session.as_ref().map(|session| session.account.clone()).unwrap_or_default();
        let lines = [
            format!("Connected from {}", self.peer.ip()),
            format!("Logged in as {account}"),
            "Mode: stream; structure: file; files are stored as they are".to_owned(),
        ];
        self.send(&Reply::lines(211, "Status:", lines, "End")).await;
    }
}
