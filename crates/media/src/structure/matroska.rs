//! Matroska and WebM (RFC 9559 over RFC 8794): completeness by element sizes, duration by what is there.
//!
//! Key frames are counted block by block, by headers alone. A cut file's header still promises the whole duration, so
//! there the last block's time counts. Segments and
//! clusters of unknown size (written live) are walked to the end of the file: a broken element is a cut; a clean
//! end without an index (Cues) is no proof, and the transfer decides.

use std::io::{self, Read, Seek};

use camtrail_model::media::{Completeness, MediaFacts};

use super::{MAX_STEPS, bytes::Bytes, fourcc, rate_milli};

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TIMESTAMP_SCALE: u32 = 0x002A_D7B1;
const DURATION: u32 = 0x4489;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const TRACK_NUMBER: u32 = 0xD7;
const CODEC_ID: u32 = 0x86;
const CODEC_PRIVATE: u32 = 0x63A2;
const VIDEO: u32 = 0xE0;
const PIXEL_WIDTH: u32 = 0xB0;
const PIXEL_HEIGHT: u32 = 0xBA;
const CLUSTER: u32 = 0x1F43_B675;
const CLUSTER_TIMESTAMP: u32 = 0xE7;
const SIMPLE_BLOCK: u32 = 0xA3;
const BLOCK_GROUP: u32 = 0xA0;
const BLOCK: u32 = 0xA1;
const REFERENCE_BLOCK: u32 = 0xFB;
const CUES: u32 = 0x1C53_BB6B;

/// Where a `BITMAPINFOHEADER` keeps its codec.
const FOURCC_AT: u64 = 16;
/// Timestamps are in milliseconds unless the file says otherwise.
const DEFAULT_SCALE_NS: u64 = 1_000_000;
const NS_PER_MS: f64 = 1_000_000.0;
const LONGEST_STEP_NS: u64 = 1_000_000_000;
const NS_PER_S: u64 = 1_000_000_000;
/// In a simple block's flags (RFC 9559, 10.2): nothing before it is needed.
const KEY_FRAME: u8 = 0x80;
const LONGEST_CODEC_ID_BYTES: u64 = 32;
/// A longer duration is damage, not a clip.
const MAX_DURATION_MS: f64 = 7.0 * 86_400_000.0;

struct Element {
    id: u32,
    content: u64,
    /// `None`: unknown, up to the next element that can't be inside.
    end: Option<u64>,
}

fn element_at<R: Read + Seek>(bytes: &mut Bytes<R>, at: u64) -> io::Result<Option<Element>> {
    const ID_MAX_BYTES: u32 = 4;
    const SIZE_MAX_BYTES: u32 = 8;
    let Some((id, id_bytes)) = number(bytes, at, ID_MAX_BYTES)? else { return Ok(None) };
    let Some((raw, size_bytes)) = number(bytes, at + id_bytes, SIZE_MAX_BYTES)? else { return Ok(None) };
    // The size's own length marker goes; all ones mean unknown.
    let mask = (1_u64 << (7 * size_bytes)) - 1;
    let size = raw & mask;
    let content = at + id_bytes + size_bytes;
    let end = (size != mask).then(|| content.saturating_add(size));
    Ok(Some(Element { id: id as u32, content, end }))
}

/// A variable-length number with its marker, and its length in bytes.
fn number<R: Read + Seek>(bytes: &mut Bytes<R>, at: u64, max_bytes: u32) -> io::Result<Option<(u64, u64)>> {
    let Some([first]) = bytes.array(at)? else { return Ok(None) };
    let length = first.leading_zeros() + 1;
    if length > max_bytes {
        return Ok(None);
    }
    let mut raw = [0; 8];
    let part = &mut raw[8 - length as usize..];
    if bytes.fill(at, part)? < part.len() {
        return Ok(None);
    }
    Ok(Some((u64::from_be_bytes(raw), length.into())))
}

fn unsigned<R: Read + Seek>(bytes: &mut Bytes<R>, element: &Element) -> io::Result<u64> {
    let length = element.end.map_or(0, |end| end - element.content).min(8) as usize;
    let mut raw = [0; 8];
    bytes.fill(element.content, &mut raw[8 - length..])?;
    Ok(u64::from_be_bytes(raw))
}

fn float<R: Read + Seek>(bytes: &mut Bytes<R>, element: &Element) -> io::Result<Option<f64>> {
    Ok(match element.end.map(|end| end - element.content) {
        Some(4) => bytes.array(element.content)?.map(|raw| f32::from_be_bytes(raw).into()),
        Some(8) => bytes.array(element.content)?.map(f64::from_be_bytes),
        _ => None,
    })
}

