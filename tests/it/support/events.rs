//! Looking at events as the API gives them.

use serde_json::Value;

use super::{Web, sha256, wait};

/// A field's text; panics with the event where there is none.
pub(crate) fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().unwrap_or_else(|| panic!("{field} is no text in {event:#}"))
}

/// The one event whose camera sent exactly `bytes`; waits for it.
pub(crate) fn by_original(web: &Web, bytes: &[u8]) -> Value {
    let digest = sha256(bytes);
    wait("an event of these bytes", || {
        let events = web.events("limit=500");
        let mut found = events.into_iter().filter(|event| event["original_sha256"] == digest.as_str());
        let first = found.next();
        assert!(found.next().is_none(), "the same bytes are listed twice");
        first
    })
}

/// The poster of an event, waited for.
pub(crate) fn poster(web: &Web, id: &str) -> Vec<u8> {
    let url = wait("a poster", || {
        let event = web.get(&format!("/api/v1/events/{id}")).json();
        event["poster_url"].as_str().map(str::to_owned)
    });
    let reply = web.get(&url);
    assert_eq!((reply.status, reply.header("content-type")), (200, "image/jpeg"));
    reply.body
}
