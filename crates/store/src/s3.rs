//! S3 and its kin, through the `object_store` crate.
//!
//! Owns what the library leaves open: puts that never replace, also for large files; uploads in parts that go on
//! after a restart; answers that must confirm the bytes; standstill instead of total time as the limit; links that
//! stay the same for minutes; the tag of what may expire. Retries are the shipper's: each call here is one try. Why so: docs/design/s3.md.

mod body;
mod credentials;
mod examine;
mod fetch;
mod links;
mod pace;
mod problem;
mod resume;
mod source;
mod tags;
mod wire;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use camtrail_model::{
    Millis,
    ports::{Link, Listing, ObjectStore, PutOutcome, PutWhen, StoreError, StoredObject, Version},
};
use futures::TryStreamExt;
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetResult, ObjectStore as _, ObjectStoreExt, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, RetryConfig, TagSet, UpdateVersion,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum, S3ConditionalPut},
    path::Path as Key,
};

pub use self::examine::{Allowed, BucketLook, LifecycleRule};
pub use self::source::{
    Downloaded, SourceBucket, SourceConfig, SourceError, SourceLook, SourceObject, SourcePage,
};
use self::{
    links::Place,
    pace::Pace,
    problem::problem,
    resume::{Notes, PART_BYTES, Upload, UploadError},
    wire::{Unconfirmed, Wire},
};
use crate::local::too_large;

/// What may be configured of a bucket.
#[derive(Clone)]
pub struct S3Config {
    /// Its name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// `http(s)://host[:port]` of an S3-compatible server; `None`: AWS.
    pub endpoint: Option<String>,
    /// How browsers reach that server, where it is by another address.
    pub public_endpoint: Option<String>,
    /// Bytes a second to the store, over all uploads; `None`: as fast as it goes.
    pub max_bytes_per_second: Option<u64>,
    /// A request in which nothing moves for so long has failed.
    pub stall_limit: Duration,
    /// Objects are tagged `expire=yes`, which a lifecycle rule can go by. Some S3-compatible servers know no tags.
    pub tags: bool,
    /// Where notes of uploads in parts are kept.
    pub notes_dir: PathBuf,
    /// Access key and secret, instead of those of the usual AWS chain.
    pub keys: Option<(String, String)>,
}

/// A bucket. Clones share connections.
#[derive(Debug, Clone)]
pub struct S3Store {
    /// Replaces what is there.
    always: AmazonS3,
    /// The same, but completes uploads in parts only where there is nothing.
    absent: AmazonS3,
    notes: Notes,
    tags: bool,
    wire: Wire,
    /// Where browsers read.
    place: Place,
    /// Where we ask.
    asked: Place,
}

/// The bucket can't be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum S3SetupError {
    /// The notes' folder.
    #[error("the folder for uploads in parts can't be used: {0}")]
    Notes(#[from] io::Error),
    /// Credentials or addresses.
    #[error("{0}")]
    Bucket(String),
}

/// The tag by which the bucket's lifecycle rule knows what may expire; protecting an event takes it away.
const EXPIRE_TAG: (&str, &str) = ("expire", "yes");

impl S3Store {
    /// Prepares to use the bucket; asks it nothing yet. Blocks.
    pub fn open(config: &S3Config) -> Result<Self, S3SetupError> {
        let setup = |error: &dyn std::fmt::Display| S3SetupError::Bucket(error.to_string());
        let pace = config.max_bytes_per_second.map(|limit| Arc::new(Pace::new(limit)));
        let wire = Wire::new(pace, config.stall_limit).map_err(|error| setup(&error))?;
        let build = |wire: Wire| {
            let keys = config.keys.clone().map(|(key_id, secret)| credentials::Keys::new(key_id, secret));
            let builder = connection(&config.bucket, &config.region, config.endpoint.as_deref(), keys, wire)
                .with_checksum_algorithm(Checksum::SHA256)
                .with_conditional_put(S3ConditionalPut::ETagMatch)
                .with_disable_bulk_delete(true)
                .with_disable_tagging(!config.tags);
            builder.build().map_err(|error| setup(&error))
        };
        let place = |endpoint: Option<&String>| Place {
            bucket_url: endpoint_url(&config.bucket, &config.region, endpoint.map(String::as_str)),
            region: config.region.clone(),
        };
        Ok(Self {
            absent: build(wire.only_if_absent())?,
            always: build(wire.clone())?,
            wire,
            notes: Notes::open(&config.notes_dir)?,
            tags: config.tags,
            place: place(config.public_endpoint.as_ref().or(config.endpoint.as_ref())),
            asked: place(config.endpoint.as_ref()),
        })
    }

    fn client(&self, when: PutWhen) -> &AmazonS3 {
        match when {
            PutWhen::Absent => &self.absent,
            PutWhen::Always => &self.always,
        }
    }

