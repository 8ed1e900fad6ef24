//! Reading and writing attributes.
//!
//! Promises: what is there but of another type, or out of range, is said with its name and never guessed.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use camtrail_model::ports::CatalogError;

/// An item, as the SDK gives and takes it.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Puts a value where there is one.
pub(crate) fn put_some(item: &mut Item, name: &str, value: Option<AttributeValue>) {
    if let Some(value) = value {
        item.insert(name.to_owned(), value);
    }
}

pub(crate) fn get_text<'a>(item: &'a Item, name: &str) -> Result<&'a str, CatalogError> {
    get_text_opt(item, name)?.ok_or_else(|| corrupt(item, name))
}

pub(crate) fn get_text_opt<'a>(item: &'a Item, name: &str) -> Result<Option<&'a str>, CatalogError> {
    match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::S(text)) => Ok(Some(text)),
        Some(_) => Err(corrupt(item, name)),
    }
}

pub(crate) fn get_number<T: std::str::FromStr>(item: &Item, name: &str) -> Result<T, CatalogError> {
    get_number_opt(item, name)?.ok_or_else(|| corrupt(item, name))
}

pub(crate) fn get_number_opt<T: std::str::FromStr>(
    item: &Item,
    name: &str,
) -> Result<Option<T>, CatalogError> {
    match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::N(digits)) => digits.parse().map(Some).map_err(|_| corrupt(item, name)),
        Some(_) => Err(corrupt(item, name)),
    }
}

pub(crate) fn get_bool(item: &Item, name: &str) -> Result<bool, CatalogError> {
    match item.get(name) {
        None => Ok(false),
        Some(AttributeValue::Bool(value)) => Ok(*value),
        Some(_) => Err(corrupt(item, name)),
    }
}

/// An attribute that can't be read.
pub(crate) fn corrupt(item: &Item, name: &str) -> CatalogError {
    let key = item.get("object_key").and_then(|value| value.as_s().ok());
    CatalogError::Corrupt(format!("{name} of {key:?}: found {:?}", item.get(name)))
}
