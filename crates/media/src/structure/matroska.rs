//! Matroska and WebM (RFC 9559 over RFC 8794): completeness by element sizes, duration by what is there.
//!
//! A cut file's header still promises the whole duration, so there the last block's time counts. Segments and
//! clusters of unknown size (written live) are walked to the end of the file: a broken element is a cut; a clean
//! end without an index (Cues) is no proof, and the transfer decides.

use std::io::{self, Read, Seek};

use camtrail_model::media::{Completeness, MediaFacts};

use super::{MAX_STEPS, bytes::Bytes, fourcc};

const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TIMESTAMP_SCALE: u32 = 0x002A_D7B1;
const DURATION: u32 = 0x4489;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
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
const CUES: u32 = 0x1C53_BB6B;

/// Where a `BITMAPINFOHEADER` keeps its codec.
const FOURCC_AT: u64 = 16;
/// Timestamps are in milliseconds unless the file says otherwise.
const DEFAULT_SCALE_NS: u64 = 1_000_000;
const NS_PER_MS: f64 = 1_000_000.0;
const LONGEST_STEP_NS: u64 = 1_000_000_000;
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
    width: u32,
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
        frame_rate_milli: None,
        key_frames: None,
        audio_codec: walk.audio.map(str::to_owned),
        starts_late: false,
    })
}

impl Walk {
    /// Walks the segment's elements. Clusters of known size are passed over, up to the last one that is there;
    /// those of unknown size are walked block by block.
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
                    if self.first_time.is_none() {
                        self.blocks(bytes, element.content, cluster_end)?;
                    }
                    self.last_cluster = Some(at);
                    cluster_end
                }
                (TRACK_ENTRY, _) => {
                    self.codec_id.clear();
                    self.codec_private = None;
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
        while at < to {
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
            CODEC_ID => self.codec(bytes, element)?,
            CODEC_PRIVATE => {
                self.codec_private = Some(element.content);
                self.name_codec(bytes)?;
            }
            PIXEL_WIDTH => self.width = unsigned(bytes, element)? as u32,
            PIXEL_HEIGHT => self.size = self.size.or(Some((self.width, unsigned(bytes, element)? as u32))),
            CLUSTER_TIMESTAMP => self.cluster_time = unsigned(bytes, element)?,
            SIMPLE_BLOCK | BLOCK => self.block(bytes, element)?,
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
            [b'V', ..] => self.video = self.video.or(name),
            [b'A', ..] => self.audio = self.audio.or(name),
            _ => {}
        }
        Ok(())
    }

    /// A block starts with its track's number, then its time relative to the cluster (RFC 9559, 10.1).
    fn block<R: Read + Seek>(&mut self, bytes: &mut Bytes<R>, element: &Element) -> io::Result<()> {
        let Some((_, track_bytes)) = number(bytes, element.content, 8)? else { return Ok(()) };
        let Some(offset) = bytes.u16_be(element.content + track_bytes)? else { return Ok(()) };
        let time = self.cluster_time.saturating_add_signed(offset.cast_signed().into());
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
