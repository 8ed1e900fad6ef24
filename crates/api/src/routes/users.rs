//! People: who there is, what they may do, and which cameras they may see. For admins.
//!
//! Promises: what is taken from somebody is gone at their next request, and within seconds from their open streams;
//! somebody who may change people always remains. Refuses: an admin who sees some cameras only.

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use camtrail_model::{
    CameraName, SIGHT_MAX, Sight,
    ports::{
        ACCOUNT_NAME_MAX_BYTES, AuditAction, PASSWORD_MIN_CHARS, Role, User, is_account_name, is_last_admin,
    },
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::{
    problem::Problem,
    routes::session::{CREDENTIAL_MAX_BYTES, UserRole},
    signed_in::{May, ToAdminister},
    state::Api,
};

/// How many people there may be.
const USERS_MAX: usize = 1_000;

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserInfo {
    /// The name that they sign in with.
    #[schema(example = "anna")]
    name: String,
    /// What they may do.
    role: UserRole,
    /// Locked out.
    disabled: bool,
    /// The cameras that they may see; null: all.
    #[schema(example = json!(["backyard"]))]
    cameras: Option<Vec<String>>,
    /// The sign-in provider vouches for them, and the configuration says their role: they have no password here.
    by_provider: bool,
}

/// All people.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserList {
    /// By name.
    items: Vec<UserInfo>,
}

/// Somebody new.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    /// The name that they sign in with: 1 to 256 bytes.
    #[schema(example = "anna")]
    name: String,
    /// Their password, at least 8 characters.
    #[schema(min_length = 8)]
    password: String,
    /// What they may do.
    role: UserRole,
    /// The cameras that they may see, 500 at most, known already or not; without it, or null: all.
    #[schema(max_items = 500, example = json!(["backyard"]))]
    cameras: Option<Vec<String>>,
}

/// What is to be otherwise of somebody; what isn't named stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChanges {
    /// What they may do.
    role: Option<UserRole>,
    /// Locked out: their sessions end, and their tokens are revoked.
    disabled: Option<bool>,
    /// The cameras that they may see, 500 at most; null: all.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<Vec<String>>, max_items = 500)]
    #[expect(clippy::option_option, reason = "nothing, null and a list say three things")]
    cameras: Option<Option<Vec<String>>>,
    /// Another password, at least 8 characters: their sessions end.
    #[schema(min_length = 8)]
    password: Option<String>,
}

/// Tells null from nothing.
fn named<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

impl From<&User> for UserInfo {
    fn from(user: &User) -> Self {
        let cameras = match &user.sight {
            Sight::All => None,
            Sight::Only(cameras) => Some(cameras.iter().map(CameraName::to_string).collect()),
        };
        let by_provider = user.provider().is_some();
        Self {
            name: user.name.clone(),
            role: user.role.into(),
            disabled: user.disabled,
            cameras,
            by_provider,
        }
    }
}

fn sight(cameras: Option<Vec<String>>) -> Result<Sight, Problem> {
    let Some(cameras) = cameras else { return Ok(Sight::All) };
    if cameras.len() > SIGHT_MAX {
        let found = cameras.len();
        return Err(Problem::bad_request(format!("cameras: found {found}, expected {SIGHT_MAX} at most")));
    }
    let cameras = cameras.iter().map(|name| CameraName::parse(name)).collect::<Result<BTreeSet<_>, _>>();
    cameras.map(Sight::Only).map_err(|error| Problem::bad_request(format!("cameras: {error}")))
}

fn fits(role: Role, sight: &Sight) -> Result<(), Problem> {
    if role == Role::Admin && *sight != Sight::All {
        let detail = "an admin sees all cameras: expected cameras to be null, or the role viewer";
        return Err(Problem::bad_request(detail));
    }
    Ok(())
}

pub(super) async fn hashed(api: &Api, password: &str) -> Result<String, Problem> {
    let chars = password.chars().count();
    if chars < PASSWORD_MIN_CHARS || password.len() > CREDENTIAL_MAX_BYTES {
        let detail = format!(
            "the password has {chars} characters: expected at least {PASSWORD_MIN_CHARS}, and {CREDENTIAL_MAX_BYTES} bytes at most"
        );
        return Err(Problem::bad_request(detail));
    }
    api.parts.passwords.hash(password.as_bytes()).await.map_err(|error| Problem::no_secret(&error))
}

