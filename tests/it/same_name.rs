//! Same names: two cameras, one second; one camera, one name; and replays.

use crate::support::{Instance, poster, sha256, still_of, still_with, text};

/// NEVER-7: posters are keyed by the whole key.
#[test]
fn two_cameras_with_one_name_keep_their_own_posters() {
    let instance = Instance::start();
    let mut camera = instance.camera();
    for (name, colour) in [("red", "red"), ("blue", "blue")] {
        camera.upload(format!("/{name}/snap/MDAlarm_20160830-155137.jpg"), &still_of(colour));
    }
    let web = instance.person();
    web.settle();
    let events = web.events("");
    assert_eq!(events.len(), 2);
    let posters: Vec<_> = events.iter().map(|event| poster(&web, text(event, "id"))).collect();
    assert_ne!(posters[0], posters[1]);
}

#[test]
fn other_bytes_under_one_name_are_kept_and_replays_add_nothing() {
    let instance = Instance::start();
    let mut camera = instance.camera();
    let (first, second) = (still_with(1, 9_000), still_with(2, 9_000));
    for bytes in [&first, &second, &first, &second] {
        camera.upload("/gate/snap/MDAlarm_20160830-155137.jpg", bytes);
    }
    let web = instance.person();
    web.settle();
    let mut names: Vec<_> = web.events("").iter().map(|event| text(event, "name").to_owned()).collect();
    names.sort();
    let hashed = format!("MDAlarm_20160830-155137.{}.jpg", &sha256(&second)[..8]);
    assert_eq!(names, [hashed, "MDAlarm_20160830-155137.jpg".to_owned()]);
}

/// NEVER-1: forty captures of one second, over three cameras and both kinds, displace nobody.
#[test]
fn one_second_holds_many() {
    let instance = Instance::start();
    let mut camera = instance.camera();
    for number in 0..40 {
        let (name, letter) = (number % 3, char::from(b'a' + u8::try_from(number % 20).unwrap()));
        camera.upload(
            format!("/cam{name}/snap/{letter}{number}_20160830-155137.jpg"),
            &still_with(number, 9_000),
        );
    }
    let web = instance.person();
    web.settle();
    let events = web.events("limit=7");
    assert_eq!(events.len(), 40);
    assert!(events.iter().all(|event| event["event_ts"] == 1_472_597_497_000_i64));
    let mut ids: Vec<_> = events.iter().map(|event| text(event, "id")).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "strictly newest first, ties broken by the id");
    ids.dedup();
    assert_eq!(ids.len(), 40);
}
