//! Who may sign in: given by the environment, configured, made earlier, or made now and shown once.

use anyhow::Context;
use camtrail_auth::{Passwords, readable_password};
use camtrail_gateway::{AccountScope, CameraAccount};
use camtrail_model::ports::{Accounts, FtpAccount, Role, User};

use crate::app::Shape;

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

/// Makes sure that some camera can upload, and, where there is a place to sign in, that somebody can.
pub(crate) async fn prepare(
    given: &Given,
    shape: Shape,
    configured: &mut Vec<CameraAccount>,
    accounts: &dyn Accounts,
    passwords: &Passwords,
) -> anyhow::Result<Shown> {
    Ok(Shown {
        admin_password: match shape {
            Shape::Box => admin(given, accounts, passwords).await.context("making the first user")?,
            Shape::Gateway => None,
        },
        ftp_password: camera(given, configured, accounts, passwords)
            .await
            .context("making the first FTP account")?,
    })
}

async fn admin(
    given: &Given,
    accounts: &dyn Accounts,
    passwords: &Passwords,
) -> anyhow::Result<Option<String>> {
    let (password, shown) = match &given.admin_password {
        Some(password) => {
            let there = accounts.user(ADMIN).await?;
            let hash = there.as_ref().map(|user| user.password_hash.as_str());
            // Hashing anew would end everybody's sessions at each start.
            if passwords.verify(password.as_bytes(), hash).await {
                return Ok(None);
            }
            (password.clone(), None)
        }
        None if accounts.users().await?.is_empty() => {
            let password = readable_password()?;
            (password.clone(), Some(password))
        }
        None => return Ok(None),
    };
    let password_hash = passwords.hash(password.as_bytes()).await?;
    let user = User { name: ADMIN.to_owned(), password_hash, role: Role::Admin, disabled: false };
    accounts.put_user(&user).await?;
    Ok(shown)
}

async fn camera(
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
    accounts.put_ftp_account(&account).await?;
    Ok(Some(password))
}
