//! The name of a camera: an FTP account's own, or the first folder of its uploads.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::key_segment;

/// A camera's name: 1 to 64 bytes, no `/`, `\` or control characters, not `.` or `..`, no outer blanks.
///
/// Case counts. Spaces, quotes, commas and any script are fine: names are data here, never syntax.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CameraName(String);

/// Longest camera name, in bytes of UTF-8.
pub const CAMERA_NAME_MAX_BYTES: usize = 64;

/// Why a text can't name a camera.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} can't be a camera's name: expected 1 to {CAMERA_NAME_MAX_BYTES} bytes without '/', '\\', \
     control characters or outer blanks, and not '.' or '..'"
)]
pub struct CameraNameError {
    /// The text that was given.
    pub found: String,
}

impl CameraName {
    /// Takes `text` as it is, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, CameraNameError> {
        if key_segment(text, CAMERA_NAME_MAX_BYTES) == text {
            Ok(Self(text.to_owned()))
        } else {
            Err(CameraNameError { found: text.to_owned() })
        }
    }

    /// The nearest valid name for a folder that some camera made: two folders that differ only in what is
    /// forbidden here may meet; folders that are valid names never do.
    pub fn from_folder(folder: &str) -> Self {
        Self(key_segment(folder, CAMERA_NAME_MAX_BYTES))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CameraName {
    type Error = CameraNameError;
    fn try_from(value: String) -> Result<Self, Self::Error> {
        Self::parse(&value)
    }
}

impl From<CameraName> for String {
    fn from(value: CameraName) -> Self {
        value.0
    }
}

impl fmt::Display for CameraName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_data_not_syntax() {
        for good in ["backyard", "Front Gate", "Garé", "a'b\"c", "100% #1"] {
            assert_eq!(CameraName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", ".", "..", "a/b", " x", "x\n", &"x".repeat(65)] {
            assert!(CameraName::parse(bad).is_err(), "{bad:?}");
            assert!(CameraName::parse(CameraName::from_folder(bad).as_str()).is_ok(), "{bad:?}");
        }
    }
}
