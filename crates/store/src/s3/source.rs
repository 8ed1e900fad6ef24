//! A bucket of anybody's that is only read: what an import takes in.
//!
//! Owns its listing, looks at single objects, and downloads that go on after a cut line and confirm the bytes. Promises:
//! nothing but `GET` and `HEAD` is ever sent; memory is one piece of one object. Any key can be asked for, also those with
//! empty parts, which the `object_store` crate can't list: so that crate gives the credentials, and the rest is ours
//! (requests are signed in their query, as links are). Refuses: keys with a part `.` or `..`, which HTTP clients fold.

mod answer;
mod download;

use std::{collections::BTreeMap, time::Duration};

use camtrail_model::{Digest, Millis};
use data_encoding::{BASE64, HEXLOWER};
use http::{HeaderMap, Method, header, response::Parts};
use jiff::Timestamp;
use object_store::aws::AmazonS3;

use self::answer::{refusal, tag_of};
pub use self::{answer::SourceError, download::Downloaded};
use super::{
    S3SetupError,
    body::IncomingBody,
    connection, credentials, endpoint_url,
    links::{Place, Request, sign_at},
    problem,
    wire::{self, Wire},
};

/// Tries for one request, or without progress in one download.
const TRIES_MAX: u32 = 6;
/// After the first failure; twice as long each time: a quarter of a minute in all.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// How long a request's signature is good.
const SIGNED_FOR_S: i64 = 900;
/// Longest listing, and longest refusal, that is read.
const ANSWER_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Objects in one part of a listing.
const PAGE_OBJECTS: &str = "1000";
/// Asks for the digest that the store keeps of the object, where it keeps one.
const CHECKSUM_MODE: (&str, &str) = ("x-amz-checksum-mode", "ENABLED");
const METADATA: &str = "x-amz-meta-";

/// Which bucket, and how it is reached.
#[derive(Clone)]
pub struct SourceConfig {
    /// Its name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// `http(s)://host[:port]` of an S3-compatible server; `None`: AWS.
    pub endpoint: Option<String>,
    /// The profile of the shared credentials file whose keys are taken; `None`: those of the usual AWS chain.
    pub profile: Option<String>,
    /// Access key and secret, before all others.
    pub keys: Option<(String, String)>,
    /// A request in which nothing moves for so long has failed.
    pub stall_limit: Duration,
}

/// An object as a listing, or a look, has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceObject {
    /// All of its key.
    pub key: String,
    /// In bytes.
    pub size: u64,
    /// When it was put.
    pub modified_at: Millis,
    /// The mark of this very content, without quotes; some servers give none.
    pub e_tag: Option<String>,
}

/// A part of a listing.
#[derive(Debug, Default)]
pub struct SourcePage {
    /// Objects.
    pub objects: Vec<SourceObject>,
    /// Where only one level was asked for: its folders, by their whole prefix.
    pub folders: Vec<String>,
    /// With this the listing goes on.
    pub next: Option<String>,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone)]
pub struct SourceLook {
    /// As it is now.
    pub object: SourceObject,
    /// Its user metadata.
    pub metadata: BTreeMap<String, String>,
    /// The SHA-256 of all of it, by the store's own reckoning.
    pub sha256: Option<Digest>,
}

/// A bucket that is only read. Clones share connections.
#[derive(Debug, Clone)]
pub struct SourceBucket {
    /// Gives credentials, and nothing else.
    keys: AmazonS3,
    client: reqwest::Client,
    place: Place,
    bucket: String,
    stall_limit: Duration,
}

