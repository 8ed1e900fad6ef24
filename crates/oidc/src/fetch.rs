//! Requests to the provider: bounded in time and size, without redirects.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode, Url, redirect::Policy};
use serde::de::DeserializeOwned;

use crate::{Refusal, config::is_safe};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A person waits.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Documents, keys and tokens are a few kilobytes.
const ANSWER_MAX_BYTES: usize = 256 * 1024;

/// The way to the provider.
#[derive(Debug, Clone)]
pub(crate) struct Fetch(Client);

impl Fetch {
    pub(crate) fn new() -> Result<Self, Refusal> {
        let client = Client::builder()
            .user_agent(concat!("camtrail/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            .redirect(Policy::none())
            .build();
        client.map(Self).map_err(|error| Refusal::Provider(error.to_string()))
    }

    /// An address of the provider's, where nobody can listen.
    pub(crate) fn address(what: &str, text: &str) -> Result<Url, Refusal> {
        let url = Url::parse(text).ok().filter(is_safe);
        url.ok_or_else(|| Refusal::Provider(format!("its {what} is {text:?}, expected an https address")))
    }

    pub(crate) fn get(&self, url: Url) -> RequestBuilder {
        self.0.get(url)
    }

    pub(crate) fn post(&self, url: Url, form: &[(&str, &str)]) -> RequestBuilder {
        let kind = "application/x-www-form-urlencoded";
        self.0.post(url).header(reqwest::header::CONTENT_TYPE, kind).body(encoded(form))
    }

    /// Sends it; `what` is for messages.
    pub(crate) async fn answer(
        what: &str,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Vec<u8>), Refusal> {
        let failed =
            |error: reqwest::Error| Refusal::Provider(format!("its {what} can't be had: {}", cause(&error)));
        let mut response = request.header("accept", "application/json").send().await.map_err(failed)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            if body.len() + part.len() > ANSWER_MAX_BYTES {
                return Err(Refusal::Provider(format!("its {what} is longer than {ANSWER_MAX_BYTES} bytes")));
            }
            body.extend_from_slice(&part);
        }
        Ok((status, body))
    }

    /// Sends it and reads JSON from a 200.
    pub(crate) async fn json<T: DeserializeOwned>(what: &str, request: RequestBuilder) -> Result<T, Refusal> {
        let (status, body) = Self::answer(what, request).await?;
        if status != StatusCode::OK {
            return Err(Refusal::Provider(format!("its {what} is answered with {status}, expected 200")));
        }
        serde_json::from_slice(&body)
            .map_err(|error| Refusal::Provider(format!("its {what} can't be read: {error}")))
    }
}

/// As a form is written.
pub(crate) fn encoded(form: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse("x:/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(form);
    url.query().unwrap_or_default().to_owned()
}

/// The deepest reason: "connection refused" instead of "error sending request".
fn cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
