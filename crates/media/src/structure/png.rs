//! PNG: chunks by length up to IEND.

use std::io::{self, Read, Seek};

use camtrail_model::media::{Completeness, MediaFacts};

use super::{MAX_STEPS, bytes::Bytes, reaches, still};

const SIGNATURE_BYTES: u64 = 8;
/// Length, type, checksum.
const CHUNK_FRAME_BYTES: u64 = 12;
/// Where IHDR, always the first chunk, keeps the width.
const WIDTH_AT: u64 = SIGNATURE_BYTES + 8;

pub(super) fn inspect<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<MediaFacts> {
    let size = bytes.u32_be(WIDTH_AT)?.zip(bytes.u32_be(WIDTH_AT + 4)?);
    let mut at = SIGNATURE_BYTES;
    for _ in 0..MAX_STEPS {
        let Some((length, kind)) = bytes.u32_be(at)?.zip(bytes.array::<4>(at + 4)?) else {
            return Ok(still(size, Completeness::Cut("the picture has no end chunk".to_owned())));
        };
        at += u64::from(length) + CHUNK_FRAME_BYTES;
        if &kind == b"IEND" || at > bytes.len() {
            return Ok(still(size, reaches(at, bytes.len(), "image data")));
        }
    }
    Ok(still(size, Completeness::Unmarked))
}
