//! Clips cut off at every 10 kB: each is judged within a bounded time, and longer ones are never shorter.

use std::time::{Duration, Instant};

use camtrail_media::{Ffmpeg, FfmpegConfig};
use camtrail_model::{
    media::{Completeness, Container, MediaSource},
    ports::MediaTool,
};

use crate::support::{REAL_CLIP, data, file, generate, read};

const STEP_BYTES: usize = 10_000;
/// The real camera is not punctual.
const PICTURE_MS: u64 = 100;
const REAL_CLIP_MS: u64 = 27_810;
/// For one look at a structure, on a busy machine and without optimization.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Asserts what holds for all prefixes. Where the structure tells durations (`from_bytes` on), they rise with the bytes.
async fn look_at_every_prefix(container: Container, content: &[u8], is_cut: bool, from_bytes: Option<usize>) {
    let structure_only = Ffmpeg::discover(FfmpegConfig {
        search_path: Some("/nonexistent".into()),
        ..FfmpegConfig::default()
    });
    let (_folder, source) = file("cut", "");
    let mut before_ms = 0;
    for len in (STEP_BYTES..content.len()).step_by(STEP_BYTES) {
        std::fs::write(&source.path, &content[..len]).unwrap();
        let cut = MediaSource { size: len as u64, ..source.clone() };
        let started = Instant::now();
        let facts = structure_only.probe(&cut).await.unwrap();
        assert!(started.elapsed() < AT_ONCE, "{container:?}, {len}: {:?}", started.elapsed());
        assert_eq!(facts.container, Some(container), "{len}");
        assert_eq!(matches!(facts.completeness, Completeness::Cut(_)), is_cut, "{container:?}, {len}");
        let Some(from_bytes) = from_bytes else {
            assert_eq!(facts.duration_ms, None, "{container:?}, {len}");
            continue;
        };
        if len >= from_bytes {
            let ms = facts.duration_ms.unwrap_or_else(|| panic!("{container:?}, {len}: {facts:?}"));
            assert!(
                (before_ms..=REAL_CLIP_MS + 100).contains(&ms),
                "{container:?}, {len}: {ms} after {before_ms}"
            );
            before_ms = ms.saturating_sub(PICTURE_MS);
        }
    }
}

fn remuxed(name: &str, options: &str) -> Vec<u8> {
    let (_folder, clip) = generate(name, &format!("-i {} -an -c copy {options}", data(REAL_CLIP).display()));
    std::fs::read(&clip.path).unwrap()
}

#[tokio::test]
async fn a_program_stream_is_as_long_as_what_arrived() {
    // It has no end mark: the transfer decides.
    look_at_every_prefix(Container::MpegPs, &read(REAL_CLIP), false, Some(300_000)).await;
}

#[tokio::test]
async fn an_mp4_with_its_index_in_front_is_as_long_as_what_arrived() {
    let content = remuxed("first.mp4", "-movflags +faststart");
    look_at_every_prefix(Container::Mp4, &content, true, Some(300_000)).await;
}

#[tokio::test]
async fn an_mp4_whose_index_never_came_is_cut_and_of_no_known_length() {
    look_at_every_prefix(Container::Mp4, &remuxed("last.mp4", ""), true, None).await;
}

#[tokio::test]
async fn a_matroska_is_as_long_as_what_arrived() {
    look_at_every_prefix(Container::Matroska, &remuxed("clip.mkv", ""), true, Some(300_000)).await;
}
