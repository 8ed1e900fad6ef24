//! What the spool knows of one upload.

use std::fmt;

use camtrail_model::{CameraName, Digest, Millis};
use serde::{Deserialize, Serialize};

/// An entry's id; its text sorts as the uploads began.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(String);

impl EntryId {
    /// From the moment the upload began and a number that is unique in this process.
    pub(crate) fn new(started_at: Millis, number: u32) -> Self {
        Self(format!("{:015}-{number:08x}", started_at.0.max(0)))
    }

    /// The number.
    pub(crate) fn number(&self) -> u32 {
        let hex = self.0.split_once('-').map_or("", |(_, number)| number);
        u32::from_str_radix(hex, 16).unwrap_or(0)
    }

    /// The reverse of its text; `None` for what isn't an id.
    pub fn parse(stem: &str) -> Option<Self> {
        let (millis, number) = stem.split_once('-')?;
        let digits = millis.len() == 15 && millis.bytes().all(|byte| byte.is_ascii_digit());
        let hex = number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_hexdigit());
        (digits && hex).then(|| Self(stem.to_owned()))
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a transfer ended, as far as the protocol tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end", content = "why")]
pub enum TransferEnd {
    /// As it should.
    Complete,
    /// It may be whole or cut: some cameras leave without waiting for `226`. Content decides.
    Suspect(String),
    /// It was cut off.
    Cut(String),
}

/// What is known when an upload begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadStart {
    /// The account that sends it.
    pub account: String,
    /// The camera that it belongs to.
    pub camera: CameraName,
    /// Folders and file name below the camera's folder, as sent.
    pub path: Vec<String>,
    /// When it began.
    pub started_at: Millis,
    /// When the file was last modified where it came from, if it came as a file (watched folder, import).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Millis>,
}

impl UploadStart {
    /// Whether it came as a file that stays where it is until all of it is safe here.
    pub fn is_guest(&self) -> bool {
        self.modified_at.is_some()
    }
}

/// One finished upload that waits to be shipped: the header, as it stands in `ID.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolEntry {
    /// The header's version; [`SpoolEntry::VERSION`].
    pub version: u32,
    /// Its id.
    pub id: EntryId,
    /// Who sent what.
    #[serde(flatten)]
    pub start: UploadStart,
    /// When its last byte came.
    pub received_at: Millis,
    /// How many bytes.
    pub size: u64,
    /// Their digest.
    pub sha256: Digest,
    /// How the transfer ended.
    pub transfer: TransferEnd,
}

impl SpoolEntry {
    /// The header version that this code writes.
    pub const VERSION: u32 = 1;

    /// The path below the camera's folder, joined by `/`: the `original_name` of everything downstream.
    pub fn original_name(&self) -> String {
        self.start.path.join("/")
    }
}
