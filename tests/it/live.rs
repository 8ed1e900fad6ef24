//! Live updates: new, then changed by its poster; and nothing missed over a restart.

use std::time::Duration;

use crate::support::{Instance, still_with, text};

#[test]
fn an_upload_is_told_at_once_and_again_with_its_poster() {
    let instance = Instance::start();
    let web = instance.person();
    let live = web.live(None);
    assert_eq!(live.next().event, "ready");
    instance.camera().upload("/gate/snap/MDAlarm_20160830-155137.jpg", &still_with(1, 9_000));
    let new = live.next_event();
    assert_eq!(new.event, "new");
    assert_eq!(text(&new.data["event"], "camera_name"), "gate");
    let changed = live.next_event();
    assert_eq!((changed.event.as_str(), &changed.data["id"]), ("changed", &new.data["id"]));
    assert!(changed.data["event"]["poster_url"].is_string());
}

#[test]
fn a_client_that_was_away_over_a_restart_gets_what_it_missed_and_nothing_twice() {
    let mut instance = Instance::start();
    let web = instance.person();
    let live = web.live(None);
    live.next();
    instance.camera().upload("/gate/snap/a.jpg", &still_with(1, 9_000));
    web.settle();
    let seen: Vec<_> = std::iter::from_fn(|| live.next_within(Duration::from_millis(500))).collect();
    let last = seen.last().unwrap().id.clone();
    instance.terminate();
    instance.restart();
    instance.camera().upload("/gate/snap/b.jpg", &still_with(2, 9_000));
    let web = instance.person();
    web.settle();
    let again = web.live(Some(&last));
    assert_eq!(again.next().event, "ready");
    let missed: Vec<_> = std::iter::from_fn(|| again.next_within(Duration::from_millis(500))).collect();
    let told: Vec<_> =
        missed.iter().map(|message| (message.event.as_str(), text(&message.data["event"], "name"))).collect();
    assert_eq!(told, [("new", "b.jpg"), ("changed", "b.jpg")], "{seen:#?}");
}

/// A place that this catalog never gave (another box's, a forged one): load afresh.
#[test]
fn an_unknown_place_is_told_to_load_afresh() {
    let instance = Instance::start();
    let web = instance.person();
    let live = web.live(Some("123456789"));
    assert_eq!(live.next().event, "ready");
    assert_eq!(live.next().event, "reset");
    let refused = web.request("GET", "/api/v1/live", &[("last-event-id", "yesterday")], None);
    refused.problem(400);
}
