//! MP4 and its kin: completeness by the boxes, and the tracks of the index.
//!
//! Our own walk, since a library that reads the index as a whole refuses exactly the cut files that we must tell
//! about, and sizes its tables by what the file claims.

use std::io::{self, Read, Seek};

use camtrail_model::media::{Completeness, MediaFacts};

use super::{
    MAX_STEPS,
    bytes::Bytes,
    fourcc,
    mp4_boxes::{self, BoxAt, box_at, child, children},
    mp4_fragments::{self, Defaults},
    mp4_samples,
    pictures::{Pictures, rate_milli},
};

const MS_PER_S: u128 = 1000;
/// More than any camera makes.
const MAX_TRACKS: usize = 64;
/// mdhd and mvhd: an unknown duration is all ones.
const UNKNOWN_32: u64 = u32::MAX as u64;

/// What an MP4's structure tells.
#[derive(Debug)]
pub(crate) struct Movie {
    pub(super) completeness: Completeness,
    /// The index stands before the media data: a browser plays while it loads.
    pub(crate) fast_start: bool,
    pub(super) tracks: Vec<Track>,
    duration_ms: Option<u64>,
}

/// One track of the index.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    pub(super) id: u32,
    handler: [u8; 4],
    timescale: u32,
    duration: u64,
    codec: Option<&'static str>,
    /// Nothing inside could be another codec than the index says.
    is_codec_sure: bool,
    size: Option<(u32, u32)>,
    pub(super) samples: u64,
    /// What a fragment's samples are like where it doesn't say (`trex`).
    pub(super) defaults: Defaults,
    /// Of what is really there; `None` where the tables don't tell.
    pub(super) pictures: Option<Pictures>,
    /// From the first to the end of the last fragment, in the track's ticks.
    pub(super) fragment_span: Option<(u64, u64)>,
    sample_table: Option<BoxAt>,
}

impl Track {
    fn is_video(&self) -> bool {
        &self.handler == b"vide"
    }

    fn is_sound(&self) -> bool {
        &self.handler == b"soun"
    }

    fn ms(&self, ticks: u64) -> Option<u64> {
        to_ms(ticks, self.timescale)
    }
}

impl Movie {
    /// Whether there is a picture to play.
    pub(crate) fn has_video(&self) -> bool {
        self.tracks.iter().any(|track| track.is_video() && track.samples > 0)
    }

    /// Whether all that the index promises is there.
    pub(crate) fn is_whole(&self) -> bool {
        self.completeness == Completeness::Whole
    }

    /// Whether the index says all that a decoder would: of a whole clip with a picture whose tables are complete.
    pub(super) fn tells_all(&self) -> bool {
        let video = self.tracks.iter().find(|track| track.is_video());
        let is_known = video.is_some_and(|video| {
            let has_size = video.size.is_some_and(|(width, height)| width > 0 && height > 0);
            video.samples > 0
                && has_size
                && video.pictures.is_some_and(|pictures| pictures.key_frames().is_some())
        });
        let used = |track: &&Track| track.is_video() || track.is_sound();
        let are_sure = self.tracks.iter().filter(used).all(|track| track.samples == 0 || track.is_codec_sure);
        self.is_whole() && self.duration_ms.is_some() && is_known && are_sure
    }

    pub(super) fn into_facts(self) -> MediaFacts {
        let video = self.tracks.iter().find(|track| track.is_video());
        // A track that was announced and never filled is silence.
        let audio = self.tracks.iter().find(|track| track.is_sound() && track.samples > 0);
        let name = |track: Option<&Track>| track.and_then(|track| track.codec).map(str::to_owned);
        let pictures = video.and_then(|track| Some((track.pictures?, track.timescale)));
        let rate =
            |(pictures, scale): (Pictures, u32)| rate_milli(pictures.count, pictures.ticks, scale.into());
        MediaFacts {
            container: None,
            duration_ms: self.duration_ms,
            width: video.and_then(|track| track.size).map(|(width, _)| width),
            height: video.and_then(|track| track.size).map(|(_, height)| height),
            video_codec: name(video),
            audio_codec: name(audio),
            frame_rate_milli: pictures.and_then(rate),
            key_frames: pictures.and_then(|(pictures, _)| pictures.key_frames()),
            completeness: self.completeness,
            starts_late: video.is_some_and(Track::starts_late),
        }
    }
}

