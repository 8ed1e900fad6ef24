//! Names that look like shell, query, path or markup: data, and nothing else.

use std::fs;

use crate::support::{Instance, STILL, data, ftplib, sha256, still_with, text};

#[test]
fn hostile_names_are_listed_once_and_come_back_whole() {
    let instance = Instance::start();
    let long = format!("{}.jpg", "x".repeat(300));
    let names = [
        "o'brien \"quoted\".jpg",
        "50% off #1 + 2.jpg",
        "$(touch x);`touch y`.JPG",
        "'; DROP TABLE events; --.jpg",
        "<img src=x onerror=alert(1)>.jpg",
        "garé 雨.jpg",
        "..jpg",
        "-rf.jpg",
        "a\\b.jpg",
        "clip-small.mp4.jpg",
        "~.jpg",
        &long,
    ];
    let mut camera = instance.camera();
    let mut sent = Vec::new();
    for (seed, name) in names.iter().enumerate() {
        let bytes = still_with(seed as u64, 9_000);
        camera.upload(format!("/gate/snap/{name}"), &bytes);
        sent.push(sha256(&bytes));
    }
    // Nobody climbs out of the root.
    camera.upload("/../../../../tmp/../gate/snap/climber.jpg", &still_with(99, 9_000));
    sent.push(sha256(&still_with(99, 9_000)));
    let web = instance.person();
    web.settle();
    let events = web.events("limit=500");
    let mut listed: Vec<_> = events.iter().map(|event| text(event, "original_sha256").to_owned()).collect();
    listed.sort();
    sent.sort();
    assert_eq!(listed, sent);
    for event in &events {
        let media = web.get(text(event, "media_url"));
        assert_eq!(media.status, 200, "{event:#}");
        assert_eq!(sha256(&media.body), text(event, "sha256"), "{event:#}");
        let saved = web.get(&format!("{}&download=1", text(event, "media_url")));
        assert_eq!(
            saved.headers.get_all("content-disposition").iter().count(),
            1,
            "one header, whatever the name"
        );
        assert_eq!(text(event, "camera_name"), "gate");
    }
    assert_eq!(fs::read_dir(instance.cwd()).unwrap().count(), 0, "no name was run by a shell");
}

/// Latin-1 on the wire: two names that differ stay two.
#[test]
fn names_that_are_not_utf8_stay_apart() {
    let instance = Instance::start();
    for name in ["'gar\\xe9.jpg'", "'gar\\xe8.jpg'"] {
        ftplib(&instance, &data(STILL), "/gate/snap", name, "latin-1", true);
    }
    let web = instance.person();
    web.settle();
    let mut names: Vec<_> = web.events("").iter().map(|event| text(event, "name").to_owned()).collect();
    names.sort();
    assert_eq!(names, ["garè.jpg", "garé.jpg"]);
}

#[test]
fn any_path_depth_is_some_cameras() {
    let instance = Instance::start();
    let mut camera = instance.camera();
    camera.upload("/root.jpg", &still_with(1, 9_000));
    camera.upload("/deep/1/2/3/4/5/6/7/8/file.jpg", &still_with(2, 9_000));
    let web = instance.person();
    web.settle();
    let mut cameras: Vec<_> =
        web.events("").iter().map(|event| text(event, "camera_name").to_owned()).collect();
    cameras.sort();
    assert_eq!(cameras, ["camera", "deep"], "a file in the root belongs to the camera named as the account");
}
