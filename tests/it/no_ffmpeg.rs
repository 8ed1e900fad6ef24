//! Without ffmpeg everything is still received, stored, listed and served.

use std::fs;

use crate::support::{Instance, Options, by_original, poster, program_stream, still_with, text};

#[test]
fn clips_are_kept_as_they_came_and_one_line_says_what_is_missing() {
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().to_str().unwrap();
    let instance = Instance::with(&Options { env: &[("PATH", path)], ..Options::default() });
    let (web, mut camera) = (instance.person(), instance.camera());
    camera.upload("/gate/record/MDalarm_20160830_152954.mkv", program_stream());
    camera.upload("/gate/snap/MDAlarm_20160830-155137.jpg", &still_with(1, 9_000));
    let clip = by_original(&web, program_stream());
    assert_eq!(
        text(&clip, "object_key"),
        "patrolcams/gate/2016-08-30/Hour-15/record/MDalarm_20160830_152954.mkv"
    );
    assert_eq!((clip["playable"].as_bool(), clip["complete"].as_bool()), (Some(false), Some(true)));
    assert_eq!(web.get(text(&clip, "media_url")).body, program_stream());
    let still = by_original(&web, &still_with(1, 9_000));
    assert!(poster(&web, text(&still, "id")).starts_with(&[0xFF, 0xD8]), "stills have posters all the same");
    let status = web.get("/api/v1/status").json();
    assert_eq!(status["media"]["available"], false);
    assert!(text(&status["media"], "problem").contains("ffmpeg"));
    let told = instance.log().lines().filter(|line| line.contains("ffmpeg was not found")).count();
    assert_eq!(told, 1, "{}", instance.log());
    web.settle();
    assert!(fs::read_dir(instance.data_dir().join("spool")).unwrap().next().is_none());
}
