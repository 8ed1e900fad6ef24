//! One finished file from a camera: what kind it is, and when it was taken.

use std::fmt;

use jiff::{civil::Date, tz::Offset};
use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// Video or still. The words are the article's folder names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptureKind {
    /// A video clip.
    Record,
    /// A still picture.
    Snap,
}

impl CaptureKind {
    /// Both kinds, in the order in which ids sort them.
    pub const ALL: [Self; 2] = [Self::Record, Self::Snap];

    /// `record` or `snap`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Snap => "snap",
        }
    }

    /// Parses `record` or `snap`, exactly.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for CaptureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a capture's time was taken from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeSource {
    /// The object's own metadata.
    Metadata,
    /// The file's name.
    Name,
    /// The folders above it.
    Folder,
    /// The file's own modification time, where it came as a file (watched folder, import).
    File,
    /// No usable claim of the camera's: the moment the upload arrived.
    Arrival,
}

impl TimeSource {
    /// The lower-case word that metadata and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::Name => "name",
            Self::Folder => "folder",
            Self::File => "file",
            Self::Arrival => "arrival",
        }
    }

    /// The reverse of [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::Metadata, Self::Name, Self::Folder, Self::File, Self::Arrival];
        all.into_iter().find(|s| s.as_str() == text)
    }
}

/// When a capture was taken, and how we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureTime {
    /// The instant, UTC.
    pub instant: Millis,
    /// The camera's offset from UTC at that instant, in seconds (east is positive).
    pub offset_s: i32,
    /// Where it comes from.
    pub source: TimeSource,
    /// How far the camera's clock is ahead of the arrival (positive) or unbelievably behind it (negative), in
    /// milliseconds, where it is worth telling a person; `None` where the clock looks right.
    pub clock_error_ms: Option<i64>,
}

impl CaptureTime {
    /// The camera's own calendar date and hour (0 to 23) at this instant: what object keys are filed under.
    pub fn local_date_hour(&self) -> (Date, u8) {
        let local =
            Offset::from_seconds(self.offset_s).unwrap_or(Offset::UTC).to_datetime(self.instant.timestamp());
        (local.date(), local.hour().unsigned_abs())
    }
}
