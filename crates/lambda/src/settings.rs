//! What a function is told: environment variables of the same names as the program's configuration.
//!
//! Unknown `CAMTRAIL__…` variables are errors, as unknown keys are in the file.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use camtrail_api::PeopleConfig;
use camtrail_aws::{DynamoConfig, TIMELINE_SHARDS_MAX};
use camtrail_model::{CameraZones, ObjectBase, units};
use camtrail_store::S3Config;
use jiff::tz::TimeZone;

const PREFIX: &str = "CAMTRAIL__";
const BUCKET: &str = "CAMTRAIL__S3_INFO__BUCKET_NAME";
const BASE: &str = "CAMTRAIL__S3_INFO__OBJECT_BASE";
const TABLE_PREFIX: &str = "CAMTRAIL__CATALOG__TABLE_PREFIX";
const SHARDS: &str = "CAMTRAIL__CATALOG__TIMELINE_SHARDS";
const DAYS: &str = "CAMTRAIL__RETENTION__DAYS";
const SLACK: &str = "CAMTRAIL__CATALOG__EXPIRE_SLACK_DAYS";
const ZONE: &str = "CAMTRAIL__TIME_ZONE";
const PUBLIC_URL: &str = "CAMTRAIL__HTTP__PUBLIC_URL";
const SILENT_AFTER: &str = "CAMTRAIL__SILENT_AFTER";
const SHARE_DAYS: &str = "CAMTRAIL__SHARES__DAYS";
const SHARE_MAX_DAYS: &str = "CAMTRAIL__SHARES__MAX_DAYS";
const AUDIT_DAYS: &str = "CAMTRAIL__AUDIT__DAYS";
const KNOWN: [&str; 12] = [
    BUCKET,
    BASE,
    TABLE_PREFIX,
    SHARDS,
    DAYS,
    SLACK,
    ZONE,
    PUBLIC_URL,
    SILENT_AFTER,
    SHARE_DAYS,
    SHARE_MAX_DAYS,
    AUDIT_DAYS,
];

/// A request to the bucket in which nothing moves for so long has failed. A function is paid for its waiting.
const STALL_LIMIT: Duration = Duration::from_secs(10);

/// A variable that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {name}: found {found:?}, expected {expected}")]
pub struct SettingError {
    name: String,
    found: String,
    expected: String,
}

/// What the functions are told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The bucket that has the clips.
    pub bucket: String,
    /// The folder in it.
    pub base: ObjectBase,
    /// The tables.
    pub tables: DynamoConfig,
    /// The cameras' zone, for objects that were put without metadata.
    pub zone: TimeZone,
    /// How the world reaches the API.
    pub public_url: Option<String>,
    /// A camera that is unheard for so long is silent; `None`: never.
    pub silent_after: Option<Duration>,
    /// What people may hand on, and what is remembered of them.
    pub people: PeopleConfig,
    region: String,
    endpoint: Option<String>,
}

