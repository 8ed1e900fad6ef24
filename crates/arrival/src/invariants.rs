//! What holds for every notification that a stranger can send, said once: the fuzzer (`fuzz/`) and the tests both ask it.

use camtrail_model::{ObjectBase, ObjectKey};

use crate::notification::{self, KEY_MAX_BYTES, ObjectEvent, RECORDS_MAX, Told};

/// An error is a line for a log.
const MESSAGE_MAX_CHARS: usize = 600;

/// Everything that must hold for bytes that claim to be a notification.
///
/// # Panics
///
/// Where something doesn't.
pub fn hold(wire: &[u8]) {
    let read = notification::read(wire);
    assert_eq!(read, notification::read(wire), "read twice, it is another one");
    let found = match read {
        Ok(found) => found,
        Err(error) => return is_a_line(&error.to_string()),
    };
    assert!(found.records.len() <= RECORDS_MAX, "{} records", found.records.len());
    for record in &found.records {
        match &record.told {
            Told::Object(event) => is_sound(event),
            Told::Strange { why, .. } => is_a_line(why),
            Told::Unreadable(error) => is_a_line(&error.to_string()),
        }
    }
}

fn is_sound(event: &ObjectEvent) {
    assert!(!event.key.is_empty(), "a key without a letter");
    assert!(event.key.len() <= KEY_MAX_BYTES, "a key of {} bytes", event.key.len());
    if let Some(raw) = &event.raw_key {
        assert_ne!(*raw, event.key, "the raw key says nothing new");
    }
    // What the function does next with it.
    let _ = ObjectKey::parse(&ObjectBase::default(), &event.key);
}

fn is_a_line(message: &str) {
    assert!(!message.is_empty(), "an error that says nothing");
    assert!(message.chars().count() <= MESSAGE_MAX_CHARS, "an error of {} letters", message.len());
    assert!(!message.contains(['\n', '\r']), "an error of two lines: {message:?}");
}

#[cfg(test)]
mod tests {
    use camtrail_model::corpus;
    use proptest::prelude::*;

    use super::hold;

    #[test]
    fn invariants_hold_for_the_kept_corpus() {
        for wire in corpus::inputs(include_str!("../../../fuzz/corpus/notifications.txt"), 20) {
            hold(&wire);
        }
    }

    proptest! {
        #[test]
        fn invariants_hold_for_any_bytes(wire in prop::collection::vec(any::<u8>(), 0..300)) {
            hold(&wire);
        }

        #[test]
        fn invariants_hold_for_any_key(key in "\\PC{0,40}", name in "[a-zA-Z:*]{0,30}") {
            let record = serde_json::json!({ "eventName": name, "s3": { "object": { "key": key } } });
            hold(serde_json::json!({ "Records": [record] }).to_string().as_bytes());
        }
    }
}
