//! Cursors: opaque, signed, and bound to the query that they came from.

use std::hash::{Hash, Hasher};

use camtrail_auth::SigningKey;
use camtrail_model::{EventId, EventQuery, Millis, Position, ports::Viewed};

use crate::problem::Problem;

/// What a walk through pages is of, besides its query.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Walk {
    /// A group of cameras.
    pub(crate) group: Option<String>,
    /// What the person has viewed, or hasn't.
    pub(crate) unviewed: Option<bool>,
    /// What is protected, or isn't.
    pub(crate) protected: Option<bool>,
    /// Incidents, and the seconds that end one; else events.
    pub(crate) gap_s: Option<u16>,
}

const PURPOSE: &str = "cursor";
const VIEWED_PURPOSE: &str = "cursor of viewed";

/// The text for the place `position` in the pages of `query`.
pub(crate) fn encode(key: &SigningKey, query: &EventQuery, walk: &Walk, position: &Position) -> String {
    let position = position.to_string();
    let signature = key.sign(PURPOSE, &message(query, walk, &position));
    format!("{position}.{signature}")
}

/// Reads a cursor back; 400 for one that was altered, or comes from another query.
pub(crate) fn decode(
    key: &SigningKey,
    query: &EventQuery,
    walk: &Walk,
    text: &str,
) -> Result<Position, Problem> {
    let wrong = || {
        Problem::bad_request(
            "cursor: this is not a cursor of this query; expected the next_cursor of a page with the same filters and order",
        )
    };
    let (position, signature) = text.split_once('.').ok_or_else(wrong)?;
    if !key.verify(PURPOSE, &message(query, walk, position), signature) {
        return Err(wrong());
    }
    EventId::parse(position).ok_or_else(wrong)
}

/// The text for the place behind `last` in what `user` has viewed since then.
pub(crate) fn encode_viewed(key: &SigningKey, user: &str, since: Millis, last: &Viewed) -> String {
    let place = format!("{}-{}", last.at.0, last.id);
    let signature = key.sign(VIEWED_PURPOSE, &viewed_message(user, since, &place));
    format!("{place}.{signature}")
}

/// Reads it back; 400 for one that was altered, or comes from another list.
pub(crate) fn decode_viewed(
    key: &SigningKey,
    user: &str,
    since: Millis,
    text: &str,
) -> Result<Viewed, Problem> {
    let read = || {
        let (place, signature) = text.split_once('.')?;
        let is_ours = key.verify(VIEWED_PURPOSE, &viewed_message(user, since, place), signature);
        let (at, id) = place.split_once('-').filter(|_| is_ours)?;
        Some(Viewed { at: Millis(at.parse().ok()?), id: EventId::parse(id)? })
    };
    read().ok_or_else(|| {
        Problem::bad_request(
            "cursor: this is not a cursor of this list; expected the next_cursor of a page with the same since",
        )
    })
}

fn viewed_message(user: &str, since: Millis, place: &str) -> String {
    // The name last: it may hold anything.
    format!("{}\0{place}\0{user}", since.0)
}

fn message(query: &EventQuery, walk: &Walk, position: &str) -> String {
    let mut stable = StableHasher::default();
    query.hash(&mut stable);
    walk.hash(&mut stable);
    format!("{}\0{position}", data_encoding::HEXLOWER.encode(&camtrail_auth::mac(b"query", &stable.0)))
}

/// Collects what is hashed: the standard hashers may change between releases, cursors must not.
#[derive(Default)]
struct StableHasher(Vec<u8>);

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    fn finish(&self) -> u64 {
        0
    }
}
