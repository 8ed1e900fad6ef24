//! Movie fragments (ISO/IEC 14496-12, 8.8): how long each track's runs last, and where a player can start in them.
//!
//! Cameras that write while they record (Reolink) leave the index's durations at zero: the truth is here.

use std::io::{self, Read, Seek};

use super::{
    MAX_STEPS,
    bytes::Bytes,
    mp4::Track,
    mp4_boxes::{BoxAt, SHORT_HEADER_BYTES, child, children},
    pictures::Pictures,
};

// tfhd flags
const BASE_DATA_OFFSET: u32 = 0x01;
const SAMPLE_DESCRIPTION_INDEX: u32 = 0x02;
const DEFAULT_SAMPLE_DURATION: u32 = 0x08;
const DEFAULT_SAMPLE_SIZE: u32 = 0x10;
const DEFAULT_SAMPLE_FLAGS: u32 = 0x20;
const BASE_IS_FRAGMENT: u32 = 0x02_0000;
// trun flags
const DATA_OFFSET: u32 = 0x0001;
const FIRST_SAMPLE_FLAGS: u32 = 0x0004;
const SAMPLE_DURATION: u32 = 0x0100;
const SAMPLE_SIZE: u32 = 0x0200;
const SAMPLE_FLAGS: u32 = 0x0400;
/// Duration, size, flags, composition offset: one word each, where its flag is set.
const PER_SAMPLE_FIELDS: u32 = 0x0F00;
/// A sample's flags (8.8.3.1): it is no sync sample, or it depends on others. Writers set either.
const NEEDS_OTHERS: u32 = 0x0101_0000;

const WORD_BYTES: u64 = 4;
const FLAGS_MASK: u32 = 0x00FF_FFFF;

/// What samples are like where a run doesn't say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

