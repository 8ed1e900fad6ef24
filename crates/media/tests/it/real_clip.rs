//! The real Foscam clip: an MPEG program stream named `.mkv`, audio announced and absent, times at hours.

use camtrail_model::{
    media::{Completeness, Container},
    ports::{MediaError, MediaTool},
};
use tempfile::TempDir;

use crate::support::{
    LIMIT, REAL_CLIP, View, assert_fast_start, assert_shows_something, data, decoding_complaints, file,
    names, read, source, tool,
};

#[tokio::test]
async fn probe_judges_by_content() {
    let facts = tool().probe(&source(data(REAL_CLIP))).await.unwrap();
    assert_eq!(facts.container, Some(Container::MpegPs));
    assert_eq!((facts.width, facts.height), (Some(1280), Some(720)));
    assert_eq!(facts.video_codec.as_deref(), Some("h264"));
    assert_eq!(facts.audio_codec, None, "announced in the stream map, but not there");
    assert!(facts.duration_ms.unwrap().abs_diff(27_810) < 100, "{facts:?}");
    assert_eq!(facts.completeness, Completeness::Unmarked);
}

#[tokio::test]
async fn remux_is_a_fast_start_mp4_of_the_same_pictures() {
    let folder = TempDir::new().unwrap();
    let dest = folder.path().join("clip.mp4");
    tool().remux(&source(data(REAL_CLIP)), &dest, LIMIT).await.unwrap();
    assert_fast_start(&dest);
    let view = View::of(&dest);
    assert_eq!((view.codec("video"), view.codec("audio")), (Some("h264"), None));
    assert_eq!(view.packets(), 704);
    assert!(view.duration_ms().abs_diff(27_810) < 100);
    assert_eq!(decoding_complaints(&dest), "");
    assert_eq!(names(folder.path()), ["clip.mp4"], "nothing is left beside it");

    let facts = tool().probe(&source(&dest)).await.unwrap();
    assert_eq!(facts.completeness, Completeness::Whole);
    assert!(facts.duration_ms.unwrap().abs_diff(27_810) < 100, "{facts:?}");
}

#[tokio::test]
async fn poster_is_10_to_20_kb_and_not_black() {
    let tool = tool();
    let clip = source(data(REAL_CLIP));
    let facts = tool.probe(&clip).await.unwrap();
    let poster = tool.poster(&clip, &facts).await.unwrap();
    // Leaves and gravel: 640 pixels don't fit into 20 kB.
    assert!((480..=640).contains(&poster.width), "{} wide", poster.width);
    assert_eq!(poster.height, poster.width * 9 / 16);
    assert!((10_000..=20_000).contains(&poster.jpeg.len()), "{} bytes", poster.jpeg.len());
    assert_shows_something(&poster);
}

/// NEVER-19: a cut clip is kept and plays.
#[tokio::test]
async fn every_cut_becomes_a_playable_clip_with_a_poster() {
    let tool = tool();
    let whole = read(REAL_CLIP);
    let mut before = 0;
    for len in [300_001, 310_000, 654_321, 1_000_000, 2_000_003, 3_333_333, whole.len() - 1] {
        let (folder, cut) = file("cut.mkv", &whole[..len]);
        let facts = tool.probe(&cut).await.unwrap();
        let dest = folder.path().join("cut.mp4");
        tool.remux(&cut, &dest, LIMIT).await.unwrap();
        assert_fast_start(&dest);
        assert_eq!(decoding_complaints(&dest), "", "cut at {len}");
        let duration_ms = View::of(&dest).duration_ms();
        assert!(
            duration_ms > before && duration_ms.abs_diff(facts.duration_ms.unwrap()) < 100,
            "{len}: {facts:?}"
        );
        before = duration_ms;
        assert_shows_something(&tool.poster(&cut, &facts).await.unwrap());
    }
}

#[tokio::test]
async fn the_destination_is_never_overwritten() {
    let (folder, taken) = file("taken.mp4", "somebody's");
    let error = tool().remux(&source(data(REAL_CLIP)), &taken.path, LIMIT).await.unwrap_err();
    assert!(matches!(error, MediaError::Failed(_)), "{error}");
    assert_eq!(std::fs::read(&taken.path).unwrap(), b"somebody's");
    assert_eq!(names(folder.path()), ["taken.mp4"]);
}

#[tokio::test]
async fn a_missing_folder_is_the_machines_fault() {
    let dest = TempDir::new().unwrap().path().join("gone/clip.mp4");
    let error = tool().remux(&source(data(REAL_CLIP)), &dest, LIMIT).await.unwrap_err();
    assert!(error.may_retry(), "{error}");
}

/// Ten at once wait for two places and all come out right, each its own (NEVER-7).
#[tokio::test(flavor = "multi_thread")]
async fn ten_at_once() {
    let tool = tool();
    let clip = source(data(REAL_CLIP));
    let folder = TempDir::new().unwrap();
    let dests: Vec<_> = (0..10).map(|n| folder.path().join(format!("{n}.mp4"))).collect();
    let all = dests.iter().map(|dest| tool.remux(&clip, dest, LIMIT));
    for result in futures::future::join_all(all).await {
        result.unwrap();
    }
    assert_eq!(names(folder.path()).len(), 10);
}