/// The blocks of the first video track.
#[derive(Default)]
struct Blocks {
    track: Option<u64>,
    count: u64,
    keys: u64,
    /// The earliest and the latest time: pictures come in the order of decoding.
    times: Option<(u64, u64)>,
    /// Of the block group that the walk is in: whether its block was taken for a key frame.
    group_is_key: bool,
    /// How many elements the walk over blocks met; beyond the limit it passes over the rest, and nothing is counted.
    steps: usize,
}

impl Blocks {
    fn add(&mut self, time: u64, is_key: bool) {
        self.count += 1;
        self.keys += u64::from(is_key);
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
    }

    fn is_counted(&self) -> bool {
        self.count > 0 && self.steps <= MAX_STEPS
    }

    fn key_frames(&self) -> Option<u32> {
        u32::try_from(self.keys).ok().filter(|_| self.is_counted())
    }

    /// From the first picture to the last; how long that one lasts, nothing says.
    fn rate_milli(&self, scale_ns: u64) -> Option<u32> {
        let (first, last) = self.times.filter(|_| self.is_counted())?;
        rate_milli(self.count - 1, (last - first).checked_mul(scale_ns)?, NS_PER_S)
    }
}

#[derive(Default)]
struct Walk {
    scale_ns: u64,
    duration: Option<f64>,
    size: Option<(u32, u32)>,
    video: Option<&'static str>,
    audio: Option<&'static str>,
    /// Of the track whose details come next.
    codec_id: Vec<u8>,
    codec_private: Option<u64>,
    number: Option<u64>,
    width: u32,
    pictures: Blocks,
    cluster_time: u64,
    first_time: Option<u64>,
    last_time: u64,
    /// The distance between the last two blocks, for the last one's own length.
    last_step: u64,
    last_cluster: Option<u64>,
    has_cues: bool,
    damage: Option<String>,
}

pub(super) fn inspect<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<MediaFacts> {
    let mut walk = Walk { scale_ns: DEFAULT_SCALE_NS, ..Walk::default() };
    let header_end = element_at(bytes, 0)?.and_then(|header| header.end).unwrap_or(u64::MAX);
    let completeness = match element_at(bytes, header_end)? {
        Some(segment) if segment.id == SEGMENT => {
            walk.segment(bytes, &segment)?;
            walk.completeness(bytes.len(), &segment)
        }
        _ => Completeness::Cut("the file ends before its content".to_owned()),
    };
    Ok(MediaFacts {
        container: None,
        duration_ms: walk.duration_ms(&completeness),
        completeness,
        width: walk.size.map(|(width, _)| width),
        height: walk.size.map(|(_, height)| height),
        video_codec: walk.video.map(str::to_owned),
        frame_rate_milli: walk.pictures.rate_milli(walk.scale_ns),
        key_frames: walk.pictures.key_frames(),
        audio_codec: walk.audio.map(str::to_owned),
        starts_late: false,
    })
}

impl Walk {
    /// Walks the segment's elements, clusters block by block; beyond so many blocks, clusters of known size are passed over,
    /// up to the last one that is there.
    fn segment<R: Read + Seek>(&mut self, bytes: &mut Bytes<R>, segment: &Element) -> io::Result<()> {
        let end = segment.end.unwrap_or(u64::MAX).min(bytes.len());
        let mut at = segment.content;
        for _ in 0..MAX_STEPS {
            if at >= end {
                break;
            }
            let Some(element) = element_at(bytes, at)? else {
                if !bytes.only_zeros_from(at)? || segment.end.is_some() {
                    self.damage = Some(format!("the structure breaks off at byte {at}"));
                }
                break;
            };
            at = match (element.id, element.end) {
                (CLUSTER, Some(cluster_end)) if cluster_end <= end => {
                    if self.pictures.steps <= MAX_STEPS {
                        self.blocks(bytes, element.content, cluster_end)?;
                    } else {
                        self.last_cluster = Some(at);
                    }
                    cluster_end
                }
                (TRACK_ENTRY, _) => {
                    self.codec_id.clear();
                    (self.codec_private, self.number) = (None, None);
                    element.content
                }
                (CLUSTER, _) => {
                    // In order: a jump over the one before would be taken for the length of a picture.
                    self.last_cluster(bytes)?;
                    element.content
                }
                // Looked into: their parts are met as if they stood here.
                (INFO | TRACKS | VIDEO | BLOCK_GROUP, _) => element.content,
                (_, Some(element_end)) if element_end <= end => {
                    self.leaf(bytes, &element)?;
                    element_end
                }
                (_, Some(element_end)) => {
                    let missing = element_end - end;
                    self.damage = Some(format!("the file ends {missing} bytes before its media data does"));
                    break;
                }
                (_, None) => {
                    self.damage = Some(format!("the structure breaks off at byte {at}"));
                    break;
                }
            };
        }
        self.last_cluster(bytes)
    }

