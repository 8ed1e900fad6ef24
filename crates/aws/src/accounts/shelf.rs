//! The table with its client, and the few ways to read and write one item.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, KeysAndAttributes},
};
use camtrail_model::{Order, ports::CatalogError};

use crate::{
    attributes::{Item, text},
    call::{Failure, built, pause, retrying},
    tables::META_KEY,
};

/// DynamoDB's bound for what we use as a sort key; longer is nobody's.
const ITEM_MAX_BYTES: usize = 1_024;
/// DynamoDB's bound for keys in one read.
pub(super) const BATCH_MAX: usize = 100;
/// How often a busy server is asked for what it left out.
const BUSY_ROUNDS_MAX: u32 = 9;

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

    /// The items of these keys, in no order; what isn't there is left out. No key may stand twice.
    pub(super) async fn many(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, CatalogError> {
        let (mut items, mut rounds) = (Vec::new(), 0);
        while !keys.is_empty() {
            let rest = keys.split_off(keys.len().min(BATCH_MAX));
            let wanted =
                built(KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build())?;
            let call = self.client.batch_get_item().request_items(&self.table, wanted);
            let answer = retrying(|| call.clone().send()).await?;
            items.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
            // A server that is busy answers a part; the rest is asked for again, and not for ever.
            let again: Vec<_> =
                answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, keys)| keys.keys).collect();
            if !again.is_empty() {
                rounds += 1;
                if rounds == BUSY_ROUNDS_MAX {
                    return Err(CatalogError::Unavailable("the table is too busy to read from".to_owned()));
                }
                pause(rounds).await;
            }
            keys = again;
            keys.extend(rest);
        }
        Ok(items)
    }

    /// The next items of a part strictly behind `low`, `count` at most, and whether they are the last.
    pub(super) async fn behind(
        &self,
        part: &str,
        low: &str,
        count: usize,
    ) -> Result<(Vec<Item>, bool), CatalogError> {
        let call = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#p = :p AND #i > :low")
            .expression_attribute_names("#p", META_KEY.0)
            .expression_attribute_names("#i", META_KEY.1)
            .expression_attribute_values(":p", text(part))
            .expression_attribute_values(":low", text(low))
            .limit(i32::try_from(count).unwrap_or(i32::MAX));
        let answer = retrying(|| call.clone().send()).await?;
        let is_end = answer.last_evaluated_key.is_none();
        Ok((answer.items.unwrap_or_default(), is_end))
    }

    /// The items of a part from `low` and before `high`, the last ones first, `count` at most.
    pub(super) async fn newest_between(
        &self,
        part: &str,
        low: &str,
        high: &str,
        count: usize,
    ) -> Result<Vec<Item>, CatalogError> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            // BETWEEN takes both ends: `high` itself is dropped below.
            let call = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("#p = :p AND #i BETWEEN :low AND :high")
                .expression_attribute_names("#p", META_KEY.0)
                .expression_attribute_names("#i", META_KEY.1)
                .expression_attribute_values(":p", text(part))
                .expression_attribute_values(":low", text(low))
                .expression_attribute_values(":high", text(high))
                .scan_index_forward(false)
                .limit(i32::try_from(count + 1).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start);
            let answer = retrying(|| call.clone().send()).await?;
            let is_high =
                |item: &Item| item.get(META_KEY.1).and_then(|i| i.as_s().ok()).is_some_and(|i| i == high);
            items.extend(answer.items.into_iter().flatten().filter(|item| !is_high(item)));
            start = answer.last_evaluated_key;
            if start.is_none() || items.len() >= count {
                items.truncate(count);
                return Ok(items);
            }
        }
    }

    /// The first item of a part strictly behind `after`, in an order of its keys, whose flag says `value`.
    pub(super) async fn first_where(
        &self,
        part: &str,
        order: Order,
        after: &str,
        (flag, value): (&str, bool),
    ) -> Result<Option<Item>, CatalogError> {
        let beyond = if order == Order::NewestFirst { "<" } else { ">" };
        let mut start = None;
        loop {
            let call = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression(format!("#p = :p AND #i {beyond} :after"))
                .filter_expression("#flag = :value")
                .expression_attribute_names("#p", META_KEY.0)
                .expression_attribute_names("#i", META_KEY.1)
                .expression_attribute_names("#flag", flag)
                .expression_attribute_values(":p", text(part))
                .expression_attribute_values(":after", text(after))
                .expression_attribute_values(":value", AttributeValue::Bool(value))
                .scan_index_forward(order == Order::OldestFirst)
                .set_exclusive_start_key(start);
            let answer = retrying(|| call.clone().send()).await?;
            start = answer.last_evaluated_key;
            let first = answer.items.into_iter().flatten().next();
            if first.is_some() || start.is_none() {
                return Ok(first);
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

    /// Removes an item if it is as `condition` wants it.
    pub(super) async fn delete_if(&self, key: Item, condition: &Condition) -> Result<(), CatalogError> {
        let call = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .condition_expression(condition.text)
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values());
        held(retrying(|| call.clone().send()).await.map(|_| ())).map(|_| ())
    }

    /// Removes an item that is there; false: there is none, or it went at a try whose answer was lost.
    pub(super) async fn take(&self, key: Item) -> Result<bool, CatalogError> {
        let call = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .condition_expression("attribute_exists(#key)")
            .expression_attribute_names("#key", META_KEY.0);
        held(retrying(|| call.clone().send()).await.map(|_| ()))
    }

    /// Removes an item, if there is one.
    pub(super) async fn delete(&self, key: Item) -> Result<(), CatalogError> {
        let call = self.client.delete_item().table_name(&self.table).set_key(Some(key));
        Ok(retrying(|| call.clone().send()).await.map(|_| ())?)
    }
}

fn held(outcome: Result<(), Failure>) -> Result<bool, CatalogError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Failure::Condition(_)) => Ok(false),
        Err(failure) => Err(failure.into()),
    }
}
