//! What a bucket lets us do, and what it lets others do: for `camtrail doctor`.
//!
//! Every question is one request, asked as the program asks in operation. One object is written, always under the same
//! name below `derived/`, and taken away where that is allowed; nothing else is touched.

use std::time::SystemTime;

use http::{HeaderMap, Method, Request, StatusCode};
use jiff::Timestamp;
use object_store::{
    aws::AwsCredential,
    client::{HttpRequestBody, HttpService},
};

use super::{
    EXPIRE_TAG, S3Store,
    links::{self, sign_at},
    problem::{element, words_of},
};
use camtrail_model::ports::{ObjectStore as _, StoreError};

/// The object that is written and removed. Below `derived/` nothing is taken for a capture.
const PROBE_KEY: &str = "derived/camtrail-doctor.txt";
const PROBE_BYTES: &[u8] = b"Camtrail's doctor was here. This may be deleted.\n";
/// How long a question's signature is good.
const VALID_S: i64 = 300;

/// Whether something is allowed, and else in the store's words why not.
pub type Allowed = Result<(), String>;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketLook {
    /// Whether it answers at all, as this key.
    pub reachable: Allowed,
    /// How far our clock is ahead of the store's, in seconds; `None`: it didn't tell.
    pub clock_ahead_s: Option<i64>,
    /// Writing an object, with the tag that lets it expire where tags are on.
    pub put: Allowed,
    /// Reading it.
    pub get: Allowed,
    /// Listing.
    pub list: Allowed,
    /// Taking the tag away, as protecting an event does; `None`: tags are off.
    pub untag: Option<Allowed>,
    /// Deleting.
    pub delete: Allowed,
    /// Whether anybody may list it without a key.
    pub public_list: bool,
    /// Whether anybody may read an object without a key; `None`: there was none to try with.
    pub public_read: Option<bool>,
    /// What its lifecycle rules say; `Err`: we may not see them, or it has none.
    pub lifecycle: Result<Vec<LifecycleRule>, String>,
}

