//! What a file is, by its first bytes. Names lie: a Foscam `.mkv` is an MPEG program stream.

use crate::media::Container;

/// How many bytes from the start [`sniff`] wants to see; fewer are fine.
pub const SNIFF_BYTES: usize = 4096;

/// The format whose signature `head` (the first bytes of a file) carries, if any.
pub fn sniff(head: &[u8]) -> Option<Container> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    if at(0, &[0xFF, 0xD8, 0xFF]) {
        return Some(Container::Jpeg);
    }
    if at(0, b"\x89PNG\r\n\x1a\n") {
        return Some(Container::Png);
    }
    if at(0, b"GIF87a") || at(0, b"GIF89a") {
        return Some(Container::Gif);
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        return Some(Container::Webp);
    }
    if at(0, b"RIFF") && at(8, b"AVI ") {
        return Some(Container::Avi);
    }
    // A bitmap's reserved words are zero; two letters alone would take many a text for a picture.
    if at(0, b"BM") && at(6, &[0, 0, 0, 0]) {
        return Some(Container::Bmp);
    }
    if is_iso_media(head) {
        return Some(Container::Mp4);
    }
    if at(0, &[0x1A, 0x45, 0xDF, 0xA3]) {
        let header = &head[..head.len().min(64)];
        let webm = header.windows(4).any(|w| w == b"webm");
        return Some(if webm { Container::Webm } else { Container::Matroska });
    }
    if at(0, &[0, 0, 1, 0xBA]) {
        return Some(Container::MpegPs);
    }
    if at(0, b"DHAV") || at(0, b"DAHUA") {
        return Some(Container::Dahua);
    }
    if at(0, b"FLV\x01") {
        return Some(Container::Flv);
    }
    if at(0, &[0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11]) {
        return Some(Container::Asf);
    }
    if is_transport_stream(head) {
        return Some(Container::MpegTs);
    }
    elementary_stream(head)
}

/// An ISO base media file starts with one of a few top-level boxes.
fn is_iso_media(head: &[u8]) -> bool {
    let Some(kind) = head.get(4..8) else { return false };
    matches!(kind, b"ftyp" | b"moov" | b"styp" | b"moof")
        || (matches!(kind, b"mdat" | b"free" | b"skip" | b"wide") && head.starts_with(&[0]))
}

/// Sync bytes 188 apart, as many as the head holds, at least two.
fn is_transport_stream(head: &[u8]) -> bool {
    const PACKET_BYTES: usize = 188;
    head.len() > PACKET_BYTES && head.iter().step_by(PACKET_BYTES).take(5).all(|&byte| byte == 0x47)
}

/// Annex B streams begin with a start code and a parameter set or access-unit delimiter; some encoders put a note
/// about themselves (SEI) before these.
fn elementary_stream(head: &[u8]) -> Option<Container> {
    let first = head.strip_prefix(&[0, 0, 0, 1]).or_else(|| head.strip_prefix(&[0, 0, 1]))?;
    if is_h264_start(first) || (is_h264_note(first) && units(head).any(is_h264_start)) {
        return Some(Container::H264);
    }
    if is_h265_start(first) || (is_h265_note(first) && units(head).any(is_h265_start)) {
        return Some(Container::H265);
    }
    None
}

/// What follows each start code.
fn units(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.windows(3).enumerate().filter(|(_, code)| *code == [0, 0, 1]).map(|(at, _)| &head[at + 3..])
}

/// H.264 (ITU-T H.264 7.3.1): forbidden bit 0, type in the low five bits: 7 SPS, 9 delimiter.
fn is_h264_start(unit: &[u8]) -> bool {
    let &[first, _, ..] = unit else { return false };
    (first & 0x80 == 0 && matches!(first & 0x1F, 7 | 9) && first & 0x60 != 0) || first == 0x09
}

/// Type 6 is SEI, which nothing refers to.
fn is_h264_note(unit: &[u8]) -> bool {
    unit.first() == Some(&0x06)
}

/// H.265 (ITU-T H.265 7.3.1.2): type in bits 1..7: 32 VPS, 33 SPS, 35 delimiter; temporal id of at least 1.
fn is_h265_start(unit: &[u8]) -> bool {
    let &[first, second, ..] = unit else { return false };
    first & 0x80 == 0 && matches!((first >> 1) & 0x3F, 32 | 33 | 35) && second & 0x07 != 0
}

/// Type 39 is SEI before its picture.
fn is_h265_note(unit: &[u8]) -> bool {
    unit.starts_with(&[39 << 1, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures() {
        assert_eq!(sniff(&[0xFF, 0xD8, 0xFF, 0xE0]), Some(Container::Jpeg));
        assert_eq!(sniff(&[0, 0, 1, 0xBA, 0x56]), Some(Container::MpegPs));
        assert_eq!(sniff(b"\0\0\0\x18ftypisom"), Some(Container::Mp4));
        assert_eq!(sniff(&[0, 0, 0, 1, 0x67, 0x42]), Some(Container::H264));
        assert_eq!(sniff(&[0, 0, 0, 1, 0x40, 0x01]), Some(Container::H265));
        assert_eq!(sniff(b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm"), Some(Container::Webm));
        for (note, start, stream) in
            [(&[6, 5][..], &[0x67, 0x42][..], Container::H264), (&[39 << 1, 1], &[0x40, 1], Container::H265)]
        {
            let told = |start: &[u8]| sniff(&[&[0, 0, 0, 1], note, b"encoder", &[0, 0, 1], start].concat());
            assert_eq!(told(start), Some(stream), "a note of the encoder's comes first");
            assert_eq!(told(&[]), None);
        }
        for nothing in [&b""[..], b"test", b"#EXTM3U\nfile:///etc/passwd", b"BM a text, not a picture"] {
            assert_eq!(sniff(nothing), None, "{nothing:?}");
        }
    }
}