/// What the walk over the top level met.
#[derive(Default)]
struct TopLevel {
    index: Option<BoxAt>,
    media_data: Option<u64>,
    fragments: Vec<BoxAt>,
    last_is_fragment_header: bool,
    has_fragment_index: bool,
    damage: Option<String>,
}

/// Reads the structure; damage is told, not an error.
pub(super) fn read<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<Movie> {
    let top = top_level(bytes)?;
    let mut movie = Movie {
        completeness: completeness(&top),
        fast_start: matches!((top.index, top.media_data), (Some(index), Some(data)) if index.content < data),
        tracks: Vec::new(),
        duration_ms: None,
    };
    let Some(index) = top.index else { return Ok(movie) };
    movie.tracks = tracks(bytes, index)?;
    let is_cut = matches!(movie.completeness, Completeness::Cut(_));
    count_pictures(bytes, is_cut && top.fragments.is_empty(), &mut movie.tracks)?;
    let mut is_counted = true;
    if top.fragments.is_empty() {
        movie.duration_ms = duration(bytes, index, is_cut, &movie)?;
    } else {
        is_counted = mp4_fragments::read(bytes, index, &top.fragments, is_cut, &mut movie.tracks)?;
        movie.duration_ms = fragmented_duration(&movie.tracks);
    }
    for track in &mut movie.tracks {
        track.pictures = track.pictures.filter(|pictures| is_counted && pictures.fit_into(bytes.len()));
    }
    Ok(movie)
}

/// Counts what the video's table describes, or what of it is there where the file is `cut`.
fn count_pictures<R: Read + Seek>(bytes: &mut Bytes<R>, cut: bool, tracks: &mut [Track]) -> io::Result<()> {
    let Some(track) = tracks.iter_mut().find(|track| track.is_video()) else { return Ok(()) };
    let Some(table) = track.sample_table else { return Ok(()) };
    let samples = if cut { mp4_samples::present(bytes, table)? } else { Some(track.samples) };
    track.pictures = match samples {
        Some(samples) => mp4_samples::pictures(bytes, table, samples)?,
        None => None,
    };
    Ok(())
}

fn top_level<R: Read + Seek>(bytes: &mut Bytes<R>) -> io::Result<TopLevel> {
    let mut top = TopLevel::default();
    let mut at = 0;
    for _ in 0..MAX_STEPS {
        if at >= bytes.len() {
            break;
        }
        let Some(found) = box_at(bytes, at)? else {
            if !bytes.only_zeros_from(at)? {
                top.damage = Some(format!("the structure breaks off at byte {at}"));
            }
            break;
        };
        top.last_is_fragment_header = false;
        match &found.kind {
            b"moov" => top.index = top.index.or(Some(found)),
            b"mdat" => top.media_data = top.media_data.or(Some(found.content)),
            b"moof" => {
                top.fragments.push(found);
                top.last_is_fragment_header = true;
            }
            b"mfra" => top.has_fragment_index = true,
            _ => {}
        }
        if let Some(missing) = found.end.checked_sub(bytes.len()).filter(|&missing| missing > 0) {
            let what = if &found.kind == b"mdat" { "media data" } else { "index" };
            top.damage = Some(format!("the file ends {missing} bytes before its {what} does"));
            if &found.kind == b"moov" {
                top.index = None;
            }
            break;
        }
        at = found.end;
    }
    Ok(top)
}

fn completeness(top: &TopLevel) -> Completeness {
    if top.index.is_none() {
        return Completeness::Cut("the index (moov) is missing: nothing can be played".to_owned());
    }
    if let Some(damage) = &top.damage {
        return Completeness::Cut(damage.clone());
    }
    if top.last_is_fragment_header {
        return Completeness::Cut("the last fragment has no media data".to_owned());
    }
    if top.media_data.is_none() {
        return Completeness::Cut("there is no media data".to_owned());
    }
    // Fragments follow one another until somebody stops: only an index after them marks the end.
    if top.fragments.is_empty() || top.has_fragment_index {
        Completeness::Whole
    } else {
        Completeness::Unmarked
    }
}