    /// Walks the blocks of the cluster that was passed over last.
    fn last_cluster<R: Read + Seek>(&mut self, bytes: &mut Bytes<R>) -> io::Result<()> {
        if let Some(cluster) = self.last_cluster.take()
            && let Some(Element { content, end: Some(end), .. }) = element_at(bytes, cluster)?
        {
            self.blocks(bytes, content, end)?;
        }
        Ok(())
    }

    fn blocks<R: Read + Seek>(&mut self, bytes: &mut Bytes<R>, from: u64, to: u64) -> io::Result<()> {
        let mut at = from;
        for _ in 0..MAX_STEPS {
            if at >= to {
                break;
            }
            self.pictures.steps += 1;
            let Some(element) = element_at(bytes, at)? else { break };
            at = match (element.id, element.end) {
                (BLOCK_GROUP, _) => element.content,
                (_, Some(end)) if end <= to => {
                    self.leaf(bytes, &element)?;
                    end
                }
                _ => break,
            };
        }
        Ok(())
    }

    fn leaf<R: Read + Seek>(&mut self, bytes: &mut Bytes<R>, element: &Element) -> io::Result<()> {
        match element.id {
            TIMESTAMP_SCALE => self.scale_ns = unsigned(bytes, element)?.max(1),
            DURATION => self.duration = float(bytes, element)?,
            TRACK_NUMBER => {
                self.number = Some(unsigned(bytes, element)?);
                self.name_codec(bytes)?;
            }
            CODEC_ID => self.codec(bytes, element)?,
            CODEC_PRIVATE => {
                self.codec_private = Some(element.content);
                self.name_codec(bytes)?;
            }
            PIXEL_WIDTH => self.width = unsigned(bytes, element)? as u32,
            PIXEL_HEIGHT => self.size = self.size.or(Some((self.width, unsigned(bytes, element)? as u32))),
            CLUSTER_TIMESTAMP => self.cluster_time = unsigned(bytes, element)?,
            SIMPLE_BLOCK | BLOCK => self.block(bytes, element)?,
            // Stands behind its block, in the same group.
            REFERENCE_BLOCK if self.pictures.group_is_key => {
                self.pictures.keys = self.pictures.keys.saturating_sub(1);
                self.pictures.group_is_key = false;
            }
            CUES => self.has_cues = true,
            _ => {}
        }
        Ok(())
    }

    fn codec<R: Read + Seek>(&mut self, bytes: &mut Bytes<R>, element: &Element) -> io::Result<()> {
        let length = element.end.map_or(0, |end| end - element.content).min(LONGEST_CODEC_ID_BYTES);
        let mut id = vec![0; length as usize];
        bytes.fill(element.content, &mut id)?;
        self.codec_id = id;
        self.name_codec(bytes)
    }

    /// Names the track's codec, as soon as enough of the track is known: its parts come in any order. Windows
    /// codecs have their number in the private data.
    fn name_codec<R: Read + Seek>(&mut self, bytes: &mut Bytes<R>) -> io::Result<()> {
        let id = self.codec_id.trim_ascii_end();
        let name = match (id, self.codec_private) {
            (b"A_MS/ACM", Some(at)) => bytes.array(at)?.map(u16::from_le_bytes).and_then(fourcc::wave_format),
            (b"V_MS/VFW/FOURCC", Some(at)) => bytes.array(at + FOURCC_AT)?.and_then(fourcc::video),
            _ => fourcc::matroska(id),
        };
        match id {
            [b'V', ..] => {
                self.video = self.video.or(name);
                self.pictures.track = self.pictures.track.or(self.number);
            }
            [b'A', ..] => self.audio = self.audio.or(name),
            _ => {}
        }
        Ok(())
    }

