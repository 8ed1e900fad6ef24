//! What is no event, and what is one all the same.

use crate::support::{Instance, by_original, sha256, text, wait};

#[test]
fn tests_and_empty_files_are_noted_and_no_events() {
    let instance = Instance::start();
    let (web, mut camera) = (instance.person(), instance.camera());
    for (path, bytes) in [("/gate/record/empty.mkv", &b""[..]), ("/gate/test.txt", b"hello")] {
        camera.upload(path, bytes);
        let noted = path.trim_start_matches("/gate/");
        wait("the test upload is shown", || {
            let cameras = web.get("/api/v1/cameras").json();
            (cameras["items"][0]["last_test_upload"]["name"] == noted).then_some(())
        });
    }
    web.settle();
    assert!(web.events("").is_empty());
}

/// A clip by name that is none by content is kept, byte for byte, and not called whole.
#[test]
fn unknown_content_with_a_clips_name_is_kept_as_it_came() {
    let instance = Instance::start();
    let bytes: Vec<u8> = (0..50_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    instance.camera().upload("/gate/record/MDalarm_20160830_152954.mp4", &bytes);
    let web = instance.person();
    let event = by_original(&web, &bytes);
    assert_eq!((event["complete"].as_bool(), event["playable"].as_bool()), (Some(false), Some(false)));
    assert_eq!(text(&event, "kind"), "record");
    assert_eq!(sha256(&web.get(text(&event, "media_url")).body), sha256(&bytes));
}
