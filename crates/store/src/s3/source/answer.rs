//! What a bucket answers: listings, and refusals in words that say what to do.

use camtrail_model::Millis;
use http::{HeaderMap, StatusCode, response::Parts};
use jiff::Timestamp;
use serde::Deserialize;

use super::{SourceObject, SourcePage, text};
use crate::s3::problem::element;

/// Why something can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The object is another than it was.
    #[error("it changed while it was read")]
    Changed,
    /// There is no such object.
    #[error("there is no such object any more")]
    Gone,
    /// Its bytes aren't what the store's ETag says, and this is their digest: twice the same, and the ETag is no digest.
    #[error("the bytes that came are not those that the store's ETag tells of")]
    Doubtful(camtrail_model::Digest),
    /// There is no such bucket.
    #[error("there is no bucket {0}")]
    NoBucket(String),
    /// Trying again helps nothing.
    #[error("{0}")]
    Refused(String),
    /// It may work later; it was tried for a while.
    #[error("the bucket can't be reached: {0}")]
    Unavailable(String),
    /// Whom the bytes were for wants no more of them.
    #[error("the bytes were not wanted any more")]
    Unwanted,
}

#[derive(Deserialize)]
#[serde(rename = "ListBucketResult", rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    contents: Vec<Contents>,
    #[serde(default)]
    common_prefixes: Vec<Folder>,
    next_continuation_token: Option<String>,
    // Tells a listing from any other document.
    is_truncated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Contents {
    key: String,
    size: u64,
    last_modified: Timestamp,
    #[serde(rename = "ETag")]
    e_tag: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Folder {
    prefix: String,
}

/// An ETag without its quotes.
pub(super) fn tag_of(text: &str) -> String {
    text.trim().trim_matches('"').to_owned()
}

/// A listing's part.
pub(super) fn page(xml: &[u8]) -> Result<SourcePage, SourceError> {
    let page: Page = quick_xml::de::from_reader(xml).map_err(|error| {
        SourceError::Refused(format!(
            "its answer is no listing of a bucket ({error}): is this the address of an S3-compatible server?"
        ))
    })?;
    let objects = page.contents.into_iter().map(|one| SourceObject {
        key: one.key,
        size: one.size,
        modified_at: Millis(one.last_modified.as_millisecond()),
        e_tag: one.e_tag.as_deref().map(tag_of).filter(|tag| !tag.is_empty()),
    });
    Ok(SourcePage {
        objects: objects.collect(),
        folders: page.common_prefixes.into_iter().map(|folder| folder.prefix).collect(),
        next: page.next_continuation_token.filter(|_| page.is_truncated),
    })
}

/// A refusal.
pub(super) fn refusal(head: &Parts, body: &str, bucket: &str) -> SourceError {
    let code = element(body, "Code").unwrap_or_default();
    let said = match (code, element(body, "Message")) {
        ("", _) => head.status.to_string(),
        (code, None | Some("")) => code.to_owned(),
        (code, Some(message)) => format!("{code}: {message}"),
    };
    let moved = matches!(head.status.as_u16(), 301 | 307) || code == "AuthorizationHeaderMalformed";
    match (head.status, code) {
        _ if moved => SourceError::Refused(elsewhere(&head.headers, body, bucket, &said)),
        (StatusCode::NOT_FOUND, "NoSuchBucket") => SourceError::NoBucket(bucket.to_owned()),
        (StatusCode::NOT_FOUND, _) => SourceError::Gone,
        (StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE, _) => SourceError::Changed,
        (_, "InvalidObjectState") => SourceError::Refused(format!(
            "it is archived ({}): restore it in the bucket first, then run the import again",
            element(body, "StorageClass").unwrap_or("Glacier")
        )),
        (StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED, _) => SourceError::Refused(format!(
            "{said} (the import needs credentials that may list the bucket {bucket} and read its objects)"
        )),
        (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS, _) => SourceError::Unavailable(said),
        (status, _) if status.is_server_error() => SourceError::Unavailable(said),
        _ => SourceError::Refused(said),
    }
}

fn elsewhere(headers: &HeaderMap, body: &str, bucket: &str, said: &str) -> String {
    match text(headers, "x-amz-bucket-region").or_else(|| element(body, "Region")) {
        Some(region) => {
            format!("the bucket {bucket} is in the region {region}: import it with --region {region}")
        }
        None => format!("the bucket {bucket} is elsewhere ({said}): name its --region, or its --endpoint"),
    }
}

/// A line that broke, in the words of its deepest cause.
pub(super) fn broken(error: &dyn std::error::Error) -> SourceError {
    let mut deepest = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    SourceError::Unavailable(deepest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_with_any_key_is_read() {
        let xml = r#"<?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix>
            <IsTruncated>true</IsTruncated><NextContinuationToken>abc=</NextContinuationToken>
            <Contents><Key>a//b +%25 &amp; &#xFC;.jpg</Key><LastModified>2016-10-18T19:06:00.000Z</LastModified>
            <ETag>&quot;0cc175b9c0f1b6a831c399e269772661&quot;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>
            <CommonPrefixes><Prefix>gate/</Prefix></CommonPrefixes>
            <Contents><Key>a/</Key><LastModified>2016-10-18T19:06:00Z</LastModified><ETag></ETag><Size>0</Size></Contents>
            </ListBucketResult>"#;
        let page = page(xml.as_bytes()).unwrap();
        assert_eq!(
            page.objects[0],
            SourceObject {
                key: "a//b +%25 & ü.jpg".to_owned(),
                size: 1,
                modified_at: Millis(1_476_817_560_000),
                e_tag: Some("0cc175b9c0f1b6a831c399e269772661".to_owned()),
            }
        );
        assert_eq!((page.objects[1].key.as_str(), &page.objects[1].e_tag), ("a/", &None));
        assert_eq!((page.folders, page.next.as_deref()), (vec!["gate/".to_owned()], Some("abc=")));
        let other = super::page(b"<html>welcome</html>").unwrap_err().to_string();
        assert!(other.contains("no listing of a bucket"), "{other}");
    }

    #[test]
    fn refusals_say_what_to_do() {
        let said = |status: u16, body: &str| {
            let (mut head, ()) = http::Response::new(()).into_parts();
            head.status = StatusCode::from_u16(status).unwrap();
            refusal(&head, body, "clips")
        };
        let archived = said(
            403,
            "<Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the object's storage class\
             </Message><StorageClass>DEEP_ARCHIVE</StorageClass></Error>",
        );
        assert!(archived.to_string().contains("archived (DEEP_ARCHIVE): restore it"), "{archived}");
        let moved = said(
            400,
            "<Error><Code>AuthorizationHeaderMalformed</Code><Message>x</Message><Region>eu-west-1</Region></Error>",
        );
        assert!(moved.to_string().ends_with("with --region eu-west-1"), "{moved}");
        assert!(said(301, "").to_string().contains("--endpoint"));
        assert_eq!(said(404, "<Code>NoSuchBucket</Code>"), SourceError::NoBucket("clips".to_owned()));
        assert_eq!(said(404, "<Code>NoSuchKey</Code>"), SourceError::Gone);
        assert_eq!(said(412, ""), SourceError::Changed);
        assert!(said(403, "").to_string().contains("403 Forbidden (the import needs credentials"));
        assert_eq!(said(503, "<Code>SlowDown</Code>"), SourceError::Unavailable("SlowDown".to_owned()));
    }
}
