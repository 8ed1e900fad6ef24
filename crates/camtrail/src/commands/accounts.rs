//! `camtrail camera …`, and what it shares with `camtrail user …`: work beside a running server, on the same database or
//! tables. What is done here stands in the audit log as the command line's.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use camtrail_auth::{Passwords, Token, readable_password};
use camtrail_gateway::AccountScope;
use camtrail_model::{
    CameraName,
    ports::{
        ACCOUNT_NAME_MAX_BYTES, AUDIT_TEXT_MAX_CHARS, AuditAction, AuditEntry, AuditPlace, CameraToken,
        Clock, FtpAccount, PASSWORD_MIN_CHARS, SystemClock, is_account_name,
    },
};

use crate::{
    catalogs::Catalogs,
    cli::{CameraCommand, ConfigArgs, UsageError},
    config,
    data_dir::DataDir,
};

/// The databases, and the log of who did what.
pub(super) struct Desk {
    pub(super) catalogs: Catalogs,
    audit_days: u32,
}

pub(super) async fn open(args: &ConfigArgs) -> anyhow::Result<Desk> {
    let settings = config::settings(args)?;
    let catalogs = Catalogs::open(&DataDir::new(&settings.data_dir), &settings).await?;
    Ok(Desk { catalogs, audit_days: settings.people.audit_days })
}

impl Desk {
    /// Notes what was done from here.
    pub(super) async fn noted(&self, action: AuditAction, subject: &str, detail: &str) -> anyhow::Result<()> {
        let tie = u64::from_be_bytes(camtrail_auth::random_bytes::<8>()?) >> 1;
        let entry = AuditEntry {
            place: AuditPlace { at: SystemClock.now(), tie },
            who: None,
            action,
            subject: subject.to_owned(),
            from: None,
            detail: detail.chars().take(AUDIT_TEXT_MAX_CHARS).collect(),
        };
        let noted = self.catalogs.audit.note_audit(&entry, self.audit_days).await;
        noted.context("it is done, and could not be written to the audit log")
    }
}

pub(super) fn named(name: &str) -> Result<(), UsageError> {
    if is_account_name(name) {
        return Ok(());
    }
    let found = name.len();
    Err(UsageError(format!(
        "a name of {found} bytes can't be used: expected 1 to {ACCOUNT_NAME_MAX_BYTES} without control characters"
    )))
}

pub(crate) async fn camera(command: CameraCommand) -> anyhow::Result<()> {
    match command {
        CameraCommand::Add { name, config } => {
            let camera = CameraName::parse(&name).map_err(|error| UsageError(error.to_string()))?;
            let desk = open(&config).await?;
            let password = readable_password()?;
            let password_hash = Passwords::new()?.hash(password.as_bytes()).await?;
            let account = FtpAccount { user: name.clone(), password_hash, camera: camera.to_string() };
            if !desk.catalogs.accounts.add_ftp_account(&account).await? {
                bail!("there is an FTP account {name:?} already");
            }
            desk.noted(AuditAction::CameraAdded, &name, "").await?;
            println!("FTP user {name}, password {password}      (shown only this once)");
        }
        CameraCommand::Token { name, config } => {
            let scope = AccountScope::parse(&name).map_err(|error| UsageError(error.to_string()))?;
            let token = Token::new()?;
            let row = CameraToken {
                token_sha256: Token::sha256(token.text()),
                camera: scope.to_text(),
                created_at: SystemClock.now(),
            };
            let desk = open(&config).await?;
            desk.catalogs.tokens.put_camera_token(&row).await?;
            desk.noted(AuditAction::CameraTokenCreated, &row.camera, "").await?;
            println!("Token for {name}: {}      (shown only this once)", token.text());
        }
        CameraCommand::RevokeToken { name, config } => {
            let desk = open(&config).await?;
            let revoked = desk.catalogs.tokens.revoke_camera_tokens(&name).await?;
            if revoked > 0 {
                desk.noted(AuditAction::CameraTokensRevoked, &name, &format!("{revoked} tokens")).await?;
            }
            match revoked {
                0 => bail!("there is no token for {name:?}: `camtrail camera list` shows all"),
                1 => println!("The token of {name} is worthless now."),
                count => println!("The {count} tokens of {name} are worthless now."),
            }
        }
        CameraCommand::List(config) => {
            let catalogs = open(&config).await?.catalogs;
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
pub(super) async fn ask_password() -> anyhow::Result<String> {
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
