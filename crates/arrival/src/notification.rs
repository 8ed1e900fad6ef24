//! What stores say when an object came or went, in all the forms in which it reaches us.
//!
//! Owns the reading of S3 event notifications, EventBridge events, the webhooks of MinIO and Ceph, and either of
//! them wrapped in SQS messages or SNS, several times if need be. Promises: every record of a notification is given,
//! in order; one that can't be read stands in its own place and doesn't hide the others; no input panics. Refuses:
//! to look at any object, and to follow the address in a subscription's confirmation.

mod key;

use serde_json::{Map, Value};

/// The largest notification: what a queue or topic carries is 1 MiB at most, what a function is called with 6 MiB.
pub const NOTIFICATION_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Records in one notification, those in wrapped messages together. A batch of a queue has at most 10,000 messages.
pub const RECORDS_MAX: usize = 10_000;
/// The longest key that S3 has.
pub const KEY_MAX_BYTES: usize = 1024;
/// Envelopes around a notification: a topic's in a queue's is two.
const WRAPPERS_MAX: usize = 5;
/// How much of strange input is repeated in an error.
const QUOTED_MAX_CHARS: usize = 80;

/// A notification, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notification {
    /// What it tells, in its order.
    pub records: Vec<Record>,
    /// How many test events stood between them: a store sends one when notifications are set up.
    pub tests: usize,
    /// Topics that ask whether they may send.
    pub subscriptions: Vec<Subscription>,
}

/// One thing that is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What.
    pub told: Told,
    /// The id of the queue's message that it came in.
    pub message_id: Option<String>,
}

/// What a record tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Something about an object.
    Object(ObjectEvent),
    /// About an object whose key can't be one of ours: trying again won't help.
    Strange {
        /// The key as it stands there.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// It can't be read: what was found and what was expected.
    Unreadable(NotificationError),
}

/// Something about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// What happened, by the sender's word.
    pub change: Change,
    /// In which bucket, where that is said.
    pub bucket: Option<String>,
    /// The object's key, decoded.
    pub key: String,
    /// The key as it stood there, where it was decoded to another: some servers forget to encode it.
    pub raw_key: Option<String>,
    /// The size that is claimed, in bytes.
    pub size: Option<u64>,
    /// The ETag that is claimed.
    pub etag: Option<String>,
}

/// What happened to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was put.
    Created,
    /// It was deleted, or expired.
    Removed,
    /// Something else, by this name.
    Other(String),
}

/// A topic that asks to be confirmed. Whoever runs it opens the address; we never do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The topic.
    pub topic: String,
    /// The address that confirms it.
    pub url: String,
}

/// What can't be read as a notification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// No JSON.
    #[error("found no JSON ({0}), expected a notification of a store")]
    NotJson(String),
    /// More than is read.
    #[error("found {found} bytes, expected at most {NOTIFICATION_MAX_BYTES}")]
    TooLarge {
        /// How many there are.
        found: usize,
    },
    /// JSON of another kind.
    #[error("found {found}, expected {expected}")]
    Unexpected {
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// A list with nothing in it.
    #[error("found an empty list of Records, expected at least one record")]
    Empty,
    /// Envelopes within envelopes.
    #[error("found more than {WRAPPERS_MAX} envelopes around each other, expected a notification in them")]
    TooDeep,
    /// More than is read.
    #[error("found more than {RECORDS_MAX} records, expected at most so many in one notification")]
    TooMany,
}

const A_NOTIFICATION: &str = "a notification: an object with Records, detail-type, Message or Event";
const A_RECORD: &str = "a record with s3, Sns, or messageId and body";

/// Reads a notification. An error is about all of it; what is wrong with one record stands in its place.
pub fn read(bytes: &[u8]) -> Result<Notification, NotificationError> {
    if bytes.len() > NOTIFICATION_MAX_BYTES {
        return Err(NotificationError::TooLarge { found: bytes.len() });
    }
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| NotificationError::NotJson(error.to_string()))?;
    let mut reader = Reader::default();
    reader.document(&value, &Place { message_id: None, depth: 0 })?;
    Ok(reader.found)
}

