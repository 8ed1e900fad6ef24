//! The sample tables of an MP4 track: how many samples there are, how many of them really arrived, how long those last
//! and which of them are key frames.

use std::io::{self, Read, Seek};

use super::{
    bytes::Bytes,
    mp4_boxes::{BoxAt, child},
    pictures::Pictures,
};

/// Ten hours at 30 pictures a second; a longer table isn't read.
const MAX_TABLE_ENTRIES: u32 = 1_080_000;
/// Version, flags.
const FULL_BOX_BYTES: u64 = 4;
const WORD_BYTES: u64 = 4;

/// How many samples the table describes.
pub(super) fn count<R: Read + Seek>(bytes: &mut Bytes<R>, stbl: BoxAt) -> io::Result<u64> {
    let at = match (child(bytes, stbl, *b"stsz")?, child(bytes, stbl, *b"stz2")?) {
        (Some(sizes), _) | (None, Some(sizes)) => sizes.content + FULL_BOX_BYTES + 4,
        (None, None) => return Ok(0),
    };
    Ok(bytes.u32_be(at)?.unwrap_or(0).into())
}

/// How many samples lie inside the file; `None` where the tables don't tell.
pub(super) fn present<R: Read + Seek>(bytes: &mut Bytes<R>, stbl: BoxAt) -> io::Result<Option<u64>> {
    let Some(sizes) = child(bytes, stbl, *b"stsz")? else { return Ok(None) };
    let uniform = bytes.u32_be(sizes.content + FULL_BOX_BYTES)?.unwrap_or(0);
    let total = bytes.u32_be(sizes.content + FULL_BOX_BYTES + 4)?.unwrap_or(0);
    let sizes = if uniform > 0 { Some(Vec::new()) } else { words(bytes, sizes, FULL_BOX_BYTES + 4, 1)? };
    let (Some(sizes), Some(offsets), Some(runs)) =
        (sizes, chunk_offsets(bytes, stbl)?, table(bytes, stbl, *b"stsc", 3)?)
    else {
        return Ok(None);
    };
    let size_of = |sample: usize| if uniform > 0 { Some(uniform) } else { sizes.get(sample).copied() };
    Ok(Some(present_samples(&offsets, &runs, total, bytes.len(), size_of)))
}

/// The first `samples` of the table: how long they last, and how many a player can start with. `None` where the tables
/// are longer than any camera's, or than their boxes.
pub(super) fn pictures<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    stbl: BoxAt,
    samples: u64,
) -> io::Result<Option<Pictures>> {
    let Some(times) = Table::find(bytes, stbl, *b"stts", 2)? else { return Ok(None) };
    let (mut left, mut ticks) = (samples, 0_u64);
    for entry in 0..times.entries {
        let (run, each) = (times.word(bytes, entry, 0)?, times.word(bytes, entry, 1)?);
        let run = left.min(run.into());
        ticks = ticks.saturating_add(run.saturating_mul(each.into()));
        left -= run;
        if left == 0 {
            break;
        }
    }
    // Without the table, each sample stands for itself (8.6.2).
    if child(bytes, stbl, *b"stss")?.is_none() {
        return Ok(Some(Pictures { count: samples, keys: samples, ticks }));
    }
    let Some(sync) = Table::find(bytes, stbl, *b"stss", 1)? else { return Ok(None) };
    let mut keys = 0;
    for entry in 0..sync.entries {
        // Counted from 1.
        keys += u64::from((1..=samples).contains(&sync.word(bytes, entry, 0)?.into()));
    }
    Ok(Some(Pictures { count: samples, keys, ticks }))
}

/// A table that is read in place, entry by entry.
struct Table {
    from: u64,
    entries: u64,
    words_each: u64,
}

impl Table {
    fn find<R: Read + Seek>(
        bytes: &mut Bytes<R>,
        stbl: BoxAt,
        kind: [u8; 4],
        words_each: u64,
    ) -> io::Result<Option<Self>> {
        let Some(found) = child(bytes, stbl, kind)? else { return Ok(None) };
        let entries = bytes.u32_be(found.content + FULL_BOX_BYTES)?.unwrap_or(0);
        let from = found.content + FULL_BOX_BYTES + WORD_BYTES;
        let room = found.end.saturating_sub(from) / (WORD_BYTES * words_each);
        let is_honest = entries <= MAX_TABLE_ENTRIES && u64::from(entries) <= room;
        Ok(is_honest.then_some(Self { from, entries: entries.into(), words_each }))
    }

    fn word<R: Read + Seek>(&self, bytes: &mut Bytes<R>, entry: u64, word: u64) -> io::Result<u32> {
        let at = self.from + (entry * self.words_each + word) * WORD_BYTES;
        Ok(bytes.u32_be(at)?.unwrap_or(0))
    }
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
            // Each has a byte of its own: what claims more lies.
            if sample as u64 > len {
                return len;
            }
        }
    }
    sample as u64
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

    fn boxed(kind: [u8; 4], words: &[u32]) -> Vec<u8> {
        let mut all = (8 + 4 * words.len() as u32).to_be_bytes().to_vec();
        all.extend(kind);
        all.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        all
    }

    fn counted(tables: &[Vec<u8>], samples: u64) -> Option<Pictures> {
        let content = tables.concat();
        let stbl = BoxAt { kind: *b"stbl", content: 0, end: content.len() as u64 };
        pictures(&mut Bytes::new(std::io::Cursor::new(content)).unwrap(), stbl, samples).unwrap()
    }

    #[test]
    fn times_and_key_frames_follow_the_samples() {
        let times = boxed(*b"stts", &[0, 2, 2, 40, 10, 50]);
        let sync = boxed(*b"stss", &[0, 3, 1, 3, 9]);
        let both = [times.clone(), sync];
        assert_eq!(counted(&both, 3), Some(Pictures { count: 3, keys: 2, ticks: 130 }));
        assert_eq!(counted(&both, 12), Some(Pictures { count: 12, keys: 3, ticks: 580 }));
        assert_eq!(counted(&[times], 3), Some(Pictures { count: 3, keys: 3, ticks: 130 }));
        assert_eq!(counted(&[], 3), None);
    }

    #[test]
    fn tables_that_promise_more_than_they_hold_are_not_believed() {
        let times = boxed(*b"stts", &[0, 1, 100, 40]);
        for entries in [3, MAX_TABLE_ENTRIES + 1, u32::MAX] {
            let lying = boxed(*b"stss", &[0, entries, 1, 2]);
            assert_eq!(counted(&[times.clone(), lying], 100), None);
            assert_eq!(counted(&[boxed(*b"stts", &[0, entries, 100, 40])], 100), None);
        }
        // Key frames that no sample is.
        let beyond = boxed(*b"stss", &[0, 3, 0, 100, u32::MAX]);
        assert_eq!(counted(&[times, beyond], 100), Some(Pictures { count: 100, keys: 1, ticks: 4_000 }));
    }
}
