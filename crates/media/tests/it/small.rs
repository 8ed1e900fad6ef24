//! Small renditions: for phones, never larger than the clip, and by hardware only where it works.

use std::{path::Path, time::Duration};

use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::{
    media::{MediaFacts, MediaSource},
    ports::{MediaError, MediaTool, Rendition},
};
use tempfile::TempDir;

use crate::support::{
    REAL_CLIP, REAL_STILL, View, assert_fast_start, data, decoding_complaints, file, generate, names, read,
    source, tool,
};

async fn small(tool: &Ffmpeg, clip: &MediaSource, dest: &Path) -> Result<Option<Rendition>, MediaError> {
    let facts = tool.probe(clip).await.unwrap();
    tool.small(clip, &facts, dest).await
}

/// Makes one and looks at what every one must be.
async fn made(tool: &Ffmpeg, clip: &MediaSource) -> (TempDir, View, Rendition) {
    let folder = TempDir::new().unwrap();
    let dest = folder.path().join("small.mp4");
    let rendition = small(tool, clip, &dest).await.unwrap().unwrap();
    assert_fast_start(&dest);
    assert_eq!(names(folder.path()), ["small.mp4"]);
    assert_eq!(decoding_complaints(&dest), "");
    assert_eq!(dest.metadata().unwrap().len(), rendition.size);
    let view = View::of(&dest);
    assert_eq!((view.codec("video"), view.text("pix_fmt")), (Some("h264"), Some("yuv420p")));
    assert_eq!(view.size(), (u64::from(rendition.width), u64::from(rendition.height)));
    assert!(rendition.width <= 640 && rendition.width % 2 == 0 && rendition.height % 2 == 0, "{rendition:?}");
    (folder, view, rendition)
}

#[tokio::test]
async fn the_real_clip_becomes_a_tenth() {
    let clip = source(data(REAL_CLIP));
    let (_folder, view, rendition) = made(&tool(), &clip).await;
    assert_eq!((rendition.width, rendition.height), (640, 360));
    assert!(view.duration_ms().abs_diff(27_810) < 100, "{}", view.duration_ms());
    let rate = rendition.size * 8_000 / view.duration_ms();
    assert!((200_000..=400_000).contains(&rate), "{rate} bit/s");
    assert_eq!(view.codec("audio"), None);
}

#[tokio::test]
async fn sound_is_mono_and_low() {
    let (_source, clip) = generate(
        "x.mkv",
        "-f lavfi -i testsrc2=size=1280x720:rate=15 -f lavfi -i sine=frequency=440:sample_rate=44100 -t 6 \
         -c:v libx264 -preset ultrafast -b:v 3M -c:a pcm_s16le -ac 2",
    );
    let (_folder, view, _) = made(&tool(), &clip).await;
    assert_eq!((view.codec("audio"), view.channels()), (Some("aac"), 1));
    let rate = view.audio_bps();
    assert!((16_000..=48_000).contains(&rate), "{rate}");
    assert!(view.duration_ms().abs_diff(6_000) < 100);
}

/// Odd sizes, upright pictures, pixels that aren't square, and ones that are smaller than a rendition may be.
#[tokio::test]
async fn sizes_are_even_and_never_grow() {
    let tool = tool();
    for (size, filter, want) in [
        ("1279x719", "null", (640, 358)),
        ("1080x1920", "null", (640, 1136)),
        ("704x576", "setsar=16/11", (640, 360)),
        ("353x241", "null", (352, 240)),
        ("3840x2160", "null", (640, 360)),
    ] {
        let arguments = format!(
            "-f lavfi -i testsrc2=size={size}:rate=10 -t 1 -vf {filter} -pix_fmt yuv444p -c:v libx264 -preset \
             ultrafast -qp 5"
        );
        let (_source, clip) = generate("x.mkv", &arguments);
        let (_folder, _, rendition) = made(&tool, &clip).await;
        assert_eq!((rendition.width, rendition.height), want, "{size} {filter}");
    }
}

#[tokio::test]
async fn a_small_clip_needs_none_but_one_of_another_codec_does() {
    let (folder, clip) = generate(
        "x.mp4",
        "-f lavfi -i testsrc2=size=320x240:rate=10 -t 4 -c:v libx264 -preset ultrafast -b:v 150k -maxrate 150k \
         -bufsize 150k",
    );
    let dest = folder.path().join("small.mp4");
    assert_eq!(small(&tool(), &clip, &dest).await.unwrap(), None);
    assert_eq!(names(folder.path()), ["x.mp4"]);
    let (_source, other) = generate(
        "x.mp4",
        "-f lavfi -i testsrc2=size=320x240:rate=10 -t 4 -c:v libx265 -x265-params log-level=error -b:v 100k",
    );
    made(&tool(), &other).await;
}