    /// An answer that has begun, of an object of at most `max_bytes`.
    async fn get(&self, key: &str, max_bytes: u64) -> Result<Option<GetResult>, StoreError> {
        let found = match self.always.get(&parse(key)?).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(problem(&error)),
        };
        let size = found.meta.size;
        if size > max_bytes { Err(too_large(key, size, max_bytes)) } else { Ok(Some(found)) }
    }

    fn tag_set(&self) -> TagSet {
        let mut tags = TagSet::default();
        if self.tags {
            tags.push(EXPIRE_TAG.0, EXPIRE_TAG.1);
        }
        tags
    }

    async fn put_small(
        &self,
        key: &Key,
        bytes: Bytes,
        attributes: Attributes,
        mode: PutMode,
    ) -> Result<PutOutcome, StoreError> {
        let is_update = matches!(mode, PutMode::Update(_));
        let options = PutOptions { mode, tags: self.tag_set(), attributes, ..PutOptions::default() };
        match self.always.put_opts(key, PutPayload::from_bytes(bytes), options).await {
            Ok(_) => Ok(PutOutcome::Stored),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(PutOutcome::Exists),
            // What was to be replaced is gone.
            Err(Error::NotFound { .. }) if is_update => Ok(PutOutcome::Exists),
            Err(error) => {
                if is_unconfirmed(&error) {
                    // It would pass for ours at the next try: its metadata is.
                    let _ = self.always.delete(key).await;
                }
                Err(problem(&error))
            }
        }
    }

    async fn put_large(
        &self,
        key: &Key,
        source: &Path,
        size: u64,
        metadata: &BTreeMap<String, String>,
        when: PutWhen,
    ) -> Result<PutOutcome, StoreError> {
        // Not to send gigabytes for a refusal. Without the right to look, the completion still decides.
        if when == PutWhen::Absent && self.absent.head(key).await.is_ok() {
            return Ok(PutOutcome::Exists);
        }
        let options = PutMultipartOptions {
            tags: self.tag_set(),
            attributes: attributes(key, metadata),
            ..PutMultipartOptions::default()
        };
        let content = metadata.get("sha256").map_or("", String::as_str);
        let (client, notes) = (self.client(when), &self.notes);
        match (Upload { client, notes, key, source, size, content, options }).run().await {
            Ok(()) => Ok(PutOutcome::Stored),
            Err(UploadError::Store(Error::AlreadyExists { .. } | Error::Precondition { .. })) => {
                Ok(PutOutcome::Exists)
            }
            Err(UploadError::Store(error)) => Err(problem(&error)),
            Err(UploadError::Io(error)) => Err(StoreError::Unavailable(error.to_string())),
        }
    }
}

fn is_unconfirmed(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<Unconfirmed>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What all connections to buckets have in common. `keys` go before those of the usual AWS chain.
fn connection(
    bucket: &str,
    region: &str,
    endpoint: Option<&str>,
    keys: Option<credentials::Keys>,
    wire: Wire,
) -> AmazonS3Builder {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_region(region)
        // A retry here would hide trouble from whoever has the patience.
        .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
        .with_http_connector(wire);
    builder = match endpoint {
        Some(endpoint) => builder
            .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint)
            .with_virtual_hosted_style_request(false),
        None => builder.with_virtual_hosted_style_request(is_host_label(bucket)),
    };
    if let Some(keys) = keys.or_else(credentials::from_file) {
        builder = builder.with_access_key_id(keys.key_id).with_secret_access_key(keys.secret);
        if let Some(token) = keys.token {
            builder = builder.with_token(token);
        }
    }
    builder
}

/// A bucket's name can be part of a host's, unless it has a dot: certificates don't cover those.
fn is_host_label(bucket: &str) -> bool {
    !bucket.contains('.')
}

fn endpoint_url(bucket: &str, region: &str, endpoint: Option<&str>) -> String {
    match endpoint {
        Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
        None if is_host_label(bucket) => format!("https://{bucket}.s3.{region}.amazonaws.com"),
        None => format!("https://s3.{region}.amazonaws.com/{bucket}"),
    }
}

/// Keys are taken as they are: the library's other way would percent-encode them once more.
fn parse(key: &str) -> Result<Key, StoreError> {
    match Key::parse(key) {
        // The library drops slashes at the ends.
        Ok(parsed) if parsed.as_ref() == key && !key.is_empty() => Ok(parsed),
        _ => Err(StoreError::Refused(format!("{key:?} is not an object key"))),
    }
}

