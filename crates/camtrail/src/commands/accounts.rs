//! `camtrail user …` and `camtrail camera …`: work beside a running server, on the same database or tables.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use camtrail_auth::{Passwords, Token, readable_password};
use camtrail_gateway::AccountScope;
use camtrail_model::{
    CameraName,
    ports::{
        ACCOUNT_NAME_MAX_BYTES, Accounts, CameraToken, Clock, FtpAccount, Role, SystemClock, User,
        is_account_name,
    },
};

use crate::{
    app::DataDir,
    catalogs::Catalogs,
    cli::{CameraCommand, ConfigArgs, UsageError, UserCommand},
    config,
};

/// The shortest password that is taken from a person.
const PASSWORD_MIN_CHARS: usize = 8;

async fn open(args: &ConfigArgs) -> anyhow::Result<Catalogs> {
    let settings = config::settings(args)?;
    Catalogs::open(&DataDir::new(&settings.data_dir), &settings).await
}

fn named(name: &str) -> Result<(), UsageError> {
    if is_account_name(name) {
        return Ok(());
    }
    let found = name.len();
    Err(UsageError(format!(
        "a name of {found} bytes can't be used: expected 1 to {ACCOUNT_NAME_MAX_BYTES} without control characters"
    )))
}

pub(crate) async fn user(command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Add { name, viewer, config } => {
            named(&name)?;
            let accounts = open(&config).await?.accounts;
            let there =
                || format!("there is a user {name:?} already: `camtrail user passwd` changes the password");
            if accounts.user(&name).await?.is_some() {
                bail!(there());
            }
            let role = if viewer { Role::Viewer } else { Role::Admin };
            let password_hash = ask_password().await?;
            let user = User { name: name.clone(), password_hash, role, disabled: false };
            if !accounts.add_user(&user).await? {
                bail!(there());
            }
            println!("{name} can sign in as {}.", role.as_str());
        }
        UserCommand::List(config) => {
            for user in open(&config).await?.accounts.users().await? {
                let provider = user.provider().map_or_else(String::new, |issuer| format!("\tby {issuer}"));
                let disabled = if user.disabled { "\tdisabled" } else { "" };
                println!("{}\t{}{provider}{disabled}", user.name, user.role.as_str());
            }
        }
        UserCommand::Passwd { name, config } => {
            let accounts = open(&config).await?.accounts;
            let user = existing(&*accounts, &name).await?;
            if let Some(issuer) = user.provider() {
                bail!("{name} signs in by {issuer}, and has no password here to change");
            }
            accounts.put_user(&User { password_hash: ask_password().await?, ..user }).await?;
            println!("{name} has a new password; sessions with the old one have ended.");
        }
        UserCommand::Disable { name, config } => {
            let accounts = open(&config).await?.accounts;
            let user = existing(&*accounts, &name).await?;
            accounts.put_user(&User { disabled: true, ..user }).await?;
            println!("{name} is locked out.");
        }
    }
    Ok(())
}

async fn existing(accounts: &dyn Accounts, name: &str) -> anyhow::Result<User> {
    let user = accounts.user(name).await?;
    user.with_context(|| format!("there is no user {name:?}: `camtrail user list` shows all"))
}

pub(crate) async fn camera(command: CameraCommand) -> anyhow::Result<()> {
    match command {
        CameraCommand::Add { name, config } => {
            let camera = CameraName::parse(&name)?;
            let accounts = open(&config).await?.accounts;
            let password = readable_password()?;
            let password_hash = Passwords::new()?.hash(password.as_bytes()).await?;
            let account = FtpAccount { user: name.clone(), password_hash, camera: camera.to_string() };
            if !accounts.add_ftp_account(&account).await? {
                bail!("there is an FTP account {name:?} already");
            }
            println!("FTP user {name}, password {password}      (shown only this once)");
        }
        CameraCommand::Token { name, config } => {
            let scope = AccountScope::parse(&name)?;
            let token = Token::new()?;
            let row = CameraToken {
                token_sha256: Token::sha256(token.text()),
                camera: scope.to_text(),
                created_at: SystemClock.now(),
            };
            open(&config).await?.tokens.put_camera_token(&row).await?;
            println!("Token for {name}: {}      (shown only this once)", token.text());
        }
        CameraCommand::RevokeToken { name, config } => {
            match open(&config).await?.tokens.revoke_camera_tokens(&name).await? {
                0 => bail!("there is no token for {name:?}: `camtrail camera list` shows all"),
                1 => println!("The token of {name} is worthless now."),
                count => println!("The {count} tokens of {name} are worthless now."),
            }
        }
        CameraCommand::List(config) => {
            let catalogs = open(&config).await?;
            for camera in catalogs.events.cameras().await? {
                let seen = camera.last_seen_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
                println!("{}\t{} events\tlast seen {seen}", camera.name, camera.events);
            }
            for account in catalogs.accounts.ftp_accounts().await? {
                println!("FTP account {}\tfor {}", account.user, account.camera);
            }
            for token in catalogs.tokens.camera_tokens().await? {
                println!("token for {}\tmade {}", token.camera, token.created_at);
            }
        }
    }
    Ok(())
}

/// From standard input: piped, or typed (with the terminal's echo off where `stty` can do that).
async fn ask_password() -> anyhow::Result<String> {
    let terminal = std::io::stdin().is_terminal();
    if terminal {
        eprint!("Password (at least {PASSWORD_MIN_CHARS} characters): ");
    }
    let mut line = String::new();
    let quiet = terminal && echo(false);
    let read = std::io::stdin().lock().read_line(&mut line);
    if quiet {
        echo(true);
        eprintln!();
    }
    read.context("reading the password from standard input")?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.chars().count() < PASSWORD_MIN_CHARS {
        let found = password.chars().count();
        bail!("the password has {found} characters, expected at least {PASSWORD_MIN_CHARS}");
    }
    Ok(Passwords::new()?.hash(password.as_bytes()).await?)
}

fn echo(on: bool) -> bool {
    let word = if on { "echo" } else { "-echo" };
    std::process::Command::new("stty").arg(word).status().is_ok_and(|status| status.success())
}
