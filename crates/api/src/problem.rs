//! Errors as RFC 9457 problem documents: what was given, what was expected, what to do.

use axum::{
    Json,
    extract::rejection::JsonRejection,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use camtrail_model::ports::{CatalogError, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

/// An RFC 9457 problem document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// What kind of problem; `about:blank` means what the status says.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The problem in two or three words.
    #[schema(example = "Bad Request")]
    title: String,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// This case: what was found, what was expected, what to do.
    detail: String,
    /// Where a walk that found nothing yet goes on: the same query with this `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    next_cursor: Option<Box<str>>,
    /// Seconds to wait before another try, where that is known.
    #[serde(skip)]
    retry_after_s: Option<u64>,
    /// What the answer says is wanted (RFC 9110, 11.6.1).
    #[serde(skip)]
    challenge: Option<&'static str>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            next_cursor: None,
            retry_after_s: None,
            challenge: None,
        }
    }

    /// A walk that looked far enough for one answer and found nothing.
    pub(crate) fn none_yet(detail: String, next_cursor: String) -> Self {
        Self { next_cursor: Some(next_cursor.into()), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// A body that can't be read; `expected` is what it should have been.
    pub(crate) fn of_body(error: &JsonRejection, expected: &str) -> Self {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is too large: expected {expected}"),
            );
        }
        Self::bad_request(format!("expected {expected} as application/json: {}", error.body_text()))
    }

    /// No random bytes, or nothing to hash with.
    pub(crate) fn no_secret(error: &camtrail_auth::RandomError) -> Self {
        tracing::error!(%error, "a secret could not be made");
        Self::unavailable("a secret can't be made now: try again")
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "nobody is signed in here: sign in with POST /api/v1/session")
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("there is no such {what}"))
    }

    /// Not a person's token that is good now.
    pub(crate) fn no_api_token() -> Self {
        let detail = "this token is worth nothing (any more): POST /api/v1/tokens makes one";
        Self { challenge: Some("Bearer"), ..Self::new(StatusCode::UNAUTHORIZED, detail) }
    }

    /// No camera's token, or none that is known.
    pub(crate) fn no_token() -> Self {
        let detail = "no token, or a wrong one: send `Authorization: Bearer TOKEN`; `camtrail camera token NAME` makes one";
        Self { challenge: Some("Bearer"), ..Self::new(StatusCode::UNAUTHORIZED, detail) }
    }

    /// Not the webhook's token. Topics send their password only where they are asked for one.
    pub(crate) fn no_arrival_token() -> Self {
        let detail = "no token, or a wrong one: send `Authorization: Bearer TOKEN` with the token in arrival.token_file";
        let challenge = Some("Basic realm=\"camtrail\", Bearer");
        Self { challenge, ..Self::new(StatusCode::UNAUTHORIZED, detail) }
    }

    /// `what`: that there were too many of.
    pub(crate) fn too_many(what: &str, retry_after: std::time::Duration) -> Self {
        let seconds = retry_after.as_secs() + 1;
        let detail = format!("too many {what}: try again in {seconds} seconds");
        Self { retry_after_s: Some(seconds), ..Self::new(StatusCode::TOO_MANY_REQUESTS, detail) }
    }

    /// What the answer's status is.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Not now, and when it is worth another try.
    pub(crate) fn later(detail: &str, retry_after: std::time::Duration) -> Self {
        let seconds = retry_after.as_secs() + 1;
        let detail = format!("{detail}: try again in {seconds} seconds");
        Self { retry_after_s: Some(seconds), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    pub(crate) fn unavailable(detail: &str) -> Self {
        Self { retry_after_s: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let (retry_after_s, challenge) = (self.retry_after_s, self.challenge);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Details of our own failures go to the log, not to the client.
impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        tracing::error!(%error, "a request failed in the catalog");
        match error {
            CatalogError::Unavailable(_) => Self::unavailable("the catalog can't answer now: try again"),
            _ => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the catalog failed; the server's log says why")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request failed in the store");
        Self::unavailable("the store can't answer now: try again")
    }
}

pub(crate) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address doesn't take this method: see /docs")
}
