//! ntfy: a topic of ntfy.sh or of a server of one's own, published to as JSON.

use serde_json::json;

use super::{Parcel, SendError, http};
use crate::config;

/// ntfy cuts longer messages into attachments.
const TEXT_MAX_BYTES: usize = 4_000;
const TITLE_MAX_BYTES: usize = 250;
/// ntfy's "high".
const TROUBLE_PRIORITY: u8 = 4;

/// One topic.
pub(crate) struct Ntfy {
    client: reqwest::Client,
    config: config::Ntfy,
}

impl Ntfy {
    pub(crate) fn new(config: &config::Ntfy) -> Result<Self, String> {
        let client = http::client().build().map_err(|error| error.to_string())?;
        Ok(Self { client, config: config.clone() })
    }

    pub(crate) async fn send(&self, parcel: &Parcel<'_>) -> Result<(), SendError> {
        let message = parcel.message;
        let trouble = message.kind.is_trouble();
        let mut body = json!({
            "topic": self.config.topic,
            "title": cut(&message.title, TITLE_MAX_BYTES),
            "message": cut(&message.text, TEXT_MAX_BYTES),
            "priority": if trouble { self.config.priority.max(TROUBLE_PRIORITY) } else { self.config.priority },
            "tags": [if trouble { "warning" } else { "camera" }],
        });
        if let Some(link) = parcel.link() {
            body["click"] = json!(link);
        }
        if let Some(poster) = parcel.poster_link().await {
            body["attach"] = json!(poster);
            body["filename"] = json!("poster.jpg");
        }
        let mut request = self.client.post(&self.config.server).header("content-type", "application/json");
        if let Some(token) = &self.config.token {
            request = request.bearer_auth(token.text());
        }
        http::judge(request.body(body.to_string()).send().await.map_err(http::unreachable)?).await
    }
}

pub(super) fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}
