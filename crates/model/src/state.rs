//! What a person decided about an event: the truth of it, in the bucket beside the object.
//!
//! Owns the format of `derived/{key}/state.json` and what a note may be. Promises: what is read back was checked as if a
//! person had just typed it. Refuses: to be about content. A fuller upload that takes the key keeps what was decided.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// `derived/{key}/state.json`: what a person decided about the event of that object.
///
/// Where there is none, nothing was decided; that never undoes what a catalog knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventState {
    /// The format's version; 1.
    pub version: u32,
    /// Exempt from retention.
    pub protected: bool,
    /// A person's note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Who decided.
    pub by: String,
    /// When, in milliseconds since 1970.
    pub at: Millis,
}

/// Why a text can't be a note, or a state can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Too long.
    #[error("the note has {found} characters, expected at most {}", EventState::NOTE_MAX_CHARS)]
    TooLong {
        /// How many it has.
        found: usize,
    },
    /// A line break, a tab or the like: what shows nowhere, or breaks logs.
    #[error(
        "the note has the control character U+{:04X} as its character {}, expected text without line breaks and tabs",
        u32::from(*found),
        at + 1
    )]
    Control {
        /// Which.
        found: char,
        /// After so many characters.
        at: usize,
    },
    /// Written by a later version.
    #[error("version {found}, expected {}", EventState::VERSION)]
    Version {
        /// What it says.
        found: u32,
    },
}

impl EventState {
    /// The version that this code writes.
    pub const VERSION: u32 = 1;
    /// The longest note.
    pub const NOTE_MAX_CHARS: usize = 2_000;
    /// Two thousand characters of four bytes each, and room.
    pub const MAX_BYTES: u64 = 64 * 1024;

    /// What is kept of a note as typed: without spaces around it; an empty one is none.
    pub fn note(typed: &str) -> Result<Option<String>, StateError> {
        let note = typed.trim_matches(' ');
        let found = note.chars().count();
        if found > Self::NOTE_MAX_CHARS {
            return Err(StateError::TooLong { found });
        }
        if let Some((at, found)) = note.chars().enumerate().find(|(_, c)| c.is_control()) {
            return Err(StateError::Control { found, at });
        }
        Ok((!note.is_empty()).then(|| note.to_owned()))
    }

    /// The state as it counts, after it was read from the bucket, where anybody may have put it.
    pub fn checked(self) -> Result<Self, StateError> {
        if self.version != Self::VERSION {
            return Err(StateError::Version { found: self.version });
        }
        let note = self.note.as_deref().map_or(Ok(None), Self::note)?;
        Ok(Self { note, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_line_of_bounded_length() {
        assert_eq!(EventState::note("  the fox, again 🦊 "), Ok(Some("the fox, again 🦊".to_owned())));
        assert_eq!(EventState::note("   "), Ok(None));
        let longest = "ü".repeat(EventState::NOTE_MAX_CHARS);
        assert_eq!(EventState::note(&longest), Ok(Some(longest.clone())));
        let told = |typed: &str| EventState::note(typed).unwrap_err().to_string();
        assert_eq!(told(&format!("{longest}x")), "the note has 2001 characters, expected at most 2000");
        let control = told("ab\ncd");
        assert!(
            control.starts_with("the note has the control character U+000A as its character 3,"),
            "{control}"
        );
    }

    #[test]
    fn what_a_later_version_wrote_is_not_guessed_at() {
        let state =
            EventState { version: 2, protected: false, note: None, by: "anna".to_owned(), at: Millis(1) };
        assert_eq!(state.checked().unwrap_err().to_string(), "version 2, expected 1");
    }
}