/// Where in the envelopes we are.
#[derive(Clone, Copy)]
struct Place<'a> {
    message_id: Option<&'a str>,
    depth: usize,
}

#[derive(Default)]
struct Reader {
    found: Notification,
}

impl Reader {
    fn push(&mut self, told: Told, place: &Place<'_>) -> Result<(), NotificationError> {
        if self.found.records.len() == RECORDS_MAX {
            return Err(NotificationError::TooMany);
        }
        self.found.records.push(Record { told, message_id: place.message_id.map(str::to_owned) });
        Ok(())
    }

    /// One JSON document: the whole, or what an envelope holds.
    fn document(&mut self, value: &Value, place: &Place<'_>) -> Result<(), NotificationError> {
        let object = value.as_object().ok_or_else(|| unexpected(value, A_NOTIFICATION))?;
        if let Some(records) = object.get("Records").filter(|records| !records.is_null()) {
            let records = records.as_array().ok_or_else(|| unexpected(records, "a list of Records"))?;
            if records.is_empty() {
                return Err(NotificationError::Empty);
            }
            return records.iter().try_for_each(|record| self.record(record, place));
        }
        if let Some(kind) = text(object, "detail-type") {
            let told = from_event_bridge(kind, value);
            return self.push(told, place);
        }
        if text(object, "Event") == Some("s3:TestEvent") {
            self.found.tests += 1;
            return Ok(());
        }
        match text(object, "Type") {
            Some("SubscriptionConfirmation") => {
                let word = |name| text(object, name).unwrap_or_default().to_owned();
                let subscription = Subscription { topic: word("TopicArn"), url: word("SubscribeURL") };
                self.found.subscriptions.push(subscription);
                return Ok(());
            }
            // A topic says good-bye.
            Some("UnsubscribeConfirmation") => return Ok(()),
            _ => {}
        }
        if let Some(message) = object.get("Message") {
            return self.wrapped(message, place);
        }
        // A webhook that was told to send names only.
        if let (Some(name), Some(path)) = (text(object, "EventName"), text(object, "Key")) {
            let (bucket, key) = path.split_once('/').unwrap_or(("", path));
            let told = held_to_length(ObjectEvent {
                change: change(name),
                bucket: Some(bucket.to_owned()).filter(|bucket| !bucket.is_empty()),
                key: key.to_owned(),
                raw_key: None,
                size: None,
                etag: None,
            });
            return self.push(told, place);
        }
        Err(unexpected(value, A_NOTIFICATION))
    }

    /// One element of `Records`.
    fn record(&mut self, value: &Value, place: &Place<'_>) -> Result<(), NotificationError> {
        let Some(record) = value.as_object() else {
            return self.push(Told::Unreadable(unexpected(value, A_RECORD)), place);
        };
        if record.contains_key("s3") {
            return self.push(from_s3(value), place);
        }
        let outcome = if let Some(message) = value.pointer("/Sns/Message") {
            self.wrapped(message, place)
        } else if let (Some(id), Some(body)) = (text(record, "messageId"), record.get("body")) {
            let place = Place { message_id: Some(id), ..*place };
            return match self.wrapped(body, &place) {
                Err(error) if error != NotificationError::TooMany => {
                    self.push(Told::Unreadable(error), &place)
                }
                outcome => outcome,
            };
        } else {
            Err(unexpected(value, A_RECORD))
        };
        match outcome {
            Err(error) if error != NotificationError::TooMany => self.push(Told::Unreadable(error), place),
            outcome => outcome,
        }
    }

