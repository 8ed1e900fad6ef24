//! Browsers that asked for Web Push: the part `push`, one item a browser.

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{CatalogError, PUSH_MAX, PUSH_PER_USER_MAX, PushSubscription, PushSubscriptions},
};
use data_encoding::BASE64URL_NOPAD;

use super::{
    DynamoAccounts,
    shelf::{Condition, key},
};
use crate::{
    attributes::{Item, corrupt, get_number, get_text, number, text},
    tables::META_KEY,
};

const PART: &str = "push";
const USER: &str = "push_user";
const ENDPOINT: &str = "push_endpoint";
const P256DH: &str = "push_p256dh";
const AUTH: &str = "push_auth";
const MADE: &str = "made_at";

fn read(item: &Item) -> Result<PushSubscription, CatalogError> {
    let bytes = |name: &str| {
        BASE64URL_NOPAD.decode(get_text(item, name)?.as_bytes()).map_err(|_| corrupt(item, name))
    };
    Ok(PushSubscription {
        id: get_text(item, META_KEY.1)?.to_owned(),
        user: get_text(item, USER)?.to_owned(),
        endpoint: get_text(item, ENDPOINT)?.to_owned(),
        p256dh: bytes(P256DH)?,
        auth: bytes(AUTH)?,
        created_at: Millis(get_number(item, MADE)?),
    })
}

#[async_trait]
impl PushSubscriptions for DynamoAccounts {
    async fn put_push(&self, subscription: &PushSubscription) -> Result<(), CatalogError> {
        let mut item = key(PART, &subscription.id);
        item.extend([
            (USER.to_owned(), text(&subscription.user)),
            (ENDPOINT.to_owned(), text(&subscription.endpoint)),
            (P256DH.to_owned(), text(BASE64URL_NOPAD.encode(&subscription.p256dh))),
            (AUTH.to_owned(), text(BASE64URL_NOPAD.encode(&subscription.auth))),
            (MADE.to_owned(), number(subscription.created_at.0)),
        ]);
        self.shelf.put(item).await?;
        let mut theirs = self.push_subscriptions().await?;
        theirs.retain(|one| one.user == subscription.user);
        theirs.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        for old in theirs.iter().skip(PUSH_PER_USER_MAX) {
            self.remove_push(&old.id, Some(&old.user)).await?;
        }
        Ok(())
    }

    async fn push_subscriptions(&self) -> Result<Vec<PushSubscription>, CatalogError> {
        // In the order of their keys, which are their ids.
        self.shelf.all(PART).await?.iter().take(PUSH_MAX).map(read).collect()
    }

    async fn remove_push(&self, id: &str, user: Option<&str>) -> Result<bool, CatalogError> {
        // Looked at before: a try whose answer was lost finds nothing the second time.
        let Some(item) = self.shelf.get(PART, id).await? else { return Ok(false) };
        let Some(user) = user else { return self.shelf.delete(key(PART, id)).await.map(|()| true) };
        if get_text(&item, USER)? != user {
            return Ok(false);
        }
        let theirs =
            Condition { text: "push_user = :user", values: Item::from([(":user".to_owned(), text(user))]) };
        self.shelf.delete_if(key(PART, id), &theirs).await.map(|()| true)
    }
}
