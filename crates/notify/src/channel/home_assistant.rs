//! Home Assistant's MQTT discovery: one device a camera, with what Camtrail knows of it.
//!
//! The device form of discovery (`homeassistant/device/ID/config`, Home Assistant 2024.11 and later): one retained message
//! says all of a camera.

use camtrail_model::{CameraName, Digest};
use serde_json::{Value, json};

/// The topics of one channel.
#[derive(Debug, Clone)]
pub(crate) struct Topics {
    /// What ours begin with.
    pub(crate) base: String,
    /// What discovery's begin with.
    pub(crate) discovery: Option<String>,
}

impl Topics {
    /// `online`, or by our last will `offline`.
    pub(crate) fn availability(&self) -> String {
        format!("{}/status", self.base)
    }

    /// Every message, as a webhook would get it.
    pub(crate) fn messages(&self) -> String {
        format!("{}/messages", self.base)
    }

    /// A camera's: `motion`, `event`, `last_event`, `picture`, `problem`.
    pub(crate) fn camera(&self, camera: &CameraName, what: &str) -> String {
        format!("{}/camera/{}/{what}", self.base, slug(camera))
    }

    /// The gateway's trouble, `ON` or `OFF`.
    pub(crate) fn gateway(&self) -> String {
        format!("{}/gateway/problem", self.base)
    }

    /// Where Home Assistant says that it has started and forgot what it heard.
    pub(crate) fn birth(&self) -> Option<String> {
        self.discovery.as_ref().map(|prefix| format!("{prefix}/status"))
    }

    /// A camera's discovery: topic and payload.
    pub(crate) fn device(
        &self,
        camera: &CameraName,
        label: &str,
        public_url: Option<&str>,
    ) -> Option<(String, Value)> {
        let id = format!("camtrail_{}", slug(camera));
        let topic = format!("{}/device/{id}/config", self.discovery.as_ref()?);
        let part = |platform: &str, what: &str, name: &str, more: Value| {
            let mut part = json!({
                "platform": platform, "unique_id": format!("{id}_{what}"), "name": name,
                "availability_topic": self.availability(),
            });
            if let (Some(part), Value::Object(more)) = (part.as_object_mut(), more) {
                part.extend(more);
            }
            part
        };
        let topic_of = |what: &str| self.camera(camera, what);
        let mut device = json!({
            "identifiers": [id], "name": label, "manufacturer": "Camtrail", "model": "Camera",
            "sw_version": env!("CARGO_PKG_VERSION"),
        });
        let mut origin = json!({ "name": "Camtrail", "sw_version": env!("CARGO_PKG_VERSION") });
        if let Some(url) = public_url {
            device["configuration_url"] = json!(format!("{url}/"));
            origin["support_url"] = json!(format!("{url}/"));
        }
        let payload = json!({
            "device": device,
            "origin": origin,
            "qos": 1,
            "components": {
                "motion": part("binary_sensor", "motion", "Motion", json!({
                    "device_class": "motion", "state_topic": topic_of("motion"),
                })),
                "event": part("event", "event", "Capture", json!({
                    "device_class": "motion", "event_types": ["capture"], "state_topic": topic_of("event"),
                })),
                "last_event": part("sensor", "last_event", "Last event", json!({
                    "device_class": "timestamp", "state_topic": topic_of("last_event"),
                    "value_template": "{{ value_json.captured_at }}", "json_attributes_topic": topic_of("last_event"),
                })),
                "picture": part("image", "picture", "Picture", json!({
                    "image_topic": topic_of("picture"), "content_type": "image/jpeg",
                })),
                "problem": part("binary_sensor", "problem", "Silent", json!({
                    "device_class": "problem", "entity_category": "diagnostic", "state_topic": topic_of("problem"),
                })),
            }
        });
        Some((topic, payload))
    }
}

/// A camera's name in topics and ids: letters, digits and `_`. Where anything had to go, a few digits of its digest tell it
/// from others.
pub(crate) fn slug(camera: &CameraName) -> String {
    let name = camera.as_str();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    if plain == name { plain } else { format!("{plain}_{}", Digest::of(name.as_bytes()).short()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_topics_and_stay_apart() {
        let slug = |name: &str| slug(&CameraName::from_folder(name));
        assert_eq!(slug("backyard"), "backyard");
        assert_ne!(slug("Front gate"), slug("front gate"));
        for name in ["a+b", "a#b", "Éntry", "c/d", "$SYS"] {
            let slug = slug(name);
            assert!(slug.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{slug}");
        }
    }
}
