//! How requests reach the store: paced, watched for stalls, and their answers held against what was sent.
//!
//! `object_store` signs and reads; this sends. It owns three things that the library leaves open: the bandwidth
//! limit; a limit on *standstill* instead of on the whole (a clip may take an hour on a bad line, but not stand
//! still for one); and the check that the store's answer confirms the bytes (NEVER-15).

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue, Method, header};
use http_body::Body as _;
use md5::{Digest as _, Md5};
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpResponseBody, HttpService,
};

use super::{
    body::{IncomingBody, OutgoingBody, Progress, Stalled},
    pace::Pace,
};

/// The SHA-256 of a body, sent with it and answered by stores that know it.
const CHECKSUM: &str = "x-amz-checksum-sha256";
/// What a machine's own buffers may still hold of a body that has been handed over, at most.
const BUFFERED_BYTES: u64 = 4 * 1024 * 1024;
/// The slowest line that is reckoned with while those drain.
const SLOWEST_BYTES_PER_SECOND: u64 = 32 * 1024;

/// The answer tells of other bytes than were sent.
#[derive(Debug, thiserror::Error)]
#[error("the store's answer doesn't confirm the bytes: {what} is {found}, expected {expected}")]
pub(super) struct Unconfirmed {
    what: &'static str,
    found: String,
    expected: String,
}

/// Sends requests over one pool of connections.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    client: reqwest::Client,
    pace: Option<Arc<Pace>>,
    stall_limit: Duration,
    /// Multipart uploads are completed only where there is no object yet; the library has no word for it.
    complete_if_absent: bool,
}

impl Wire {
    pub(super) fn new(pace: Option<Arc<Pace>>, stall_limit: Duration) -> reqwest::Result<Self> {
        Ok(Self { client: client()?, pace, stall_limit, complete_if_absent: false })
    }

    /// The same connections, for uploads that must not replace anything.
    pub(super) fn only_if_absent(&self) -> Self {
        Self { complete_if_absent: true, ..self.clone() }
    }
}

