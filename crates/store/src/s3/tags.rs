//! The tag that the bucket's lifecycle rule goes by, taken from an object and given back.
//!
//! The library tags only what it puts. Taking a tag away is S3's `DELETE ?tagging`, which takes all of them; ours is the
//! only one that Camtrail gives. Promises: an object that isn't there is no failure; any number of repetitions is one.

use bytes::Bytes;
use camtrail_model::ports::StoreError;
use data_encoding::BASE64;
use http::{Method, Request, StatusCode, header};
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use object_store::{
    aws::AwsCredential,
    client::{HttpError, HttpRequestBody, HttpService},
};

use super::{
    EXPIRE_TAG,
    links::{self, Place, sign_at},
    problem::words_of,
    wire::Wire,
};

/// How long the signature is good; the request begins at once.
const VALID_S: i64 = 300;

/// Lets the object's tag be, or not. `place` is where requests go, not where browsers read.
pub(super) async fn let_expire(
    wire: &Wire,
    place: &Place,
    credential: &AwsCredential,
    key: &str,
    may_expire: bool,
) -> Result<(), StoreError> {
    let (method, body) = if may_expire { (Method::PUT, document()) } else { (Method::DELETE, Bytes::new()) };
    let asked = links::Request { method: method.as_str(), key, query: &[("tagging", "")], headers: &[] };
    let url = sign_at(place, credential, &asked, Timestamp::now(), VALID_S);
    let mut request = Request::builder().method(method).uri(url);
    if may_expire {
        // S3 wants a digest with every body of this kind; it need not be among what is signed.
        request = request
            .header(header::CONTENT_TYPE, "application/xml")
            .header("content-md5", BASE64.encode(&Md5::digest(&body)));
    }
    let request = request
        .body(HttpRequestBody::from(body))
        .map_err(|error| StoreError::Refused(format!("{key:?} is not an object key: {error}")))?;
    let unreachable = |error: HttpError| StoreError::Unavailable(cause(&error));
    let answer = wire.call(request).await.map_err(unreachable)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let text = answer.into_body().bytes().await.map_err(unreachable)?;
    judge(status, &String::from_utf8_lossy(&text))
}

/// What an answer that isn't a success means.
fn judge(status: StatusCode, text: &str) -> Result<(), StoreError> {
    let said = words_of(text).unwrap_or_else(|| status.to_string());
    match status {
        StatusCode::NOT_FOUND if text.contains("NoSuchBucket") => Err(StoreError::Refused(said)),
        StatusCode::NOT_FOUND => Ok(()),
        StatusCode::NOT_IMPLEMENTED | StatusCode::METHOD_NOT_ALLOWED => Err(StoreError::Refused(format!(
            "it knows no tags ({said}): s3_info.tags = false, and a lifecycle rule that spares what is protected"
        ))),
        _ if status.is_client_error()
            && !matches!(
                status,
                StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS
            ) =>
        {
            Err(StoreError::Refused(said))
        }
        _ => Err(StoreError::Unavailable(said)),
    }
}

fn document() -> Bytes {
    let (name, value) = EXPIRE_TAG;
    format!("<Tagging><TagSet><Tag><Key>{name}</Key><Value>{value}</Value></Tag></TagSet></Tagging>").into()
}

fn cause(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(cause) = at.source() {
        at = cause;
    }
    at.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_no_failure_and_a_refusal_is_told() {
        let error = |code: &str| format!("<Error><Code>{code}</Code><Message>on purpose</Message></Error>");
        assert!(judge(StatusCode::NOT_FOUND, &error("NoSuchKey")).is_ok());
        let refused = |status, text: &str| match judge(status, text) {
            Err(StoreError::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(StatusCode::FORBIDDEN, &error("AccessDenied")), "AccessDenied: on purpose");
        assert_eq!(refused(StatusCode::NOT_FOUND, &error("NoSuchBucket")), "NoSuchBucket: on purpose");
        assert!(refused(StatusCode::NOT_IMPLEMENTED, "").contains("s3_info.tags = false"));
        for status in [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS] {
            assert!(matches!(judge(status, ""), Err(StoreError::Unavailable(_))), "{status}");
        }
    }
}
