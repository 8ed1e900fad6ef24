//! Without ffmpeg.

use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::{
    media::{Container, MediaFacts},
    ports::{MediaError, MediaTool},
};

use crate::support::{LIMIT, REAL_CLIP, data, file, names, source};

/// A folder without programs.
fn empty_path() -> FfmpegConfig {
    FfmpegConfig { search_path: Some("/nonexistent".into()), ..FfmpegConfig::default() }
}

#[tokio::test]
async fn absence_is_one_clear_line() {
    let tool = Ffmpeg::discover(empty_path());
    assert_eq!(
        tool.problem().unwrap(),
        "ffmpeg was not found on PATH: clips are stored and listed, but get no posters and no browser-playable \
         copy; install it with: apt-get install ffmpeg"
    );
}

#[tokio::test]
async fn the_clip_is_still_known_by_its_structure() {
    let facts = Ffmpeg::discover(empty_path()).probe(&source(data(REAL_CLIP))).await.unwrap();
    assert_eq!((facts.container, facts.video_codec.as_deref()), (Some(Container::MpegPs), Some("h264")));
    assert!(facts.duration_ms.unwrap().abs_diff(27_810) < 100, "{facts:?}");
    assert_eq!(facts.audio_codec, None);
}

#[tokio::test]
async fn work_that_needs_it_says_so() {
    let tool = Ffmpeg::discover(empty_path());
    let (folder, clip) = file("clip.mkv", std::fs::read(data(REAL_CLIP)).unwrap());
    let remux = tool.remux(&clip, &folder.path().join("copy.mp4"), LIMIT).await;
    assert!(
        matches!(&remux, Err(MediaError::Missing(line)) if Some(line.clone()) == tool.problem()),
        "{remux:?}"
    );
    let poster = tool.poster(&clip, &MediaFacts::unknown()).await;
    assert!(matches!(poster, Err(MediaError::Missing(_))), "{poster:?}");
    assert_eq!(names(folder.path()), ["clip.mkv"]);
}
