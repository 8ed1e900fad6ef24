//! What holds for every file that a stranger can send, said once: the fuzzer (`fuzz/`) and the tests both ask it.

use std::io::Cursor;

use camtrail_model::media::{Completeness, MediaFacts};

use crate::structure::{inspect_content, inspect_movie_content};

/// Everything that must hold for the structure of a file with this content.
///
/// # Panics
///
/// Where something doesn't.
pub fn hold(content: &[u8]) {
    let facts = inspect(content);
    assert_eq!(facts, inspect(content), "looked at twice, it is another one");
    if let Completeness::Cut(why) = &facts.completeness {
        assert!(!why.is_empty() && !why.contains(['\n', '\r']), "cut, because {why:?}");
    }
    assert!(facts.width != Some(0) && facts.height != Some(0), "a picture without a pixel: {facts:?}");
    assert!(facts.frame_rate_milli != Some(0), "a film that stands still: {facts:?}");
    // Whatever it claims to be, as the other walker would read it.
    let movie = inspect_movie_content(Cursor::new(content));
    assert!(movie.is_ok(), "memory can't fail to be read: {movie:?}");
    // An upload that was cut in the middle.
    let _ = inspect(&content[..content.len() / 2]);
}

fn inspect(content: &[u8]) -> MediaFacts {
    inspect_content(Cursor::new(content)).expect("memory can be read")
}

#[cfg(test)]
mod tests {
    use camtrail_model::corpus;

    use super::hold;

    #[test]
    fn invariants_hold_for_the_kept_corpus() {
        for wire in corpus::inputs(include_str!("../../../fuzz/corpus/media.txt"), 20) {
            hold(&wire);
        }
    }
}