fn tracks<R: Read + Seek>(bytes: &mut Bytes<R>, index: BoxAt) -> io::Result<Vec<Track>> {
    let mut tracks = Vec::new();
    for found in children(bytes, index.content, index.end)? {
        if &found.kind == b"trak" && tracks.len() < MAX_TRACKS {
            tracks.push(track(bytes, found)?);
        }
    }
    Ok(tracks)
}

fn track<R: Read + Seek>(bytes: &mut Bytes<R>, trak: BoxAt) -> io::Result<Track> {
    let mut track = Track::default();
    if let Some(header) = child(bytes, trak, *b"tkhd")? {
        let id_at = header.content + if version(bytes, header)? == 1 { 20 } else { 12 };
        track.id = bytes.u32_be(id_at)?.unwrap_or(0);
    }
    let Some(mdia) = child(bytes, trak, *b"mdia")? else { return Ok(track) };
    if let Some(handler) = child(bytes, mdia, *b"hdlr")? {
        track.handler = bytes.array(handler.content + 8)?.unwrap_or_default();
    }
    if let Some(header) = child(bytes, mdia, *b"mdhd")? {
        (track.timescale, track.duration) = timing(bytes, header)?;
    }
    let Some(minf) = child(bytes, mdia, *b"minf")? else { return Ok(track) };
    let Some(stbl) = child(bytes, minf, *b"stbl")? else { return Ok(track) };
    track.sample_table = Some(stbl);
    track.samples = mp4_samples::count(bytes, stbl)?;
    if let Some(description) = child(bytes, stbl, *b"stsd")? {
        sample_entry(bytes, description, &mut track)?;
    }
    Ok(track)
}

/// The first sample entry's code, and its size in pixels.
fn sample_entry<R: Read + Seek>(bytes: &mut Bytes<R>, stsd: BoxAt, track: &mut Track) -> io::Result<()> {
    /// Version, flags, entry count.
    const ENTRIES_AT: u64 = 8;
    /// Where a visual sample entry keeps its width, from its content.
    const WIDTH_AT: u64 = 24;
    let Some(entry) = box_at(bytes, stsd.content + ENTRIES_AT)? else { return Ok(()) };
    if track.is_video() {
        track.codec = fourcc::video(entry.kind);
        // Not mp4v, which may hold any MPEG and JPEG, nor what QuickTime's elders wrote.
        track.is_codec_sure = matches!(&entry.kind, b"avc1" | b"avc3" | b"hvc1" | b"hev1");
        let size = bytes.u16_be(entry.content + WIDTH_AT)?.zip(bytes.u16_be(entry.content + WIDTH_AT + 2)?);
        track.size = size.map(|(width, height)| (width.into(), height.into()));
    } else {
        track.codec = fourcc::audio(entry.kind);
        track.is_codec_sure =
            matches!(&entry.kind, b"alaw" | b"ulaw" | b"sowt" | b"twos" | b"Opus" | b"ac-3");
        if &entry.kind == b"mp4a" {
            let object_type = mp4_boxes::object_type(bytes, entry)?;
            if object_type.is_some_and(is_mp3) {
                track.codec = Some("mp3");
            }
            track.is_codec_sure =
                object_type.is_some_and(|object_type| is_mp3(object_type) || is_aac(object_type));
        }
    }
    Ok(())
}

/// MPEG-1 or MPEG-2 layer III, by the registered object types.
fn is_mp3(object_type: u8) -> bool {
    matches!(object_type, 0x69 | 0x6B)
}

/// MPEG-4 or MPEG-2 audio that is AAC, by the registered object types.
fn is_aac(object_type: u8) -> bool {
    matches!(object_type, 0x40 | 0x66..=0x68)
}

fn version<R: Read + Seek>(bytes: &mut Bytes<R>, full_box: BoxAt) -> io::Result<u8> {
    Ok(bytes.array(full_box.content)?.map_or(0, |[version]: [u8; 1]| version))
}

