//! AVI (RIFF, with OpenDML's further RIFFs): completeness by chunk sizes, facts from the headers, key frames from the
//! index of old (`idx1`).

use std::io::{self, Read, Seek};

use camtrail_model::media::{Completeness, MediaFacts};

use super::{MAX_STEPS, bytes::Bytes, fourcc, rate_milli};

const CHUNK_HEADER_BYTES: u64 = 8;
/// A chunk header and the form or list type.
const LIST_HEADER_BYTES: u64 = 12;
const US_PER_MS: u64 = 1000;
const US_PER_S: u64 = 1_000_000;
/// A chunk's name, flags, place and size.
const INDEX_ENTRY_BYTES: u64 = 16;
/// `AVIIF_KEYFRAME`
const KEY_FRAME: u32 = 0x10;

struct Chunk {
    kind: [u8; 4],
    content: u64,
    /// What it claims; may lie beyond the file. Chunks start at even places.
    end: u64,
}

fn chunk_at<R: Read + Seek>(bytes: &mut Bytes<R>, at: u64) -> io::Result<Option<Chunk>> {
    let Some((kind, size)) = bytes.array(at)?.zip(bytes.u32_le(at + 4)?) else { return Ok(None) };
    let content = at + CHUNK_HEADER_BYTES;
    Ok(Some(Chunk { kind, content, end: content + u64::from(size) + u64::from(size & 1) }))
}

#[derive(Default)]
struct Headers {
    us_per_frame: u64,
    frames: u64,
    size: Option<(u32, u32)>,
    video: Option<&'static str>,
    audio: Option<&'static str>,
    /// The kind of the stream whose format comes next.
    stream: [u8; 4],
    /// How many streams were met.
    streams: u8,
    /// The number of the first video stream: its chunks' names begin with it.
    picture_stream: Option<u8>,
    /// That stream's pictures, and in how many seconds.
    rate: Option<(u32, u32)>,
}

pub(super) fn inspect<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<MediaFacts> {
    let mut headers = Headers::default();
    let completeness = completeness(bytes)?;
    let mut at = LIST_HEADER_BYTES;
    let mut arrived = 0;
    let mut indexed = None;
    for _ in 0..MAX_STEPS {
        let Some(chunk) = chunk_at(bytes, at)? else { break };
        // Headers are looked into (`hdrl` and `strl` lists), the rest is passed over.
        at = match (&chunk.kind, bytes.array::<4>(chunk.content)?) {
            (b"LIST", Some(kind)) if matches!(&kind, b"hdrl" | b"strl") => chunk.content + 4,
            (b"LIST", Some(kind)) if &kind == b"movi" => {
                if completeness == Completeness::Whole {
                    chunk.end
                } else {
                    arrived = pictures(bytes, chunk.content + 4)?;
                    break;
                }
            }
            (b"idx1", _) => {
                indexed = headers.key_frames(bytes, &chunk)?;
                break;
            }
            // A further part, which the index doesn't know.
            (b"RIFF", _) => break,
            _ => {
                headers.read(bytes, &chunk)?;
                chunk.end
            }
        };
    }
    // A header that was written before the recording ended says nothing: what arrived counts.
    let frames = if completeness == Completeness::Whole { headers.frames } else { arrived };
    let duration_ms = frames.saturating_mul(headers.us_per_frame) / US_PER_MS;
    let key_frames = match headers.video {
        // Every picture stands for itself.
        Some("mjpeg") => u32::try_from(frames).ok().filter(|&frames| u64::from(frames) <= bytes.len()),
        _ => indexed,
    };
    Ok(MediaFacts {
        container: None,
        completeness,
        duration_ms: Some(duration_ms).filter(|&ms| ms > 0),
        width: headers.size.map(|(width, _)| width),
        height: headers.size.map(|(_, height)| height),
        video_codec: headers.video.map(str::to_owned),
        frame_rate_milli: headers.rate_milli(),
        key_frames: key_frames.filter(|&frames| frames > 0),
        audio_codec: headers.audio.map(str::to_owned),
        starts_late: false,
    })
}