/// Adds what `fragments` hold to `tracks`. `is_cut`: of the last one, what never came is left out. `false`: there is
/// more than is read.
pub(super) fn read<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    index: BoxAt,
    fragments: &[BoxAt],
    is_cut: bool,
    tracks: &mut [Track],
) -> io::Result<bool> {
    defaults(bytes, index, tracks)?;
    let mut steps = 0;
    for (number, &fragment) in fragments.iter().enumerate() {
        let looks_at_data = is_cut && number + 1 == fragments.len();
        let mut is_first = true;
        for traf in children(bytes, fragment.content, fragment.end)? {
            if &traf.kind == b"traf" {
                // What follows the first one's data, only a walk over that would tell.
                let start = is_first.then_some(fragment.content - SHORT_HEADER_BYTES);
                let place = Place { fragment: fragment.content - SHORT_HEADER_BYTES, start };
                steps += track_fragment(bytes, traf, looks_at_data.then_some(place), tracks)?;
                is_first = false;
            }
            if steps > MAX_STEPS {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Where a fragment stands, and where its track's data offsets count from unless its header says otherwise.
#[derive(Clone, Copy)]
struct Place {
    fragment: u64,
    start: Option<u64>,
}

fn defaults<R: Read + Seek>(bytes: &mut Bytes<R>, index: BoxAt, tracks: &mut [Track]) -> io::Result<()> {
    let Some(extends) = child(bytes, index, *b"mvex")? else { return Ok(()) };
    for trex in children(bytes, extends.content, extends.end)? {
        if &trex.kind == b"trex"
            && let Some(id) = bytes.u32_be(trex.content + WORD_BYTES)?
            && let Some(track) = tracks.iter_mut().find(|track| track.id == id)
        {
            let mut word = |number| bytes.u32_be(trex.content + number * WORD_BYTES);
            track.defaults = Defaults {
                duration: word(3)?.unwrap_or(0),
                size: word(4)?.unwrap_or(0),
                flags: word(5)?.unwrap_or(0),
            };
        }
    }
    Ok(())
}

/// Returns how many words were read, as a measure of the work done.
fn track_fragment<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    traf: BoxAt,
    place: Option<Place>,
    tracks: &mut [Track],
) -> io::Result<usize> {
    let boxes = children(bytes, traf.content, traf.end)?;
    let Some(header) = boxes.iter().find(|found| &found.kind == b"tfhd") else { return Ok(1) };
    let Some(id) = bytes.u32_be(header.content + WORD_BYTES)? else { return Ok(1) };
    let Some(track) = tracks.iter_mut().find(|track| track.id == id) else { return Ok(1) };
    let (each, base) = track_header(bytes, *header, track.defaults, place)?;
    let declared = match boxes.iter().find(|found| &found.kind == b"tfdt") {
        Some(found) => decode_time(bytes, *found)?,
        None => None,
    };
    let mut runs = Pictures::default();
    let mut words = 1;
    let mut data_at = base;
    for trun in boxes.iter().filter(|found| &found.kind == b"trun") {
        let run = Run::read(bytes, *trun, each, Data { base, next: data_at })?;
        runs = runs.plus(run.pictures);
        data_at = run.data_end;
        words += run.words;
    }
    track.samples = track.samples.saturating_add(runs.count);
    track.pictures = track.pictures.map(|before| before.plus(runs));
    let start = declared.or(track.fragment_span.map(|(_, end)| end)).unwrap_or(0);
    let end = start.saturating_add(runs.ticks);
    track.fragment_span = Some(match track.fragment_span {
        Some((first, last)) => (first.min(start), last.max(end)),
        None => (start, end),
    });
    Ok(words)
}

/// The track's defaults in this fragment, and where its data offsets count from; that only where `place` asks for it.
fn track_header<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    header: BoxAt,
    defaults: Defaults,
    place: Option<Place>,
) -> io::Result<(Defaults, Option<u64>)> {
    let flags = bytes.u32_be(header.content)?.unwrap_or(0) & FLAGS_MASK;
    let mut each = defaults;
    let mut at = header.content + 2 * WORD_BYTES;
    let mut base = place
        .and_then(|place| if flags & BASE_IS_FRAGMENT != 0 { Some(place.fragment) } else { place.start });
    if flags & BASE_DATA_OFFSET != 0 {
        base = if place.is_some() { bytes.u64_be(at)? } else { None };
        at += 2 * WORD_BYTES;
    }
    at += if flags & SAMPLE_DESCRIPTION_INDEX != 0 { WORD_BYTES } else { 0 };
    for (flag, value) in [
        (DEFAULT_SAMPLE_DURATION, &mut each.duration),
        (DEFAULT_SAMPLE_SIZE, &mut each.size),
        (DEFAULT_SAMPLE_FLAGS, &mut each.flags),
    ] {
        if flags & flag != 0 {
            *value = bytes.u32_be(at)?.unwrap_or(*value);
            at += WORD_BYTES;
        }
    }
    Ok((each, base))
}

fn decode_time<R: Read + Seek>(bytes: &mut Bytes<R>, tfdt: BoxAt) -> io::Result<Option<u64>> {
    let at = tfdt.content + WORD_BYTES;
    if bytes.array(tfdt.content)? == Some([1]) {
        bytes.u64_be(at)
    } else {
        Ok(bytes.u32_be(at)?.map(u64::from))
    }
}

/// Where a run's data is, if that is asked: what its offset counts from, and where the run before ended.
#[derive(Clone, Copy)]
struct Data {
    base: Option<u64>,
    next: Option<u64>,
}

/// What one run holds.
#[derive(Default)]
struct Run {
    pictures: Pictures,
    data_end: Option<u64>,
    /// How many words it took to find out.
    words: usize,
}

impl Run {
    fn read<R: Read + Seek>(
        bytes: &mut Bytes<R>,
        trun: BoxAt,
        each: Defaults,
        data: Data,
    ) -> io::Result<Self> {
        let head = bytes.u32_be(trun.content)?.zip(bytes.u32_be(trun.content + WORD_BYTES)?);
        let Some((flags, count)) = head else { return Ok(Self { words: 1, ..Self::default() }) };
        let flags = flags & FLAGS_MASK;
        let mut at = trun.content + 2 * WORD_BYTES;
        let mut run = Self { words: 1, data_end: data.next, ..Self::default() };
        if flags & DATA_OFFSET != 0 {
            let offset = bytes.u32_be(at)?.unwrap_or(0).cast_signed();
            run.data_end = data.base.map(|base| base.saturating_add_signed(offset.into()));
            at += WORD_BYTES;
        }
        let mut first_flags = each.flags;
        if flags & FIRST_SAMPLE_FLAGS != 0 {
            first_flags = bytes.u32_be(at)?.unwrap_or(first_flags);
            at += WORD_BYTES;
        }
        let stride = u64::from((flags & PER_SAMPLE_FIELDS).count_ones()) * WORD_BYTES;
        if stride == 0 {
            run.all_alike(count.into(), each, first_flags, bytes.len());
            return Ok(run);
        }
        // What is claimed beyond the file's end is not there; and no file is read for ever.
        let end = trun.end.min(bytes.len());
        let samples = u64::from(count).min(end.saturating_sub(at) / stride);
        for number in 0..samples.min(MAX_STEPS as u64 + 1) {
            let mut field = at + number * stride;
            let first = if number == 0 { first_flags } else { each.flags };
            let mut sample = Defaults { flags: first, ..each };
            for (flag, value) in [
                (SAMPLE_DURATION, &mut sample.duration),
                (SAMPLE_SIZE, &mut sample.size),
                (SAMPLE_FLAGS, &mut sample.flags),
            ] {
                if flags & flag != 0 {
                    *value = bytes.u32_be(field)?.unwrap_or(0);
                    field += WORD_BYTES;
                }
            }
            run.words += 1;
            if !run.adds(sample, bytes.len()) {
                break;
            }
        }
        Ok(run)
    }

    /// `false`: the file ends before the sample does.
    fn adds(&mut self, sample: Defaults, len: u64) -> bool {
        let end = self.data_end.map(|at| at.saturating_add(sample.size.into()));
        if end.is_some_and(|end| end > len) {
            // Nor do the runs behind it have any data.
            self.data_end = Some(u64::MAX);
            return false;
        }
        self.data_end = end;
        let keys = u64::from(sample.flags & NEEDS_OTHERS == 0);
        self.pictures = self.pictures.plus(Pictures { count: 1, keys, ticks: sample.duration.into() });
        true
    }

    /// All samples are as the defaults say: no walk.
    fn all_alike(&mut self, count: u64, each: Defaults, first_flags: u32, len: u64) {
        let fit = self.data_end.and_then(|at| len.saturating_sub(at).checked_div(each.size.into()));
        let there = count.min(fit.unwrap_or(u64::MAX));
        let is_key = |flags: u32| u64::from(flags & NEEDS_OTHERS == 0);
        let keys = match there {
            0 => 0,
            there => is_key(first_flags) + (there - 1) * is_key(each.flags),
        };
        self.pictures = Pictures { count: there, keys, ticks: there * u64::from(each.duration) };
        let size = there.saturating_mul(each.size.into());
        self.data_end =
            if there < count { Some(u64::MAX) } else { self.data_end.map(|at| at.saturating_add(size)) };
    }
}
