//! H.264 copies and previews: what is made when somebody asks.

use std::time::Instant;

use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::{
    media::{MediaFacts, MediaSource},
    ports::{MediaError, MediaTool, Preview},
};
use image::RgbImage;
use tempfile::TempDir;

use crate::support::{
    REAL_CLIP, REAL_STILL, View, assert_fast_start, data, decoding_complaints, file, generate, names, read,
    source, tool,
};

async fn copy(clip: &MediaSource) -> (TempDir, View) {
    let (tool, folder) = (tool(), TempDir::new().unwrap());
    let dest = folder.path().join("h264.mp4");
    let facts = tool.probe(clip).await.unwrap();
    let made = tool.h264(clip, &facts, &dest).await.unwrap();
    assert_fast_start(&dest);
    assert_eq!(names(folder.path()), ["h264.mp4"]);
    assert_eq!(decoding_complaints(&dest), "");
    let view = View::of(&dest);
    assert_eq!((view.codec("video"), view.text("pix_fmt")), (Some("h264"), Some("yuv420p")));
    assert!(matches!(view.text("profile"), Some("Main" | "High")), "{:?}", view.text("profile"));
    assert_eq!(view.size(), (u64::from(made.width), u64::from(made.height)));
    assert_eq!(dest.metadata().unwrap().len(), made.size);
    (folder, view)
}

/// What Chromium doesn't play, as cameras send it: 10 bits, Motion JPEG, MPEG-4 part 2, and 4K.
#[tokio::test]
async fn what_browsers_cannot_play_becomes_h264() {
    for (name, size, codec, want) in [
        ("x.mp4", "1280x720", "-c:v libx265 -x265-params log-level=error -pix_fmt yuv420p10le", (1280, 720)),
        ("x.mp4", "3840x2160", "-c:v libx265 -x265-params log-level=error -preset ultrafast", (1920, 1080)),
        ("x.avi", "640x480", "-c:v mjpeg -q:v 3 -pix_fmt yuvj422p", (640, 480)),
        ("x.avi", "705x577", "-c:v mpeg4 -b:v 2M", (704, 576)),
    ] {
        let arguments = format!(
            "-f lavfi -i testsrc2=size={size}:rate=10 -f lavfi -i sine=frequency=440 -t 2 {codec} -c:a mp2"
        );
        let (_source, clip) = generate(name, &arguments);
        let (_folder, view) = copy(&clip).await;
        assert_eq!(view.size(), want, "{codec}");
        assert_eq!(view.codec("audio"), Some("aac"), "{codec}");
        assert!(view.duration_ms().abs_diff(2_000) < 100, "{codec}: {} ms", view.duration_ms());
    }
}

#[tokio::test]
async fn what_is_no_clip_has_neither() {
    let (tool, facts) = (tool(), MediaFacts::unknown());
    let (folder, junk) = file("junk.mp4", [7; 5_000]);
    for (clip, what) in [(junk, "junk"), (source(data(REAL_STILL)), "a still")] {
        let copied = tool.h264(&clip, &facts, &folder.path().join("h264.mp4")).await;
        assert!(matches!(copied, Err(MediaError::Unusable(_))), "{what}: {copied:?}");
        let preview = tool.preview(&clip, &facts).await;
        assert!(matches!(preview, Err(MediaError::Unusable(_))), "{what}: {preview:?}");
    }
    assert_eq!(names(folder.path()), ["junk.mp4"]);
    let none = FfmpegConfig { search_path: Some("/nonexistent".into()), ..FfmpegConfig::default() };
    let none = Ffmpeg::discover(none);
    let clip = source(data(REAL_CLIP));
    let outcome = none.h264(&clip, &facts, &folder.path().join("h264.mp4")).await;
    assert!(matches!(outcome, Err(MediaError::Missing(_))), "{outcome:?}");
    assert!(matches!(none.preview(&clip, &facts).await, Err(MediaError::Missing(_))));
}

