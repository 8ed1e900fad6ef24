//! Tells a `camtrail serve` elsewhere of every object that this gateway stores.
//!
//! Owns the other end's webhook as an [`ArrivalSink`]: `POST …/api/v1/arrivals` with a notification in S3's own form.
//! Promises: Ok only when the other end says that its catalog knows; anything else is tried again by the shipper, as
//! often as it takes. Refuses: to follow a redirect with its token.

use std::{fmt::Write, time::Duration};

use async_trait::async_trait;
use camtrail_auth::Token;
use camtrail_model::{
    DerivedFiles, DerivedKey, ObjectKey,
    ports::{ArrivalError, ArrivalSink},
};
use reqwest::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;

/// Where the webhook stands below the other end's address.
const PATH: &str = "/api/v1/arrivals";
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The other end answers within 30 seconds, whatever its own store does.
const ANSWER_LIMIT: Duration = Duration::from_secs(40);
/// How much of an answer is read: a result is a few hundred bytes.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// The other end.
pub(crate) struct Announcer {
    client: reqwest::Client,
    url: String,
    token: Token,
    bucket: Option<String>,
}

/// What of its answer is of interest.
#[derive(Deserialize)]
struct Answer {
    results: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    outcome: String,
    reason: Option<String>,
}

/// What of a refusal is of interest (RFC 9457).
#[derive(Deserialize)]
struct Refusal {
    detail: String,
}

impl Announcer {
    /// Announces to `url` (with or without the webhook's path) what is put into `bucket`.
    pub(crate) fn new(url: &str, token: Token, bucket: Option<String>) -> anyhow::Result<Self> {
        let url = url.trim_end_matches('/');
        let url = if url.ends_with(PATH) { url.to_owned() } else { format!("{url}{PATH}") };
        let client = reqwest::Client::builder()
            .user_agent(concat!("camtrail/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_LIMIT)
            .timeout(ANSWER_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, url, token, bucket })
    }

    async fn announce(&self, key: &str) -> Result<(), ArrivalError> {
        let retry = |why: String| ArrivalError::Retry(format!("announcing to {}: {why}", self.url));
        let mut record = json!({
            "eventVersion": "2.1", "eventSource": "camtrail:gateway", "eventName": "ObjectCreated:Put",
            "s3": { "s3SchemaVersion": "1.0", "bucket": {}, "object": { "key": encoded(key) } },
        });
        if let Some(bucket) = &self.bucket {
            record["s3"]["bucket"]["name"] = json!(bucket);
        }
        let request = self
            .client
            .post(&self.url)
            .bearer_auth(self.token.text())
            .header(header::CONTENT_TYPE, "application/json")
            .body(json!({ "Records": [record] }).to_string());
        let mut response = request.send().await.map_err(|error| retry(cause(&error)))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| retry(cause(&error)))? {
            body.extend_from_slice(&piece);
            if body.len() > ANSWER_MAX_BYTES {
                return Err(retry(format!("its answer has more than {ANSWER_MAX_BYTES} bytes")));
            }
        }
        if status != StatusCode::OK {
            let why = serde_json::from_slice::<Refusal>(&body).map_or_else(|_| String::new(), |r| r.detail);
            return Err(retry(format!("it answers {status}. {why}")));
        }
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|error| retry(format!("its answer isn't a Camtrail's ({error})")))?;
        match &answer.results[..] {
            // It has another bucket or object base: nothing is known there, and nothing must be lost here.
            [told] if told.outcome == "skipped" || told.outcome == "failed" => {
                let why = told.reason.as_deref().unwrap_or_default();
                Err(retry(format!("it has {} the object: {why}", told.outcome)))
            }
            [told] => {
                // Right for a cut upload that gave way; else it looks into another store than ours.
                if told.outcome == "absent" {
                    tracing::warn!(
                        key,
                        url = self.url,
                        "the other end finds no such object: does it use the same bucket?"
                    );
                }
                Ok(())
            }
            results => Err(retry(format!("it answers {} results, expected one", results.len()))),
        }
    }
}

/// The last of all causes says it best.
fn cause(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}

/// As S3 writes keys into its notifications.
fn encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                text.push(char::from(byte));
            }
            b' ' => text.push('+'),
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

#[async_trait]
impl ArrivalSink for Announcer {
    async fn object_changed(&self, key: &ObjectKey) -> Result<(), ArrivalError> {
        self.announce(key.as_str()).await
    }

    async fn media_changed(&self, key: &ObjectKey) -> Result<(), ArrivalError> {
        self.announce(DerivedKey::new(key, DerivedFiles::Manifest).as_str()).await
    }

    async fn state_changed(&self, key: &ObjectKey) -> Result<(), ArrivalError> {
        self.announce(DerivedKey::new(key, DerivedFiles::State).as_str()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_s3_writes_them() {
        assert_eq!(encoded("a b+c/ü%(1).jpg"), "a+b%2Bc/%C3%BC%25%281%29.jpg");
    }

    #[test]
    fn the_webhooks_path_may_be_given_or_not() {
        let token = Token::from_text("x");
        for url in
            ["https://a.example/cams", "https://a.example/cams/", "https://a.example/cams/api/v1/arrivals"]
        {
            let announcer = Announcer::new(url, token.clone(), None).unwrap();
            assert_eq!(announcer.url, "https://a.example/cams/api/v1/arrivals");
        }
    }
}