#[tokio::test]
async fn what_is_no_clip_has_none() {
    let tool = tool();
    let (folder, junk) = file("junk.mp4", [7; 5_000]);
    for (clip, what) in [(junk, "junk"), (source(data(REAL_STILL)), "a still")] {
        let dest = folder.path().join("small.mp4");
        let outcome = tool.small(&clip, &MediaFacts::unknown(), &dest).await;
        assert!(matches!(outcome, Err(MediaError::Unusable(_))), "{what}: {outcome:?}");
    }
    assert_eq!(names(folder.path()), ["junk.mp4"]);
}

#[tokio::test]
async fn a_cut_clip_has_one_of_what_there_is() {
    let whole = read(REAL_CLIP);
    let (_source, cut) = file("cut.mkv", &whole[..2_000_003]);
    let facts = tool().probe(&cut).await.unwrap();
    let (_folder, view, _) = made(&tool(), &cut).await;
    assert!(view.duration_ms().abs_diff(facts.duration_ms.unwrap()) < 200, "{facts:?}");
}

#[tokio::test]
async fn without_ffmpeg_it_is_missing() {
    let config = FfmpegConfig { search_path: Some("/nonexistent".into()), ..FfmpegConfig::default() };
    let tool = Ffmpeg::discover(config);
    assert_eq!(tool.encoder().await, None);
    let outcome = small(&tool, &source(data(REAL_CLIP)), Path::new("/nonexistent/small.mp4")).await;
    assert!(matches!(outcome, Err(MediaError::Missing(_))), "{outcome:?}");
}

/// The tool on a board whose encoder fares as that fake's does.
fn with_hardware(kind: &str) -> Ffmpeg {
    let config = FfmpegConfig { ffmpeg: Some(data("fake").join(kind)), ..FfmpegConfig::default() };
    Ffmpeg::discover(config)
}

#[tokio::test]
async fn working_hardware_is_found_and_used() {
    let tool = with_hardware("hardware.sh");
    assert_eq!(tool.encoder().await, Some("h264_v4l2m2m"));
    let (_source, clip) = generate(
        "x.mkv",
        "-f lavfi -i testsrc2=size=1280x720:rate=15 -t 3 -c:v libx264 -preset ultrafast -b:v 3M",
    );
    let (_folder, view, _) = made(&tool, &clip).await;
    assert_eq!(view.text("profile"), Some("Constrained Baseline"), "that is how the fake encodes");
}

/// It encodes a test picture, and fails on a camera's clip: at once, or by dropping most of it.
#[tokio::test]
async fn hardware_that_fails_on_a_clip_is_replaced_by_software() {
    let (_source, clip) = generate(
        "x.mkv",
        "-f lavfi -i testsrc2=size=1280x720:rate=15 -t 3 -c:v libx264 -preset ultrafast -b:v 3M",
    );
    for fake in ["hardware-fails.sh", "hardware-drops.sh"] {
        let tool = with_hardware(fake);
        assert_eq!(tool.encoder().await, Some("h264_v4l2m2m"), "{fake}");
        let (_folder, view, _) = made(&tool, &clip).await;
        assert_eq!(view.text("profile"), Some("Main"), "{fake}");
        assert!(view.duration_ms().abs_diff(3_000) < 100, "{fake}");
    }
}

/// An encoder that says that all went well and gives nothing is none.
#[tokio::test]
async fn an_encoder_that_lies_is_not_chosen() {
    assert_eq!(with_hardware("lie.sh").encoder().await, Some("libx264"));
}

/// A probe doesn't wait for an encode that takes its time.
#[tokio::test(flavor = "multi_thread")]
async fn an_encode_holds_up_nothing_else() {
    let config = FfmpegConfig {
        ffmpeg: Some(data("fake").join("hang.sh")),
        max_processes: std::num::NonZeroUsize::MIN,
        ..FfmpegConfig::default()
    };
    let tool = std::sync::Arc::new(Ffmpeg::discover(config));
    let clip = source(data(REAL_CLIP));
    let folder = TempDir::new().unwrap();
    let facts = tool.probe(&clip).await.unwrap();
    let encode = {
        let (tool, clip, dest) = (tool.clone(), clip.clone(), folder.path().join("small.mp4"));
        tokio::spawn(async move { tool.small(&clip, &facts, &dest).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    tokio::time::timeout(Duration::from_secs(10), tool.probe(&clip)).await.unwrap().unwrap();
    encode.abort();
    assert!(encode.await.unwrap_err().is_cancelled());
    assert_eq!(names(folder.path()), Vec::<String>::new(), "what was under way is gone");
}