/// One rule of the bucket's lifecycle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LifecycleRule {
    /// Whether it is on.
    pub enabled: bool,
    /// Whether it goes by our tag `expire=yes`.
    pub by_our_tag: bool,
    /// Whether it names any tag at all.
    pub by_any_tag: bool,
    /// Objects expire after so many days.
    pub days: Option<u32>,
    /// Uploads in parts that never ended go after so many days.
    pub abort_days: Option<u32>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl S3Store {
    /// Looks. Takes a dozen requests.
    pub async fn examine(&self) -> BucketLook {
        let credential = self.always.credentials().get_credential().await;
        let credential = match credential {
            Ok(credential) => credential,
            Err(error) => return BucketLook::unreachable(&format!("no key to ask with: {error}")),
        };
        let list_query = [("list-type", "2"), ("max-keys", "1")];
        let listed = self.ask(Some(&credential), Method::GET, "", &list_query).await;
        let (reachable, clock_ahead_s) = match &listed {
            Ok(answer) if answer.text.contains("NoSuchBucket") => {
                (Err("there is no such bucket".to_owned()), None)
            }
            Ok(answer) => (Ok(()), clock_ahead(&answer.headers)),
            Err(why) => (Err(why.clone()), None),
        };
        if reachable.is_err() {
            return BucketLook { reachable, ..BucketLook::unreachable("") };
        }
        let put = allowed(self.put_bytes(PROBE_KEY, PROBE_BYTES).await.map(drop));
        let get = allowed(match self.get_bytes(PROBE_KEY, 1024).await {
            Ok(None) if put.is_ok() => Err(StoreError::Refused("what was written can't be read".to_owned())),
            // Without the right to write there may be nothing: an answer, all the same.
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        });
        let public_read = match &put {
            Ok(()) => Some(self.is_open(PROBE_KEY, &[]).await),
            Err(_) => None,
        };
        let untag = if self.tags && put.is_ok() {
            Some(allowed(self.let_expire(PROBE_KEY, false).await))
        } else {
            None
        };
        let delete = allowed(self.delete(PROBE_KEY).await.map(drop));
        let lifecycle = match self.ask(Some(&credential), Method::GET, "", &[("lifecycle", "")]).await {
            Ok(answer) if answer.status.is_success() => Ok(rules(&answer.text)),
            Ok(answer) if answer.text.contains("NoSuchLifecycleConfiguration") => Ok(Vec::new()),
            Ok(answer) => Err(words_of(&answer.text).unwrap_or_else(|| answer.status.to_string())),
            Err(why) => Err(why),
        };
        BucketLook {
            reachable,
            clock_ahead_s,
            put,
            get,
            list: outcome(listed),
            untag,
            delete,
            public_list: self.is_open("", &list_query).await,
            public_read,
            lifecycle,
        }
    }

    /// Whether it is given to somebody without a key.
    async fn is_open(&self, key: &str, query: &[(&str, &str)]) -> bool {
        self.ask(None, Method::GET, key, query).await.is_ok_and(|answer| answer.status.is_success())
    }

    async fn ask(
        &self,
        credential: Option<&AwsCredential>,
        method: Method,
        key: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let url = if let Some(credential) = credential {
            let asked = links::Request { method: method.as_str(), key, query, headers: &[] };
            sign_at(&self.asked, credential, &asked, Timestamp::now(), VALID_S)
        } else {
            let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}/{key}?{}", self.asked.bucket_url, query.join("&"))
        };
        let request =
            Request::builder().method(method).uri(url).body(HttpRequestBody::from(bytes::Bytes::new()));
        let request = request.map_err(|error| format!("not an address: {error}"))?;
        let answer = self.wire.call(request).await.map_err(|error| deepest(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.into_body().bytes().await.map_err(|error| deepest(&error))?;
        Ok(Answer { status, headers, text: String::from_utf8_lossy(&body).into_owned() })
    }
}

impl BucketLook {
    fn unreachable(why: &str) -> Self {
        let not_asked = || Err("it can't be reached".to_owned());
        Self {
            reachable: Err(why.to_owned()),
            clock_ahead_s: None,
            put: not_asked(),
            get: not_asked(),
            list: not_asked(),
            untag: None,
            delete: not_asked(),
            public_list: false,
            public_read: None,
            lifecycle: Err("it can't be reached".to_owned()),
        }
    }
}

fn allowed(outcome: Result<(), StoreError>) -> Allowed {
    outcome.map_err(|error| error.to_string())
}

fn outcome(answer: Result<Answer, String>) -> Allowed {
    let answer = answer?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(words_of(&answer.text).unwrap_or_else(|| answer.status.to_string()))
}

fn deepest(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(cause) = at.source() {
        at = cause;
    }
    at.to_string()
}

/// By the answer's `Date` (RFC 9110 section 6.6.1).
fn clock_ahead(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let ours = Timestamp::try_from(SystemTime::now()).ok()?;
    Some(ours.as_second() - theirs.as_second())
}

/// Reads what we need of `GetBucketLifecycleConfiguration`'s answer.
fn rules(xml: &str) -> Vec<LifecycleRule> {
    let mut rules = Vec::new();
    let mut rest = xml;
    while let Some(rule) = element(rest, "Rule") {
        let expiration = element(rule, "Expiration");
        let number = |within: Option<&str>, name: &str| element(within?, name)?.trim().parse().ok();
        rules.push(LifecycleRule {
            enabled: element(rule, "Status").is_some_and(|status| status.trim() == "Enabled"),
            by_our_tag: element(rule, "Tag").is_some_and(|tag| {
                element(tag, "Key") == Some(EXPIRE_TAG.0) && element(tag, "Value") == Some(EXPIRE_TAG.1)
            }),
            by_any_tag: rule.contains("<Tag>"),
            days: number(expiration, "Days"),
            abort_days: number(element(rule, "AbortIncompleteMultipartUpload"), "DaysAfterInitiation"),
        });
        let end = rest.find("</Rule>").map_or(rest.len(), |at| at + "</Rule>".len());
        rest = &rest[end..];
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let xml = "<LifecycleConfiguration><Rule><ID>expire</ID><Filter><Tag><Key>expire</Key><Value>yes</Value></Tag>\
                   </Filter><Status>Enabled</Status><Expiration><Days>30</Days></Expiration></Rule><Rule><Filter/>\
                   <Status>Disabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation>\
                   </AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>";
        let want = [
            LifecycleRule {
                enabled: true,
                by_our_tag: true,
                by_any_tag: true,
                days: Some(30),
                abort_days: None,
            },
            LifecycleRule { abort_days: Some(7), ..LifecycleRule::default() },
        ];
        assert_eq!(rules(xml), want);
        assert!(rules("").is_empty());
    }
}
