//! RFC 959 and RFC 1123: CWD, CDUP, PWD, MKD, RMD and their X forms.

use super::Connection;
use crate::reply::Reply;

impl Connection {
    pub(super) async fn change_folder(&mut self, argument: &[u8]) {
        let Some(folder) = self.path(argument).await else { return };
        let Some(session) = self.logged_in().await else { return };
        match self.shared.storage.enter(&session, &folder).await {
            Ok(()) => {
                self.folder = folder;
                let reply = Reply::quoted(250, &self.folder.to_bytes(), "is the current folder.");
                self.send(&reply).await;
            }
            Err(error) => self.send(&Reply::from(&error)).await,
        }
    }

    pub(super) async fn tell_folder(&mut self) {
        let reply = Reply::quoted(257, &self.folder.to_bytes(), "is the current folder.");
        self.send(&reply).await;
    }

    pub(super) async fn make_folder(&mut self, argument: &[u8]) {
        let Some(folder) = self.path(argument).await else { return };
        let Some(session) = self.logged_in().await else { return };
        let reply = match self.shared.storage.make_dir(&session, &folder).await {
            Ok(()) => Reply::quoted(257, &folder.to_bytes(), "created."),
            Err(error) => Reply::from(&error),
        };
        self.send(&reply).await;
    }

    pub(super) async fn remove_folder(&mut self, argument: &[u8]) {
        let Some(folder) = self.below_root(argument).await else { return };
        let Some(session) = self.logged_in().await else { return };
        let reply = match self.shared.storage.remove_dir(&session, &folder).await {
            Ok(()) => Reply::new(250, "Folder removed."),
            Err(error) => Reply::from(&error),
        };
        self.send(&reply).await;
    }
}