    /// A block starts with its track's number, then its time relative to the cluster (RFC 9559, 10.1).
    fn block<R: Read + Seek>(&mut self, bytes: &mut Bytes<R>, element: &Element) -> io::Result<()> {
        let Some((track, track_bytes)) = number(bytes, element.content, 8)? else { return Ok(()) };
        let Some([high, low, flags]) = bytes.array(element.content + track_bytes)? else { return Ok(()) };
        let offset = i16::from_be_bytes([high, low]);
        let time = self.cluster_time.saturating_add_signed(offset.into());
        // The number's own length marker goes.
        let track = track & ((1 << (7 * track_bytes)) - 1);
        self.pictures.group_is_key = false;
        if self.pictures.track == Some(track) {
            let is_key = element.id == BLOCK || flags & KEY_FRAME != 0;
            self.pictures.group_is_key = element.id == BLOCK;
            self.pictures.add(time, is_key);
        }
        self.first_time.get_or_insert(time);
        if let Some(step @ 1..) = time.checked_sub(self.last_time) {
            // The jump from the first to the last cluster is no picture's length.
            if step.saturating_mul(self.scale_ns) <= LONGEST_STEP_NS {
                self.last_step = step;
            }
            self.last_time = time;
        }
        Ok(())
    }

    fn completeness(&self, len: u64, segment: &Element) -> Completeness {
        if let Some(missing) = segment.end.and_then(|end| end.checked_sub(len)).filter(|&missing| missing > 0)
        {
            return Completeness::Cut(format!("the file ends {missing} bytes before its media data does"));
        }
        if let Some(damage) = &self.damage {
            return Completeness::Cut(damage.clone());
        }
        if self.first_time.is_none() {
            return Completeness::Cut("there is no media data".to_owned());
        }
        if segment.end.is_some() || self.has_cues { Completeness::Whole } else { Completeness::Unmarked }
    }

    fn duration_ms(&self, completeness: &Completeness) -> Option<u64> {
        let declared = self.duration.filter(|_| *completeness == Completeness::Whole);
        let ticks = declared.or_else(|| {
            let last = self.last_time.saturating_add(self.last_step).checked_sub(self.first_time?)?;
            Some(last as f64)
        })?;
        let ms = ticks * self.scale_ns as f64 / NS_PER_MS;
        (ms.is_finite() && ms > 0.0 && ms < MAX_DURATION_MS).then(|| ms.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn element(id: &[u8], content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap() | 0x4000;
        [id, &length.to_be_bytes(), content].concat()
    }

    fn track(number: u8, codec: &[u8]) -> Vec<u8> {
        element(&[0xAE], &[element(&[0xD7], &[number]), element(&[0x86], codec)].concat())
    }

    /// A file with sound as track 1 and video as track 2, and these blocks in one cluster.
    fn facts(blocks: &[Vec<u8>]) -> MediaFacts {
        let tracks = element(
            &[0x16, 0x54, 0xAE, 0x6B],
            &[track(1, b"A_PCM/INT/LIT"), track(2, b"V_MPEG4/ISO/AVC")].concat(),
        );
        let cluster = element(&[0x1F, 0x43, 0xB6, 0x75], &[element(&[0xE7], &[0]), blocks.concat()].concat());
        let segment = element(&[0x18, 0x53, 0x80, 0x67], &[tracks, cluster].concat());
        let content = [element(&[0x1A, 0x45, 0xDF, 0xA3], b""), segment].concat();
        inspect(&mut Bytes::new(Cursor::new(content)).unwrap()).unwrap()
    }

    fn block(track: u8, ms: u8, flags: u8) -> [u8; 5] {
        [track | 0x80, 0, ms, flags, 0x55]
    }

    /// Key frames of block groups are those that refer to no other; of simple blocks, those that say so.
    #[test]
    fn key_frames_of_the_picture_are_counted_in_both_kinds_of_blocks() {
        let simple = |track, ms, flags| element(&[0xA3], &block(track, ms, flags));
        let group = |track, ms, refers: bool| {
            let reference = if refers { element(&[0xFB], &[0xFF]) } else { Vec::new() };
            element(&[0xA0], &[element(&[0xA1], &block(track, ms, 0)), reference].concat())
        };
        let facts = facts(&[
            simple(2, 0, KEY_FRAME),
            simple(1, 0, KEY_FRAME),
            simple(2, 40, 0),
            group(2, 80, true),
            group(1, 80, false),
            group(2, 120, false),
        ]);
        assert_eq!(facts.completeness, Completeness::Whole);
        assert_eq!((facts.key_frames, facts.frame_rate_milli), (Some(2), Some(25_000)));
    }

    #[test]
    fn without_a_picture_there_is_no_rate() {
        let facts =
            facts(&[element(&[0xA3], &block(1, 0, KEY_FRAME)), element(&[0xA3], &block(1, 20, KEY_FRAME))]);
        assert_eq!((facts.key_frames, facts.frame_rate_milli), (None, None));
    }
}
