//! Movie fragments (ISO/IEC 14496-12, 8.8): how long each track's runs last.
//!
//! Cameras that write while they record (Reolink) leave the index's durations at zero: the truth is here.

use std::io::{self, Read, Seek};

use super::{
    MAX_STEPS,
    bytes::Bytes,
    mp4::Track,
    mp4_boxes::{BoxAt, child, children},
};

// tfhd flags
const BASE_DATA_OFFSET: u32 = 0x01;
const SAMPLE_DESCRIPTION_INDEX: u32 = 0x02;
const DEFAULT_SAMPLE_DURATION: u32 = 0x08;
// trun flags
const DATA_OFFSET: u32 = 0x0001;
const FIRST_SAMPLE_FLAGS: u32 = 0x0004;
const SAMPLE_DURATION: u32 = 0x0100;
/// Duration, size, flags, composition offset: one word each, where its flag is set.
const PER_SAMPLE_FIELDS: u32 = 0x0F00;

const WORD_BYTES: u64 = 4;
const FLAGS_MASK: u32 = 0x00FF_FFFF;

/// Adds what `fragments` hold to `tracks`.
pub(super) fn read<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    index: BoxAt,
    fragments: &[BoxAt],
    tracks: &mut [Track],
) -> io::Result<()> {
    defaults(bytes, index, tracks)?;
    let mut steps = 0;
    for &fragment in fragments {
        for traf in children(bytes, fragment.content, fragment.end)? {
            if &traf.kind == b"traf" {
                steps += track_fragment(bytes, traf, tracks)?;
            }
            if steps > MAX_STEPS {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn defaults<R: Read + Seek>(bytes: &mut Bytes<R>, index: BoxAt, tracks: &mut [Track]) -> io::Result<()> {
    let Some(extends) = child(bytes, index, *b"mvex")? else { return Ok(()) };
    for trex in children(bytes, extends.content, extends.end)? {
        if &trex.kind == b"trex"
            && let Some(id) = bytes.u32_be(trex.content + WORD_BYTES)?
            && let Some(track) = tracks.iter_mut().find(|track| track.id == id)
        {
            track.default_sample_duration = bytes.u32_be(trex.content + 3 * WORD_BYTES)?.unwrap_or(0);
        }
    }
    Ok(())
}

/// Returns how many words were read, as a measure of the work done.
fn track_fragment<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    traf: BoxAt,
    tracks: &mut [Track],
) -> io::Result<usize> {
    let boxes = children(bytes, traf.content, traf.end)?;
    let Some(header) = boxes.iter().find(|found| &found.kind == b"tfhd") else { return Ok(1) };
    let Some((flags, id)) = bytes.u32_be(header.content)?.zip(bytes.u32_be(header.content + WORD_BYTES)?)
    else {
        return Ok(1);
    };
    let Some(track) = tracks.iter_mut().find(|track| track.id == id) else { return Ok(1) };
    let mut each = track.default_sample_duration;
    if flags & DEFAULT_SAMPLE_DURATION != 0 {
        let mut at = header.content + 2 * WORD_BYTES;
        at += if flags & BASE_DATA_OFFSET != 0 { 2 * WORD_BYTES } else { 0 };
        at += if flags & SAMPLE_DESCRIPTION_INDEX != 0 { WORD_BYTES } else { 0 };
        each = bytes.u32_be(at)?.unwrap_or(each);
    }
    let declared = match boxes.iter().find(|found| &found.kind == b"tfdt") {
        Some(found) => decode_time(bytes, *found)?,
        None => None,
    };
    let mut lasts = 0_u64;
    let mut words = 1;
    for run in boxes.iter().filter(|found| &found.kind == b"trun") {
        let (samples, ticks, read) = run_length(bytes, *run, each)?;
        track.samples = track.samples.saturating_add(samples);
        lasts = lasts.saturating_add(ticks);
        words += read;
    }
    let start = declared.or(track.fragment_span.map(|(_, end)| end)).unwrap_or(0);
    let end = start.saturating_add(lasts);
    track.fragment_span = Some(match track.fragment_span {
        Some((first, last)) => (first.min(start), last.max(end)),
        None => (start, end),
    });
    Ok(words)
}

fn decode_time<R: Read + Seek>(bytes: &mut Bytes<R>, tfdt: BoxAt) -> io::Result<Option<u64>> {
    let at = tfdt.content + WORD_BYTES;
    if bytes.array(tfdt.content)? == Some([1]) {
        bytes.u64_be(at)
    } else {
        Ok(bytes.u32_be(at)?.map(u64::from))
    }
}

/// A run's samples, their ticks, and how many words that took to find out.
fn run_length<R: Read + Seek>(bytes: &mut Bytes<R>, trun: BoxAt, each: u32) -> io::Result<(u64, u64, usize)> {
    let Some((flags, count)) = bytes.u32_be(trun.content)?.zip(bytes.u32_be(trun.content + WORD_BYTES)?)
    else {
        return Ok((0, 0, 1));
    };
    let flags = flags & FLAGS_MASK;
    if flags & SAMPLE_DURATION == 0 {
        return Ok((count.into(), u64::from(count) * u64::from(each), 1));
    }
    let mut at = trun.content + 2 * WORD_BYTES;
    at += if flags & DATA_OFFSET != 0 { WORD_BYTES } else { 0 };
    at += if flags & FIRST_SAMPLE_FLAGS != 0 { WORD_BYTES } else { 0 };
    let stride = u64::from((flags & PER_SAMPLE_FIELDS).count_ones()) * WORD_BYTES;
    let room = trun.end.saturating_sub(at) / stride;
    let samples = u64::from(count).min(room);
    let mut ticks = 0_u64;
    for sample in 0..samples {
        ticks = ticks.saturating_add(bytes.u32_be(at + sample * stride)?.unwrap_or(0).into());
    }
    Ok((samples, ticks, samples as usize + 1))
}
