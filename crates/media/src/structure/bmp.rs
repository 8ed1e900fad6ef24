//! Windows bitmap: the header says how long the file is.

use std::io::{self, Read, Seek};

use camtrail_model::media::MediaFacts;

use super::{bytes::Bytes, reaches, still};

const FILE_SIZE_AT: u64 = 2;
const WIDTH_AT: u64 = 18;
const HEIGHT_AT: u64 = 22;

pub(super) fn inspect<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<MediaFacts> {
    let declared = bytes.u32_le(FILE_SIZE_AT)?.unwrap_or(0);
    // A negative height means rows from top to bottom.
    let size = bytes
        .u32_le(WIDTH_AT)?
        .zip(bytes.u32_le(HEIGHT_AT)?.map(|height| height.cast_signed().unsigned_abs()));
    Ok(still(size, reaches(declared.into(), bytes.len(), "image data")))
}