impl SourceBucket {
    /// Prepares to read the bucket; asks it nothing yet. Blocks.
    pub fn open(config: &SourceConfig) -> Result<Self, S3SetupError> {
        let setup = |error: &dyn std::fmt::Display| S3SetupError::Bucket(error.to_string());
        let mut keys = config.keys.clone().map(|(key_id, secret)| credentials::Keys::new(key_id, secret));
        if let (None, Some(profile)) = (&keys, &config.profile) {
            let found = credentials::of_profile(profile).ok_or_else(|| {
                S3SetupError::Bucket(format!(
                    "no keys of a profile {profile:?} in the shared credentials file (~/.aws/credentials, or \
                     AWS_SHARED_CREDENTIALS_FILE)"
                ))
            })?;
            keys = Some(found);
        }
        let SourceConfig { bucket, region, endpoint, stall_limit, .. } = config;
        let wire = Wire::new(None, *stall_limit).map_err(|error| setup(&error))?;
        let builder = connection(bucket, region, endpoint.as_deref(), keys, wire);
        Ok(Self {
            keys: builder.build().map_err(|error| setup(&error))?,
            client: wire::client().map_err(|error| setup(&error))?,
            place: Place {
                bucket_url: endpoint_url(bucket, region, endpoint.as_deref()),
                region: region.clone(),
            },
            bucket: bucket.clone(),
            stall_limit: *stall_limit,
        })
    }

    /// A part of the listing of the keys that begin with `prefix`: from the beginning, or where `after` (of the part
    /// before) goes on. `one_level`: what is below the next `/` is told as a folder only.
    pub async fn list(
        &self,
        prefix: &str,
        one_level: bool,
        after: Option<&str>,
    ) -> Result<SourcePage, SourceError> {
        let mut query = vec![("list-type", "2"), ("max-keys", PAGE_OBJECTS), ("prefix", prefix)];
        if one_level {
            query.push(("delimiter", "/"));
        }
        if let Some(after) = after {
            query.push(("continuation-token", after));
        }
        let request = Request { method: "GET", key: "", query: &query, headers: &[] };
        let mut patience = Patience::new();
        loop {
            match self.list_once(&request).await {
                Err(SourceError::Unavailable(why)) => patience.wait(why).await?,
                outcome => return outcome,
            }
        }
    }

    async fn list_once(&self, request: &Request<'_>) -> Result<SourcePage, SourceError> {
        let (_, body) = self.ask(request, &HeaderMap::new()).await?;
        answer::page(&all(body).await?)
    }

