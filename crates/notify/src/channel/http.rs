//! What all channels over HTTP share.

use std::time::Duration;

use reqwest::{Response, StatusCode, header, redirect::Policy};

use super::SendError;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// From the first byte to the last.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// How much of a refusal is read, for the log.
const REFUSAL_MAX_BYTES: usize = 300;

/// A client that follows nobody elsewhere: a signed body or a token is for the configured address only.
pub(super) fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("camtrail/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_LIMIT)
        .timeout(ANSWER_LIMIT)
        .redirect(Policy::none())
}

/// The last of all causes says it best; addresses are left out, they may hold a secret.
pub(super) fn unreachable(error: reqwest::Error) -> SendError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    SendError::Again(format!("no answer: {text}"))
}

/// What an answer means.
pub(super) async fn judge(response: Response) -> Result<(), SendError> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    if status.is_redirection() {
        let to = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        // Scheme and host only: the path may be the secret.
        let to = to.and_then(|to| reqwest::Url::parse(to).ok());
        let to = to.map_or_else(String::new, |to| format!(" to {}", to.origin().ascii_serialization()));
        return Err(SendError::Refused(format!(
            "it answers {status}{to}: redirects aren't followed, configure the final address"
        )));
    }
    let why = refusal(response).await;
    let why =
        if why.is_empty() { format!("it answers {status}") } else { format!("it answers {status}: {why}") };
    Err(match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS | StatusCode::TOO_EARLY => {
            SendError::Again(why)
        }
        _ if status.is_server_error() => SendError::Again(why),
        _ => SendError::Refused(why),
    })
}

async fn refusal(mut response: Response) -> String {
    let mut body = Vec::new();
    while body.len() < REFUSAL_MAX_BYTES {
        match response.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            _ => break,
        }
    }
    body.truncate(REFUSAL_MAX_BYTES);
    String::from_utf8_lossy(&body)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim()
        .to_owned()
}
