//! Dahua's container (`.dav`): frames, each with a header, its length in front and again behind.
//!
//! There is no index and no end mark. Times are whole seconds of the recorder's clock and a counter of milliseconds
//! with 16 bits; together they tell the duration from the first and the last frame alone. Pictures are counted from
//! header to header.

use std::io::{self, Read, Seek};

use camtrail_model::media::{Completeness, MediaFacts};

use super::{MAX_STEPS, bytes::Bytes, pictures::Pictures, rate_milli};

const FRAME: &[u8; 4] = b"DHAV";
const FRAME_END: &[u8; 4] = b"dhav";
// Kinds of frames
const KEY_FRAME: u8 = 0xFD;
const PICTURE: u8 = 0xFC;
const SOUND: u8 = 0xF0;
const HEADER_BYTES: u64 = 24;
const TRAILER_BYTES: u64 = 8;
/// Some files begin with a header of their own.
const FILE: &[u8; 5] = b"DAHUA";
const FILE_HEADER_BYTES: u64 = 0x400;
/// How far from the end the last frame is looked for: a few key frames of a large picture.
const SEARCH_BYTES: u64 = 2 * 1024 * 1024;
/// Marks that are looked at there: an honest file has two a frame.
const MAX_CANDIDATES: usize = 10_000;
/// The counter of milliseconds wraps here.
const COUNTER_MS: i64 = 1 << 16;
const MS_PER_S: i64 = 1000;
/// A longer duration is a clock that jumped, not a clip.
const LONGEST_MS: i64 = 7 * 86_400 * MS_PER_S;

pub(super) fn inspect<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<MediaFacts> {
    let start = if bytes.array(0)? == Some(*FILE) { FILE_HEADER_BYTES } else { 0 };
    let Some(first) = Frame::at(bytes, start)? else {
        let completeness = Completeness::Cut("the file ends before its first frame".to_owned());
        return Ok(MediaFacts { completeness, ..MediaFacts::unknown() });
    };
    let look = Look::at(bytes, &first)?;
    let end = End::of(bytes)?;
    let duration_ms = end.last.and_then(|last| duration_ms(&first, &last, look.picture_ms()));
    let pictures = count(bytes, start)?;
    Ok(MediaFacts {
        completeness: match end.missing_bytes {
            Some(missing) => {
                Completeness::Cut(format!("the file ends {missing} bytes before its last frame does"))
            }
            None => Completeness::Unmarked,
        },
        duration_ms,
        width: look.size.map(|(width, _)| width),
        height: look.size.map(|(_, height)| height),
        video_codec: look.codec.map(str::to_owned),
        frame_rate_milli: pictures
            .zip(duration_ms)
            .and_then(|(pictures, ms)| rate_milli(pictures.count, ms, MS_PER_S.unsigned_abs())),
        key_frames: pictures.and_then(Pictures::key_frames),
        ..MediaFacts::unknown()
    })
}

/// Pictures and key frames, from header to header; `None` where the chain breaks off before the file does.
fn count<R: Read + Seek>(bytes: &mut Bytes<R>, start: u64) -> io::Result<Option<Pictures>> {
    let mut found = Pictures::default();
    let mut at = start;
    for _ in 0..MAX_STEPS {
        let Some(frame) = Frame::at(bytes, at)? else {
            return Ok(bytes.only_zeros_from(at)?.then_some(found));
        };
        if frame.end > bytes.len() {
            return Ok(Some(found));
        }
        if matches!(frame.kind, KEY_FRAME | PICTURE) {
            found.count += 1;
            found.keys += u64::from(frame.kind == KEY_FRAME);
        }
        at = frame.end;
    }
    Ok(None)
}

/// A frame's header.
#[derive(Debug, Clone, Copy)]
struct Frame {
    at: u64,
    kind: u8,
    end: u64,
    /// Whole seconds, of no particular epoch.
    clock_s: i64,
    counter_ms: i64,
    extension_bytes: u8,
}

impl Frame {
    fn at<R: Read + Seek>(bytes: &mut Bytes<R>, at: u64) -> io::Result<Option<Self>> {
        let Some(header) = bytes.array::<{ HEADER_BYTES as usize }>(at)? else { return Ok(None) };
        let word = |from: usize| {
            u32::from_le_bytes([header[from], header[from + 1], header[from + 2], header[from + 3]])
        };
        let length = u64::from(word(12));
        if !header.starts_with(FRAME) || length < HEADER_BYTES + TRAILER_BYTES {
            return Ok(None);
        }
        Ok(Some(Self {
            at,
            kind: header[4],
            end: at.saturating_add(length),
            clock_s: seconds(word(16)),
            counter_ms: u16::from_le_bytes([header[20], header[21]]).into(),
            extension_bytes: header[22],
        }))
    }

