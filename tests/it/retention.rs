//! What is due goes by itself: object, derived files and event together; what is kept stays whole.

use crate::support::{Instance, Options, camtrail, files_below, run, still_with, text, wait};

#[test]
fn above_the_limit_the_oldest_events_go_with_their_files() {
    let limits = [("CAMTRAIL__RETENTION__MAX_BYTES", "250KB"), ("CAMTRAIL__RETENTION__EVERY", "1s")];
    let mut instance = Instance::with(&Options { env: &limits, ..Options::default() });
    let web = instance.person();
    let mut camera = instance.camera();
    for number in 0..5 {
        // A name without a time is filed under its arrival: the order of storing is that of uploading.
        camera.upload(format!("/gate/snap/still{number}.jpg"), &still_with(number, 100_000));
        web.settle();
    }
    let left = wait("the oldest are gone", || {
        let events = web.events("");
        (events.len() == 2).then_some(events)
    });
    let names: Vec<_> = left.iter().map(|event| text(event, "name")).collect();
    assert_eq!(names, ["still4.jpg", "still3.jpg"]);
    for event in &left {
        assert_eq!(web.get(text(event, "media_url")).status, 200);
    }
    let store = instance.data_dir().join("store");
    let stray = |files: &[String]| {
        files
            .iter()
            .filter(|file| !file.contains("still3") && !file.contains("still4"))
            // The store's own.
            .filter(|file| !file.ends_with("/.camtrail-tmp/lock"))
            .cloned()
            .collect::<Vec<_>>()
    };
    wait("nothing is left of the others", || stray(&files_below(&store)).is_empty().then_some(()));
    instance.terminate();
    let told =
        run(camtrail().arg("retention").arg("--data-dir").arg(instance.data_dir()).env(limits[0].0, "150KB"));
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("30 days after they were stored, and the oldest above 150000 bytes"), "{told}");
    assert!(told.contains("Due now: 1 events, "), "{told}");
}
