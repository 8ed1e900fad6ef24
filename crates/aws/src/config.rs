//! Where the tables are, and how they are used.

use std::{fmt, time::Duration};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{Client, config::Credentials};
use camtrail_model::ObjectBase;

/// One attempt of a call. A write is never larger than a few kilobytes.
const ATTEMPT_MAX: Duration = Duration::from_secs(4);
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// More shards are refused: each is a query of its own for every page.
pub const TIMELINE_SHARDS_MAX: u16 = 64;

/// Longer prefixes are refused: a table's name has 255 characters at most.
const TABLE_PREFIX_MAX: usize = 100;
/// What [`is_table_prefix`] wants, in words.
pub const TABLE_PREFIX_EXPECTED: &str = "up to 100 letters, digits and - _ .";

/// Whether tables' names may begin with `text`.
pub fn is_table_prefix(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.len() <= TABLE_PREFIX_MAX && text.chars().all(plain)
}

/// A fixed access key.
#[derive(Clone)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret, which is never shown.
    pub secret: String,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The settings of a [`crate::DynamoCatalog`].
#[derive(Debug, Clone)]
pub struct DynamoConfig {
    /// The region; `None`: the usual AWS chain decides.
    pub region: Option<String>,
    /// Another server than AWS's, such as `http://127.0.0.1:8000`; `None`: the chain
    /// (`AWS_ENDPOINT_URL_DYNAMODB`), then AWS.
    pub endpoint: Option<String>,
    /// A fixed key and its secret; `None`: the usual AWS chain.
    pub credentials: Option<AccessKey>,
    /// What every table's name begins with.
    pub table_prefix: String,
    /// Into how many partitions a day of new events is spread, 1 to [`TIMELINE_SHARDS_MAX`]. 1 keeps the
    /// article's keys; more is for sites of thousands of cameras (docs/design/dynamodb.md). May be changed at any
    /// time: each day remembers what it was written with.
    pub timeline_shards: u16,
    /// After how many days rows expire by themselves, counted from `stored_at`; 0: never.
    pub retention_days: u32,
    /// How many days later than that: where a bucket's own rule removes objects, rows that expire by themselves are the
    /// backstop behind it, and must not go first (nobody is told of those).
    pub expire_slack_days: u32,
    /// The folder that the object keys stand under.
    pub base: ObjectBase,
}

impl Default for DynamoConfig {
    fn default() -> Self {
        Self {
            region: None,
            endpoint: None,
            credentials: None,
            table_prefix: String::new(),
            timeline_shards: 1,
            retention_days: 30,
            expire_slack_days: 0,
            base: ObjectBase::default(),
        }
    }
}

impl DynamoConfig {
    /// A client for these settings. Contacts nobody but, where no region or key is given, the usual AWS chain.
    pub(crate) async fn client(&self) -> Client {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_MAX)
                    .operation_attempt_timeout(ATTEMPT_MAX)
                    .build(),
            );
        if let Some(region) = &self.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(AccessKey { id, secret }) = &self.credentials {
            loader = loader.credentials_provider(Credentials::new(id, secret, None, None, "configuration"));
        }
        let shared = loader.load().await;
        let mut builder = aws_sdk_dynamodb::config::Builder::from(&shared);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.endpoint_url(endpoint);
        }
        Client::from_conf(builder.build())
    }
}
