//! The sample tables of an MP4 track: how many samples there are, and how many of them really arrived.

use std::io::{self, Read, Seek};

use super::{
    bytes::Bytes,
    mp4_boxes::{BoxAt, child},
};

/// Ten hours at 30 pictures a second; a longer table isn't read.
const MAX_TABLE_ENTRIES: u32 = 1_080_000;
/// Version, flags.
const FULL_BOX_BYTES: u64 = 4;

/// How many samples the table describes.
pub(super) fn count<R: Read + Seek>(bytes: &mut Bytes<R>, stbl: BoxAt) -> io::Result<u64> {
    let at = match (child(bytes, stbl, *b"stsz")?, child(bytes, stbl, *b"stz2")?) {
        (Some(sizes), _) | (None, Some(sizes)) => sizes.content + FULL_BOX_BYTES + 4,
        (None, None) => return Ok(0),
    };
    Ok(bytes.u32_be(at)?.unwrap_or(0).into())
}

/// How long the samples last that lie inside the file, in the track's ticks; `None` where the tables don't tell.
pub(super) fn present_ticks<R: Read + Seek>(bytes: &mut Bytes<R>, stbl: BoxAt) -> io::Result<Option<u64>> {
    let Some(sizes) = child(bytes, stbl, *b"stsz")? else { return Ok(None) };
    let uniform = bytes.u32_be(sizes.content + FULL_BOX_BYTES)?.unwrap_or(0);
    let total = bytes.u32_be(sizes.content + FULL_BOX_BYTES + 4)?.unwrap_or(0);
    let sizes = if uniform > 0 { Some(Vec::new()) } else { words(bytes, sizes, FULL_BOX_BYTES + 4, 1)? };
    let (Some(sizes), Some(offsets), Some(runs), Some(times)) = (
        sizes,
        chunk_offsets(bytes, stbl)?,
        table(bytes, stbl, *b"stsc", 3)?,
        table(bytes, stbl, *b"stts", 2)?,
    ) else {
        return Ok(None);
    };
    let size_of = |sample: usize| if uniform > 0 { Some(uniform) } else { sizes.get(sample).copied() };
    let present = present_samples(&offsets, &runs, total, bytes.len(), size_of);
    Ok(Some(ticks_of(&times, present)))
}

fn present_samples(
    offsets: &[u64],
    runs: &[u32],
    total: u32,
    len: u64,
    size_of: impl Fn(usize) -> Option<u32>,
) -> u64 {
    let mut sample = 0;
    let mut runs = runs.chunks_exact(3).peekable();
    let mut per_chunk = 0;
    for (chunk, &offset) in offsets.iter().enumerate() {
        // Runs name the chunk that they begin with, counted from 1.
        while let Some(run) = runs.next_if(|run| run[0] as usize <= chunk + 1) {
            per_chunk = run[1];
        }
        let mut end = offset;
        for _ in 0..per_chunk {
            let Some(size) = size_of(sample).filter(|_| sample < total as usize) else {
                return sample as u64;
            };
            end = end.saturating_add(size.into());
            if end > len {
                return sample as u64;
            }
            sample += 1;
        }
    }
    sample as u64
}

fn ticks_of(times: &[u32], samples: u64) -> u64 {
    let mut left = samples;
    let mut ticks = 0_u64;
    for entry in times.chunks_exact(2) {
        let count = left.min(entry[0].into());
        ticks = ticks.saturating_add(count.saturating_mul(entry[1].into()));
        left -= count;
    }
    ticks
}

fn chunk_offsets<R: Read + Seek>(bytes: &mut Bytes<R>, stbl: BoxAt) -> io::Result<Option<Vec<u64>>> {
    if let Some(narrow) = table(bytes, stbl, *b"stco", 1)? {
        return Ok(Some(narrow.into_iter().map(u64::from).collect()));
    }
    let wide = table(bytes, stbl, *b"co64", 2)?;
    Ok(wide
        .map(|wide| wide.chunks_exact(2).map(|pair| u64::from(pair[0]) << 32 | u64::from(pair[1])).collect()))
}

fn table<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    stbl: BoxAt,
    kind: [u8; 4],
    words_each: u32,
) -> io::Result<Option<Vec<u32>>> {
    match child(bytes, stbl, kind)? {
        Some(found) => words(bytes, found, FULL_BOX_BYTES, words_each),
        None => Ok(None),
    }
}

/// The entries of a table whose count stands at `count_at` (from its content) just before them.
fn words<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    found: BoxAt,
    count_at: u64,
    words_each: u32,
) -> io::Result<Option<Vec<u32>>> {
    const WORD_BYTES: u64 = 4;
    let count = bytes.u32_be(found.content + count_at)?.unwrap_or(0);
    let from = found.content + count_at + WORD_BYTES;
    let room = found.end.saturating_sub(from) / WORD_BYTES;
    let wanted = u64::from(count) * u64::from(words_each);
    if count > MAX_TABLE_ENTRIES || wanted > room {
        return Ok(None);
    }
    let mut raw = vec![0; (wanted * WORD_BYTES) as usize];
    let read = bytes.fill(from, &mut raw)?;
    raw.truncate(read);
    Ok(Some(
        raw.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]])).collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_beyond_the_end_dont_count() {
        // Two chunks at 100 and 200; two samples each, of 10 bytes.
        let count = |len| present_samples(&[100, 200], &[1, 2, 1], 4, len, |_| Some(10));
        assert_eq!((count(99), count(110), count(119), count(205), count(220)), (0, 1, 1, 2, 4));
    }

    #[test]
    fn ticks_follow_the_runs() {
        assert_eq!(ticks_of(&[2, 40, 10, 50], 3), 130);
        assert_eq!(ticks_of(&[], 3), 0);
    }
}