    /// What an envelope holds: JSON as a text, or (by some bridges) as it is.
    fn wrapped(&mut self, message: &Value, place: &Place<'_>) -> Result<(), NotificationError> {
        let place = Place { depth: place.depth + 1, ..*place };
        if place.depth > WRAPPERS_MAX {
            return Err(NotificationError::TooDeep);
        }
        match message {
            Value::String(text) => {
                let inner: Value = serde_json::from_str(text)
                    .map_err(|error| NotificationError::NotJson(error.to_string()))?;
                self.document(&inner, &place)
            }
            other => self.document(other, &place),
        }
    }
}

fn from_s3(record: &Value) -> Told {
    let Some(name) = record.get("eventName").and_then(Value::as_str) else {
        return Told::Unreadable(unexpected(record, "a record with eventName and s3"));
    };
    let Some(raw) = record.pointer("/s3/object/key").and_then(Value::as_str) else {
        return Told::Unreadable(unexpected(record, "a record whose s3.object.key is a text"));
    };
    let key = match key::decoded(raw) {
        Ok(key) => key,
        Err(why) => return Told::Strange { key: raw.to_owned(), why },
    };
    let raw_key = (key != raw).then(|| raw.to_owned());
    object_event(change(name), record.get("s3"), key, raw_key, "eTag")
}

/// EventBridge's keys are as they are, not encoded.
fn from_event_bridge(kind: &str, event: &Value) -> Told {
    let change = match kind {
        "Object Created" => Change::Created,
        "Object Deleted" => Change::Removed,
        other => Change::Other(other.to_owned()),
    };
    let Some(key) = event.pointer("/detail/object/key").and_then(Value::as_str) else {
        return Told::Unreadable(unexpected(event, "an event whose detail.object.key is a text"));
    };
    object_event(change, event.get("detail"), key.to_owned(), None, "etag")
}

fn object_event(
    change: Change,
    within: Option<&Value>,
    key: String,
    raw_key: Option<String>,
    etag: &str,
) -> Told {
    let at = |pointer: &str| within.and_then(|within| within.pointer(pointer));
    let word = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    // A size below zero, or of another type, is none: what the object really has is looked at anyhow.
    let size = at("/object/size").and_then(Value::as_u64);
    if size.is_none()
        && let Some(found) = at("/object/size").filter(|found| !found.is_null())
    {
        tracing::warn!(key, %found, "a notification claims a size that can't be: the object itself is asked");
    }
    held_to_length(ObjectEvent {
        change,
        bucket: word(at("/bucket/name")),
        key,
        raw_key,
        size,
        etag: word(at(&format!("/object/{etag}"))),
    })
}

/// No store has a key without a letter, or such a long one.
fn held_to_length(event: ObjectEvent) -> Told {
    let found = event.key.len();
    if (1..=KEY_MAX_BYTES).contains(&found) {
        return Told::Object(event);
    }
    Told::Strange { key: event.key, why: format!("it has {found} bytes, expected 1 to {KEY_MAX_BYTES}") }
}

/// MinIO and Ceph put `s3:` before the name; Ceph has words of its own for expiry.
fn change(name: &str) -> Change {
    const CREATED: [&str; 1] = ["ObjectCreated"];
    const REMOVED: [&str; 4] =
        ["ObjectRemoved", "LifecycleExpiration", "ObjectLifecycle:Expiration", "ObjectExpired"];
    let plain = name.strip_prefix("s3:").unwrap_or(name);
    let is =
        |stem: &&str| plain.strip_prefix(*stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    if CREATED.iter().any(is) {
        Change::Created
    } else if REMOVED.iter().any(is) {
        Change::Removed
    } else {
        Change::Other(name.chars().take(QUOTED_MAX_CHARS).collect())
    }
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

fn unexpected(value: &Value, expected: &'static str) -> NotificationError {
    let found = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(object) if object.is_empty() => "an object with nothing in it".to_owned(),
        Value::Object(object) => {
            let names: Vec<&str> = object.keys().map(String::as_str).collect();
            let names: String = names.join(", ").chars().take(QUOTED_MAX_CHARS).collect();
            format!("an object with {}", names.escape_debug())
        }
    };
    NotificationError::Unexpected { found, expected }
}

#[cfg(test)]
mod tests;
