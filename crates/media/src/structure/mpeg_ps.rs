//! MPEG program streams (ISO/IEC 13818-1): what Foscam calls `.mkv`.
//!
//! Only packets count: the stream map announces audio that isn't there. Times may start at hours and wrap at
//! 2^33 ticks, so the duration is the difference between the first and the last one.

use std::io::{self, Read, Seek};

use camtrail_model::{
    media::{Completeness, Container, MediaFacts},
    sniff::sniff,
};

use super::bytes::Bytes;

const PROGRAM_END: [u8; 4] = [0, 0, 1, 0xB9];
/// How far from either end a picture's time is looked for: several seconds of video.
const SEARCH_BYTES: usize = 1024 * 1024;
const TICKS_PER_MS: u64 = 90;
/// Presentation times have 33 bits.
const TIME_MASK: u64 = (1 << 33) - 1;
/// So many packets hold the first picture's time whatever the reordering.
const SETTLED: usize = 16;

pub(super) fn inspect<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<MediaFacts> {
    let mut head = vec![0; SEARCH_BYTES];
    let read = bytes.fill(0, &mut head)?;
    head.truncate(read);
    let mut tail = vec![0; SEARCH_BYTES];
    let read = bytes.fill(bytes.len().saturating_sub(SEARCH_BYTES as u64), &mut tail)?;
    tail.truncate(read);

    // The earliest and latest of each end: with B-frames, times don't rise packet by packet.
    let first = times(&head).take(SETTLED).min();
    let length = first.and_then(|first| {
        // Half the range or more is a time that jumped back, not a clip of 13 hours.
        times(&tail)
            .map(|time| time.wrapping_sub(first) & TIME_MASK)
            .filter(|&ticks| ticks <= TIME_MASK / 2)
            .max()
    });
    let end = tail.iter().rposition(|&byte| byte != 0).map_or(&[][..], |last| &tail[..=last]);
    let completeness = if end.ends_with(&PROGRAM_END) { Completeness::Whole } else { Completeness::Unmarked };
    Ok(MediaFacts {
        completeness,
        duration_ms: length.map(|ticks| ticks / TICKS_PER_MS),
        video_codec: packets(&head).find_map(|packet| codec(packet.payload)).map(str::to_owned),
        ..MediaFacts::unknown()
    })
}

struct Packet<'a> {
    time: Option<u64>,
    payload: &'a [u8],
}

fn times(content: &[u8]) -> impl Iterator<Item = u64> {
    packets(content).filter_map(|packet| packet.time)
}

/// The video packets that start in `content` (stream ids E0 to EF).
fn packets(content: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let found =
                content.get(at..)?.windows(4).position(|w| w[..3] == [0, 0, 1] && w[3] & 0xF0 == 0xE0)?;
            let start = at + found;
            at = start + 4;
            if let Some(packet) = packet(&content[start..]) {
                return Some(packet);
            }
        }
    })
}

/// 13818-1, 2.4.3.6: length, flags, header length, optional presentation time.
fn packet(content: &[u8]) -> Option<Packet<'_>> {
    let &[flags, which, header_length] = content.get(6..9)? else { return None };
    // Always "10"; anything else is a start code inside other data.
    if flags & 0xC0 != 0x80 {
        return None;
    }
    let time = if which & 0x80 == 0 { None } else { Some(presentation_time(content.get(9..14)?)?) };
    Some(Packet { time, payload: content.get(9 + usize::from(header_length)..)? })
}

fn presentation_time(field: &[u8]) -> Option<u64> {
    let &[top, high, middle, low, bottom] = field else { return None };
    // Each part ends in a marker bit: this tells a time from chance.
    if [top, middle, bottom].iter().any(|part| part & 1 == 0) {
        return None;
    }
    let part = |value: u8, shift: u32| u64::from(value >> 1) << shift;
    let time = part(top & 0x0E, 30) | u64::from(high) << 22 | part(middle, 15);
    Some(time | u64::from(low) << 7 | part(bottom, 0))
}

fn codec(payload: &[u8]) -> Option<&'static str> {
    match sniff(payload)? {
        Container::H264 => Some("h264"),
        Container::H265 => Some("hevc"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const REAL: &[u8] = include_bytes!("../../tests/data/MDalarm_20160830_152954.mkv");

    fn facts(content: impl AsRef<[u8]>) -> MediaFacts {
        inspect(&mut Bytes::new(Cursor::new(content)).unwrap()).unwrap()
    }

    #[test]
    fn the_real_clip_has_its_duration_and_no_end_mark() {
        let facts = facts(REAL);
        assert_eq!(facts.completeness, Completeness::Unmarked);
        assert_eq!(facts.video_codec.as_deref(), Some("h264"));
        assert_eq!(facts.audio_codec, None);
        let duration_ms = facts.duration_ms.unwrap();
        assert!(duration_ms.abs_diff(27_810) < 100, "{duration_ms}");
    }

    #[test]
    fn the_program_end_code_makes_it_whole_also_before_padding() {
        assert_eq!(facts([REAL, &PROGRAM_END].concat()).completeness, Completeness::Whole);
        assert_eq!(facts([REAL, &PROGRAM_END, &[0; 512]].concat()).completeness, Completeness::Whole);
    }

    #[test]
    fn nothing_but_zeros() {
        assert_eq!(facts([0; 64]).duration_ms, None);
    }
}
