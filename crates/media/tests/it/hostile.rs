//! Content that lies.

use std::time::{Duration, Instant};

use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::{
    media::{Completeness, MediaFacts, MediaSource},
    ports::{MediaError, MediaTool},
};

use crate::support::{LIMIT, REAL_CLIP, REAL_STILL, file, generate, names, read, tool};

/// No process is started, nothing is decoded.
const AT_ONCE: Duration = Duration::from_secs(5);

async fn assert_refused_at_once(source: &MediaSource) {
    let tool = tool();
    let folder = source.path.parent().unwrap();
    let before = names(folder);
    let started = Instant::now();
    let poster = tool.poster(source, &MediaFacts::unknown()).await;
    assert!(matches!(poster, Err(MediaError::Unusable(_))), "{poster:?}");
    let remux = tool.remux(source, &folder.join("copy.mp4"), LIMIT).await;
    assert!(matches!(remux, Err(MediaError::Unusable(_))), "{remux:?}");
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    assert_eq!(names(folder), before);
}

#[tokio::test]
async fn random_bytes_with_a_videos_name() {
    let mut state = 7_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    })
    .take(1_000_000)
    .collect();
    let (_folder, source) = file("clip.mp4", noise);
    assert_eq!(tool().probe(&source).await.unwrap(), MediaFacts::unknown());
    assert_refused_at_once(&source).await;
}

#[tokio::test]
async fn an_empty_file() {
    let (_folder, source) = file("clip.mp4", "");
    let facts = tool().probe(&source).await.unwrap();
    assert_eq!(facts.container, None);
    assert!(matches!(facts.completeness, Completeness::Cut(_)));
    assert_refused_at_once(&source).await;
}

