//! JPEG (ITU-T T.81 annex B): the size from the frame header, completeness from the end marker.
//!
//! A thumbnail inside EXIF has an end marker of its own, so segments are skipped by length and only entropy data
//! is searched. Anything after the end marker (padding, a maker's trailer) is fine.

use std::io::{self, Read, Seek};

use camtrail_model::media::{Completeness, MediaFacts};

use super::{MAX_STEPS, bytes::Bytes, still};

const START_OF_IMAGE_BYTES: u64 = 2;
const MARKER: u8 = 0xFF;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

pub(super) fn inspect<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<MediaFacts> {
    let mut size = None;
    let mut scans = 0;
    let mut at = START_OF_IMAGE_BYTES;
    for _ in 0..MAX_STEPS {
        let Some((marker, next)) = next_marker(bytes, at)? else {
            return Ok(still(size, Completeness::Cut("the picture has no end marker".to_owned())));
        };
        at = next;
        match marker {
            END_OF_IMAGE if scans > 0 => return Ok(still(size, Completeness::Whole)),
            END_OF_IMAGE => {
                return Ok(still(
                    size,
                    Completeness::Cut("the picture ends before its image data".to_owned()),
                ));
            }
            // Stand-alone markers: TEM, RSTn, a second SOI.
            0x01 | 0xD0..=0xD8 => {}
            _ => {
                let length = bytes.u16_be(at)?.filter(|&length| length >= 2);
                let Some(length) = length else {
                    return Ok(still(
                        size,
                        Completeness::Cut("the picture ends inside a segment".to_owned()),
                    ));
                };
                if is_frame_header(marker)
                    && let Some([_, _, _, h1, h0, w1, w0]) = bytes.array(at)?
                {
                    size = Some((u16::from_be_bytes([w1, w0]).into(), u16::from_be_bytes([h1, h0]).into()));
                }
                at += u64::from(length);
                scans += usize::from(marker == START_OF_SCAN);
            }
        }
    }
    Ok(still(size, Completeness::Unmarked))
}

/// SOF0 to SOF15, without DHT, JPG and DAC, which share the range.
fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

/// The next marker at or after `at`, and where its segment starts. Stuffed bytes (FF 00), restart markers in
/// entropy data and fill bytes are passed over.
fn next_marker<R: Read + Seek>(bytes: &mut Bytes<R>, from: u64) -> io::Result<Option<(u8, u64)>> {
    let mut at = from;
    let mut after_ff = false;
    loop {
        let chunk = bytes.chunk(at)?;
        if chunk.is_empty() {
            return Ok(None);
        }
        let mut position = 0;
        while position < chunk.len() {
            let byte = chunk[position];
            if after_ff {
                position += 1;
                match byte {
                    MARKER => {}
                    0 | 0xD0..=0xD7 => after_ff = false,
                    _ => return Ok(Some((byte, at + position as u64))),
                }
            } else if let Some(skip) = chunk[position..].iter().position(|&byte| byte == MARKER) {
                position += skip + 1;
                after_ff = true;
            } else {
                position = chunk.len();
            }
        }
        at += chunk.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const REAL: &[u8] = include_bytes!("../../tests/data/MDAlarm_20160830-155137.jpg");

    fn facts(content: impl AsRef<[u8]>) -> MediaFacts {
        inspect(&mut Bytes::new(Cursor::new(content)).unwrap()).unwrap()
    }

    #[test]
    fn the_real_still_is_whole_and_has_its_size() {
        let facts = facts(REAL);
        assert_eq!((facts.width, facts.height), (Some(1280), Some(720)));
        assert_eq!(facts.completeness, Completeness::Whole);
    }

    #[test]
    fn bytes_after_the_end_marker_are_fine() {
        for trailer in [&[0; 4096][..], b"maker's trailer", &[0xFF; 33]] {
            assert_eq!(facts([REAL, trailer].concat()).completeness, Completeness::Whole);
        }
    }

    #[test]
    fn every_prefix_is_cut() {
        for len in (4..REAL.len()).step_by(997).chain([REAL.len() - 1, REAL.len() - 2]) {
            let facts = facts(&REAL[..len]);
            assert!(matches!(facts.completeness, Completeness::Cut(_)), "{len} bytes: {facts:?}");
        }
    }

    #[test]
    fn preallocated_zeros_dont_make_it_whole() {
        let padded = [&REAL[..30_000], &vec![0; 30_000]].concat();
        assert!(matches!(facts(padded).completeness, Completeness::Cut(_)));
    }

    /// An EXIF thumbnail is a whole JPEG, end marker included, inside a segment.
    #[test]
    fn a_thumbnails_end_marker_doesnt_count() {
        let thumbnail = [0xFF, 0xD8, 0xFF, 0xDA, 0, 2, 1, 2, 3, 0xFF, 0xD9];
        let mut content = vec![0xFF, 0xD8, 0xFF, 0xE1, 0, 2 + thumbnail.len() as u8];
        content.extend(thumbnail);
        content.extend(&REAL[2..20_000]);
        assert!(matches!(facts(content).completeness, Completeness::Cut(_)));
    }
}
