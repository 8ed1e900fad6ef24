//! Making a stranger's text safe to keep: names from cameras become key segments here, and nowhere else.

/// Turns bytes from the wire into text: UTF-8 where it is UTF-8, else Latin-1 byte by byte, which every
/// byte string has and no two share (a lossy U+FFFD would make two names one).
pub fn decode_wire_name(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// A text as one segment of a key: no separators, no control characters, no `.` or `..`, at most
/// `max_bytes` bytes (longer ones keep their start and their ending and get 8 hash digits between).
///
/// Empty text becomes `_`. `max_bytes` must be at least 32.
pub fn key_segment(text: &str, max_bytes: usize) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() || c == '/' || c == '\\' || is_invisible_format(c) { '_' } else { c })
        .collect();
    let clean = clean.trim();
    let clean = match clean {
        "" | "." => "_",
        ".." => "__",
        other => other,
    };
    if clean.len() <= max_bytes { clean.to_owned() } else { shorten(clean, max_bytes) }
}

/// Line and paragraph separators and bidirectional controls, with which a name can pretend to be another.
fn is_invisible_format(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

fn shorten(text: &str, max_bytes: usize) -> String {
    const LONGEST_EXTENSION_BYTES: usize = 12;
    let digest = crate::time::Digest::of(text.as_bytes()).short();
    let extension = match text.rfind('.') {
        Some(dot) if text.len() - dot <= LONGEST_EXTENSION_BYTES => &text[dot..],
        _ => "",
    };
    let room = max_bytes - extension.len() - digest.len() - 1;
    let mut cut = room.min(text.len());
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}~{digest}{extension}", &text[..cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin1_names_stay_apart() {
        assert_eq!(decode_wire_name(b"Gar\xe9.jpg"), "Garé.jpg");
        assert_ne!(decode_wire_name(b"\xe9.jpg"), decode_wire_name(b"\xe8.jpg"));
    }

    #[test]
    fn segments_cannot_climb_or_hide() {
        assert_eq!(key_segment("..", 64), "__");
        assert_eq!(key_segment("a/b\nc", 64), "a_b_c");
        assert_eq!(key_segment("  ", 64), "_");
        assert_eq!(key_segment("O'Brien, 50% #1+2 (ü).JPG", 64), "O'Brien, 50% #1+2 (ü).JPG");
    }

    #[test]
    fn long_names_are_shortened_apart_and_keep_their_extension() {
        let a = key_segment(&format!("{}1.jpg", "ä".repeat(200)), 100);
        let b = key_segment(&format!("{}2.jpg", "ä".repeat(200)), 100);
        assert!(a.len() <= 100 && a.rsplit('.').next() == Some("jpg"));
        assert_ne!(a, b);
    }
}