impl Headers {
    fn read<R: Read + Seek>(&mut self, bytes: &mut Bytes<R>, chunk: &Chunk) -> io::Result<()> {
        let at = chunk.content;
        match &chunk.kind {
            b"avih" => {
                self.us_per_frame = bytes.u32_le(at)?.unwrap_or(0).into();
                self.frames = bytes.u32_le(at + 16)?.unwrap_or(0).into();
                self.size = bytes.u32_le(at + 32)?.zip(bytes.u32_le(at + 36)?);
            }
            b"strh" => {
                self.stream = bytes.array(at)?.unwrap_or_default();
                if &self.stream == b"vids" && self.picture_stream.is_none() {
                    self.picture_stream = Some(self.streams);
                    self.rate = bytes.u32_le(at + 24)?.zip(bytes.u32_le(at + 20)?);
                }
                self.streams = self.streams.saturating_add(1);
            }
            b"strf" if &self.stream == b"vids" => {
                self.video = self.video.or(bytes.array(at + 16)?.and_then(fourcc::video));
            }
            b"strf" if &self.stream == b"auds" => {
                self.audio =
                    self.audio.or(bytes.array(at)?.map(u16::from_le_bytes).and_then(fourcc::wave_format));
            }
            _ => {}
        }
        Ok(())
    }

    /// The stream's own rate, or the file's in whole microseconds.
    fn rate_milli(&self) -> Option<u32> {
        let own = self.rate.and_then(|(pictures, seconds)| rate_milli(pictures.into(), seconds.into(), 1));
        own.or_else(|| rate_milli(1, self.us_per_frame, US_PER_S))
    }

    /// How many key frames the index lists. `None` where the file goes on in another part, which has an index of its own.
    fn key_frames<R: Read + Seek>(&self, bytes: &mut Bytes<R>, index: &Chunk) -> io::Result<Option<u32>> {
        let is_last = chunk_at(bytes, index.end)?.is_none_or(|chunk| &chunk.kind != b"RIFF");
        let entries = (index.end.min(bytes.len()) - index.content) / INDEX_ENTRY_BYTES;
        let Some(stream) = self.picture_stream.filter(|_| is_last && entries <= MAX_STEPS as u64) else {
            return Ok(None);
        };
        let number = [b'0' + stream / 10, b'0' + stream % 10];
        let mut keys = 0;
        for entry in 0..entries {
            let at = index.content + entry * INDEX_ENTRY_BYTES;
            let Some((name, flags)) = bytes.array::<4>(at)?.zip(bytes.u32_le(at + 4)?) else { break };
            let is_picture = name.starts_with(&number) && matches!(name[2..], [b'd', b'c' | b'b']);
            keys += u32::from(is_picture && flags & KEY_FRAME != 0);
        }
        Ok(Some(keys))
    }
}

fn completeness<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<Completeness> {
    let mut at = 0;
    for _ in 0..MAX_STEPS {
        let riff = match chunk_at(bytes, at)? {
            Some(chunk) if &chunk.kind == b"RIFF" => chunk,
            // Whatever follows the last RIFF (padding, a maker's trailer) isn't the clip's.
            _ => break,
        };
        if riff.end == riff.content {
            return Ok(Completeness::Cut(
                "the recording was never finished (no size in its header)".to_owned(),
            ));
        }
        // The last chunk's pad byte may be left out.
        if let Some(missing) = riff.end.checked_sub(bytes.len()).filter(|&missing| missing > 1) {
            return Ok(Completeness::Cut(format!(
                "the file ends {missing} bytes before its media data does"
            )));
        }
        at = riff.end;
    }
    Ok(Completeness::Whole)
}

/// How many pictures are wholly there from `from` on (chunks `NNdc` and `NNdb`).
fn pictures<R: Read + Seek>(bytes: &mut Bytes<R>, from: u64) -> io::Result<u64> {
    let mut at = from;
    let mut found = 0;
    for _ in 0..MAX_STEPS {
        let Some(chunk) = chunk_at(bytes, at)?.filter(|chunk| chunk.end <= bytes.len()) else { break };
        at = match &chunk.kind {
            b"LIST" => chunk.content + 4,
            [_, _, b'd', b'c' | b'b'] => {
                found += 1;
                chunk.end
            }
            _ => chunk.end,
        };
    }
    Ok(found)
}
