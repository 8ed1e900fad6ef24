//! Public links to one event each: only their digests.
//!
//! Owns the part `shares`, one item a share: reached by its id, listed in one query (the API keeps their number small).

use async_trait::async_trait;
use camtrail_model::{
    Digest, EventId, Millis,
    ports::{CatalogError, Openings, Share, Shares},
};

use super::{
    DynamoAccounts,
    shelf::{Condition, key},
};
use crate::attributes::{
    Item, corrupt, get_number, get_number_opt, get_text, get_text_opt, number, put_some, text,
};

const PART: &str = "shares";
const DIGEST: &str = "token_sha256";
const EVENT: &str = "event_id";
const BY: &str = "made_by";
const MADE: &str = "made_at";
const ENDS: &str = "ends_at";
const REVOKED: &str = "revoked_at";
const NOTE: &str = "share_note";
const OPENED: &str = "opened_count";
const REFUSED: &str = "refused_count";
const LAST: &str = "last_opened_at";

fn read(item: &Item) -> Result<Share, CatalogError> {
    let Some(Digest(token_sha256)) = Digest::parse(get_text(item, DIGEST)?) else {
        // The digest itself is in no message.
        return Err(corrupt(&Item::new(), DIGEST));
    };
    let millis = |name| get_number_opt(item, name).map(|at| at.map(Millis));
    Ok(Share {
        token_sha256,
        event: EventId::parse(get_text(item, EVENT)?).ok_or_else(|| corrupt(item, EVENT))?,
        by: get_text(item, BY)?.to_owned(),
        created_at: Millis(get_number(item, MADE)?),
        expires_at: Millis(get_number(item, ENDS)?),
        revoked_at: millis(REVOKED)?,
        note: get_text_opt(item, NOTE)?.map(str::to_owned),
        openings: Openings {
            opened: get_number_opt(item, OPENED)?.unwrap_or(0),
            refused: get_number_opt(item, REFUSED)?.unwrap_or(0),
            last_at: millis(LAST)?,
        },
    })
}

#[async_trait]
impl Shares for DynamoAccounts {
    async fn put_share(&self, share: &Share) -> Result<(), CatalogError> {
        let mut item = key(PART, &share.id());
        item.extend([
            (DIGEST.to_owned(), text(Digest(share.token_sha256).to_string())),
            (EVENT.to_owned(), text(share.event.to_string())),
            (BY.to_owned(), text(&share.by)),
            (MADE.to_owned(), number(share.created_at.0)),
            (ENDS.to_owned(), number(share.expires_at.0)),
        ]);
        put_some(&mut item, NOTE, share.note.as_ref().map(text));
        // Of 256 random bits: what is there already is ours, of a try whose answer was lost.
        self.shelf.put_if(item, &Condition::absent()).await.map(|_| ())
    }

    async fn share(&self, id: &str) -> Result<Option<Share>, CatalogError> {
        self.shelf.get(PART, id).await?.as_ref().map(read).transpose()
    }

    async fn shares(&self) -> Result<Vec<Share>, CatalogError> {
        let mut shares = self.shelf.all(PART).await?.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        shares.sort_by_cached_key(|share| (std::cmp::Reverse(share.created_at), share.id()));
        Ok(shares)
    }

    async fn revoke_share(&self, id: &str, at: Millis) -> Result<bool, CatalogError> {
        let is_open = self.share(id).await?.is_some_and(|share| share.revoked_at.is_none());
        if !is_open {
            return Ok(false);
        }
        // The first one's time stays, whoever else revokes it just now.
        let values = Item::from([(":at".to_owned(), number(at.0))]);
        self.shelf.change(key(PART, id), "SET revoked_at = if_not_exists(revoked_at, :at)", values).await
    }

    async fn count_opening(&self, id: &str, at: Millis, refused: bool) -> Result<(), CatalogError> {
        if !super::shelf::is_key(id) {
            return Ok(());
        }
        // Counted twice where only the answer was lost: a count for people, no right depends on it.
        let one = (":one".to_owned(), number(1));
        if refused {
            self.shelf.change(key(PART, id), "ADD refused_count :one", Item::from([one])).await?;
        } else {
            let values = Item::from([one, (":at".to_owned(), number(at.0))]);
            let change = "SET last_opened_at = :at ADD opened_count :one";
            self.shelf.change(key(PART, id), change, values).await?;
        }
        Ok(())
    }

    async fn forget_share(&self, id: &str) -> Result<(), CatalogError> {
        self.shelf.delete(key(PART, id)).await
    }
}
