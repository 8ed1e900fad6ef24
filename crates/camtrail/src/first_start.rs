//! Who may sign in: given by the environment, configured, made earlier, or made now and shown once.

use anyhow::Context;
use camtrail_auth::{Passwords, readable_password};
use camtrail_gateway::{AccountScope, CameraAccount};
use camtrail_model::{
    Sight,
    ports::{Accounts, FtpAccount, Role, User},
};

/// The user that `CAMTRAIL_ADMIN_PASSWORD` is for.
const ADMIN: &str = "admin";
/// The account that `CAMTRAIL_FTP_PASSWORD` is for.
const CAMERA: &str = "camera";

/// Passwords that were made now; only here, and never again.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) admin_password: Option<String>,
    pub(crate) ftp_password: Option<String>,
}

/// Passwords from the environment: first starts and tests.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) admin_password: Option<String>,
    pub(crate) ftp_password: Option<String>,
}

impl Given {
    pub(crate) fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            admin_password: variable("CAMTRAIL_ADMIN_PASSWORD"),
            ftp_password: variable("CAMTRAIL_FTP_PASSWORD"),
        }
    }
}

/// Makes sure that somebody can sign in; gives a password that was made.
pub(crate) async fn admin(
    given: Option<&str>,
    accounts: &dyn Accounts,
    passwords: &Passwords,
) -> anyhow::Result<Option<String>> {
    make_admin(given, accounts, passwords).await.context("making the first user")
}

async fn make_admin(
    given: Option<&str>,
    accounts: &dyn Accounts,
    passwords: &Passwords,
) -> anyhow::Result<Option<String>> {
    let user = async |password: &str| {
        let password_hash = passwords.hash(password.as_bytes()).await?;
        anyhow::Ok(User {
            name: ADMIN.to_owned(),
            password_hash,
            role: Role::Admin,
            disabled: false,
            sight: Sight::All,
        })
    };
    if let Some(password) = given {
        let Some(there) = accounts.user(ADMIN).await? else {
            accounts.add_user(&user(password).await?).await?;
            return Ok(None);
        };
        // A password that was changed since, or whom somebody locked out, doesn't come back with a restart.
        if there.disabled || !passwords.verify(password.as_bytes(), Some(&there.password_hash)).await {
            tracing::warn!(
                "CAMTRAIL_ADMIN_PASSWORD is for first starts: the user admin is there and has another password, or is \
                 disabled; `camtrail user passwd admin` changes it"
            );
        }
        return Ok(None);
    }
    if !accounts.users().await?.is_empty() {
        return Ok(None);
    }
    let password = readable_password()?;
    // Another process that starts with the same accounts may have been first: then it shows its own.
    Ok(accounts.add_user(&user(&password).await?).await?.then_some(password))
}

/// Makes sure that some camera can upload; gives a password that was made.
pub(crate) async fn camera(
    given: &Given,
    configured: &mut Vec<CameraAccount>,
    accounts: &dyn Accounts,
    passwords: &Passwords,
) -> anyhow::Result<Option<String>> {
    make_camera(given, configured, accounts, passwords).await.context("making the first FTP account")
}

async fn make_camera(
    given: &Given,
    configured: &mut Vec<CameraAccount>,
    accounts: &dyn Accounts,
    passwords: &Passwords,
) -> anyhow::Result<Option<String>> {
    if let Some(password) = &given.ftp_password {
        let password_hash = passwords.hash(password.as_bytes()).await?;
        configured.push(CameraAccount {
            user: CAMERA.to_owned(),
            password_hash,
            scope: AccountScope::FirstFolder,
        });
        return Ok(None);
    }
    if !configured.is_empty() || !accounts.ftp_accounts().await?.is_empty() {
        return Ok(None);
    }
    let password = readable_password()?;
    let password_hash = passwords.hash(password.as_bytes()).await?;
    let account = FtpAccount { user: CAMERA.to_owned(), password_hash, camera: "*".to_owned() };
    Ok(accounts.add_ftp_account(&account).await?.then_some(password))
}
