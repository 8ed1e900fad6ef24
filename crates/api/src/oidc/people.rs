//! The rows of people whom the provider vouches for.

use camtrail_auth::Token;
use camtrail_model::{
    Sight,
    ports::{Role, SessionRow, User, provider_mark},
};
use camtrail_oidc::Person;

use super::Outcome;
use crate::{problem::Problem, state::Api};

/// Rounds in which somebody else changes the same person; the third is told to try again.
const ROUNDS_MAX: u32 = 3;

/// The row of `person`, made or brought up to date, and a session of theirs.
///
/// Refused: who is disabled here, and an address that is the name of somebody with a password here: the two need not be
/// the same person.
pub(super) async fn let_in(api: &Api, issuer: &str, person: &Person) -> Result<Token, Failure> {
    for _ in 0..ROUNDS_MAX {
        let Some(user) = row(api, issuer, person).await? else { continue };
        let token = Token::new().map_err(|error| {
            tracing::error!(%error, "a session could not be made");
            Failure::Refused(Outcome::Unavailable, error.to_string())
        })?;
        let now = api.parts.clock.now();
        let session = SessionRow {
            token_sha256: Token::sha256(token.text()),
            user: user.name,
            created_at: now,
            expires_at: now.plus(lifetime_s(api) * 1_000),
        };
        if api.parts.accounts.begin_session(&session, &user.password_hash).await? {
            return Ok(token);
        }
    }
    Err(Failure::Refused(Outcome::Unavailable, "the user was changed meanwhile".to_owned()))
}

/// How long a session lasts before the provider is asked again, in seconds.
pub(super) fn lifetime_s(api: &Api) -> i64 {
    let lifetime = api.parts.oidc.as_ref().map_or(0, |oidc| oidc.session.as_secs());
    i64::try_from(lifetime).unwrap_or(0)
}

/// Why there is no session.
pub(super) enum Failure {
    /// Told to the person, and why, for the log.
    Refused(Outcome, String),
    /// Our own trouble.
    Ours(Problem),
}

impl From<camtrail_model::ports::AccountsError> for Failure {
    fn from(error: camtrail_model::ports::AccountsError) -> Self {
        Self::Ours(error.into())
    }
}

/// `None`: somebody else was there first; look again.
async fn row(api: &Api, issuer: &str, person: &Person) -> Result<Option<User>, Failure> {
    let accounts = &api.parts.accounts;
    let wanted = User {
        name: person.address.clone(),
        password_hash: provider_mark(issuer, &person.subject),
        role: person.role,
        disabled: false,
        sight: Sight::All,
    };
    let Some(there) = accounts.user(&person.address).await? else {
        let made = accounts.add_user(&wanted).await?;
        if made {
            tracing::info!(
                username = wanted.name,
                role = wanted.role.as_str(),
                "a user was made: the provider vouches"
            );
        }
        return Ok(made.then_some(wanted));
    };
    if there.disabled {
        return Err(Failure::Refused(Outcome::Disabled, "the user is disabled here".to_owned()));
    }
    if there.provider().is_none() {
        let why = "there is a user of that name with a password here".to_owned();
        return Err(Failure::Refused(Outcome::Password, why));
    }
    if there.password_hash != wanted.password_hash || there.role != wanted.role {
        tracing::info!(
            username = wanted.name,
            role = wanted.role.as_str(),
            is_another = there.password_hash != wanted.password_hash,
            "a user was changed: the provider's name of them or their role is another one"
        );
        // Role and mark only: whatever else was decided here stays.
        let sight = if wanted.role == Role::Admin { Sight::All } else { there.sight.clone() };
        let changed = User { password_hash: wanted.password_hash, role: wanted.role, sight, ..there.clone() };
        return Ok(accounts.change_user(&there, &changed).await?.then_some(changed));
    }
    Ok(Some(there))
}
