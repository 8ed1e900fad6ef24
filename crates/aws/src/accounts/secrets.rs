//! Secrets that all processes share: the first writer's stays.

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use camtrail_model::ports::CatalogError;

use super::shelf::{Condition, Shelf, key};
use crate::attributes::{Item, corrupt};

const PART: &str = "secrets";
const VALUE: &str = "secret_value";

fn read(item: &Item) -> Result<Vec<u8>, CatalogError> {
    match item.get(VALUE) {
        Some(AttributeValue::B(value)) => Ok(value.as_ref().to_vec()),
        // The value itself is in no message.
        _ => Err(corrupt(&Item::new(), VALUE)),
    }
}

pub(super) async fn secret(shelf: &Shelf, name: &str, fresh: &[u8]) -> Result<Vec<u8>, CatalogError> {
    if let Some(item) = shelf.get(PART, name).await? {
        return read(&item);
    }
    let mut item = key(PART, name);
    item.insert(VALUE.to_owned(), AttributeValue::B(Blob::new(fresh)));
    if shelf.put_if(item, &Condition::absent()).await? {
        return Ok(fresh.to_vec());
    }
    // Another's; or ours, of a try whose answer was lost.
    match shelf.get(PART, name).await? {
        Some(item) => read(&item),
        None => Err(CatalogError::Unavailable(format!("the secret {name:?} was there and is gone"))),
    }
}
