//! What an upload is: an event of one kind, or a camera's test file or sidecar. Content first, then the name.

use camtrail_model::{
    CaptureKind, Completeness, MediaFacts,
    names::{self, NameReading},
};
use camtrail_spool::{SpoolEntry, TransferEnd};

/// The judgement of one upload.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// A clip or still.
    Event {
        kind: CaptureKind,
        reading: NameReading,
        complete: bool,
        /// The file's name, without what marked it as under way.
        file: String,
    },
    /// Empty, or neither clip nor still by name and content.
    Test,
    /// A companion of a clip.
    Sidecar,
}

pub(crate) fn judge(entry: &SpoolEntry, facts: &MediaFacts) -> Verdict {
    let Some((file, folders)) = entry.start.path.split_last() else { return Verdict::Test };
    let under_way = names::is_in_progress(file);
    let finished = names::finished_name(file);
    let parts: Vec<&str> = folders.iter().map(String::as_str).chain([finished]).collect();
    let reading = names::read(&parts);
    let kind = facts.container.map(camtrail_model::Container::kind).or(reading.kind);
    match kind {
        _ if entry.size == 0 => Verdict::Test,
        Some(kind) => Verdict::Event {
            kind,
            complete: !under_way && is_complete(entry, facts),
            file: finished.to_owned(),
            reading,
        },
        None if reading.sidecar => Verdict::Sidecar,
        None => Verdict::Test,
    }
}

/// Structure decides; where the format has no end mark, the transfer does; unknown content is never complete.
fn is_complete(entry: &SpoolEntry, facts: &MediaFacts) -> bool {
    match (&facts.container, &facts.completeness) {
        (None, _) | (_, Completeness::Cut(_)) => false,
        (_, Completeness::Whole) => true,
        (_, Completeness::Unmarked) => entry.transfer == TransferEnd::Complete,
    }
}
