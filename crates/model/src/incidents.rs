//! Incidents: what all cameras saw around one moment, as stretches of the timeline (docs/design/incidents.md).
//!
//! Promises: every capture is in exactly one incident, and which one follows from the captures within [`CAP_MS`] and a
//! little of it alone, so it doesn't matter where a reader starts. Filters choose what is shown of incidents, they never
//! move their bounds.

use std::fmt;

use crate::{event::CatalogRecord, event::EventId, time::Millis};

/// An incident's first capture and its last begin within this, in milliseconds.
pub const CAP_MS: i64 = 600_000;

/// How long nothing may happen before an incident has ended, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gap(u16);

impl Gap {
    /// The longest: 10 minutes.
    pub const MAX_S: u16 = 600;
    /// A minute.
    pub const DEFAULT: Self = Self(60);

    /// `None` outside 1 to [`Self::MAX_S`].
    pub fn new(seconds: u16) -> Option<Self> {
        (1..=Self::MAX_S).contains(&seconds).then_some(Self(seconds))
    }

    /// In seconds.
    pub fn seconds(self) -> u16 {
        self.0
    }

    /// In milliseconds.
    pub fn ms(self) -> i64 {
        i64::from(self.0) * 1_000
    }
}

/// An incident's id: opaque to clients. Its first capture, and the gap that it was grouped by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IncidentId {
    /// What it was grouped by.
    pub gap: Gap,
    /// Its first capture of any camera.
    pub first: EventId,
}

const ID_VERSION: u8 = 1;
/// Three bytes in base 32.
const HEAD_CHARS: usize = 5;

impl IncidentId {
    /// Parses an id; `None` for anything that this code wouldn't have printed.
    pub fn parse(text: &str) -> Option<Self> {
        let (head, first) = text.split_at_checked(HEAD_CHARS)?;
        let head = data_encoding::BASE32_DNSSEC.decode(head.as_bytes()).ok()?;
        let [ID_VERSION, high, low] = head[..] else { return None };
        let id = Self { gap: Gap::new(u16::from_be_bytes([high, low]))?, first: EventId::parse(first)? };
        (id.to_string() == text).then_some(id)
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.gap.0.to_be_bytes();
        let head = data_encoding::BASE32_DNSSEC.encode(&[ID_VERSION, high, low]);
        write!(f, "{head}{}", self.first)
    }
}

/// When a capture began.
pub(crate) fn start_of(record: &CatalogRecord) -> i64 {
    record.metadata.time.instant.0
}

/// Until when a capture lasts, as far as gaps are measured: what is longer than [`CAP_MS`] counts as so long, so that
/// how far one must look back is bounded.
pub(crate) fn reach_of(record: &CatalogRecord) -> i64 {
    let duration = record.metadata.duration_ms.map_or(0, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
    start_of(record).saturating_add(duration.min(CAP_MS))
}

/// When a capture really ended.
pub fn end_of(record: &CatalogRecord) -> Millis {
    let duration = record.metadata.duration_ms.unwrap_or(0);
    record.metadata.time.instant.plus(i64::try_from(duration).unwrap_or(i64::MAX))
}

/// The stretch of clock by which long runs are cut.
fn cell_of(record: &CatalogRecord) -> i64 {
    start_of(record).div_euclid(CAP_MS)
}

/// For each of some captures in order: whether no gap lies before it. True only where the captures before it, as far
/// back as [`look_back`] says, are among them.
fn linked<'a>(records: impl Iterator<Item = &'a CatalogRecord>, gap: Gap) -> Vec<bool> {
    let mut reach = None::<i64>;
    records
        .map(|record| {
            let is_linked = reach.is_some_and(|reach| start_of(record).saturating_sub(reach) <= gap.ms());
            reach = reach.max(Some(reach_of(record)));
            is_linked
        })
        .collect()
}

/// From when on captures must be known to tell which incident one is in that begins at `start`.
pub(crate) fn look_back(start: i64, gap: Gap) -> i64 {
    start.saturating_sub(2 * CAP_MS).saturating_sub(gap.ms())
}

/// Until when captures must be known (and the first one after that).
pub(crate) fn look_ahead(start: i64) -> i64 {
    start.saturating_add(CAP_MS)
}

/// The first and last place among `records` of the incident that holds the one at `at`. They stand in order and reach
/// from [`look_back`] to behind [`look_ahead`] of it.
pub(crate) fn around<'a>(
    records: impl Iterator<Item = &'a CatalogRecord> + Clone,
    at: usize,
    gap: Gap,
) -> Option<(usize, usize)> {
    let linked = linked(records.clone(), gap);
    let records: Vec<_> = records.collect();
    let start = start_of(records.get(at)?);
    let (mut first, mut last, mut is_long) = (at, at, false);
    while linked[first] {
        if start.saturating_sub(start_of(records[first - 1])) > CAP_MS {
            is_long = true;
            break;
        }
        first -= 1;
    }
    while last + 1 < records.len() && linked[last + 1] {
        if start_of(records[last + 1]).saturating_sub(start) > CAP_MS {
            is_long = true;
            break;
        }
        last += 1;
    }
    is_long |= start_of(records[last]).saturating_sub(start_of(records[first])) > CAP_MS;
    if is_long {
        let cell = cell_of(records[at]);
        while cell_of(records[first]) != cell {
            first += 1;
        }
        while cell_of(records[last]) != cell {
            last -= 1;
        }
    }
    Some((first, last))
}

