//! People and camera accounts.
//!
//! Owns the parts `users` and `ftp`. A user's item has a `generation`, random, and another one whenever their sessions
//! end: sessions carry the one that they began with, so all of them end in the write that changes the user, and a
//! user who was removed and made again has none of the old ones.

use aws_sdk_dynamodb::types::AttributeValue;
use camtrail_model::{
    Sight,
    ports::{AccountsError, CatalogError, FtpAccount, Role, User},
};

use super::shelf::{Condition, Shelf, is_key, key};
use crate::{
    attributes::{Item, get_bool, get_text, get_text_opt, put_some, text},
    call::pause,
    tables::META_KEY,
};

const USERS: &str = "users";
const FTP: &str = "ftp";
const HASH: &str = "password_hash";
const ROLE: &str = "user_role";
const DISABLED: &str = "is_disabled";
const GENERATION: &str = "generation";
const SIGHT: &str = "seen_cameras";
const CAMERA: &str = "camera_name";

/// Writers of one user who get in each other's way, at most.
const ROUNDS_MAX: u32 = 20;

/// A user, and the generation of their sessions.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) user: User,
    pub(super) generation: String,
}

fn read(item: &Item) -> Result<Kept, CatalogError> {
    let user = User {
        name: get_text(item, META_KEY.1)?.to_owned(),
        password_hash: get_text(item, HASH)?.to_owned(),
        // What isn't known grants the least.
        role: Role::parse(get_text(item, ROLE)?).unwrap_or(Role::Viewer),
        disabled: get_bool(item, DISABLED)?,
        sight: Sight::parse(get_text_opt(item, SIGHT)?),
    };
    Ok(Kept { user, generation: get_text(item, GENERATION)?.to_owned() })
}

fn written(user: &User, generation: &str) -> Item {
    let mut item = key(USERS, &user.name);
    item.extend([
        (HASH.to_owned(), text(&user.password_hash)),
        (ROLE.to_owned(), text(user.role.as_str())),
        (DISABLED.to_owned(), AttributeValue::Bool(user.disabled)),
        (GENERATION.to_owned(), text(generation)),
    ]);
    put_some(&mut item, SIGHT, user.sight.to_text().map(text));
    item
}

/// Another one than any before.
fn generation() -> Result<String, CatalogError> {
    let random = || getrandom::u64().map_err(|error| CatalogError::Unavailable(error.to_string()));
    Ok(format!("{:016x}{:016x}", random()?, random()?))
}

fn storable(name: &str) -> Result<(), CatalogError> {
    if is_key(name) {
        return Ok(());
    }
    Err(CatalogError::Corrupt(format!("a name of {} bytes can't be kept: 1 to 1024 can", name.len())))
}

pub(super) async fn get(shelf: &Shelf, name: &str) -> Result<Option<Kept>, AccountsError> {
    shelf.get(USERS, name).await?.as_ref().map(read).transpose()
}

pub(super) async fn all(shelf: &Shelf) -> Result<Vec<User>, AccountsError> {
    shelf.all(USERS).await?.iter().map(|item| Ok(read(item)?.user)).collect()
}

pub(super) async fn put(shelf: &Shelf, user: &User) -> Result<(), AccountsError> {
    storable(&user.name)?;
    for round in 1..=ROUNDS_MAX {
        let there = get(shelf, &user.name).await?;
        let condition = there.as_ref().map_or_else(Condition::absent, still);
        let generation = next_generation(there, user)?;
        // A try whose answer was lost is seen as done when the user is read again, or done once more.
        if shelf.put_if(written(user, &generation), &condition).await? {
            return Ok(());
        }
        pause(round).await;
    }
    Err(CatalogError::Unavailable(format!("too many writers of the user {:?} at once", user.name)))
}

/// Whether the user is still as read, in all that is kept of them.
fn still(there: &Kept) -> Condition {
    let mut values = Item::from([
        (":generation".to_owned(), text(&there.generation)),
        (":hash".to_owned(), text(&there.user.password_hash)),
        (":role".to_owned(), text(there.user.role.as_str())),
        (":disabled".to_owned(), AttributeValue::Bool(there.user.disabled)),
    ]);
    let sight = there.user.sight.to_text();
    let text_of = if sight.is_some() {
        "generation = :generation AND password_hash = :hash AND user_role = :role AND is_disabled = :disabled \
         AND seen_cameras = :sight"
    } else {
        "generation = :generation AND password_hash = :hash AND user_role = :role AND is_disabled = :disabled \
         AND attribute_not_exists(seen_cameras)"
    };
    put_some(&mut values, ":sight", sight.map(text));
    Condition { text: text_of, values }
}

/// Another one where their sessions end.
fn next_generation(there: Option<Kept>, user: &User) -> Result<String, CatalogError> {
    match there {
        Some(there) if !user.disabled && there.user.password_hash == user.password_hash => {
            Ok(there.generation)
        }
        _ => generation(),
    }
}

pub(super) async fn change(shelf: &Shelf, before: &User, after: &User) -> Result<bool, AccountsError> {
    let Some(there) = get(shelf, &before.name).await?.filter(|there| there.user == *before) else {
        return Ok(false);
    };
    let condition = still(&there);
    let generation = next_generation(Some(there), after)?;
    if shelf.put_if(written(after, &generation), &condition).await? {
        return Ok(true);
    }
    // Ours after all, where only the answer was lost.
    let now = get(shelf, &before.name).await?;
    Ok(now.is_some_and(|now| now.user == *after && now.generation == generation))
}

pub(super) async fn add(shelf: &Shelf, user: &User) -> Result<bool, AccountsError> {
    storable(&user.name)?;
    let generation = generation()?;
    if shelf.put_if(written(user, &generation), &Condition::absent()).await? {
        return Ok(true);
    }
    // Ours after all, where only the answer was lost.
    Ok(get(shelf, &user.name).await?.is_some_and(|there| there.generation == generation))
}

fn read_ftp(item: &Item) -> Result<FtpAccount, CatalogError> {
    Ok(FtpAccount {
        user: get_text(item, META_KEY.1)?.to_owned(),
        password_hash: get_text(item, HASH)?.to_owned(),
        camera: get_text(item, CAMERA)?.to_owned(),
    })
}

fn written_ftp(account: &FtpAccount) -> Item {
    let mut item = key(FTP, &account.user);
    item.extend([
        (HASH.to_owned(), text(&account.password_hash)),
        (CAMERA.to_owned(), text(&account.camera)),
    ]);
    item
}

pub(super) async fn ftp_all(shelf: &Shelf) -> Result<Vec<FtpAccount>, AccountsError> {
    shelf.all(FTP).await?.iter().map(read_ftp).collect()
}

pub(super) async fn put_ftp(shelf: &Shelf, account: &FtpAccount) -> Result<(), AccountsError> {
    storable(&account.user)?;
    shelf.put(written_ftp(account)).await
}

pub(super) async fn add_ftp(shelf: &Shelf, account: &FtpAccount) -> Result<bool, AccountsError> {
    storable(&account.user)?;
    if shelf.put_if(written_ftp(account), &Condition::absent()).await? {
        return Ok(true);
    }
    // The hash has a random salt: the same one is ours, of a try whose answer was lost.
    let there = shelf.get(FTP, &account.user).await?;
    Ok(there.as_ref().map(read_ftp).transpose()?.is_some_and(|there| there == *account))
}
