//! FTP accounts that stand in a table: known here also while it can't be reached.
//!
//! Promises: a camera whose account was seen by this machine logs in whatever becomes of the table, because a camera
//! that is refused loses its clip, while what it uploads can wait. What the table says goes, as soon as it can be asked.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{Accounts, AccountsError, FtpAccount, SessionRow, User},
};

/// How long a camera's login waits for the table.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// After it could not be asked, it isn't for so long: cameras that log in for each file would each wait.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// The accounts of a table, and the machine's copy of its FTP accounts.
pub(crate) struct FtpAccounts {
    shared: Arc<dyn Accounts>,
    copy: Arc<dyn Accounts>,
    away_since: Mutex<Option<Instant>>,
}

impl FtpAccounts {
    pub(crate) fn new(shared: Arc<dyn Accounts>, copy: Arc<dyn Accounts>) -> Self {
        Self { shared, copy, away_since: Mutex::default() }
    }

    async fn ask(&self) -> Result<Vec<FtpAccount>, AccountsError> {
        let is_away = self.set_away(|away| away.is_some_and(|since| since.elapsed() < ASK_AGAIN_AFTER));
        if is_away {
            return Err(AccountsError::Unavailable("the accounts' table is out of reach".to_owned()));
        }
        let asked = tokio::time::timeout(WAIT_MAX, self.shared.ftp_accounts()).await;
        let outcome = asked.unwrap_or_else(|_| {
            Err(AccountsError::Unavailable("the accounts' table doesn't answer in time".to_owned()))
        });
        self.set_away(|away| *away = outcome.is_err().then(Instant::now));
        outcome
    }

    fn set_away<T>(&self, change: impl FnOnce(&mut Option<Instant>) -> T) -> T {
        change(&mut self.away_since.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what is new or changed only.
    async fn remember(&self, accounts: &[FtpAccount]) -> Result<(), AccountsError> {
        let copied = self.copy.ftp_accounts().await?;
        for account in accounts.iter().filter(|account| !copied.contains(account)) {
            self.copy.put_ftp_account(account).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Accounts for FtpAccounts {
    async fn ftp_accounts(&self) -> Result<Vec<FtpAccount>, AccountsError> {
        match self.ask().await {
            Ok(accounts) => {
                if let Err(error) = self.remember(&accounts).await {
                    tracing::warn!(%error, "FTP accounts could not be copied to this machine");
                }
                Ok(accounts)
            }
            Err(error) => {
                let copied = self.copy.ftp_accounts().await?;
                if copied.is_empty() {
                    return Err(error);
                }
                tracing::warn!(%error, "FTP accounts are those that this machine saw last");
                Ok(copied)
            }
        }
    }

    async fn put_ftp_account(&self, account: &FtpAccount) -> Result<(), AccountsError> {
        self.shared.put_ftp_account(account).await
    }
    async fn add_ftp_account(&self, account: &FtpAccount) -> Result<bool, AccountsError> {
        self.shared.add_ftp_account(account).await
    }
    async fn user(&self, name: &str) -> Result<Option<User>, AccountsError> {
        self.shared.user(name).await
    }
    async fn users(&self) -> Result<Vec<User>, AccountsError> {
        self.shared.users().await
    }
    async fn put_user(&self, user: &User) -> Result<(), AccountsError> {
        self.shared.put_user(user).await
    }
    async fn change_user(&self, before: &User, after: &User) -> Result<bool, AccountsError> {
        self.shared.change_user(before, after).await
    }
    async fn add_user(&self, user: &User) -> Result<bool, AccountsError> {
        self.shared.add_user(user).await
    }
    async fn begin_session(&self, session: &SessionRow, password_hash: &str) -> Result<bool, AccountsError> {
        self.shared.begin_session(session, password_hash).await
    }
    async fn session_user(
        &self,
        token_sha256: &[u8; 32],
        now: Millis,
    ) -> Result<Option<User>, AccountsError> {
        self.shared.session_user(token_sha256, now).await
    }
    async fn end_session(&self, token_sha256: &[u8; 32]) -> Result<(), AccountsError> {
        self.shared.end_session(token_sha256).await
    }
    async fn secret(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, AccountsError> {
        self.shared.secret(name, fresh).await
    }
}

#[cfg(test)]
mod tests {
    use camtrail_aws::{DynamoAccounts, DynamoConfig};
    use camtrail_catalog::SqliteCatalog;
    use camtrail_model::ObjectBase;

    use super::*;

    fn account(hash: &str) -> FtpAccount {
        FtpAccount { user: "gate".to_owned(), password_hash: hash.to_owned(), camera: "gate".to_owned() }
    }

    #[tokio::test]
    async fn cameras_log_in_while_the_table_is_away() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            Arc::new(SqliteCatalog::open(&dir.path().join(name), &ObjectBase::default()).unwrap())
        };
        let (table, copy) = (open("table.db"), open("copy.db"));
        table.put_ftp_account(&account("h1")).await.unwrap();
        let there = FtpAccounts::new(table.clone(), copy.clone());
        assert_eq!(there.ftp_accounts().await.unwrap(), [account("h1")]);
        table.put_ftp_account(&account("h2")).await.unwrap();
        assert_eq!(there.ftp_accounts().await.unwrap(), [account("h2")], "nothing is kept back");
        let nowhere = DynamoConfig {
            region: Some("eu-west-1".to_owned()),
            endpoint: Some("http://127.0.0.1:1".to_owned()),
            credentials: Some(camtrail_aws::AccessKey { id: "x".to_owned(), secret: "x".to_owned() }),
            ..DynamoConfig::default()
        };
        let away = || async { Arc::new(DynamoAccounts::open(&nowhere).await) };
        let beside = FtpAccounts::new(away().await, copy);
        let begun = Instant::now();
        for _ in 0..50 {
            assert_eq!(beside.ftp_accounts().await.unwrap(), [account("h2")]);
        }
        assert!(begun.elapsed() < WAIT_MAX * 2, "{:?}", begun.elapsed());
        let never_seen = FtpAccounts::new(away().await, open("empty.db"));
        assert!(never_seen.ftp_accounts().await.is_err(), "nobody knows: not that there is none");
    }
}
