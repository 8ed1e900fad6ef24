//! `camtrail user …`: people and their tokens, beside a running server, on the same database or tables.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use camtrail_auth::Token;
use camtrail_model::{
    CameraName, SIGHT_MAX, Sight,
    ports::{
        API_TOKENS_MAX, Accounts, ApiToken, AuditAction, Clock, Role, Scope, Scopes, SystemClock, User,
        is_last_admin,
    },
    units,
};

use super::accounts::{ask_password, named, open};
use crate::cli::{ConfigArgs, RoleArg, ScopeArg, UsageError, UserCommand};

/// What a person's token begins with (`api::signed_in`).
const TOKEN_PREFIX: &str = "ct_";

impl From<RoleArg> for Role {
    fn from(role: RoleArg) -> Self {
        match role {
            RoleArg::Viewer => Self::Viewer,
            RoleArg::Admin => Self::Admin,
        }
    }
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Read => Self::Read,
            ScopeArg::Review => Self::Review,
            ScopeArg::Share => Self::Share,
            ScopeArg::Admin => Self::Admin,
        }
    }
}

/// Which cameras; none named: all.
fn sight(cameras: &[String]) -> Result<Sight, UsageError> {
    if cameras.len() > SIGHT_MAX {
        let found = cameras.len();
        return Err(UsageError(format!("--cameras stands {found} times: expected {SIGHT_MAX} at most")));
    }
    let names = cameras.iter().map(|name| CameraName::parse(name)).collect::<Result<BTreeSet<_>, _>>();
    let names = names.map_err(|error| UsageError(format!("--cameras: {error}")))?;
    Ok(if names.is_empty() { Sight::All } else { Sight::Only(names) })
}

fn fits(role: Role, sight: &Sight) -> Result<(), UsageError> {
    if role == Role::Admin && *sight != Sight::All {
        return Err(UsageError(
            "an admin sees all cameras: leave out --cameras, or say --role viewer".to_owned(),
        ));
    }
    Ok(())
}

/// What somebody may do and see, in words.
fn rights(user: &User) -> String {
    let cameras =
        user.sight.to_text().map_or_else(|| "all cameras".to_owned(), |names| names.replace('\n', ", "));
    format!("{}: {cameras}", user.role.as_str())
}

pub(crate) async fn user(command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::Add { name, role, viewer, cameras, config } => {
            let sight = sight(&cameras)?;
            // Whoever names cameras means a viewer.
            let limited = viewer || sight != Sight::All;
            let role = role.map_or(if limited { Role::Viewer } else { Role::Admin }, Role::from);
            fits(role, &sight)?;
            add(name, role, sight, &config).await
        }
        UserCommand::List(config) => list(&config).await,
        UserCommand::Passwd { name, config } => passwd(&name, &config).await,
        UserCommand::Change { name, role, cameras, all_cameras, config } => {
            let sight = if all_cameras {
                Some(Sight::All)
            } else {
                Some(sight(&cameras)?).filter(|s| *s != Sight::All)
            };
            if role.is_none() && sight.is_none() {
                let expected = "nothing to change: say --role, --cameras or --all-cameras".to_owned();
                return Err(UsageError(expected).into());
            }
            change(&name, role.map(Role::from), sight, &config).await
        }
        UserCommand::Disable { name, config } => disable(&name, &config).await,
        UserCommand::Enable { name, config } => enable(&name, &config).await,
        UserCommand::Token { name, label, scopes, expires, config } => {
            token(&name, label, &scopes, expires.as_deref(), &config).await
        }
        UserCommand::Tokens(config) => tokens(&config).await,
        UserCommand::RevokeToken { id, config } => revoke_token(&id, &config).await,
    }
}