/// List users.
#[utoipa::path(
    get, path = "/users", operation_id = "list_users", tag = "people",
    security(("session" = []), ("api_token" = ["admin"])),
    responses(
        (status = 200, description = "All users, by name.", body = UserList),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not an admin.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list(State(api): State<Api>, _: May<ToAdminister>) -> Result<Json<UserList>, Problem> {
    let users = api.parts.accounts.users().await?;
    Ok(Json(UserList { items: users.iter().map(UserInfo::from).collect() }))
}

/// Make a user.
#[utoipa::path(
    post, path = "/users", operation_id = "create_user", tag = "people",
    request_body(content = NewUser, example = json!({ "name": "anna", "password": "a long one", "role": "viewer", "cameras": ["backyard"] })),
    security(("session" = []), ("api_token" = ["admin"])),
    responses(
        (status = 201, description = "The user.", body = UserInfo),
        (status = 400, description = "The body is no such JSON, or the name, password or cameras can't be.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not an admin.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is a user of that name, or too many users.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn create(
    State(api): State<Api>,
    who: May<ToAdminister>,
    body: Result<Json<NewUser>, JsonRejection>,
) -> Result<(StatusCode, Json<UserInfo>), Problem> {
    let expected =
        "{\"name\": …, \"password\": …, \"role\": \"viewer\" or \"admin\", \"cameras\": […] or null}";
    let Json(new) = body.map_err(|error| Problem::of_body(&error, expected))?;
    if !is_account_name(&new.name) {
        let found = new.name.len();
        return Err(Problem::bad_request(format!(
            "name: found {found} bytes, expected 1 to {ACCOUNT_NAME_MAX_BYTES} without control characters"
        )));
    }
    let (role, sight) = (Role::from(new.role), sight(new.cameras)?);
    fits(role, &sight)?;
    if api.parts.accounts.users().await?.len() >= USERS_MAX {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            format!("there are {USERS_MAX} users: no more can be made"),
        ));
    }
    let password_hash = hashed(&api, &new.password).await?;
    let user = User { name: new.name, password_hash, role, disabled: false, sight };
    if !api.parts.accounts.add_user(&user).await? {
        return Err(Problem::new(StatusCode::CONFLICT, format!("there is a user {:?} already", user.name)));
    }
    api.noted(&who, AuditAction::UserAdded, &user.name, &rights(&user)).await;
    Ok((StatusCode::CREATED, Json(UserInfo::from(&user))))
}

/// Change a user.
///
/// What isn't named stays. The last admin can't be disabled or made a viewer. What is taken from somebody is gone at
/// their next request; an open live stream ends, or goes on with what they may still see, within 15 seconds.
#[utoipa::path(
    patch, path = "/users/{name}", operation_id = "change_user", tag = "people",
    request_body(content = UserChanges, example = json!({ "cameras": ["backyard", "gate"] })),
    security(("session" = []), ("api_token" = ["admin"])),
    params(("name" = String, Path, description = "A user's name.")),
    responses(
        (status = 200, description = "The user as they are now.", body = UserInfo),
        (status = 400, description = "The body is no such JSON, or the password or cameras can't be.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "Nobody is signed in.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "Not an admin.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such user.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is the last admin; or somebody else changed the user meanwhile.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn change(
    State(api): State<Api>,
    who: May<ToAdminister>,
    Path(name): Path<String>,
    body: Result<Json<UserChanges>, JsonRejection>,
) -> Result<Json<UserInfo>, Problem> {
    let accounts = &api.parts.accounts;
    let expected = "{\"role\": …, \"disabled\": …, \"cameras\": […] or null, \"password\": …}";
    let Json(changes) = body.map_err(|error| Problem::of_body(&error, expected))?;
    let before = accounts.user(&name).await?.ok_or_else(|| Problem::not_found("user"))?;
    let mut user = before.clone();
    user.role = changes.role.map_or(before.role, Role::from);
    user.disabled = changes.disabled.unwrap_or(before.disabled);
    if let Some(cameras) = changes.cameras {
        user.sight = sight(cameras)?;
    }
    fits(user.role, &user.sight)?;
    if let (Some(issuer), true) = (before.provider(), changes.password.is_some() || changes.role.is_some()) {
        let detail = format!(
            "{name} signs in by {issuer}: their password is kept there, and their role follows oidc.admins"
        );
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    if let Some(password) = &changes.password {
        user.password_hash = hashed(&api, password).await?;
    }
    let steps_down = user.disabled || user.role != Role::Admin;
    let last = || Problem::new(StatusCode::CONFLICT, "this is the last admin: make another one first");
    if steps_down && is_last_admin(&accounts.users().await?, &name) {
        return Err(last());
    }
    if !accounts.change_user(&before, &user).await? {
        let detail = format!(
            "{name} was changed by somebody else meanwhile: look again, and repeat it if it is still wanted"
        );
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    // Two admins who disable each other at once were both not the last.
    if steps_down && !accounts.users().await?.iter().any(User::is_active_admin) {
        let as_before = User { password_hash: user.password_hash.clone(), ..before };
        // Changed again by now: whoever did that saw to it that somebody is left.
        accounts.change_user(&user, &as_before).await?;
        return Err(last());
    }
    if user.disabled {
        revoke_tokens(&api, &name).await?;
    }
    if user.disabled && !before.disabled {
        api.noted(&who, AuditAction::UserDisabled, &name, "").await;
    }
    if changes.password.is_some() {
        api.noted(&who, AuditAction::PasswordChanged, &name, "").await;
    }
    let is_changed =
        (user.role, &user.sight) != (before.role, &before.sight) || before.disabled && !user.disabled;
    if is_changed {
        api.noted(&who, AuditAction::UserChanged, &name, &rights(&user)).await;
    }
    Ok(Json(UserInfo::from(&user)))
}

/// They are worth nothing already; who comes back makes new ones.
async fn revoke_tokens(api: &Api, name: &str) -> Result<(), Problem> {
    for token in api.parts.api_tokens.api_tokens().await?.iter().filter(|token| token.user == name) {
        api.parts.api_tokens.forget_api_token(&token.id()).await?;
    }
    Ok(())
}

/// What somebody may do and see, in words.
fn rights(user: &User) -> String {
    let cameras =
        user.sight.to_text().map_or_else(|| "all cameras".to_owned(), |names| names.replace('\n', ", "));
    format!("{}: {cameras}", user.role.as_str())
}
