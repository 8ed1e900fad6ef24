//! The tables with their client and settings, and the few ways to read one item.

use std::{collections::HashMap, sync::Arc, time::Instant};

use aws_sdk_dynamodb::{
    Client,
    types::{Delete, Put, TransactWriteItem, Update, builders::UpdateBuilder},
};
use camtrail_model::{ObjectBase, ports::CatalogError};

use crate::{
    article::Seen,
    attributes::{Item, text},
    call::{Failure, built, judge_transaction, retrying, retrying_by},
    tables::{META_KEY, Tables},
};

/// What every part of the catalog works on.
#[derive(Debug, Clone)]
pub(crate) struct Db {
    pub(crate) client: Client,
    pub(crate) tables: Tables,
    pub(crate) base: ObjectBase,
    pub(crate) shards: u16,
    pub(crate) retention_days: u32,
    pub(crate) article: Arc<Seen>,
}

/// An item of `camtrail_meta` with its key.
pub(crate) fn meta_item(part: impl Into<String>, item: impl Into<String>) -> Item {
    Item::from([(META_KEY.0.to_owned(), text(part)), (META_KEY.1.to_owned(), text(item))])
}

impl Db {
    /// One item, as it is now.
    pub(crate) async fn item(&self, table: String, key: Item) -> Result<Option<Item>, CatalogError> {
        let call = self.client.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
        Ok(retrying(|| call.clone().send()).await?.item)
    }

    /// One item of `camtrail_meta`.
    pub(crate) async fn meta_item(&self, part: &str, item: &str) -> Result<Option<Item>, CatalogError> {
        self.item(self.tables.meta(), meta_item(part, item)).await
    }

    /// All items of a part of `camtrail_meta` with keys from `low` to `high`. For parts that are small by nature.
    pub(crate) async fn meta_range(
        &self,
        part: &str,
        low: &str,
        high: &str,
    ) -> Result<Vec<Item>, CatalogError> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let call = self
                .client
                .query()
                .table_name(self.tables.meta())
                .consistent_read(true)
                .key_condition_expression("#p = :p AND #i BETWEEN :low AND :high")
                .expression_attribute_names("#p", META_KEY.0)
                .expression_attribute_names("#i", META_KEY.1)
                .expression_attribute_values(":p", text(part))
                .expression_attribute_values(":low", text(low))
                .expression_attribute_values(":high", text(high))
                .set_exclusive_start_key(start);
            let answer = retrying(|| call.clone().send()).await?;
            items.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// All or nothing, begun before `deadline`. Every try has the same idempotency token, so one whose answer was lost
    /// is not done twice.
    pub(crate) async fn transact(
        &self,
        writes: Vec<TransactWriteItem>,
        deadline: Instant,
    ) -> Result<(), Failure> {
        // Before the first try, too: taking the numbers, and what was done meanwhile, may have taken long.
        if Instant::now() >= deadline {
            return Err(Failure::Late("the change's number has grown too old to be used".to_owned()));
        }
        let token = token();
        let call = self
            .client
            .transact_write_items()
            .set_transact_items(Some(writes))
            .set_client_request_token(token);
        let judge = |error: &_| match judge_transaction(error) {
            Failure::Passing(why) if Instant::now() >= deadline => Failure::Late(why),
            failure => failure,
        };
        retrying_by(|| call.clone().send(), judge).await.map(|_| ())
    }

    /// A member of a transaction that changes an item of `camtrail_meta`.
    pub(crate) fn meta_update(&self, part: &str, item: &str) -> UpdateBuilder {
        Update::builder().table_name(self.tables.meta()).set_key(Some(meta_item(part, item)))
    }
}

/// Thirty-six characters at most, as DynamoDB wants; `None` (the SDK makes one a try) where there is no randomness.
fn token() -> Option<String> {
    let (high, low) = (getrandom::u64().ok()?, getrandom::u64().ok()?);
    Some(format!("{high:016x}{low:016x}"))
}

/// A member of a transaction that puts a whole item.
pub(crate) fn put(
    table: String,
    item: Item,
    condition: &str,
    values: Item,
    names: &[(&str, &str)],
) -> Result<TransactWriteItem, CatalogError> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression(condition)
        .set_expression_attribute_names(some_names(names))
        .set_expression_attribute_values((!values.is_empty()).then_some(values));
    Ok(TransactWriteItem::builder().put(built(put.build())?).build())
}

/// A member of a transaction that removes an item.
pub(crate) fn delete(
    table: String,
    key: Item,
    condition: &str,
    values: Item,
) -> Result<TransactWriteItem, CatalogError> {
    let delete = Delete::builder()
        .table_name(table)
        .set_key(Some(key))
        .condition_expression(condition)
        .set_expression_attribute_values((!values.is_empty()).then_some(values));
    Ok(TransactWriteItem::builder().delete(built(delete.build())?).build())
}

fn some_names(names: &[(&str, &str)]) -> Option<HashMap<String, String>> {
    let names: HashMap<_, _> =
        names.iter().map(|(alias, name)| ((*alias).to_owned(), (*name).to_owned())).collect();
    (!names.is_empty()).then_some(names)
}

/// A member of a transaction that changes an item.
pub(crate) fn update(builder: UpdateBuilder) -> Result<TransactWriteItem, CatalogError> {
    Ok(TransactWriteItem::builder().update(built(builder.build())?).build())
}
