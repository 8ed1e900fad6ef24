//! Codec names: from the four-letter codes and numbers of containers to ffmpeg's words.

/// The video codec of an MP4 sample entry or an AVI handler.
pub(super) fn video(code: [u8; 4]) -> Option<&'static str> {
    Some(match &code.map(|byte| byte.to_ascii_lowercase()) {
        b"avc1" | b"avc3" | b"h264" | b"x264" => "h264",
        b"hvc1" | b"hev1" | b"h265" | b"hevc" => "hevc",
        b"mp4v" | b"xvid" | b"divx" | b"dx50" => "mpeg4",
        b"mjpg" | b"jpeg" | b"mjpa" => "mjpeg",
        b"vp08" => "vp8",
        b"vp09" => "vp9",
        b"av01" => "av1",
        b"s263" | b"h263" => "h263",
        _ => return None,
    })
}

/// The audio codec of an MP4 sample entry.
pub(super) fn audio(code: [u8; 4]) -> Option<&'static str> {
    Some(match &code {
        b"mp4a" => "aac",
        b".mp3" => "mp3",
        b"alaw" => "pcm_alaw",
        b"ulaw" => "pcm_mulaw",
        b"sowt" => "pcm_s16le",
        b"twos" => "pcm_s16be",
        b"Opus" => "opus",
        b"ac-3" => "ac3",
        b"samr" => "amr_nb",
        _ => return None,
    })
}

/// The audio codec of a `WAVEFORMATEX` tag.
pub(super) fn wave_format(tag: u16) -> Option<&'static str> {
    Some(match tag {
        0x0001 => "pcm_s16le",
        0x0002 => "adpcm_ms",
        0x0006 => "pcm_alaw",
        0x0007 => "pcm_mulaw",
        0x0011 => "adpcm_ima_wav",
        0x0055 => "mp3",
        0x00FF => "aac",
        _ => return None,
    })
}

/// A Matroska codec id.
pub(super) fn matroska(id: &[u8]) -> Option<&'static str> {
    Some(match id {
        b"V_MPEG4/ISO/AVC" => "h264",
        b"V_MPEGH/ISO/HEVC" => "hevc",
        b"V_MPEG4/ISO/SP" | b"V_MPEG4/ISO/ASP" | b"V_MPEG4/ISO/AP" => "mpeg4",
        b"V_MJPEG" => "mjpeg",
        b"V_VP8" => "vp8",
        b"V_VP9" => "vp9",
        b"V_AV1" => "av1",
        b"A_MPEG/L3" => "mp3",
        b"A_OPUS" => "opus",
        b"A_VORBIS" => "vorbis",
        b"A_AC3" => "ac3",
        b"A_FLAC" => "flac",
        b"A_PCM/INT/LIT" => "pcm_s16le",
        id if id.starts_with(b"A_AAC") => "aac",
        _ => return None,
    })
}