/// All incidents of all captures, which stand in order: the definition, for tests and for whoever has them all.
pub fn partition(records: &[CatalogRecord], gap: Gap) -> Vec<Vec<EventId>> {
    let linked = linked(records.iter(), gap);
    let mut runs: Vec<Vec<&CatalogRecord>> = Vec::new();
    for (record, is_linked) in records.iter().zip(linked) {
        match runs.last_mut().filter(|_| is_linked) {
            Some(run) => run.push(record),
            None => runs.push(vec![record]),
        }
    }
    let mut incidents: Vec<Vec<EventId>> = Vec::new();
    for run in runs {
        let span = run.last().map_or(0, |last| start_of(last).saturating_sub(start_of(run[0])));
        let is_cut = |a: &&CatalogRecord, b: &&CatalogRecord| span <= CAP_MS || cell_of(a) == cell_of(b);
        let pieces = run.chunk_by(is_cut);
        incidents.extend(pieces.map(|piece| piece.iter().map(|record| record.id()).collect()));
    }
    incidents
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        CameraName, CaptureKind, CaptureTime, FileName, ObjectBase, ObjectKey, ObjectMetadata, TimeSource,
    };

    fn capture(number: usize, start: i64, duration_ms: Option<u64>) -> CatalogRecord {
        let camera = CameraName::from_folder(["a", "b", "c"][number % 3]);
        let time = CaptureTime {
            instant: Millis(start),
            offset_s: 0,
            source: TimeSource::Name,
            clock_error_ms: None,
        };
        let (kind, file) = (CaptureKind::Record, FileName::from_upload(&format!("{number}.mp4")));
        let key = ObjectKey::new(&ObjectBase::default(), &camera, &time, kind, file);
        let metadata = ObjectMetadata {
            camera,
            time,
            received_at: Millis(start),
            stored_at: Millis(start),
            sha256: None,
            original_sha256: None,
            original_size: 1,
            original_name: String::new(),
            complete: true,
            content_type: String::new(),
            duration_ms,
            width: None,
            height: None,
            video_codec: None,
            frame_rate_milli: None,
            key_frames: None,
        };
        CatalogRecord::new(key, 1, metadata)
    }

    fn captures(of: &[(i64, Option<u64>)]) -> Vec<CatalogRecord> {
        let mut captures: Vec<_> =
            of.iter().enumerate().map(|(n, (start, duration))| capture(n, *start, *duration)).collect();
        captures.sort_by_key(CatalogRecord::id);
        captures
    }

    fn sizes(of: &[(i64, Option<u64>)]) -> Vec<usize> {
        partition(&captures(of), Gap::DEFAULT).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_gap_is_measured_from_the_end_of_what_lasts_longest() {
        assert_eq!(sizes(&[(0, None), (60_000, None), (120_001, None)]), [2, 1]);
        assert_eq!(sizes(&[(0, Some(30_000)), (1, None), (90_000, None), (150_001, None)]), [3, 1]);
        assert_eq!(sizes(&[(0, Some(86_400_000)), (CAP_MS + 60_000, None)]), [1, 1], "linked, and long: cut");
        assert_eq!(sizes(&[(0, Some(86_400_000)), (CAP_MS + 60_001, None)]), [1, 1], "longer doesn't count");
        assert_eq!(sizes(&[]), [0; 0]);
    }

    #[test]
    fn only_what_is_too_long_is_cut_by_the_clock() {
        let steady = |from: i64, to: i64| (from..to).map(|n| (n * 60_000, None)).collect::<Vec<_>>();
        assert_eq!(sizes(&steady(5, 16)), [11], "ten minutes over a boundary of the clock stay one");
        assert_eq!(sizes(&steady(5, 17)), [5, 7], "eleven don't");
        assert_eq!(sizes(&steady(-15, 25)), [5, 10, 10, 10, 5]);
    }

    proptest! {
        /// What is told from a capture's neighbourhood is what all captures together say.
        #[test]
        fn a_neighbourhood_is_enough(
            of in prop::collection::vec(
                (prop_oneof![0..4_000_000_i64, 0..200_000_i64, -900_000..900_000_i64],
                 prop::option::of(prop_oneof![0..90_000_u64, 0..2_000_000_u64])), 1..60),
            gap in prop::sample::select(vec![1_u16, 30, 60, 600]),
        ) {
            let (all, gap) = (captures(&of), Gap::new(gap).unwrap());
            let incidents = partition(&all, gap);
            prop_assert_eq!(incidents.concat(), all.iter().map(CatalogRecord::id).collect::<Vec<_>>());
            for record in &all {
                let start = start_of(record);
                let from = all.partition_point(|other| start_of(other) < look_back(start, gap));
                let to = (all.partition_point(|other| start_of(other) <= look_ahead(start)) + 1).min(all.len());
                let known = &all[from..to];
                let at = known.iter().position(|other| other == record).unwrap();
                let (first, last) = around(known.iter(), at, gap).unwrap();
                let ids: Vec<_> = known[first..=last].iter().map(CatalogRecord::id).collect();
                prop_assert!(incidents.contains(&ids), "{:?}", ids);
                prop_assert!(start_of(&known[last]) - start_of(&known[first]) <= CAP_MS);
            }
        }

        #[test]
        fn ids_read_back(start in any::<i64>(), gap in 1..=Gap::MAX_S) {
            let id = IncidentId { gap: Gap::new(gap).unwrap(), first: capture(1, start, None).id() };
            prop_assert_eq!(IncidentId::parse(&id.to_string()), Some(id));
        }
    }

    #[test]
    fn strange_ids_are_none() {
        let id = IncidentId { gap: Gap::DEFAULT, first: capture(1, 1, None).id() }.to_string();
        for text in ["", "0", "é", &id[1..], &id[..id.len() - 1], &format!("{id}0"), &id.to_uppercase()] {
            assert_eq!(IncidentId::parse(text), None, "{text}");
        }
        assert_eq!(Gap::new(0), None);
        assert_eq!(Gap::new(601), None);
    }
}
