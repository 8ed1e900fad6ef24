//! Wrong sign-ins, counted for all processes.
//!
//! Owns the parts `failures#KEY`, one a key: a stranger who guesses keeps one partition busy, nobody else's. The
//! table forgets them by itself.

use async_trait::async_trait;
use camtrail_model::{
    Millis,
    ports::{CatalogError, Failures, SignInFailures},
};

use super::{
    DynamoAccounts,
    shelf::{Condition, key},
};
use crate::{
    attributes::{Item, get_number, number},
    tables::EXPIRES_AT,
};

const ITEM: &str = "failures";
const COUNT: &str = "failed";
const LAST: &str = "failed_at";

fn part(key: &str) -> String {
    format!("failures#{key}")
}

#[async_trait]
impl SignInFailures for DynamoAccounts {
    async fn failures(&self, key: &str) -> Result<Option<Failures>, CatalogError> {
        let Some(item) = self.shelf.get(&part(key), ITEM).await? else { return Ok(None) };
        Ok(Some(Failures { count: get_number(&item, COUNT)?, last: Millis(get_number(&item, LAST)?) }))
    }

    async fn replace(
        &self,
        key_: &str,
        seen: Option<Failures>,
        new: Failures,
        forget_at: Millis,
    ) -> Result<bool, CatalogError> {
        let mut item = key(&part(key_), ITEM);
        item.extend([
            (COUNT.to_owned(), number(new.count)),
            (LAST.to_owned(), number(new.last.0)),
            (EXPIRES_AT.to_owned(), number(forget_at.0.div_euclid(1_000) + 1)),
        ]);
        let condition = match seen {
            None => Condition::absent(),
            Some(seen) => Condition {
                text: "failed = :count AND failed_at = :last",
                values: Item::from([
                    (":count".to_owned(), number(seen.count)),
                    (":last".to_owned(), number(seen.last.0)),
                ]),
            },
        };
        // Where only the answer was lost, the caller looks and counts once more: a wait too long, never too short.
        self.shelf.put_if(item, &condition).await
    }

    async fn forgive(&self, key_: &str) -> Result<(), CatalogError> {
        self.shelf.delete(key(&part(key_), ITEM)).await
    }
}
