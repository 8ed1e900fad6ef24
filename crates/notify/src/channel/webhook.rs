//! Webhooks, signed as "Standard Webhooks" says (version 1): anyone with the secret can check that a message is ours, is
//! whole, and isn't an old one sent again.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Parcel, SendError, http};
use crate::config;

/// One address.
pub(crate) struct Webhook {
    client: reqwest::Client,
    url: String,
    key: Vec<u8>,
}

impl Webhook {
    pub(crate) fn new(config: &config::Webhook) -> Result<Self, String> {
        let client = http::client().build().map_err(|error| error.to_string())?;
        Ok(Self { client, url: config.url.clone(), key: key_of(config.secret.text())? })
    }

    pub(crate) async fn send(&self, parcel: &Parcel<'_>) -> Result<(), SendError> {
        let id = &parcel.message.id;
        let timestamp_s = parcel.shared.now().0.div_euclid(1_000);
        let body = body(parcel, parcel.poster_link_now().await).to_string();
        let request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp_s)
            .header("webhook-signature", signature(&self.key, id, timestamp_s, &body))
            .body(body);
        http::judge(request.send().await.map_err(http::unreachable)?).await
    }
}

/// `whsec_` and base 64, as the scheme writes secrets; or any other text, as it is.
pub(crate) fn key_of(secret: &str) -> Result<Vec<u8>, String> {
    match secret.strip_prefix("whsec_") {
        Some(encoded) => data_encoding::BASE64
            .decode(encoded.as_bytes())
            .map_err(|_| "its secret begins with whsec_, and no base 64 follows".to_owned()),
        None => Ok(secret.as_bytes().to_vec()),
    }
}

fn signature(key: &[u8], id: &str, timestamp_s: i64, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{timestamp_s}.{body}").as_bytes());
    format!("v1,{}", data_encoding::BASE64.encode(&mac.finalize().into_bytes()))
}

/// What programs get, by webhook and by MQTT.
pub(super) fn body(parcel: &Parcel<'_>, poster_url: Option<String>) -> Value {
    let message = parcel.message;
    json!({
        "type": message.kind.as_str(),
        "timestamp": message.at.to_string(),
        "data": {
            "rule": message.rule,
            "camera": message.camera,
            "title": message.title,
            "text": message.text,
            "count": message.count,
            "event": message.event,
            "event_url": message.event.as_ref().and_then(|_| parcel.link()),
            "poster_url": poster_url,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the scheme's specification (standard-webhooks, libraries' test vector).
    #[test]
    fn signs_as_the_specification_does() {
        let key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(key_of("whsec_%").is_err());
    }
}