    /// Video or audio; anything else carries no time.
    fn is_timed(&self) -> bool {
        matches!(self.kind, PICTURE | KEY_FRAME | SOUND)
    }
}

/// Year, month, day, hour, minute and second in 6, 4, 5, 5, 6 and 6 bits.
fn seconds(packed: u32) -> i64 {
    let field = |shift: u32, bits: u32| i64::from(packed >> shift & ((1 << bits) - 1));
    let (year, month, day) = (field(26, 6), field(22, 4), field(17, 5));
    // Days since year 0 of a calendar that begins in March: then only the year before counts for leap days.
    let (year, month) = if month > 2 { (year + 2000, month - 3) } else { (year + 1999, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    ((days * 24 + field(12, 5)) * 60 + field(6, 6)) * 60 + field(0, 6)
}

/// The multiple of the counter's round that the clock says, and what the counter says beyond it.
fn duration_ms(first: &Frame, last: &Frame, picture_ms: i64) -> Option<u64> {
    let by_clock = (last.clock_s - first.clock_s) * MS_PER_S;
    let by_counter = (last.counter_ms - first.counter_ms).rem_euclid(COUNTER_MS);
    let rounds = (by_clock - by_counter + COUNTER_MS / 2).div_euclid(COUNTER_MS);
    let between = by_counter + rounds * COUNTER_MS;
    // A recorder that leaves the counter alone still has its clock.
    let between = if (between - by_clock).abs() <= 2 * MS_PER_S { between } else { by_clock };
    let ms = between + picture_ms;
    u64::try_from(ms).ok().filter(|_| (1..LONGEST_MS).contains(&ms))
}

/// How the file ends.
struct End {
    last: Option<Frame>,
    /// A frame has begun of which so many bytes never came.
    missing_bytes: Option<u64>,
}

impl End {
    fn of<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<Self> {
        let from = bytes.len().saturating_sub(SEARCH_BYTES);
        let mut tail = vec![0; (bytes.len() - from) as usize];
        let read = bytes.fill(from, &mut tail)?;
        tail.truncate(read);
        let mut found = Self { last: None, missing_bytes: None };
        let could_be = |word: &[u8]| word.starts_with(FRAME) || word.starts_with(FRAME_END);
        let candidates = tail.windows(8).enumerate().rev().filter(|(_, word)| could_be(word));
        for (at, word) in candidates.take(MAX_CANDIDATES) {
            let at = from + at as u64;
            if word.starts_with(FRAME)
                && let Some(frame) = Frame::at(bytes, at)?
                && let Some(missing) = frame.end.checked_sub(bytes.len()).filter(|&missing| missing > 0)
            {
                found.missing_bytes = Some(missing);
            }
            let Some(&[l0, l1, l2, l3]) = word.strip_prefix(FRAME_END) else { continue };
            let length = u32::from_le_bytes([l0, l1, l2, l3]);
            if let Some(start) = (at + TRAILER_BYTES).checked_sub(length.into())
                && let Some(frame) = Frame::at(bytes, start)?
                && frame.is_timed()
            {
                found.last = Some(frame);
                break;
            }
        }
        Ok(found)
    }
}

/// What the first frame's extensions say of the picture.
#[derive(Default)]
struct Look {
    codec: Option<&'static str>,
    size: Option<(u32, u32)>,
    rate: u8,
}

impl Look {
    fn at<R: Read + Seek>(bytes: &mut Bytes<R>, frame: &Frame) -> io::Result<Self> {
        let mut look = Self::default();
        let mut extensions = vec![0; frame.extension_bytes.into()];
        let read = bytes.fill(frame.at + HEADER_BYTES, &mut extensions)?;
        let mut rest = &extensions[..read];
        loop {
            rest = match rest {
                &[0x80, _, width, height, ref rest @ ..] => {
                    look.size = Some((u32::from(width) * 8, u32::from(height) * 8));
                    rest
                }
                &[0x81, _, codec, rate, ref rest @ ..] => {
                    (look.codec, look.rate) = (codec_name(codec), rate);
                    rest
                }
                &[0x82, _, _, _, w0, w1, h0, h1, ref rest @ ..] => {
                    look.size =
                        Some((u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into()));
                    rest
                }
                [0x83, _, _, _, rest @ ..] | [0x88, _, _, _, _, _, _, _, rest @ ..] => rest,
                _ => break,
            };
        }
        Ok(look)
    }

    /// How long the last picture lasts.
    fn picture_ms(&self) -> i64 {
        MS_PER_S.checked_div(self.rate.into()).unwrap_or(0)
    }
}

fn codec_name(number: u8) -> Option<&'static str> {
    Some(match number {
        1 => "mpeg4",
        2 | 4 | 8 => "h264",
        3 => "mjpeg",
        0x0C => "hevc",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const PICTURE_BYTES: usize = 500;

    fn facts(content: impl AsRef<[u8]>) -> MediaFacts {
        inspect(&mut Bytes::new(Cursor::new(content)).unwrap()).unwrap()
    }

    /// `count` frames, 40 ms apart, from 10:07:39 on; the counter begins at `counter`.
    fn recording(count: u32, counter: u32) -> Vec<u8> {
        let mut all = Vec::new();
        for number in 0..count {
            let ms = number * 40;
            let of_day = (10 * 60 + 7) * 60 + 39 + ms / 1000;
            let clock = 26 << 26
                | 8 << 22
                | 15 << 17
                | (of_day / 3600) << 12
                | ((of_day / 60) % 60) << 6
                | (of_day % 60);
            let extensions = [0x81, 0, 2, 25, 0x82, 0, 0, 0, 0x80, 2, 0x68, 1];
            let length = HEADER_BYTES as usize + extensions.len() + PICTURE_BYTES + TRAILER_BYTES as usize;
            all.extend(FRAME);
            all.extend([if number == 0 { 0xFD } else { 0xFC }, 0, 0, 0]);
            all.extend(number.to_le_bytes());
            all.extend((length as u32).to_le_bytes());
            all.extend(clock.to_le_bytes());
            all.extend(((counter + ms) as u16).to_le_bytes());
            all.extend([extensions.len() as u8, 0]);
            all.extend(extensions);
            all.extend([0x55; PICTURE_BYTES]);
            all.extend(FRAME_END);
            all.extend((length as u32).to_le_bytes());
        }
        all
    }

    #[test]
    fn the_first_and_the_last_frame_tell_all() {
        for counter in [0, 65_000] {
            // Four seconds; three minutes, in which the counter comes round.
            for (count, ms) in [(100, 4000), (4500, 180_000)] {
                let facts = facts(recording(count, counter));
                assert_eq!(facts.duration_ms, Some(ms), "from {counter}");
                assert_eq!((facts.width, facts.height), (Some(640), Some(360)));
                assert_eq!(facts.video_codec.as_deref(), Some("h264"));
                assert_eq!(facts.completeness, Completeness::Unmarked);
                assert_eq!((facts.frame_rate_milli, facts.key_frames), (Some(25_000), Some(1)));
            }
        }
    }

    #[test]
    fn the_clock_knows_its_months() {
        let at = |year: u32, month: u32, day: u32, second: u32| {
            seconds(year << 26 | month << 22 | day << 17 | 23 << 12 | 59 << 6 | second)
        };
        assert_eq!(at(26, 9, 30, 59) - at(26, 9, 30, 0), 59);
        for (before, after) in [
            ((26, 9, 30), (26, 10, 1)),
            ((24, 2, 28), (24, 2, 29)),
            ((25, 2, 28), (25, 3, 1)),
            ((25, 12, 31), (26, 1, 1)),
        ] {
            let day = at(after.0, after.1, after.2, 0) - at(before.0, before.1, before.2, 0);
            assert_eq!(day, 86_400, "{before:?}");
        }
    }

    #[test]
    fn a_file_header_and_padding_change_nothing() {
        let mut content = FILE.to_vec();
        content.resize(FILE_HEADER_BYTES as usize, 0);
        content.extend(recording(100, 7));
        content.extend([0; 4096]);
        let facts = facts(content);
        assert_eq!((facts.duration_ms, facts.completeness), (Some(4000), Completeness::Unmarked));
        assert_eq!((facts.frame_rate_milli, facts.key_frames), (Some(25_000), Some(1)));
    }

    #[test]
    fn a_frame_that_never_came_to_its_end_is_a_cut() {
        let whole = recording(100, 7);
        let facts = facts(&whole[..whole.len() - 60]);
        assert_eq!(facts.duration_ms, Some(3960));
        assert_eq!((facts.frame_rate_milli, facts.key_frames), (Some(25_000), Some(1)));
        assert!(
            matches!(&facts.completeness, Completeness::Cut(why) if why.contains("60 bytes")),
            "{facts:?}"
        );
    }

    #[test]
    fn nothing_behind_the_signature() {
        assert!(matches!(facts(b"DHAV").completeness, Completeness::Cut(_)));
        assert_eq!(facts([&b"DHAV"[..], &[0xFF; 200]].concat()).duration_ms, None);
    }
}
