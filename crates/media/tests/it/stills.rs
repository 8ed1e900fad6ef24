//! Stills, with and without ffmpeg.

use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::{
    media::{Completeness, Container, MediaFacts},
    ports::MediaTool,
};

use crate::support::{REAL_STILL, assert_shows_something, data, file, generate, read, source, tool};

fn without_ffmpeg() -> Ffmpeg {
    Ffmpeg::discover(FfmpegConfig { search_path: Some("/nonexistent".into()), ..FfmpegConfig::default() })
}

#[tokio::test]
async fn the_real_still_is_whole_and_gets_a_poster_without_ffmpeg_too() {
    for tool in [tool(), without_ffmpeg()] {
        let still = source(data(REAL_STILL));
        let facts = tool.probe(&still).await.unwrap();
        let expected = MediaFacts {
            container: Some(Container::Jpeg),
            completeness: Completeness::Whole,
            width: Some(1280),
            height: Some(720),
            ..MediaFacts::unknown()
        };
        assert_eq!(facts, expected);
        let poster = tool.poster(&still, &facts).await.unwrap();
        assert_eq!((poster.width, poster.height), (640, 360));
        assert!((10_000..=20_000).contains(&poster.jpeg.len()), "{} bytes", poster.jpeg.len());
        assert_shows_something(&poster);
    }
}

#[tokio::test]
async fn a_cut_still_is_told_and_gets_a_poster() {
    let tool = tool();
    let whole = read(REAL_STILL);
    for len in [20_000, 40_000, whole.len() - 2] {
        let (_folder, cut) = file("cut.jpg", &whole[..len]);
        let facts = tool.probe(&cut).await.unwrap();
        assert!(matches!(facts.completeness, Completeness::Cut(_)), "{facts:?}");
        assert_shows_something(&tool.poster(&cut, &facts).await.unwrap());
    }
}

#[tokio::test]
async fn other_picture_formats() {
    let tool = without_ffmpeg();
    for (name, container) in [
        ("still.png", Container::Png),
        ("still.gif", Container::Gif),
        ("still.bmp", Container::Bmp),
        ("still.webp", Container::Webp),
    ] {
        let (_folder, still) = generate(name, "-f lavfi -i testsrc2=s=800x600 -frames:v 1");
        let facts = tool.probe(&still).await.unwrap();
        assert_eq!((facts.container, facts.width, facts.height), (Some(container), Some(800), Some(600)));
        assert_eq!(facts.completeness, Completeness::Whole, "{name}");
        let poster = tool.poster(&still, &facts).await.unwrap();
        assert_shows_something(&poster);
        assert!(poster.width <= 640);

        let content = std::fs::read(&still.path).unwrap();
        let (_folder, cut) = file(name, &content[..content.len() - 20]);
        assert!(matches!(tool.probe(&cut).await.unwrap().completeness, Completeness::Cut(_)), "{name}");
    }
}

/// Small pictures aren't blown up.
#[tokio::test]
async fn a_small_still_keeps_its_size() {
    let tool = tool();
    let (_folder, still) = generate("small.jpg", "-f lavfi -i testsrc2=s=320x240 -frames:v 1");
    let facts = tool.probe(&still).await.unwrap();
    let poster = tool.poster(&still, &facts).await.unwrap();
    assert_eq!((poster.width, poster.height), (320, 240));
}
