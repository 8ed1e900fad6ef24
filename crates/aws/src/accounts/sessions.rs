//! Signed-in browsers.
//!
//! Owns the parts `session#DIGEST`, one a session, so that they are spread over the table. A session is good as long
//! as its item says so *and* its user's generation is the one that it began with: both are read, consistently, at
//! every request. An ended session's item stays until its time is over, marked: a try of its beginning that comes late
//! can't bring it back.

use camtrail_model::{
    Millis,
    ports::{AccountsError, CatalogError, SessionRow, User},
};

use super::{
    shelf::{Condition, Shelf, hex, key},
    users,
};
use crate::{
    attributes::{Item, get_bool, get_number, get_text, number, text},
    tables::EXPIRES_AT,
};

const ITEM: &str = "session";
const USER: &str = "user_name";
const GENERATION: &str = "generation";
const BEGAN: &str = "began_at";
const ENDS: &str = "ends_at";
const ENDED: &str = "is_ended";

fn part(token_sha256: &[u8; 32]) -> String {
    format!("session#{}", hex(token_sha256))
}

/// Where the user changes while this runs, the session is begun in the old generation, which is worth nothing: as if
/// it had begun before, and ended.
pub(super) async fn begin(
    shelf: &Shelf,
    session: &SessionRow,
    password_hash: &str,
) -> Result<bool, AccountsError> {
    let Some(there) = users::get(shelf, &session.user).await? else { return Ok(false) };
    if there.user.disabled || there.user.password_hash != password_hash {
        return Ok(false);
    }
    let part = part(&session.token_sha256);
    let mut item = key(&part, ITEM);
    item.extend([
        (USER.to_owned(), text(&session.user)),
        (GENERATION.to_owned(), text(&there.generation)),
        (BEGAN.to_owned(), number(session.created_at.0)),
        (ENDS.to_owned(), number(session.expires_at.0)),
        // Rounded up: the table's own expiry only tidies up, and must not come first.
        (EXPIRES_AT.to_owned(), number(session.expires_at.0.div_euclid(1_000) + 1)),
    ]);
    if shelf.put_if(item.clone(), &Condition::absent()).await? {
        return Ok(true);
    }
    match shelf.get(&part, ITEM).await? {
        // Ours: only the answer was lost.
        Some(there) if there == item => Ok(true),
        _ => Err(CatalogError::Unavailable("there is a session of this token already".to_owned())),
    }
}

pub(super) async fn user(
    shelf: &Shelf,
    token_sha256: &[u8; 32],
    now: Millis,
) -> Result<Option<User>, AccountsError> {
    let Some(item) = shelf.get(&part(token_sha256), ITEM).await? else { return Ok(None) };
    if get_bool(&item, ENDED)? || get_number::<i64>(&item, ENDS)? <= now.0 {
        return Ok(None);
    }
    // In this order: a user who is read after the session can't be older than it.
    let there = users::get(shelf, get_text(&item, USER)?).await?;
    let generation = get_text(&item, GENERATION)?;
    Ok(there.filter(|there| there.generation == generation && !there.user.disabled).map(|there| there.user))
}

pub(super) async fn end(shelf: &Shelf, token_sha256: &[u8; 32]) -> Result<(), AccountsError> {
    let values = Item::from([(":yes".to_owned(), aws_sdk_dynamodb::types::AttributeValue::Bool(true))]);
    // Where there is none, there is nothing to end.
    shelf.change(key(&part(token_sha256), ITEM), "SET is_ended = :yes", values).await.map(|_| ())
}