/// Connections to a store.
pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    /// A name that isn't answered, or a port that isn't, is trouble soon enough.
    const CONNECT_LIMIT: Duration = Duration::from_secs(10);
    reqwest::Client::builder()
        .user_agent(concat!("camtrail/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_LIMIT)
        .pool_idle_timeout(Duration::from_mins(1))
        .tcp_nodelay(true)
        .http1_only()
        // A signature is for one host: what is elsewhere is told, not followed.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

/// All of a body; it is in memory already.
async fn collect(body: HttpRequestBody) -> Result<Bytes, HttpError> {
    if let Some(bytes) = body.as_bytes() {
        return Ok(bytes.clone());
    }
    let length = body.content_length();
    let mut body = std::pin::pin!(body);
    let mut pieces = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
        pieces.extend(frame?.into_data());
    }
    if let [only] = &mut pieces[..] {
        return Ok(std::mem::take(only));
    }
    let mut all = BytesMut::with_capacity(length);
    for piece in pieces {
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}

/// Whether the store says that it has what was sent: by its SHA-256 where it answers one, else by an ETag that is
/// an MD5 (RFC 1864's digest, as S3 documents it for single puts without KMS).
fn confirm(sent: &HeaderMap, bytes: &Bytes, answer: &HeaderMap) -> Result<(), Unconfirmed> {
    let Some(expected) = text(sent, CHECKSUM) else { return Ok(()) };
    if let Some(found) = text(answer, CHECKSUM) {
        return same("the SHA-256", found, expected);
    }
    let is_kms = text(answer, "x-amz-server-side-encryption").is_some_and(|how| how.contains("kms"));
    let customer_key = answer.contains_key("x-amz-server-side-encryption-customer-algorithm");
    let e_tag = text(answer, "etag").map(|tag| tag.trim_matches('"')).filter(|_| !is_kms && !customer_key);
    match e_tag.filter(|tag| tag.len() == 32 && tag.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        Some(found) => same("the MD5", &found.to_ascii_lowercase(), &HEXLOWER.encode(&Md5::digest(bytes))),
        // The signature covers the bytes' digest: the store has checked that.
        None => Ok(()),
    }
}

fn same(what: &'static str, found: &str, expected: &str) -> Result<(), Unconfirmed> {
    if found == expected {
        return Ok(());
    }
    Err(Unconfirmed { what, found: found.to_owned(), expected: expected.to_owned() })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn is_completion(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::POST && query.split('&').any(|pair| pair.starts_with("uploadId="))
}

fn sending(error: reqwest::Error) -> HttpError {
    let kind = match () {
        () if error.is_connect() => HttpErrorKind::Connect,
        () if error.is_timeout() => HttpErrorKind::Timeout,
        () => HttpErrorKind::Interrupted,
    };
    HttpError::new(kind, error)
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if self.complete_if_absent && is_completion(&request) {
            // Not among the signed headers, and need not be.
            request.headers_mut().insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        let (parts, body) = request.into_parts();
        let bytes = collect(body).await?;
        let url = parts.uri.to_string().parse();
        let url = url.map_err(|error| HttpError::new(HttpErrorKind::Request, url_problem(error)))?;
        let progress = Progress::new();
        let mut outgoing = reqwest::Request::new(parts.method, url);
        outgoing.headers_mut().clone_from(&parts.headers);
        *outgoing.body_mut() = Some(reqwest::Body::wrap(OutgoingBody::new(
            bytes.clone(),
            self.pace.clone(),
            Arc::clone(&progress),
        )));
        let drain_bytes = BUFFERED_BYTES.min(bytes.len() as u64);
        let drain = Duration::from_secs(drain_bytes / SLOWEST_BYTES_PER_SECOND);
        let answer = tokio::select! {
            answer = self.client.execute(outgoing) => answer.map_err(sending)?,
            () = progress.stalled(self.stall_limit, drain) => return Err(Stalled::error(self.stall_limit)),
        };
        if answer.status().is_success() {
            confirm(&parts.headers, &bytes, answer.headers())
                .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        }
        let (head, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
        let body = HttpResponseBody::new(IncomingBody::new(body, self.stall_limit));
        Ok(HttpResponse::from_parts(head, body))
    }
}

/// An address that the library made and the client can't read.
#[derive(Debug, thiserror::Error)]
#[error("not an address: {0}")]
struct BadUrl(String);

fn url_problem(error: impl std::fmt::Display) -> BadUrl {
    BadUrl(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    /// NEVER-15: what was stored is what was sent, by the store's own word.
    #[test]
    fn an_answer_of_other_bytes_is_refused() {
        let bytes = Bytes::from_static(b"hello");
        let sent = headers(&[(CHECKSUM, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")]);
        let says = |pairs: &[(&'static str, &'static str)]| confirm(&sent, &bytes, &headers(pairs));
        assert!(says(&[(CHECKSUM, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")]).is_ok());
        assert!(says(&[(CHECKSUM, "j3JBTCNw6frvOrJ9aqXonQfolssub3iHQ91n0f/GBWo=")]).is_err());
        assert!(says(&[("etag", "\"5d41402abc4b2a76b9719d911017c592\"")]).is_ok());
        let other = ("etag", "\"6565cec291439d4eb0fb6ce300abcf9b\"");
        assert!(
            says(&[other]).unwrap_err().to_string().contains("expected 5d41402abc4b2a76b9719d911017c592")
        );
        assert!(says(&[other, ("x-amz-server-side-encryption", "aws:kms")]).is_ok());
        assert!(says(&[("etag", "\"5d41402abc4b2a76b9719d911017c592-3\"")]).is_ok());
        assert!(confirm(&HeaderMap::new(), &bytes, &headers(&[other])).is_ok(), "no checksum was sent");
    }
}