/// Time scale and duration, which `mvhd` and `mdhd` keep alike; an unknown duration is 0.
fn timing<R: Read + Seek>(bytes: &mut Bytes<R>, header: BoxAt) -> io::Result<(u32, u64)> {
    let (timescale, duration) = if version(bytes, header)? == 1 {
        (bytes.u32_be(header.content + 20)?, bytes.u64_be(header.content + 24)?)
    } else {
        (bytes.u32_be(header.content + 12)?, bytes.u32_be(header.content + 16)?.map(u64::from))
    };
    let duration = duration.filter(|&ticks| ticks != UNKNOWN_32 && ticks != u64::MAX);
    Ok((timescale.unwrap_or(0), duration.unwrap_or(0)))
}

fn duration<R: Read + Seek>(
    bytes: &mut Bytes<R>,
    index: BoxAt,
    is_cut: bool,
    movie: &Movie,
) -> io::Result<Option<u64>> {
    let video = movie.tracks.iter().find(|track| track.is_video());
    if is_cut && let Some(track) = video.filter(|track| track.sample_table.is_some()) {
        // The index in front promises the whole clip; what counts is what arrived of it.
        return Ok(track.pictures.and_then(|pictures| track.ms(pictures.ticks)));
    }
    if let Some(header) = child(bytes, index, *b"mvhd")?
        && let (timescale, ticks @ 1..) = timing(bytes, header)?
    {
        return Ok(to_ms(ticks, timescale));
    }
    Ok(video.filter(|track| track.duration > 0).and_then(|track| track.ms(track.duration)))
}

/// The video's time over all fragments; Reolink leaves the durations in the index at zero.
fn fragmented_duration(tracks: &[Track]) -> Option<u64> {
    let lasts = |track: &Track| {
        let (start, end) = track.fragment_span?;
        track.ms(end.saturating_sub(start).saturating_add(track.duration_in_index()))
    };
    tracks.iter().filter(|track| track.is_video()).find_map(lasts).or_else(|| tracks.iter().find_map(lasts))
}

impl Track {
    /// Whether the first fragment's time is that of a clock which ran before: a player would show hours.
    fn starts_late(&self) -> bool {
        /// Later than any reordering of pictures or wait for sound.
        const LATE_MS: u64 = 2_000;
        let Some((start, _)) = self.fragment_span else { return false };
        self.duration_in_index() == 0 && self.ms(start).is_some_and(|start_ms| start_ms > LATE_MS)
    }

    /// What samples in the index itself last, where the first fragment continues after them.
    fn duration_in_index(&self) -> u64 {
        match self.fragment_span {
            Some((start, _)) if start > 0 && self.duration == start => start,
            _ => 0,
        }
    }
}

fn to_ms(ticks: u64, timescale: u32) -> Option<u64> {
    let ms = (u128::from(ticks) * MS_PER_S).checked_div(timescale.into())?;
    u64::try_from(ms).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn movie(content: impl AsRef<[u8]>) -> Movie {
        read(&mut Bytes::new(Cursor::new(content)).unwrap()).unwrap()
    }

    #[test]
    fn boxes_that_dont_fit_are_damage_not_a_crash() {
        for content in [
            &b"\0\0\0\x08ftyp"[..],
            b"\0\0\0\x08ftyp\0\0\0\x01mdat",
            b"\0\0\0\x08ftyp\0\0\0\x01mdat\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
            b"\0\0\0\x08ftyp\xFF\xFF\xFF\xFFmoov\0\0\0\x08trak",
            b"\0\0\0\x08ftyp\0\0\0\x10moov\0\0\0\x02trak",
            b"\0\0\0\x07ftyp",
        ] {
            assert!(matches!(movie(content).completeness, Completeness::Cut(_)), "{content:?}");
        }
    }

    #[test]
    fn padding_after_the_last_box_is_fine() {
        let content = [&b"\0\0\0\x08ftyp\0\0\0\x08moov\0\0\0\x0Cmdatabcd"[..], &[0; 100]].concat();
        let movie = movie(content);
        assert!(movie.is_whole() && movie.fast_start && !movie.has_video(), "{movie:?}");
    }
}