    /// How an object is now.
    pub async fn look(&self, key: &str) -> Result<SourceLook, SourceError> {
        let request = Request { method: "HEAD", key, query: &[], headers: &[CHECKSUM_MODE] };
        let mut patience = Patience::new();
        loop {
            match self.ask(&request, &HeaderMap::new()).await {
                Ok((head, _)) => return look_of(key, &head.headers),
                Err(SourceError::Unavailable(why)) => patience.wait(why).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// The first `length` bytes (or all of a shorter one), if it is what it was.
    pub async fn beginning(&self, object: &SourceObject, length: usize) -> Result<Vec<u8>, SourceError> {
        let mut patience = Patience::new();
        loop {
            match self.beginning_once(object, length).await {
                Err(SourceError::Unavailable(why)) => patience.wait(why).await?,
                outcome => return outcome,
            }
        }
    }

    async fn beginning_once(&self, object: &SourceObject, length: usize) -> Result<Vec<u8>, SourceError> {
        let (_, mut body) = self.read(object, 0, Some(length as u64)).await?;
        let mut bytes = Vec::new();
        while bytes.len() < length
            && let Some(piece) = body.piece().await.map_err(|error| answer::broken(&error))?
        {
            bytes.extend_from_slice(&piece);
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The object's bytes from `from` on, `length` of them or to its end, if it is what it was.
    async fn read(
        &self,
        object: &SourceObject,
        from: u64,
        length: Option<u64>,
    ) -> Result<(Parts, IncomingBody), SourceError> {
        let mut headers = HeaderMap::new();
        let mut add = |name: header::HeaderName, value: String| {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        };
        if let Some(tag) = &object.e_tag {
            add(header::IF_MATCH, format!("\"{tag}\""));
        }
        match length {
            Some(length) => add(header::RANGE, format!("bytes={from}-{}", (from + length).saturating_sub(1))),
            None if from > 0 => add(header::RANGE, format!("bytes={from}-")),
            None => {}
        }
        let request = Request { method: "GET", key: &object.key, query: &[], headers: &[CHECKSUM_MODE] };
        self.ask(&request, &headers).await
    }

    /// One request; its answer, if that is a success.
    async fn ask(
        &self,
        request: &Request<'_>,
        headers: &HeaderMap,
    ) -> Result<(Parts, IncomingBody), SourceError> {
        if request.key.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(SourceError::Refused(
                "a part of its key is \".\" or \"..\": no HTTP client can ask for it; rename it in the bucket"
                    .to_owned(),
            ));
        }
        let credential = self.keys.credentials().get_credential().await;
        let credential = credential.map_err(|error| {
            SourceError::Refused(format!(
                "no credentials for the bucket {} were found (in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
                 ~/.aws/credentials, or the machine's role): {}",
                self.bucket,
                problem::words(&error)
            ))
        })?;
        let url = sign_at(&self.place, &credential, request, Timestamp::now(), SIGNED_FOR_S);
        let method = if request.method == "HEAD" { Method::HEAD } else { Method::GET };
        let mut builder = self.client.request(method, url).headers(headers.clone());
        for (name, value) in request.headers {
            builder = builder.header(*name, *value);
        }
        let answered = tokio::time::timeout(self.stall_limit, builder.send()).await;
        let answer = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(answer::broken(&error)),
            Err(_) => {
                let waited = self.stall_limit.as_secs();
                return Err(SourceError::Unavailable(format!("no answer within {waited} s")));
            }
        };
        let (head, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
        let body = IncomingBody::new(body, self.stall_limit);
        if head.status.is_success() {
            return Ok((head, body));
        }
        // A refusal that can't be read is one all the same.
        let text = all(body).await.unwrap_or_default();
        Err(refusal(&head, &String::from_utf8_lossy(&text), &self.bucket))
    }
}

/// All of an answer, which must be short.
async fn all(mut body: IncomingBody) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.piece().await.map_err(|error| answer::broken(&error))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > ANSWER_MAX_BYTES {
            return Err(SourceError::Refused(format!("its answer is longer than {ANSWER_MAX_BYTES} bytes")));
        }
    }
    Ok(bytes)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn look_of(key: &str, headers: &HeaderMap) -> Result<SourceLook, SourceError> {
    let size = text(headers, "content-length").and_then(|size| size.parse().ok());
    let modified = text(headers, "last-modified").and_then(|at| jiff::fmt::rfc2822::parse(at).ok());
    let (Some(size), Some(modified)) = (size, modified) else {
        return Err(SourceError::Refused("its answer has no Content-Length or no Last-Modified".to_owned()));
    };
    let metadata = headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().strip_prefix(METADATA)?.to_owned(), value.to_str().ok()?.to_owned()))
    });
    Ok(SourceLook {
        object: SourceObject {
            key: key.to_owned(),
            size,
            modified_at: Millis(modified.timestamp().as_millisecond()),
            e_tag: text(headers, "etag").map(tag_of),
        },
        metadata: metadata.collect(),
        sha256: checksum(headers),
    })
}

/// A digest of digests (of an upload in parts) ends in the number of parts, and is none of the object.
fn checksum(headers: &HeaderMap) -> Option<Digest> {
    let bytes = BASE64.decode(text(headers, "x-amz-checksum-sha256")?.as_bytes()).ok()?;
    let is_of_parts = text(headers, "x-amz-checksum-type").is_some_and(|kind| kind == "COMPOSITE");
    Digest::parse(&HEXLOWER.encode(&bytes)).filter(|_| !is_of_parts)
}

/// Tries again what may succeed later, and not for ever.
struct Patience {
    tries: u32,
    pause: Duration,
}

impl Patience {
    fn new() -> Self {
        Self { tries: 1, pause: TRY_AGAIN_AFTER }
    }

    /// Waits before the next try; an error after the last one.
    async fn wait(&mut self, why: String) -> Result<(), SourceError> {
        if self.tries == TRIES_MAX {
            return Err(SourceError::Unavailable(why));
        }
        tracing::debug!(why, "the bucket is asked again");
        tokio::time::sleep(self.pause).await;
        self.tries += 1;
        self.pause *= 2;
        Ok(())
    }
}