/// Were a playlist followed, the clip that it names would come out.
#[tokio::test]
async fn playlists_and_scripts_are_never_followed() {
    let (_clips, clip) = file("secret.mpg", read(REAL_CLIP));
    let path = clip.path.display();
    for (name, content) in [
        (
            "clip.mp4",
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:30\n#EXTINF:30,\nfile://{path}\n#EXT-X-ENDLIST\n"),
        ),
        ("clip.m3u8", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/\n".to_owned()),
        ("clip.ts", format!("ffconcat version 1.0\nfile '{path}'\n")),
        (
            "clip.mkv",
            format!("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n{path}"),
        ),
    ] {
        let (_folder, source) = file(name, content);
        assert_eq!(tool().probe(&source).await.unwrap(), MediaFacts::unknown());
        assert_refused_at_once(&source).await;
    }
}

/// A playlist's address is never asked, whatever the playlist is called: nobody knocks at our own listener.
#[tokio::test]
async fn a_playlists_address_is_never_connected_to() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let tool = tool();
    for head in ["#EXTM3U", "\u{feff}#EXTM3U", "\n#EXTM3U\n#EXT-X-VERSION:3"] {
        for name in ["clip.mp4", "clip.m3u8", "clip.ts", "still.jpg"] {
            let (folder, source) = file(
                name,
                format!(
                    "{head}\n#EXT-X-TARGETDURATION:30\n#EXT-X-KEY:METHOD=AES-128,URI=\"http://{address}/key\"\n\
                     #EXTINF:30,\nhttp://{address}/clip.ts\n#EXT-X-ENDLIST\n"
                ),
            );
            assert_eq!(tool.probe(&source).await.unwrap(), MediaFacts::unknown());
            assert!(tool.poster(&source, &MediaFacts::unknown()).await.is_err());
            assert!(tool.remux(&source, &folder.path().join("copy.mp4"), LIMIT).await.is_err());
        }
    }
    // A clip's signature with a playlist behind it: the demuxer that fits the signature reads it, and no other.
    let mut disguised = b"\0\0\0\x18ftypisom\0\0\0\0isommp42".to_vec();
    disguised.extend(format!("#EXTM3U\n#EXTINF:30,\nhttp://{address}/clip.ts\n#EXT-X-ENDLIST\n").bytes());
    let (folder, source) = file("clip.mp4", disguised);
    tool.probe(&source).await.unwrap();
    assert!(tool.poster(&source, &MediaFacts::unknown()).await.is_err());
    assert!(tool.remux(&source, &folder.path().join("copy.mp4"), LIMIT).await.is_err());
    let knocked = listener.accept();
    assert!(knocked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
}

/// Four hours in one file, in every shape: known, shown and copied within what a clip of seconds may take.
#[tokio::test]
async fn a_file_of_four_hours() {
    const FOUR_HOURS_MS: u64 = 4 * 3_600_000;
    const KNOWN_WITHIN: Duration = Duration::from_secs(8);
    const COPIED_WITHIN: Duration = Duration::from_secs(30);
    let minute =
        "-f lavfi -i testsrc2=s=160x120:r=5:d=60 -c:v libx264 -preset ultrafast -g 10 -pix_fmt yuv420p";
    let (_folder, minute) = generate("minute.ts", minute);
    let hours = format!("-stream_loop 239 -i {} -c copy", minute.path.display());
    let tool = tool();
    for (name, options) in [
        ("fragmented.mp4", "-movflags frag_keyframe+empty_moov+default_base_moof"),
        ("clip.mkv", ""),
        ("clip.mpg", "-f vob"),
        ("clip.ts", "-f mpegts"),
    ] {
        let (folder, clip) = generate(name, &format!("{hours} {options}"));
        let started = Instant::now();
        let clip_facts = tool.probe(&clip).await.unwrap();
        assert!(clip_facts.duration_ms.unwrap().abs_diff(FOUR_HOURS_MS) < 1000, "{name}: {clip_facts:?}");
        tool.poster(&clip, &clip_facts).await.unwrap();
        assert!(started.elapsed() < KNOWN_WITHIN, "{name}: {:?}", started.elapsed());
        let dest = folder.path().join("copy.mp4");
        tool.remux(&clip, &dest, COPIED_WITHIN).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let facts =
            tool.probe(&MediaSource { size: dest.metadata().unwrap().len(), path: dest }).await.unwrap();
        assert!(facts.duration_ms.unwrap().abs_diff(FOUR_HOURS_MS) < 1000, "{name}, copied: {facts:?}");
        assert_eq!(facts.key_frames, Some(240 * 30), "{name}, copied");
        let started = Instant::now();
        let counted = tool.count_pictures(&clip, &clip_facts).await.unwrap();
        assert_eq!(counted.key_frames, facts.key_frames, "{name}");
        assert!(counted.frame_rate_milli.unwrap().abs_diff(5000) < 10, "{name}: {counted:?}");
        assert!(started.elapsed() < KNOWN_WITHIN, "{name}, counted: {:?}", started.elapsed());
    }
}

/// NEVER-27: names that a shell, an option parser or ffmpeg's own syntax would take for something else.
#[tokio::test]
async fn hostile_names() {
    let tool = tool();
    for name in [
        "-i.mkv",
        "http:x.mkv",
        "a b;$(touch x)`id`'\".mkv",
        "%d%03d.mkv",
        "concat:a|b.mkv",
        "ünï\ncode.mkv",
        "[0:v].mkv",
    ] {
        let (folder, source) = file(name, &read(REAL_CLIP)[..400_000]);
        let facts = tool.probe(&source).await.unwrap();
        assert_eq!(facts.width, Some(1280), "{name}");
        tool.poster(&source, &facts).await.unwrap();
        tool.remux(&source, &folder.path().join(format!("{name}.mp4")), LIMIT).await.unwrap();
        assert_eq!(names(folder.path()).len(), 2, "{name}");
    }
}

/// A header of 65,535 squared would be 12 GB of pixels.
#[tokio::test]
async fn decompression_bombs() {
    let mut jpeg = read(REAL_STILL);
    let frame = jpeg.windows(2).position(|w| w == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xFF);
    let (_folder, source) = file("bomb.jpg", jpeg);
    assert_eq!(tool().probe(&source).await.unwrap().width, Some(65_535));
    assert_refused_at_once(&source).await;

    let png =
        b"\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR\0\0\xFF\xFF\0\0\xFF\xFF\x08\x02\0\0\0\0\0\0\0\0\0\0\0IDAT\0\0\0\0";
    let (_folder, source) = file("bomb.png", png);
    assert_refused_at_once(&source).await;
}

/// Marks of frames and nothing else: a search from the end must not look at each of half a million.
#[tokio::test]
async fn a_dahua_file_of_nothing_but_marks() {
    for mark in [&b"DHAV"[..], b"dhav", b"DHAV\xFD\0\0\0\0\0\0\0\xFF\xFF\xFF\0"] {
        let (_folder, source) = file("clip.dav", [b"DHAV", mark].concat().repeat(400_000));
        let started = Instant::now();
        let structure_only = Ffmpeg::discover(FfmpegConfig {
            search_path: Some("/nonexistent".into()),
            ..FfmpegConfig::default()
        });
        structure_only.probe(&source).await.unwrap();
        assert!(started.elapsed() < AT_ONCE, "{mark:?}: {:?}", started.elapsed());
    }
}

/// Counts of billions where the tables hold a few words: told as unknown, or as what is there; and at once.
#[tokio::test]
async fn tables_that_claim_billions_of_pictures() {
    let encode = "-f lavfi -i testsrc2=s=160x120:r=5:d=3 -c:v libx264 -preset ultrafast -g 5";
    let fragments = "-movflags frag_keyframe+empty_moov+default_base_moof";
    let structure_only = Ffmpeg::discover(FfmpegConfig {
        search_path: Some("/nonexistent".into()),
        ..FfmpegConfig::default()
    });
    // Where each table keeps its number of entries, from its name on.
    for (options, table, count_at) in
        [("", b"stss", 8), ("", b"stts", 8), ("", b"stsz", 12), (fragments, b"trun", 8)]
    {
        let (_folder, clip) = generate("clip.mp4", &format!("{encode} {options}"));
        let mut content = std::fs::read(&clip.path).unwrap();
        let places: Vec<_> = (0..content.len() - 4).filter(|&at| &content[at..at + 4] == table).collect();
        assert!(!places.is_empty());
        for at in places {
            content[at + count_at..at + count_at + 4].fill(0xFF);
        }
        std::fs::write(&clip.path, content).unwrap();
        let started = Instant::now();
        let facts = structure_only.probe(&clip).await.unwrap();
        assert!(facts.key_frames.is_none_or(|keys| keys <= 3), "{table:?}: {facts:?}");
        assert!(facts.frame_rate_milli.is_none_or(|rate| rate <= 1_000_000), "{table:?}: {facts:?}");
        assert!(started.elapsed() < AT_ONCE, "{table:?}: {:?}", started.elapsed());
    }
}

/// A fragment of 120 bytes that claims a terabyte and four billion pictures.
#[tokio::test]
async fn a_fragment_that_claims_more_than_the_file() {
    let fragments = "-movflags frag_keyframe+empty_moov+default_base_moof";
    let encode = "-f lavfi -i testsrc2=s=160x120:r=5:d=1 -c:v libx264 -preset ultrafast -g 5";
    let (_folder, clip) = generate("clip.mp4", &format!("{encode} {fragments}"));
    let content = std::fs::read(&clip.path).unwrap();
    let index_end = content.windows(4).position(|kind| kind == b"moof").unwrap() - 4;
    let claims = |kind: &[u8; 4], size: u64, body: Vec<u8>| {
        [&1_u32.to_be_bytes()[..], kind, &size.to_be_bytes(), &body].concat()
    };
    for track in [0_u32, 1] {
        let tfhd = [&16_u32.to_be_bytes()[..], b"tfhd", &[0; 4], &track.to_be_bytes()].concat();
        let trun = claims(b"trun", 1 << 40, [&0x700_u32.to_be_bytes()[..], &[0xFF; 4]].concat());
        let traf = claims(b"traf", 1 << 41, [tfhd, trun].concat());
        let moof = claims(b"moof", 1 << 42, traf);
        let (_folder, liar) = file("liar.mp4", [&content[..index_end], &moof].concat());
        let started = Instant::now();
        tool().probe(&liar).await.unwrap();
        assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    }
}

/// A signature and nothing behind it.
#[tokio::test]
async fn signatures_without_content() {
    let tool = tool();
    for head in [
        &b"\0\0\0\x18ftypisom\0\0\0\0isommp42"[..],
        b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm",
        b"\0\0\x01\xBA",
        b"RIFF\0\0\0\0AVI LIST",
        b"DHAV",
        b"FLV\x01",
        b"\x30\x26\xB2\x75\x8E\x66\xCF\x11",
        b"\0\0\0\x01\x67\x42\0\0",
        b"\xFF\xD8\xFF",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"RIFF\0\0\0\0WEBP",
    ] {
        for padding in [0, 100_000] {
            let (folder, source) = file("x.mp4", [head, &vec![0; padding]].concat());
            let facts = tool.probe(&source).await.unwrap();
            assert_ne!(facts.completeness, Completeness::Whole, "{head:?}");
            assert!(tool.poster(&source, &facts).await.is_err(), "{head:?}");
            assert!(tool.remux(&source, &folder.path().join("y.mp4"), LIMIT).await.is_err(), "{head:?}");
            assert_eq!(names(folder.path()), ["x.mp4"]);
        }
    }
}

/// Bits flipped and words replaced anywhere, and cuts: whatever a structure claims, the probe answers, and soon.
#[tokio::test]
async fn damaged_structures_never_break_the_probe() {
    const ROUNDS: usize = 150;
    let structure_only = Ffmpeg::discover(FfmpegConfig {
        search_path: Some("/nonexistent".into()),
        ..FfmpegConfig::default()
    });
    let pictures = "-f lavfi -i testsrc2=s=160x120:r=5:d=3 -f lavfi -i sine=d=3";
    let h264 = "-c:v libx264 -preset ultrafast -g 5 -c:a aac";
    let mut state = 11_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for (name, encode) in [
        ("a.mp4", h264.to_owned()),
        ("b.mp4", format!("{h264} -movflags +faststart")),
        ("c.mp4", format!("{h264} -movflags frag_keyframe+empty_moov")),
        ("d.mkv", h264.to_owned()),
        ("e.mkv", format!("{h264} -live 1")),
        ("f.avi", "-c:v mjpeg -c:a pcm_alaw".to_owned()),
        ("g.mpg", "-c:v mpeg2video -c:a mp2".to_owned()),
        ("h.gif", "-an -frames:v 2".to_owned()),
        ("i.png", "-an -frames:v 1".to_owned()),
        ("j.jpg", "-an -frames:v 1".to_owned()),
        ("k.webp", "-an -frames:v 1".to_owned()),
    ] {
        let (folder, whole) = generate(name, &format!("{pictures} {encode}"));
        let content = std::fs::read(&whole.path).unwrap();
        let path = folder.path().join("damaged");
        for round in 0..ROUNDS {
            let mut damaged = content.clone();
            for _ in 0..=random(6) {
                // Mostly near either end, where headers and indexes are.
                let reach = if random(2) == 0 { damaged.len() } else { damaged.len().min(1500) };
                let at = if random(2) == 0 { random(reach) } else { damaged.len() - 1 - random(reach) };
                match random(3) {
                    0 => damaged[at] ^= 1 << random(8),
                    1 => damaged[at..].iter_mut().take(4).for_each(|byte| *byte = 0xFF),
                    _ => damaged[at..].iter_mut().take(4).for_each(|byte| *byte = 0),
                }
            }
            damaged.truncate(damaged.len() - random(2) * random(damaged.len()));
            std::fs::write(&path, &damaged).unwrap();
            let source = MediaSource { size: damaged.len() as u64, path: path.clone() };
            let started = Instant::now();
            let facts = structure_only.probe(&source).await;
            let facts = facts.unwrap_or_else(|error| panic!("{name}, round {round}: {error}"));
            assert!(facts.key_frames.is_none_or(|keys| u64::from(keys) <= source.size), "{name}: {facts:?}");
            assert!(facts.frame_rate_milli.is_none_or(|rate| rate <= 1_000_000), "{name}: {facts:?}");
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "{name}, round {round}: {:?}",
                started.elapsed()
            );
        }
    }
}