async fn list(config: &ConfigArgs) -> anyhow::Result<()> {
    for user in open(config).await?.catalogs.accounts.users().await? {
        let disabled = if user.disabled { "\tdisabled" } else { "" };
        let cameras = user
            .sight
            .to_text()
            .map_or_else(String::new, |names| format!("\tonly {}", names.replace('\n', ", ")));
        let provider = user.provider().map_or_else(String::new, |issuer| format!("\tby {issuer}"));
        println!("{}\t{}{provider}{disabled}{cameras}", user.name, user.role.as_str());
    }
    Ok(())
}

async fn passwd(name: &str, config: &ConfigArgs) -> anyhow::Result<()> {
    let desk = open(config).await?;
    let user = existing(&*desk.catalogs.accounts, name).await?;
    if let Some(issuer) = user.provider() {
        bail!("{name} signs in by {issuer}, and has no password here to change");
    }
    let changed = User { password_hash: ask_password().await?, ..user.clone() };
    put_changed(&*desk.catalogs.accounts, &user, &changed).await?;
    desk.noted(AuditAction::PasswordChanged, name, "").await?;
    println!("{name} has a new password; sessions with the old one have ended.");
    Ok(())
}

async fn disable(name: &str, config: &ConfigArgs) -> anyhow::Result<()> {
    let desk = open(config).await?;
    let (accounts, api_tokens) = (&*desk.catalogs.accounts, &*desk.catalogs.api_tokens);
    let user = existing(accounts, name).await?;
    if is_last_admin(&accounts.users().await?, name) {
        bail!("{name} is the last admin: make another one first (camtrail user add)");
    }
    put_changed(accounts, &user, &User { disabled: true, ..user.clone() }).await?;
    for token in api_tokens.api_tokens().await?.iter().filter(|token| token.user == name) {
        api_tokens.forget_api_token(&token.id()).await?;
    }
    desk.noted(AuditAction::UserDisabled, name, "").await?;
    println!("{name} is locked out.");
    Ok(())
}

async fn enable(name: &str, config: &ConfigArgs) -> anyhow::Result<()> {
    let desk = open(config).await?;
    let before = existing(&*desk.catalogs.accounts, name).await?;
    let user = User { disabled: false, ..before.clone() };
    put_changed(&*desk.catalogs.accounts, &before, &user).await?;
    desk.noted(AuditAction::UserChanged, name, &rights(&user)).await?;
    println!("{name} can sign in again.");
    Ok(())
}

async fn tokens(config: &ConfigArgs) -> anyhow::Result<()> {
    for token in open(config).await?.catalogs.api_tokens.api_tokens().await? {
        let used = token.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        let end = token.expires_at.map_or_else(String::new, |at| format!("\tuntil {at}"));
        let (id, scopes) = (token.id(), token.scopes.to_text());
        println!("{id}\t{}\t{}\t{scopes}\tlast used {used}{end}", token.user, token.name);
    }
    Ok(())
}

async fn revoke_token(id: &str, config: &ConfigArgs) -> anyhow::Result<()> {
    let desk = open(config).await?;
    if !desk.catalogs.api_tokens.forget_api_token(id).await? {
        bail!("there is no token {id:?}: `camtrail user tokens` lists all");
    }
    desk.noted(AuditAction::TokenRevoked, id, "").await?;
    println!("The token is worthless now.");
    Ok(())
}

async fn add(name: String, role: Role, sight: Sight, config: &ConfigArgs) -> anyhow::Result<()> {
    named(&name)?;
    let desk = open(config).await?;
    let accounts = &desk.catalogs.accounts;
    let there = || format!("there is a user {name:?} already: `camtrail user passwd` changes the password");
    if accounts.user(&name).await?.is_some() {
        bail!(there());
    }
    let password_hash = ask_password().await?;
    let user = User { name: name.clone(), password_hash, role, disabled: false, sight };
    if !accounts.add_user(&user).await? {
        bail!(there());
    }
    desk.noted(AuditAction::UserAdded, &name, &rights(&user)).await?;
    println!("{name} can sign in as {}.", role.as_str());
    Ok(())
}

