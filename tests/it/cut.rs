//! Cut uploads: kept, marked, and replaced when the whole one comes.

use crate::support::{CLIP, Instance, by_original, program_stream, sample, sha256, still_with, text, wait};

#[test]
fn a_cut_still_is_kept_and_gives_way_to_the_whole_one() {
    let instance = Instance::start();
    let whole = still_with(1, 60_000);
    let path = "/gate/snap/MDAlarm_20160830-155137.jpg";
    let web = instance.person();
    instance.camera().cut(&web, path, &whole[..30_000]);
    instance.camera().cut(&web, path, &whole[..20_000]);
    let cut = by_original(&web, &whole[..30_000]);
    assert_eq!(cut["complete"], false);
    web.settle();
    assert_eq!(web.events("").len(), 2, "both are evidence until the whole one comes");
    instance.camera().upload(path, &whole);
    web.settle();
    let events = web.events("");
    assert_eq!(events.len(), 1, "{events:#?}");
    assert_eq!(
        (events[0]["complete"].as_bool(), events[0]["size"].as_u64()),
        (Some(true), Some(60_000 + whole.len() as u64 - 60_000))
    );
    assert_eq!(text(&events[0], "name"), "MDAlarm_20160830-155137.jpg");
}

/// NEVER-19 and NEVER-20 together: a cut that is noticed after its whole one was stored adds nothing.
#[test]
fn a_cut_upload_of_what_is_stored_whole_adds_nothing() {
    let instance = Instance::start();
    let web = instance.person();
    let whole = still_with(1, 100_000);
    let path = "/gate/snap/MDAlarm_20160830-155137.jpg";
    instance.camera().upload(path, &whole);
    by_original(&web, &whole);
    instance.camera().cut(&web, path, &whole[..60_000]);
    web.settle();
    assert_eq!(web.events("").len(), 1, "the beginning of what is stored whole is nothing new");
    instance.camera().upload(path, &whole);
    web.settle();
    let events = web.events("");
    assert_eq!((events.len(), events[0]["complete"].as_bool()), (1, Some(true)), "{events:#?}");
}

/// The same for a clip that was remuxed, and a connection that hung while the camera sent again.
#[test]
fn a_connection_that_hung_while_the_camera_sent_again_adds_nothing() {
    let instance = Instance::start();
    let (web, whole) = (instance.person(), sample(CLIP));
    let path = "/gate/record/MDalarm_20160830_152954.mkv";
    let mut hanging = instance.camera();
    let under_way = hanging.half_way(path, &whole[..2_000_000]);
    instance.camera().upload(path, &whole);
    by_original(&web, &whole);
    // The camera's first connection dies at last: control first, as at a power loss that a router notices.
    drop(hanging);
    drop(under_way);
    wait("the spool is empty but for nothing", || {
        let spool = web.get("/api/v1/status").json()["spool"].clone();
        (spool["entries"] == 0 && spool["bytes"] == 0).then_some(())
    });
    let events = web.events("");
    assert_eq!((events.len(), events[0]["complete"].as_bool()), (1, Some(true)), "{events:#?}");
}

/// NEVER-10: what was under way at a kill comes back, marked, and gives way to the whole one.
#[test]
fn half_a_clip_before_a_kill_is_kept() {
    let mut instance = Instance::start();
    let whole = sample(CLIP);
    let path = "/gate/record/MDalarm_20160830_152954.mkv";
    let under_way = instance.camera().half_way(path, &whole[..1_000_000]);
    let spool = instance.data_dir().join("spool");
    wait("half of the clip is on disk", || {
        let files = std::fs::read_dir(&spool).unwrap().filter_map(|file| file.ok()?.metadata().ok());
        files.map(|data| data.len()).max().filter(|size| *size > 500_000)
    });
    instance.kill();
    drop(under_way);
    instance.restart();
    let web = instance.person();
    web.settle();
    let events = web.events("");
    assert_eq!((events.len(), events[0]["complete"].as_bool()), (1, Some(false)), "{events:#?}");
    instance.camera().upload(path, &whole);
    web.settle();
    let events = web.events("");
    assert_eq!((events.len(), events[0]["complete"].as_bool()), (1, Some(true)), "{events:#?}");
    assert_eq!(text(&events[0], "original_sha256"), sha256(&whole));
}

/// A stop that isn't waited for loses no more than a kill: not even what was not yet on the disk.
#[test]
fn half_a_clip_before_a_stop_at_once_is_kept() {
    let mut instance = Instance::start();
    let half = &sample(CLIP)[..1_000_000];
    let under_way = instance.camera().half_way("/gate/record/MDalarm_20160830_152954.mkv", half);
    let web = instance.person();
    wait("half of the clip is there", || {
        let spool = web.get("/api/v1/status").json()["spool"].clone();
        (spool["bytes"] == 1_000_000).then_some(())
    });
    instance.terminate_at_once();
    drop(under_way);
    instance.restart();
    let event = by_original(&instance.person(), half);
    assert_eq!(event["complete"], false, "{event:#}");
}

/// A format without an end mark: only a camera that waits for its `226` says that this was all.
#[test]
fn a_camera_that_vanishes_before_226_leaves_an_incomplete_clip() {
    let instance = Instance::start();
    instance.camera().vanish("/gate/record/MDalarm_20160830_152954.mkv", program_stream());
    let web = instance.person();
    assert_eq!(by_original(&web, program_stream())["complete"], false);
    instance.camera().upload("/gate/record/MDalarm_20160830_152954.mkv", program_stream());
    web.settle();
    let events = web.events("");
    assert_eq!((events.len(), events[0]["complete"].as_bool()), (1, Some(true)), "{events:#?}");
}

#[test]
fn a_name_under_way_counts_when_it_is_renamed() {
    let instance = Instance::start();
    let (web, mut camera) = (instance.person(), instance.camera());
    let still = still_with(2, 9_000);
    camera.upload("/gate/snap/MDAlarm_20160830-155137.jpg.tmp", &still);
    camera.upload("/gate/snap/other.jpg", &still_with(3, 9_000));
    by_original(&web, &still_with(3, 9_000));
    assert_eq!(web.events("").len(), 1, "the one under way isn't listed");
    assert!(camera.command(b"RNFR /gate/snap/MDAlarm_20160830-155137.jpg.tmp").unwrap().starts_with("350"));
    assert!(camera.command(b"RNTO /gate/snap/MDAlarm_20160830-155137.jpg").unwrap().starts_with("250"));
    let event = by_original(&web, &still);
    assert_eq!(text(&event, "name"), "MDAlarm_20160830-155137.jpg");
    assert_eq!(event["complete"], true);
}
