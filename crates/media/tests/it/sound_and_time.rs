//! Remuxes of what cameras do to sound and clocks: codecs that no browser plays, times that begin at hours or wrap.

use camtrail_model::{media::MediaSource, ports::MediaTool};
use tempfile::TempDir;

use crate::support::{LIMIT, View, assert_fast_start, decoding_complaints, generate, tool};

const SECONDS: f64 = 5.0;
/// As wanted of every copy.
const WITHIN_S: f64 = 0.1;

/// Five seconds of picture and sound.
fn clip(name: &str, options: &str) -> (TempDir, MediaSource) {
    let inputs = "-f lavfi -i testsrc2=size=320x240:rate=15 -f lavfi -i sine=frequency=440:sample_rate=8000";
    let picture = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 15 -bf 0";
    generate(name, &format!("{inputs} -t {SECONDS} {picture} {options}"))
}

/// Remuxes, and looks at what every copy must be: begins at 0, as long as it was, picture untouched.
async fn remuxed(clip: &MediaSource) -> (TempDir, View) {
    let folder = TempDir::new().unwrap();
    let dest = folder.path().join("x.mp4");
    tool().remux(clip, &dest, LIMIT).await.unwrap();
    assert_fast_start(&dest);
    assert_eq!(decoding_complaints(&dest), "");
    let view = View::of(&dest);
    assert_eq!((view.codec("video"), view.packets()), (Some("h264"), 75));
    for kind in ["video", "audio"] {
        let (start, length) = (view.start_of(kind), view.length_of(kind));
        assert!(start.abs() < WITHIN_S, "{kind} begins at {start}");
        // Sound comes in blocks, the last of them filled up.
        let within = if kind == "video" { WITHIN_S } else { 3.0 * WITHIN_S };
        assert!((length - SECONDS).abs() < within, "{kind} takes {length} s");
    }
    let end = ["video", "audio"].map(|kind| view.start_of(kind) + view.length_of(kind));
    let facts = tool().probe(&crate::support::source(&dest)).await.unwrap();
    let told = facts.duration_ms.unwrap() as f64 / 1_000.0;
    assert!((told - f64::max(end[0], end[1])).abs() < WITHIN_S, "{told} s of {end:?}");
    (folder, view)
}

#[tokio::test]
async fn sound_that_an_mp4_cannot_carry_becomes_aac() {
    for (name, codec) in [
        ("x.mkv", "pcm_mulaw"),
        ("x.mkv", "pcm_alaw"),
        ("x.mkv", "pcm_s16le"),
        ("x.mkv", "adpcm_ms -ar 8000"),
        ("x.avi", "pcm_mulaw"),
        ("x.avi", "pcm_alaw"),
        ("x.avi", "pcm_s16le"),
        ("x.avi", "adpcm_ima_wav"),
        ("x.flv", "adpcm_swf -ar 11025"),
        ("x.mpg", "mp2 -ar 44100 -f vob"),
    ] {
        let (_source, clip) = clip(name, &format!("-c:a {codec}"));
        let (_folder, view) = remuxed(&clip).await;
        assert_eq!(view.codec("audio"), Some("aac"), "{name} {codec}");
    }
}

#[tokio::test]
async fn sound_that_it_carries_is_left_alone() {
    for (name, codec) in
        [("x.mkv", "aac -ar 44100"), ("x.ts", "aac -ar 44100"), ("x.mkv", "libmp3lame -ar 44100")]
    {
        let (_source, clip) = clip(name, &format!("-c:a {codec}"));
        let before = View::of(&clip.path).codec("audio").unwrap().to_owned();
        let (_folder, view) = remuxed(&clip).await;
        assert_eq!(view.codec("audio"), Some(before.as_str()), "{name} {codec}");
    }
}

/// A clock of 33 bits at 90 kHz wraps after 95,443.7 s: a camera's uptime of a day, and a half hour.
#[tokio::test]
async fn times_begin_at_zero_whatever_the_camera_counts_from() {
    for (name, options) in [
        ("x.ts", "-output_ts_offset 31865"),
        ("x.mpg", "-f vob -output_ts_offset 31865"),
        ("x.mkv", "-output_ts_offset 31865"),
        // Just before it wraps, and in the middle of the clip.
        ("x.ts", "-output_ts_offset 95436"),
        ("x.ts", "-output_ts_offset 95441"),
        ("x.mpg", "-f vob -output_ts_offset 95441"),
    ] {
        let audio = if name == "x.mkv" { "pcm_mulaw" } else { "mp2 -ar 44100" };
        let (_source, clip) = clip(name, &format!("-c:a {audio} {options}"));
        let (_folder, view) = remuxed(&clip).await;
        assert_eq!(view.codec("audio"), Some("aac"), "{name} {options}");
    }
}