async fn change(
    name: &str,
    role: Option<Role>,
    sight: Option<Sight>,
    config: &ConfigArgs,
) -> anyhow::Result<()> {
    let desk = open(config).await?;
    let accounts = &desk.catalogs.accounts;
    let before = existing(&**accounts, name).await?;
    let mut user = before.clone();
    if let (Some(issuer), Some(_)) = (user.provider(), role) {
        bail!("{name} signs in by {issuer}: their role follows oidc.admins");
    }
    user.role = role.unwrap_or(user.role);
    user.sight = sight.unwrap_or(user.sight);
    fits(user.role, &user.sight)?;
    if user.role != Role::Admin && is_last_admin(&accounts.users().await?, name) {
        bail!("{name} is the last admin: make another one first (camtrail user add)");
    }
    put_changed(&**accounts, &before, &user).await?;
    desk.noted(AuditAction::UserChanged, name, &rights(&user)).await?;
    println!("{name} is now {}.", rights(&user));
    Ok(())
}

/// Not over what somebody else changed meanwhile.
async fn put_changed(accounts: &dyn Accounts, before: &User, after: &User) -> anyhow::Result<()> {
    if !accounts.change_user(before, after).await? {
        bail!("{} was changed by somebody else meanwhile: nothing was done, try again", before.name);
    }
    Ok(())
}

async fn token(
    name: &str,
    label: String,
    scopes: &[ScopeArg],
    expires: Option<&str>,
    config: &ConfigArgs,
) -> anyhow::Result<()> {
    let bad_end =
        |text: &str| UsageError(format!("--expires {text:?}: expected a duration, such as 12h or 90d"));
    let lasts = expires.map(|text| units::duration(text).ok_or_else(|| bad_end(text))).transpose()?;
    if !(1..=100).contains(&label.chars().count()) || label.chars().any(char::is_control) {
        return Err(UsageError(
            "--label: expected 1 to 100 characters without control characters".to_owned(),
        )
        .into());
    }
    let desk = open(config).await?;
    let user = existing(&*desk.catalogs.accounts, name).await?;
    let scopes = Scopes::new(scopes.iter().copied().map(Scope::from));
    if scopes.names(Scope::Admin) && user.role != Role::Admin {
        bail!("{name} is no admin: a token is good for no more than its user");
    }
    if let Some(issuer) = user.provider() {
        bail!(
            "{name} signs in by {issuer}, and a token would outlive what that provider says: make one for a user with a password"
        );
    }
    if user.disabled {
        bail!("{name} is locked out: `camtrail user enable` lets them in again");
    }
    let tokens = &desk.catalogs.api_tokens;
    if tokens.api_tokens().await?.iter().filter(|token| token.user == name).count() >= API_TOKENS_MAX {
        bail!("{name} has {API_TOKENS_MAX} tokens: revoke some (camtrail user revoke-token)");
    }
    let text = format!("{TOKEN_PREFIX}{}", Token::new()?.text());
    let now = SystemClock.now();
    let made = ApiToken {
        token_sha256: Token::sha256(&text),
        user: name.to_owned(),
        name: label,
        scopes,
        created_at: now,
        expires_at: lasts.map(|lasts| now.plus(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX))),
        last_used_at: None,
    };
    tokens.put_api_token(&made).await?;
    let detail = format!("for {name}, {}: {}", made.name, made.scopes.to_text());
    desk.noted(AuditAction::TokenCreated, &made.id(), &detail).await?;
    println!("Token for {name}, good for {}: {text}      (shown only this once)", made.scopes.to_text());
    Ok(())
}

async fn existing(accounts: &dyn Accounts, name: &str) -> anyhow::Result<User> {
    let user = accounts.user(name).await?;
    user.with_context(|| format!("there is no user {name:?}: `camtrail user list` shows all"))
}
