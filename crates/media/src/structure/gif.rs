//! GIF: blocks up to the trailer.

use std::io::{self, Read, Seek};

use camtrail_model::media::{Completeness, MediaFacts};

use super::{MAX_STEPS, bytes::Bytes, still};

const SCREEN_WIDTH_AT: u64 = 6;
const SCREEN_FLAGS_AT: u64 = 10;
const SCREEN_HEADER_BYTES: u64 = 13;
const IMAGE_HEADER_BYTES: u64 = 10;
const IMAGE_FLAGS_AT: u64 = 9;

pub(super) fn inspect<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<MediaFacts> {
    let size = bytes.array(SCREEN_WIDTH_AT)?.map(|[w0, w1, h0, h1]| {
        (u32::from(u16::from_le_bytes([w0, w1])), u32::from(u16::from_le_bytes([h0, h1])))
    });
    let mut at = SCREEN_HEADER_BYTES + color_table(bytes, SCREEN_FLAGS_AT)?;
    for _ in 0..MAX_STEPS {
        at = match bytes.array(at)? {
            Some([b';']) => return Ok(still(size, Completeness::Whole)),
            // An extension's label, or an image's header, colour table and code size, then sub-blocks.
            Some([b'!']) => skip_sub_blocks(bytes, at + 2)?,
            Some([b',']) => {
                let table = color_table(bytes, at + IMAGE_FLAGS_AT)?;
                skip_sub_blocks(bytes, at + IMAGE_HEADER_BYTES + table + 1)?
            }
            _ => return Ok(still(size, Completeness::Cut("the picture has no trailer".to_owned()))),
        };
    }
    Ok(still(size, Completeness::Unmarked))
}

/// How many bytes the colour table takes that the flags at `at` announce.
fn color_table<R: Read + Seek>(bytes: &mut Bytes<R>, at: u64) -> io::Result<u64> {
    let flags = bytes.array(at)?.map_or(0, |[flags]: [u8; 1]| flags);
    Ok(if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) })
}

fn skip_sub_blocks<R: Read + Seek>(bytes: &mut Bytes<R>, from: u64) -> io::Result<u64> {
    let mut at = from;
    while let Some([length]) = bytes.array(at)? {
        at += 1 + u64::from(length);
        if length == 0 {
            break;
        }
    }
    Ok(at)
}
