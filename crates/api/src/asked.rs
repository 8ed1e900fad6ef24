//! What a query says, or a problem that says what is wrong with it.

use axum::{extract::FromRequestParts, http::request::Parts};
use axum_extra::extract::Query;
use serde::de::DeserializeOwned;

use crate::{problem::Problem, state::Api};

/// The parameters of a call. A parameter without a value is wrong: whoever leaves a filter empty must not get everything.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        if let Some(name) = query.split('&').filter(|pair| !pair.is_empty()).find_map(without_value) {
            let detail = format!("{name}: found nothing behind it, expected a value, or no {name} at all");
            return Err(Problem::bad_request(detail));
        }
        match Query::from_request_parts(parts, api).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(Problem::bad_request(error.body_text())),
        }
    }
}

/// The name in a pair that has no value.
fn without_value(pair: &str) -> Option<&str> {
    match pair.split_once('=') {
        Some((name, "")) => Some(name),
        Some(_) => None,
        None => Some(pair),
    }
}
