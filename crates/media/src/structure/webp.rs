//! WebP: a RIFF whose size tells completeness; the size in pixels stands in one of three kinds of first chunk.

use std::io::{self, Read, Seek};

use camtrail_model::media::{Completeness, MediaFacts};

use super::{bytes::Bytes, reaches, still};

const RIFF_HEADER_BYTES: u64 = 8;
const FIRST_CHUNK_AT: u64 = 12;
const FIRST_PAYLOAD_AT: u64 = 20;

pub(super) fn inspect<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<MediaFacts> {
    let declared = bytes.u32_le(4)?.map_or(u64::MAX, |size| u64::from(size) + RIFF_HEADER_BYTES);
    let size = match (bytes.array::<4>(FIRST_CHUNK_AT)?, bytes.array::<10>(FIRST_PAYLOAD_AT)?) {
        (Some(kind), Some(payload)) => pixel_size(kind, payload),
        _ => None,
    };
    if declared < FIRST_PAYLOAD_AT {
        return Ok(still(size, Completeness::Cut("the picture has no image data".to_owned())));
    }
    Ok(still(size, reaches(declared, bytes.len(), "image data")))
}

/// RFC 9649, sections 2.5 to 2.7.
fn pixel_size(kind: [u8; 4], payload: [u8; 10]) -> Option<(u32, u32)> {
    match &kind {
        b"VP8X" => {
            let side = |at: usize| u32::from_le_bytes([payload[at], payload[at + 1], payload[at + 2], 0]) + 1;
            Some((side(4), side(7)))
        }
        b"VP8L" => {
            let bits = u32::from_le_bytes([payload[1], payload[2], payload[3], payload[4]]);
            Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1))
        }
        b"VP8 " => {
            let side = |at: usize| u32::from(u16::from_le_bytes([payload[at], payload[at + 1]]) & 0x3FFF);
            Some((side(6), side(8)))
        }
        _ => None,
    }
}
