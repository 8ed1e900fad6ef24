//! The table with its client, and the few ways to read and write one item.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use camtrail_model::ports::CatalogError;

use crate::{
    attributes::{Item, text},
    call::{Failure, retrying},
    tables::META_KEY,
};

/// DynamoDB's bound for what we use as a sort key; longer is nobody's.
const ITEM_MAX_BYTES: usize = 1_024;

/// What an item must be for a write to happen: an expression, its values, and other names for reserved words.
#[derive(Debug, Default)]
pub(super) struct Condition {
    pub(super) text: &'static str,
    pub(super) values: Item,
}

impl Condition {
    /// There is no such item yet.
    pub(super) fn absent() -> Self {
        Self { text: "attribute_not_exists(#key)", values: Item::new() }
    }

    /// Whether its text speaks of the key, which is a reserved word.
    fn names(&self) -> Option<HashMap<String, String>> {
        self.text.contains("#key").then(|| HashMap::from([("#key".to_owned(), META_KEY.0.to_owned())]))
    }

    fn values(&self) -> Option<Item> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

/// The table.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) client: Client,
    pub(super) table: String,
}

/// Whether a text can be a key's second half at all.
pub(super) fn is_key(item: &str) -> bool {
    (1..=ITEM_MAX_BYTES).contains(&item.len())
}

/// A key.
pub(super) fn key(part: &str, item: &str) -> Item {
    Item::from([(META_KEY.0.to_owned(), text(part)), (META_KEY.1.to_owned(), text(item))])
}

/// What a digest is called in a key: lower-case hex.
pub(super) fn hex(bytes: &[u8; 32]) -> String {
    camtrail_model::Digest(*bytes).to_string()
}

impl Shelf {
    /// One item, as it is now.
    pub(super) async fn get(&self, part: &str, item: &str) -> Result<Option<Item>, CatalogError> {
        if !is_key(item) {
            return Ok(None);
        }
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(part, item)))
            .consistent_read(true);
        Ok(retrying(|| call.clone().send()).await?.item)
    }

    /// All items of a part. For parts that are small by nature.
    pub(super) async fn all(&self, part: &str) -> Result<Vec<Item>, CatalogError> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let call = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("#p = :p")
                .expression_attribute_names("#p", META_KEY.0)
                .expression_attribute_values(":p", text(part))
                .set_exclusive_start_key(start);
            let answer = retrying(|| call.clone().send()).await?;
            items.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// Puts an item whatever was there.
    pub(super) async fn put(&self, item: Item) -> Result<(), CatalogError> {
        let call = self.client.put_item().table_name(&self.table).set_item(Some(item));
        retrying(|| call.clone().send()).await?;
        Ok(())
    }

    /// Puts an item if `condition` holds. False: it didn't hold, or it held at a try whose answer was lost.
    pub(super) async fn put_if(&self, item: Item, condition: &Condition) -> Result<bool, CatalogError> {
        let call = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition.text)
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values());
        held(retrying(|| call.clone().send()).await.map(|_| ()))
    }

    /// Changes an item that is there; false: there is none.
    pub(super) async fn change(&self, key: Item, change: &str, values: Item) -> Result<bool, CatalogError> {
        let call = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .update_expression(change)
            .condition_expression("attribute_exists(#key)")
            .expression_attribute_names("#key", META_KEY.0)
            .set_expression_attribute_values(Some(values));
        held(retrying(|| call.clone().send()).await.map(|_| ()))
    }

    /// Removes an item that is there; false: there is none (or the answer of the try that removed it was lost).
    pub(super) async fn delete(&self, key: Item) -> Result<bool, CatalogError> {
        let call = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .condition_expression("attribute_exists(#key)")
            .expression_attribute_names("#key", META_KEY.0);
        held(retrying(|| call.clone().send()).await.map(|_| ()))
    }
}

fn held(outcome: Result<(), Failure>) -> Result<bool, CatalogError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Failure::Condition(_)) => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}
