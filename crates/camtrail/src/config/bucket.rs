//! Checks of what is configured about the bucket and the tables.

use std::path::PathBuf;

use camtrail_model::{ObjectBase, units};
use camtrail_store::S3Config;

use super::{
    ConfigError,
    settings::{CatalogSettings, Checker, StoreSettings},
    shape::Config,
};

pub(super) fn store(check: &Checker<'_>, config: &Config) -> Result<StoreSettings, ConfigError> {
    let (store, info) = (&config.store, &config.s3_info);
    match (store.kind.as_str(), info.bucket_name.is_empty()) {
        ("local", _) | ("", true) => return Ok(StoreSettings::Local),
        ("s3", true) => return Err(check.wrong("s3_info.bucket_name", "", "the name of the bucket")),
        ("s3" | "", false) => {}
        (other, _) => return Err(check.wrong("store.kind", other, "\"local\" or \"s3\"")),
    }
    let given = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
    let endpoint = given(&info.endpoint)
        .or_else(|| variable("AWS_ENDPOINT_URL_S3"))
        .or_else(|| variable("AWS_ENDPOINT_URL"));
    let endpoint = endpoint.map(|text| url(check, "s3_info.endpoint", &text)).transpose()?;
    let region = given(&info.region)
        .or_else(|| variable("AWS_REGION"))
        .or_else(|| variable("AWS_DEFAULT_REGION"))
        // Servers of the kind take any; this is what they are asked for most.
        .or_else(|| endpoint.as_ref().map(|_| "us-east-1".to_owned()));
    let region = region.ok_or_else(|| {
        check.wrong("s3_info.region", "", "the bucket's region, such as us-west-2 (or AWS_REGION)")
    })?;
    let max_bytes_per_second = match store.max_bytes_per_second.as_str() {
        "" => None,
        text => Some(rate(check, "store.max_bytes_per_second", text)?),
    };
    let public_endpoint = given(&info.public_endpoint);
    Ok(StoreSettings::S3(Box::new(S3Config {
        bucket: info.bucket_name.clone(),
        region,
        endpoint,
        public_endpoint: public_endpoint
            .map(|text| url(check, "s3_info.public_endpoint", &text))
            .transpose()?,
        max_bytes_per_second,
        stall_limit: check.duration("store.stall_limit", &store.stall_limit)?,
        tags: info.tags,
        notes_dir: PathBuf::new(),
        keys: None,
    })))
}

fn rate(check: &Checker<'_>, key: &str, text: &str) -> Result<u64, ConfigError> {
    /// Below this, a still takes a minute and stands still for too long.
    const LEAST: u64 = 10_000;
    let rate = units::bytes(text).filter(|&rate| rate >= LEAST);
    rate.ok_or_else(|| check.wrong(key, text, "bytes a second, at least 10KB, such as 500KB"))
}

fn url(check: &Checker<'_>, key: &str, text: &str) -> Result<String, ConfigError> {
    server_address(text).ok_or_else(|| check.wrong(key, text, SERVER_EXPECTED))
}

/// What [`server_address`] takes.
pub(crate) const SERVER_EXPECTED: &str = "a server's address, such as https://minio.example.org:9000";

/// A server's address without a slash at its end, if it is one.
pub(crate) fn server_address(text: &str) -> Option<String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let host = host.trim_end_matches('/');
    let plain = !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
    plain.then(|| text.trim_end_matches('/').to_owned())
}

/// A variable that is set to something.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Which catalog has the events.
pub(super) fn catalog(
    check: &Checker<'_>,
    config: &Config,
    base: &ObjectBase,
) -> Result<CatalogSettings, ConfigError> {
    match config.catalog.kind.as_str() {
        "sqlite" | "" => Ok(CatalogSettings::Sqlite),
        "dynamodb" => tables(check, config, base),
        other => Err(check.wrong("catalog.kind", other, "\"sqlite\" or \"dynamodb\"")),
    }
}

#[cfg(not(feature = "aws"))]
fn tables(check: &Checker<'_>, _: &Config, _: &ObjectBase) -> Result<CatalogSettings, ConfigError> {
    let expected = "\"sqlite\": this program was built without DynamoDB (feature aws)";
    Err(check.wrong("catalog.kind", "dynamodb", expected))
}

#[cfg(feature = "aws")]
fn tables(check: &Checker<'_>, config: &Config, base: &ObjectBase) -> Result<CatalogSettings, ConfigError> {
    use camtrail_aws::{DynamoConfig, TIMELINE_SHARDS_MAX};
    let catalog = &config.catalog;
    if !camtrail_aws::is_table_prefix(&catalog.table_prefix) {
        let expected = camtrail_aws::TABLE_PREFIX_EXPECTED;
        return Err(check.wrong("catalog.table_prefix", &catalog.table_prefix, expected));
    }
    if !(1..=TIMELINE_SHARDS_MAX).contains(&catalog.timeline_shards) {
        let found = catalog.timeline_shards.to_string();
        return Err(check.wrong("catalog.timeline_shards", &found, format!("1 to {TIMELINE_SHARDS_MAX}")));
    }
    let given = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
    let endpoint = given(&catalog.endpoint).map(|text| url(check, "catalog.endpoint", &text)).transpose()?;
    Ok(CatalogSettings::DynamoDb {
        config: Box::new(DynamoConfig {
            region: given(&config.s3_info.region),
            endpoint,
            credentials: None,
            table_prefix: catalog.table_prefix.clone(),
            timeline_shards: catalog.timeline_shards,
            retention_days: config.retention.days,
            expire_slack_days: catalog.expire_slack_days,
            base: base.clone(),
        }),
        create_tables: catalog.create_tables,
    })
}