async fn preview(clip: &MediaSource) -> (Preview, RgbImage) {
    let tool = tool();
    let facts = tool.probe(clip).await.unwrap();
    let preview = tool.preview(clip, &facts).await.unwrap();
    assert!(preview.jpeg.len() < 150_000, "{} bytes", preview.jpeg.len());
    let picture = image::load_from_memory(&preview.jpeg).unwrap().to_rgb8();
    (preview, picture)
}

#[tokio::test]
async fn the_real_clip_has_a_picture_for_each_key_frame() {
    let began = Instant::now();
    let (preview, picture) = preview(&source(data(REAL_CLIP))).await;
    assert_eq!((preview.frames, picture.dimensions()), (14, (640, 360)));
    println!("{} bytes, {} ms", preview.jpeg.len(), began.elapsed().as_millis());
}

/// The brightness of each picture's middle: the clips below grow brighter all the time.
fn brightness(preview: &Preview, picture: &RgbImage) -> Vec<u8> {
    let height = picture.height() / preview.frames.div_ceil(4);
    let at = |n: u32| picture.get_pixel(n % 4 * 160 + 80, n / 4 * height + height / 2).0[1];
    (0..preview.frames).map(at).collect()
}

/// Whatever distance its key frames have, and however long it is: 16 pictures at equal distances, in order. The long one
/// has 1,200 key frames, of which 16 are read.
#[tokio::test]
async fn pictures_stand_at_equal_distances() {
    for (seconds, rate, gop, tolerance) in [(20, 10, 5, 6), (20, 10, 500, 6), (1_200, 1, 1, 6)] {
        let arguments = format!(
            "-f lavfi -i color=black:size=320x180:rate={rate} -t {seconds} -vf \
             format=yuv420p,geq=lum=16+200*T/{seconds}:cb=128:cr=128 -c:v libx264 -preset ultrafast -g {gop} \
             -sc_threshold 0 -qp 10"
        );
        let (_source, clip) = generate("x.mp4", &arguments);
        let (preview, picture) = preview(&clip).await;
        assert_eq!((preview.frames, picture.dimensions()), (16, (640, 360)), "{arguments}");
        for (n, found) in (0_u32..).zip(brightness(&preview, &picture)) {
            let want = f64::from(n) / 16.0 * 200.0 * 255.0 / 219.0;
            assert!(
                (f64::from(found) - want).abs() < f64::from(tolerance) + 16.0 / f64::from(rate),
                "{n}: {found}, {want}"
            );
        }
    }
}

#[tokio::test]
async fn upright_and_flat_pictures_keep_their_shape() {
    for (size, filter, want) in [
        ("1080x1920", "null", (640, 284 * 4)),
        ("704x576", "setsar=16/11", (640, 90 * 4)),
        ("100x2000", "null", (640, 284 * 4)),
    ] {
        let arguments = format!(
            "-f lavfi -i testsrc2=size={size}:rate=10 -t 2 -vf {filter} -c:v libx264 -preset ultrafast -g 1"
        );
        let (_source, clip) = generate("x.mkv", &arguments);
        let (preview, picture) = preview(&clip).await;
        assert_eq!((preview.frames, picture.dimensions()), (16, want), "{size}");
    }
}

/// Elementary streams carry no times, and a cut clip has what there is of it.
#[tokio::test]
async fn odd_clips_have_what_can_be_shown() {
    let clip = "-f lavfi -i testsrc2=size=320x240:rate=10 -t 4 -c:v libx264 -preset ultrafast -g 2";
    let (_source, raw) = generate("x.h264", clip);
    assert_eq!(preview(&raw).await.0.frames, 16);
    let whole = read(REAL_CLIP);
    let (_folder, cut) = file("cut.mkv", &whole[..2_000_003]);
    assert!(preview(&cut).await.0.frames >= 6);
}