fn attributes(key: &Key, metadata: &BTreeMap<String, String>) -> Attributes {
    let mut attributes = Attributes::new();
    for (name, value) in metadata {
        attributes.insert(Attribute::Metadata(name.clone().into()), value.clone().into());
    }
    let known = match key.extension() {
        Some("jpg") => "image/jpeg",
        Some("mp4") => "video/mp4",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    };
    let content_type = metadata.get("content_type").cloned().unwrap_or_else(|| known.to_owned());
    attributes.insert(Attribute::ContentType, content_type.into());
    attributes
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put_file(
        &self,
        key: &str,
        source: &Path,
        metadata: Option<&BTreeMap<String, String>>,
        when: PutWhen,
    ) -> Result<PutOutcome, StoreError> {
        let (key, nothing) = (parse(key)?, BTreeMap::new());
        let metadata = metadata.unwrap_or(&nothing);
        let unreadable = |error: io::Error| StoreError::Unavailable(format!("reading the upload: {error}"));
        let size = tokio::fs::metadata(source).await.map_err(unreadable)?.len();
        if size > PART_BYTES {
            return self.put_large(&key, source, size, metadata, when).await;
        }
        let bytes = tokio::fs::read(source).await.map_err(unreadable)?;
        let mode = match when {
            PutWhen::Absent => PutMode::Create,
            PutWhen::Always => PutMode::Overwrite,
        };
        self.put_small(&key, bytes.into(), attributes(&key, metadata), mode).await
    }

    async fn put_bytes(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let key = parse(key)?;
        let attributes = attributes(&key, &BTreeMap::new());
        self.put_small(&key, Bytes::copy_from_slice(bytes), attributes, PutMode::Overwrite).await?;
        Ok(())
    }

    async fn replace_bytes(
        &self,
        key: &str,
        bytes: &[u8],
        was: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let key = parse(key)?;
        let mode = match was {
            None => PutMode::Create,
            Some(Version(tag)) => PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None }),
        };
        let attributes = attributes(&key, &BTreeMap::new());
        let outcome = self.put_small(&key, Bytes::copy_from_slice(bytes), attributes, mode).await?;
        Ok(outcome == PutOutcome::Stored)
    }

    async fn head(&self, key: &str) -> Result<Option<StoredObject>, StoreError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = match self.always.get_opts(&parse(key)?, options).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(problem(&error)),
        };
        let metadata = found.attributes.iter().filter_map(|(name, value)| match name {
            Attribute::Metadata(name) => Some((name.to_string(), value.to_string())),
            _ => None,
        });
        let modified_at = Millis(found.meta.last_modified.timestamp_millis());
        Ok(Some(StoredObject { size: found.meta.size, modified_at, metadata: metadata.collect() }))
    }

    async fn get_bytes(&self, key: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(found) = self.get(key, max_bytes).await? else { return Ok(None) };
        found.bytes().await.map(|bytes| Some(bytes.into())).map_err(|error| problem(&error))
    }

    async fn get_versioned(
        &self,
        key: &str,
        max_bytes: u64,
    ) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let Some(found) = self.get(key, max_bytes).await? else { return Ok(None) };
        let Some(tag) = found.meta.e_tag.clone() else {
            return Err(StoreError::Refused(format!("the store gives {key} no ETag")));
        };
        let bytes = found.bytes().await.map_err(|error| problem(&error))?;
        Ok(Some((bytes.into(), Version(tag))))
    }

    async fn fetch(&self, key: &str, dest: &Path, max_bytes: u64) -> Result<Option<u64>, StoreError> {
        let Some(found) = self.get(key, max_bytes).await? else { return Ok(None) };
        fetch::into_file(found, dest).await.map(Some)
    }

    async fn link(&self, key: &str, link: &Link<'_>) -> Result<Option<String>, StoreError> {
        let key = parse(key)?;
        let credential = self.always.credentials().get_credential().await;
        let credential = credential.map_err(|error| problem(&error))?;
        let mut extra = vec![("response-content-type", link.content_type)];
        if let Some(disposition) = link.content_disposition {
            extra.push(("response-content-disposition", disposition));
        }
        Ok(Some(links::sign(&self.place, &credential, key.as_ref(), &extra, link.now, link.valid)))
    }

    fn links_from(&self) -> Option<String> {
        let (scheme, rest) = self.place.bucket_url.split_once("://")?;
        Some(format!("{scheme}://{}", rest.split('/').next()?))
    }

    async fn list(&self, folder: &str, after: Option<&str>) -> Result<Listing, StoreError> {
        let prefix = parse(folder)?;
        // The library asks for a thousand at a time, and for the next thousand only when they are taken.
        let mut found = match after {
            Some(after) => self.always.list_with_offset(Some(&prefix), &parse(after)?),
            None => self.always.list(Some(&prefix)),
        };
        let mut keys = Vec::new();
        while keys.len() < Listing::MAX {
            match found.try_next().await {
                Ok(Some(object)) => keys.push(object.location.as_ref().to_owned()),
                Ok(None) => return Ok(Listing { keys, more: false }),
                Err(error) => return Err(problem(&error)),
            }
        }
        Ok(Listing { keys, more: true })
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.always.delete(&parse(key)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(problem(&error)),
        }
    }

    async fn let_expire(&self, key: &str, may_expire: bool) -> Result<(), StoreError> {
        let key = parse(key)?;
        if !self.tags {
            return Ok(());
        }
        let credential = self.always.credentials().get_credential().await;
        let credential = credential.map_err(|error| problem(&error))?;
        tags::let_expire(&self.wire, &self.asked, &credential, key.as_ref(), may_expire).await
    }
}
