//! A store that can't take anything: uploads are acknowledged, wait in the spool, and go when it is back.

use std::fs;

use crate::support::{Instance, still_with, text, wait};

#[test]
fn what_was_acknowledged_waits_for_the_store_over_a_restart() {
    let mut instance = Instance::start();
    // A file where the folder of all captures should be: nothing can be stored.
    let obstacle = instance.data_dir().join("store/patrolcams");
    fs::write(&obstacle, b"in the way").unwrap();
    let mut camera = instance.camera();
    let stills: Vec<_> = (0..10).map(|seed| still_with(seed, 9_000)).collect();
    for (number, still) in stills.iter().enumerate() {
        camera.upload(format!("/gate/snap/MDAlarm_20160830-1551{number:02}.jpg"), still);
    }
    let web = instance.person();
    wait("the trouble is shown", || {
        web.get("/api/v1/status").json()["spool"]["problem"].as_str().map(|_| ())
    });
    assert!(web.events("").is_empty());
    instance.terminate();
    instance.restart();
    let web = instance.person();
    assert_eq!(web.get("/api/v1/status").json()["spool"]["entries"], 10);
    fs::remove_file(&obstacle).unwrap();
    web.settle();
    let events = web.events("");
    assert_eq!(events.len(), 10);
    assert!(events.iter().all(|event| event["complete"] == true && !text(event, "sha256").is_empty()));
}
