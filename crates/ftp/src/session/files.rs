//! RFC 959: DELE, RNFR, RNTO.
//!
//! `RNTO` counts only right behind its `RNFR`; the dispatcher forgets the rest.

use super::Connection;
use crate::reply::Reply;

impl Connection {
    pub(super) async fn delete(&mut self, argument: &[u8]) {
        let Some(path) = self.below_root(argument).await else { return };
        let Some(session) = self.logged_in().await else { return };
        let reply = match self.shared.storage.delete(&session, &path).await {
            Ok(()) => Reply::new(250, "Deleted."),
            Err(error) => Reply::from(&error),
        };
        self.send(&reply).await;
    }

    pub(super) async fn rename_from(&mut self, argument: &[u8]) {
        let Some(path) = self.below_root(argument).await else { return };
        let Some(session) = self.logged_in().await else { return };
        match self.shared.storage.info(&session, &path).await {
            Ok(_) => {
                self.rename_from = Some(path);
                self.reply(350, "Say the new name with RNTO.").await;
            }
            Err(error) => self.send(&Reply::from(&error)).await,
        }
    }

    pub(super) async fn rename_to(&mut self, argument: &[u8]) {
        let Some(from) = self.rename_from.take() else {
            self.reply(503, "Say RNFR first.").await;
            return;
        };
        let Some(to) = self.below_root(argument).await else { return };
        let Some(session) = self.logged_in().await else { return };
        let reply = match self.shared.storage.rename(&session, &from, &to).await {
            Ok(()) => Reply::new(250, "Renamed."),
            Err(error) => Reply::from(&error),
        };
        self.send(&reply).await;
    }
}
