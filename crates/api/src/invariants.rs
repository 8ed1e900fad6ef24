//! What holds for every cursor that a stranger can send, said once: the fuzzer (`fuzz/`) and the tests both ask it.

use camtrail_auth::SigningKey;
use camtrail_model::{CameraName, CaptureKind, EventId, EventQuery, Millis, Order, ports::Viewed};

use crate::cursor::{Walk, decode, decode_viewed, encode, encode_viewed};

/// Everything that must hold for a text that claims to be a cursor: its first bytes say of which query.
///
/// # Panics
///
/// Where something doesn't.
pub fn hold(wire: &[u8]) {
    let key = SigningKey::new(b"a secret that nobody has but us.".to_vec());
    let (head, text) = wire.split_at(wire.len().min(4));
    let choice = |at: usize| head.get(at).copied().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let (query, walk) = asked(choice(0), choice(1));

    // What isn't ours is refused, whatever it looks like.
    assert!(decode(&key, &query, &walk, &text).is_err(), "a forged cursor is taken: {text:?}");
    assert!(decode_viewed(&key, "ann", Millis(0), &text).is_err(), "a forged cursor is taken: {text:?}");

    // Ours leads back to its place, and is good for nothing else.
    let position = EventId::parse(&text).unwrap_or_else(|| place(choice(0), choice(1)));
    assert_eq!(EventId::parse(&position.to_string()).as_ref(), Some(&position), "an id that isn't read back");
    let cursor = encode(&key, &query, &walk, &position);
    assert_eq!(decode(&key, &query, &walk, &cursor).ok().as_ref(), Some(&position), "{cursor}");
    let (other_query, other_walk) = asked(choice(2), choice(3));
    if (&other_query, &other_walk) != (&query, &walk) {
        assert!(
            decode(&key, &other_query, &other_walk, &cursor).is_err(),
            "taken by another query: {cursor}"
        );
    }
    if let Some(altered) = altered(&cursor, choice(2), choice(3)) {
        assert!(decode(&key, &query, &walk, &altered).is_err(), "altered and taken: {altered}");
    }

    let last = Viewed { at: Millis(i64::from(choice(2))), id: position };
    let cursor = encode_viewed(&key, &text, Millis(i64::from(choice(3))), &last);
    let read = |user: &str, since: u8| decode_viewed(&key, user, Millis(i64::from(since)), &cursor).ok();
    let read_back = read(&text, choice(3)).map(|viewed| (viewed.at, viewed.id));
    assert_eq!(read_back, Some((last.at, last.id)), "{cursor}");
    assert!(read(&format!("{text}x"), choice(3)).is_none(), "taken from another person: {cursor}");
    assert!(read(&text, choice(3).wrapping_add(1)).is_none(), "taken from another walk: {cursor}");
}

/// A query of many.
fn asked(one: u8, other: u8) -> (EventQuery, Walk) {
    let bit = |byte: u8, at: u8| byte & (1 << at) != 0;
    let cameras = ["gate", "pond"].iter().enumerate();
    let cameras =
        cameras.filter(|(at, _)| bit(one, *at as u8)).filter_map(|(_, name)| CameraName::parse(name).ok());
    let query = EventQuery {
        cameras: cameras.collect(),
        kind: bit(one, 2).then_some(if bit(one, 3) { CaptureKind::Snap } else { CaptureKind::Record }),
        from: bit(one, 4).then_some(Millis(i64::from(other))),
        to: bit(one, 5).then_some(Millis(i64::from(other) + 1_000)),
        order: if bit(one, 6) { Order::OldestFirst } else { Order::NewestFirst },
        ..EventQuery::default()
    };
    let walk = Walk {
        group: bit(one, 7).then(|| "yard".to_owned()),
        unviewed: bit(other, 0).then_some(bit(other, 1)),
        protected: bit(other, 2).then_some(bit(other, 3)),
        gap_s: bit(other, 4).then_some(u16::from(other)),
    };
    (query, walk)
}

fn place(one: u8, other: u8) -> EventId {
    EventId {
        event_ts: Millis(1_795_500_000_000 + i64::from(one)),
        fraction: u32::from(other),
        kind: CaptureKind::Record,
        camera: CameraName::parse("gate").expect("a name"),
    }
}

/// With another byte at some place; `None` where it would be the same.
fn altered(cursor: &str, at: u8, byte: u8) -> Option<String> {
    let mut bytes = cursor.as_bytes().to_vec();
    let at = usize::from(at) % bytes.len();
    let byte = byte & 0x7F;
    (bytes[at] != byte).then_some(())?;
    bytes[at] = byte;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use camtrail_model::corpus;

    use super::hold;

    #[test]
    fn invariants_hold_for_the_kept_corpus() {
        for wire in corpus::inputs(include_str!("../../../fuzz/corpus/cursors.txt"), 12) {
            hold(&wire);
        }
    }
}