impl Settings {
    /// From this process's environment.
    pub fn from_env() -> Result<Self, SettingError> {
        Self::read(std::env::vars_os().filter_map(|(name, value)| {
            // What isn't UTF-8 is none of ours: our names and values are.
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    fn read(variables: impl Iterator<Item = (String, String)>) -> Result<Self, SettingError> {
        let given: BTreeMap<String, String> = variables.filter(|(_, value)| !value.is_empty()).collect();
        if let Some(name) =
            given.keys().find(|name| name.starts_with(PREFIX) && !KNOWN.contains(&name.as_str()))
        {
            return Err(wrong(
                name,
                &given[name],
                format!("no such variable; there are {}", KNOWN.join(", ")),
            ));
        }
        let text = |name: &str| given.get(name).map_or("", String::as_str);
        let first = |names: [&str; 2]| names.into_iter().map(text).find(|value| !value.is_empty());
        let bucket = match text(BUCKET) {
            "" => return Err(wrong(BUCKET, "", "the name of the bucket")),
            bucket => bucket.to_owned(),
        };
        let base = match text(BASE) {
            "" => ObjectBase::default(),
            found => ObjectBase::parse(found).map_err(|problem| wrong(BASE, found, problem))?,
        };
        let region = first(["AWS_REGION", "AWS_DEFAULT_REGION"]);
        let region = region.ok_or_else(|| wrong("AWS_REGION", "", "a region, such as us-west-2"))?.to_owned();
        let prefix = text(TABLE_PREFIX);
        if !camtrail_aws::is_table_prefix(prefix) {
            return Err(wrong(TABLE_PREFIX, prefix, camtrail_aws::TABLE_PREFIX_EXPECTED));
        }
        let shards = whole(SHARDS, text(SHARDS), 1)?;
        let timeline_shards =
            u16::try_from(shards).ok().filter(|shards| (1..=TIMELINE_SHARDS_MAX).contains(shards));
        let tables = DynamoConfig {
            table_prefix: prefix.to_owned(),
            timeline_shards: timeline_shards
                .ok_or_else(|| wrong(SHARDS, text(SHARDS), format!("1 to {TIMELINE_SHARDS_MAX}")))?,
            retention_days: whole(DAYS, text(DAYS), 30)?,
            expire_slack_days: whole(SLACK, text(SLACK), 0)?,
            base: base.clone(),
            ..DynamoConfig::default()
        };
        let zone = match text(ZONE) {
            "" => TimeZone::UTC,
            name => TimeZone::get(name)
                .map_err(|_| wrong(ZONE, name, "an IANA time zone, such as America/Los_Angeles"))?,
        };
        let public_url = match text(PUBLIC_URL) {
            "" => None,
            url if url.starts_with("https://") || url.starts_with("http://") => {
                Some(url.trim_end_matches('/').to_owned())
            }
            other => return Err(wrong(PUBLIC_URL, other, "an address such as https://cams.example.org")),
        };
        let silent_after = match text(SILENT_AFTER) {
            "" => None,
            limit => Some(
                units::duration(limit)
                    .ok_or_else(|| wrong(SILENT_AFTER, limit, "a duration, such as 30s, 15m, 24h or 7d"))?,
            ),
        };
        let default = PeopleConfig::default();
        let people = PeopleConfig {
            share_days: whole(SHARE_DAYS, text(SHARE_DAYS), default.share_days)?,
            share_max_days: whole(SHARE_MAX_DAYS, text(SHARE_MAX_DAYS), default.share_max_days)?,
            audit_days: whole(AUDIT_DAYS, text(AUDIT_DAYS), default.audit_days)?,
        };
        if let Err((key, expected)) = people.check() {
            let name = format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"));
            return Err(wrong(&name, text(&name), expected));
        }
        let endpoint = first(["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]).map(str::to_owned);
        Ok(Self { bucket, base, tables, zone, public_url, silent_after, people, region, endpoint })
    }

    /// How to reach the bucket. Nothing is put from here, so nothing is noted either.
    pub(crate) fn store(&self) -> S3Config {
        S3Config {
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            public_endpoint: None,
            max_bytes_per_second: None,
            stall_limit: STALL_LIMIT,
            tags: true,
            notes_dir: PathBuf::from("/tmp/multipart"),
            keys: None,
        }
    }

    /// One zone for all: a camera of another zone says its own in its objects' metadata.
    pub(crate) fn zones(&self) -> CameraZones {
        CameraZones::new(self.zone.clone(), std::collections::HashMap::new())
    }
}

fn whole(name: &str, found: &str, default: u32) -> Result<u32, SettingError> {
    match found {
        "" => Ok(default),
        found => found.parse().map_err(|_| wrong(name, found, "a whole number")),
    }
}

fn wrong(name: &str, found: &str, expected: impl Into<String>) -> SettingError {
    SettingError { name: name.to_owned(), found: found.to_owned(), expected: expected.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Settings, String> {
        let always = [("AWS_REGION", "us-west-2"), ("AWS_LAMBDA_FUNCTION_NAME", "x")];
        let variables =
            always.iter().chain(given).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::read(variables).map_err(|error| error.to_string())
    }

    #[test]
    fn a_bucket_is_enough() {
        let settings = read(&[(BUCKET, "clips")]).unwrap();
        assert_eq!((settings.bucket.as_str(), settings.base.as_str()), ("clips", "patrolcams"));
        assert_eq!((settings.tables.timeline_shards, settings.tables.retention_days), (1, 30));
        assert_eq!((settings.silent_after, settings.public_url), (None, None));
    }

    #[test]
    fn everything_can_be_said() {
        let settings = read(&[
            (BUCKET, "clips"),
            (BASE, "cams"),
            (TABLE_PREFIX, "home-"),
            (SHARDS, "4"),
            (DAYS, "0"),
            (ZONE, "Europe/Berlin"),
            (PUBLIC_URL, "https://cams.example.org/"),
            (SILENT_AFTER, "24h"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ])
        .unwrap();
        assert_eq!(settings.public_url.as_deref(), Some("https://cams.example.org"));
        assert_eq!(settings.silent_after, Some(Duration::from_hours(24)));
        assert_eq!(settings.tables.table_prefix, "home-");
        assert_eq!(settings.store().endpoint.as_deref(), Some("http://127.0.0.1:1"));
    }

    #[test]
    fn mistakes_are_named() {
        for (given, want) in [
            (&[][..], "CAMTRAIL__S3_INFO__BUCKET_NAME: found \"\", expected the name"),
            (
                &[(BUCKET, "b"), ("CAMTRAIL__FTP__LISTEN", "x")],
                "CAMTRAIL__FTP__LISTEN: found \"x\", expected no such",
            ),
            (&[(BUCKET, "b"), (SHARDS, "0")], "expected 1 to 64"),
            (&[(BUCKET, "b"), (DAYS, "many")], "RETENTION__DAYS: found \"many\", expected a whole number"),
            (&[(BUCKET, "b"), (ZONE, "Mars")], "expected an IANA time zone"),
            (&[(BUCKET, "b"), (PUBLIC_URL, "ftp://x")], "expected an address"),
            (&[(BUCKET, "b"), (SILENT_AFTER, "24")], "expected a duration"),
            (&[(BUCKET, "b"), (TABLE_PREFIX, "a/b")], "expected up to 100 letters"),
        ] {
            let error = read(given).unwrap_err();
            assert!(error.contains(want), "{given:?}: {error}");
        }
    }
}
