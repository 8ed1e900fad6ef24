//! The two real uploads, through every client and mode: the issue's own example.

use crate::support::{
    CLIP, Instance, STILL, curl, curl_active, data, ftplib, lftp, poster, sample, sha256, text,
};

const CLIP_KEY: &str = "patrolcams/backyard/2016-08-30/Hour-15/record/MDalarm_20160830_152954.mp4";
const STILL_KEY: &str = "patrolcams/backyard/2016-08-30/Hour-15/snap/MDAlarm_20160830-155137.jpg";

/// Where a box of this kind begins among the top-level boxes of an MP4.
fn top_level_box(bytes: &[u8], kind: [u8; 4]) -> Option<usize> {
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + 8) {
        if header[4..8] == kind {
            return Some(at);
        }
        at += u32::from_be_bytes(header[..4].try_into().ok()?) as usize;
    }
    None
}

#[test]
fn both_samples_become_playable_events_with_posters() {
    let instance = Instance::start();
    curl(&instance, &data(CLIP), "/backyard/record/");
    curl_active(&instance, &data(STILL), "/backyard/snap/");
    let web = instance.person();
    web.settle();
    let events = web.events("");
    let [still, clip] = &events[..] else { panic!("expected two events: {events:#?}") };

    assert_eq!((text(clip, "object_key"), text(still, "object_key")), (CLIP_KEY, STILL_KEY));
    assert_eq!(clip["event_ts"], 1_472_596_194_000_i64);
    assert_eq!(text(clip, "captured_at"), "2016-08-30T15:29:54.000-07:00");
    assert_eq!((text(clip, "kind"), text(still, "kind")), ("record", "snap"));
    assert_eq!((clip["complete"].as_bool(), still["complete"].as_bool()), (Some(true), Some(true)));
    assert_eq!(text(clip, "original_sha256"), sha256(&sample(CLIP)));
    assert_eq!(text(still, "sha256"), sha256(&sample(STILL)));
    assert!((clip["duration_ms"].as_i64().unwrap() - 27_800).abs() < 100, "{clip:#}");
    assert_eq!((clip["width"].as_i64(), text(clip, "video_codec")), (Some(1280), "h264"));

    for event in &events {
        let poster = poster(&web, text(event, "id"));
        assert!(
            poster.starts_with(&[0xFF, 0xD8]) && (5_000..25_000).contains(&poster.len()),
            "{}",
            poster.len()
        );
    }
    let media = web.get(text(clip, "media_url"));
    assert_eq!((media.status, media.header("content-type")), (200, "video/mp4"));
    assert_eq!(sha256(&media.body), text(clip, "sha256"));
    assert!(top_level_box(&media.body, *b"moov") < top_level_box(&media.body, *b"mdat"), "fast start");
}

#[test]
fn media_answer_ranges() {
    let instance = Instance::start();
    curl(&instance, &data(STILL), "/backyard/snap/");
    let web = instance.person();
    web.settle();
    let url = text(&web.events("")[0], "media_url").to_owned();
    let part = web.request("GET", &url, &[("range", "bytes=100-199")], None);
    assert_eq!((part.status, part.header("content-range")), (206, "bytes 100-199/54602"));
    assert_eq!(part.body, &sample(STILL)[100..200]);
    assert_eq!(web.request("GET", &url, &[("range", "bytes=60000-")], None).status, 416);
    let saved = web.get(&format!("{url}&download=1"));
    assert!(
        saved
            .header("content-disposition")
            .starts_with("attachment; filename=\"MDAlarm_20160830-155137.jpg\"")
    );
    for altered in
        [url.replace("expires=", "expires=1"), format!("{url}A"), url.replace("/object?", "/poster?")]
    {
        web.get(&altered).problem(403);
    }
}

#[test]
fn lftp_and_python_upload_in_both_modes() {
    let instance = Instance::start();
    for (passive, camera) in [(true, "passive"), (false, "active")] {
        lftp(&instance, &data(STILL), &format!("/lftp-{camera}/snap"), passive);
        ftplib(&instance, &data(STILL), &format!("/python-{camera}/snap"), "'a.jpg'", "utf-8", passive);
    }
    let web = instance.person();
    web.settle();
    let mut cameras: Vec<_> =
        web.events("").iter().map(|event| text(event, "camera_name").to_owned()).collect();
    cameras.sort();
    assert_eq!(cameras, ["lftp-active", "lftp-passive", "python-active", "python-passive"]);
}
