//! Who may log in by FTP: configured accounts, those made by command, and the one of the environment.

use std::{net::IpAddr, sync::Arc};

use async_trait::async_trait;
use camtrail_auth::{Passwords, Rule, Throttle, place};
use camtrail_ftp::{Account, Authenticator, LoginError};
use camtrail_model::ports::{Accounts, Clock};

use crate::AccountScope;

/// An account from the configuration or the environment.
#[derive(Clone)]
pub struct CameraAccount {
    /// The login name.
    pub user: String,
    /// Argon2id in PHC string form.
    pub password_hash: String,
    /// For which cameras.
    pub scope: AccountScope,
}

/// The gateway's login.
pub struct FtpLogin {
    configured: Vec<CameraAccount>,
    made: Option<Arc<dyn Accounts>>,
    passwords: Arc<Passwords>,
    clock: Arc<dyn Clock>,
    /// By place and account: a stranger who guesses at a camera's account locks out himself, not the camera. Names that
    /// are nobody's count together.
    throttle: Throttle<(IpAddr, Option<String>)>,
}

impl FtpLogin {
    /// `configured` accounts go before those in `made`.
    pub fn new(
        configured: Vec<CameraAccount>,
        made: Option<Arc<dyn Accounts>>,
        passwords: Arc<Passwords>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { configured, made, passwords, clock, throttle: Throttle::new() }
    }

    async fn find(&self, user: &str) -> Result<Option<(String, String)>, LoginError> {
        if let Some(account) = self.configured.iter().find(|account| account.user == user) {
            return Ok(Some((account.password_hash.clone(), account.scope.to_text())));
        }
        let Some(made) = &self.made else { return Ok(None) };
        let accounts = made.ftp_accounts().await.map_err(|error| {
            tracing::error!(%error, "an FTP login can't be checked");
            LoginError::Unavailable
        })?;
        Ok(accounts.into_iter().find(|a| a.user == user).map(|a| (a.password_hash, a.camera)))
    }
}

#[async_trait]
impl Authenticator for FtpLogin {
    async fn login(&self, peer: IpAddr, user: &str, password: &[u8]) -> Result<Account, LoginError> {
        let found = self.find(user).await?;
        let (rule, name) = match &found {
            Some(_) => (Rule::ACCOUNT, Some(user.to_owned())),
            None => (Rule::PLACE, None),
        };
        let attempt = self.throttle.attempt(rule, (place(peer), name), self.clock.now());
        let attempt = attempt.map_err(|retry_after| LoginError::Throttled { retry_after })?;
        let hash = found.as_ref().map(|(hash, _)| hash.as_str());
        if !self.passwords.verify(password, hash).await {
            attempt.failed(self.clock.now());
            return Err(LoginError::Denied);
        }
        attempt.succeeded();
        let scope = found.map(|(_, scope)| scope).unwrap_or_default();
        Ok(Account { name: user.to_owned(), scope })
    }
}
