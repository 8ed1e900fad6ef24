//! What the notifier remembers over a restart: one JSON text, written in the same step as the messages that follow from
//! it.

use std::collections::{BTreeMap, BTreeSet};

use camtrail_model::{CameraName, ChangeSeq, Millis};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::incidents::Incidents;

/// Cameras that the digest counts one by one, at most; the rest are counted together.
const COUNTED_MAX: usize = 1_000;

/// The memory. A field that isn't there yet has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Notes {
    /// How far the catalog's changes were read.
    pub(crate) cursor: ChangeSeq,
    /// When they were read last: what was stored long before was told then.
    pub(crate) looked_at: Millis,
    /// Runs of captures that go on.
    pub(crate) incidents: Incidents,
    /// Old news, by rule.
    pub(crate) late: BTreeMap<String, Late>,
    /// Which cameras were said to be silent.
    pub(crate) silent: BTreeSet<CameraName>,
    /// Whether silence was looked at before: what was silent then is no news.
    pub(crate) silence_known: bool,
    /// Rules that said that the gateway is in trouble.
    pub(crate) in_trouble: BTreeSet<String>,
    /// What the next digest counts.
    pub(crate) counts: Counts,
    /// The day of the last digest.
    pub(crate) digest: Option<Date>,
}

/// Old news of one rule, until no more comes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Late {
    /// How many captures, by camera.
    pub(crate) counts: BTreeMap<String, u64>,
    /// Whether there may have been more.
    pub(crate) more: bool,
    /// When the first was found.
    pub(crate) since: Millis,
    /// When the last was found.
    pub(crate) last_at: Millis,
}

/// Captures since the last digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub(crate) struct Counts {
    /// Since when.
    pub(crate) since: Millis,
    /// By camera.
    pub(crate) by_camera: BTreeMap<String, u64>,
    /// Of cameras above the bound.
    pub(crate) others: u64,
    /// Whether some weren't seen.
    pub(crate) more: bool,
}

impl Counts {
    pub(crate) fn add(&mut self, camera: &CameraName) {
        if let Some(count) = self.by_camera.get_mut(camera.as_str()) {
            *count += 1;
        } else if self.by_camera.len() < COUNTED_MAX {
            self.by_camera.insert(camera.to_string(), 1);
        } else {
            self.others += 1;
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.by_camera.values().sum::<u64>() + self.others
    }
}

impl Notes {
    /// Those of the first start: nothing of what is there is news.
    pub(crate) fn first(cursor: ChangeSeq, now: Millis) -> Self {
        let counts = Counts { since: now, ..Counts::default() };
        Self { cursor, looked_at: now, counts, ..Self::default() }
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
