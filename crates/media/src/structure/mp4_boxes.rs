//! ISO base media boxes (ISO/IEC 14496-12, 4.2): headers and children.

use std::io::{self, Read, Seek};

use super::bytes::Bytes;

/// More children than any real box has (fragments stand on the top level, which isn't read by this).
const MAX_CHILDREN: usize = 1024;
pub(super) const SHORT_HEADER_BYTES: u64 = 8;
const LONG_HEADER_BYTES: u64 = 16;

/// Where a box is. `end` is what it claims and may lie beyond the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BoxAt {
    pub(super) kind: [u8; 4],
    pub(super) content: u64,
    pub(super) end: u64,
}

/// The box at `at`; `None` where there is no readable header.
pub(super) fn box_at<R: Read + Seek>(bytes: &mut Bytes<R>, at: u64) -> io::Result<Option<BoxAt>> {
    let Some((size, kind)) = bytes.u32_be(at)?.zip(bytes.array::<4>(at + 4)?) else { return Ok(None) };
    let (header, size) = match size {
        // "Extends to the end of the file" needs a type: four zeros are padding.
        0 if kind == [0; 4] => return Ok(None),
        0 => (SHORT_HEADER_BYTES, bytes.len() - at),
        1 => match bytes.u64_be(at + SHORT_HEADER_BYTES)? {
            Some(size) => (LONG_HEADER_BYTES, size),
            None => return Ok(None),
        },
        size => (SHORT_HEADER_BYTES, size.into()),
    };
    Ok((size >= header).then(|| BoxAt { kind, content: at + header, end: at.saturating_add(size) }))
}

/// The boxes between `from` and `to`, as far as they are readable and inside.
pub(super) fn children<R: Read + Seek>(bytes: &mut Bytes<R>, from: u64, to: u64) -> io::Result<Vec<BoxAt>> {
    let mut found = Vec::new();
    let mut at = from;
    while at < to && found.len() < MAX_CHILDREN {
        match box_at(bytes, at)? {
            Some(child) if child.end <= to => {
                at = child.end;
                found.push(child);
            }
            _ => break,
        }
    }
    Ok(found)
}

/// The first child of a kind.
pub(super) fn child<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    parent: BoxAt,
    kind: [u8; 4],
) -> io::Result<Option<BoxAt>> {
    Ok(children(bytes, parent.content, parent.end)?.into_iter().find(|child| child.kind == kind))
}

/// What an audio sample entry's decoder is for (ISO/IEC 14496-1, 7.2.6: the elementary stream descriptor).
pub(super) fn object_type<R: Read + Seek>(bytes: &mut Bytes<R>, entry: BoxAt) -> io::Result<Option<u8>> {
    /// An audio sample entry's own fields, before its children.
    const AUDIO_FIELDS_BYTES: u64 = 28;
    const VERSION_AND_FLAGS_BYTES: u64 = 4;
    const STREAM_DESCRIPTOR: u8 = 3;
    const DECODER_DESCRIPTOR: u8 = 4;
    let inside = children(bytes, entry.content.saturating_add(AUDIO_FIELDS_BYTES), entry.end)?;
    let Some(esds) = inside.into_iter().find(|child| &child.kind == b"esds") else { return Ok(None) };
    let Some(at) = descriptor(bytes, esds.content + VERSION_AND_FLAGS_BYTES, STREAM_DESCRIPTOR)? else {
        return Ok(None);
    };
    // The stream's id, and flags; what they announce MP4 files don't use.
    let Some(at) = descriptor(bytes, at + 3, DECODER_DESCRIPTOR)? else { return Ok(None) };
    Ok(bytes.array(at)?.map(|[object_type]: [u8; 1]| object_type))
}

/// Where the content of the descriptor at `at` begins, if it has the tag: its size takes one to four bytes.
fn descriptor<R: Read + Seek>(bytes: &mut Bytes<R>, at: u64, tag: u8) -> io::Result<Option<u64>> {
    let Some([found, size @ ..]) = bytes.array::<5>(at)? else { return Ok(None) };
    let size_bytes = size.iter().take(3).take_while(|&&byte| byte & 0x80 != 0).count() as u64 + 1;
    Ok((found == tag).then_some(at + 1 + size_bytes))
}
