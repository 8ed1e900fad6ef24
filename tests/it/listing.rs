//! Pages, filters, cursors.

use crate::support::{Instance, mp4_with, still_with, text};

#[test]
fn pages_and_filters_over_real_uploads() {
    let instance = Instance::start();
    let mut camera = instance.camera();
    for number in 0..12 {
        let name = format!("/cam{}/snap/MDAlarm_20160830-1551{:02}.jpg", number % 3, number / 2);
        camera.upload(name, &still_with(number, 9_000));
    }
    camera.upload("/cam0/record/MDalarm_20160831_000001.mp4", &mp4_with(1, 100));
    let web = instance.person();
    web.settle();
    let ids = |query: &str| -> Vec<String> {
        web.events(query).iter().map(|event| text(event, "id").to_owned()).collect()
    };
    let all = ids("limit=500");
    assert_eq!(all.len(), 13);
    for limit in [1, 2, 5, 13] {
        assert_eq!(ids(&format!("limit={limit}")), all, "limit {limit}");
    }
    let mut backwards = ids("limit=3&order=oldest");
    backwards.reverse();
    assert_eq!(backwards, all);
    assert_eq!(ids("camera=cam1").len(), 4);
    assert_eq!(ids("camera=cam1&camera=cam2&limit=3").len(), 8);
    assert_eq!(ids("kind=record").len(), 1);
    assert_eq!(ids("date=2016-08-31").len(), 1, "the camera's date, not UTC's");
    assert_eq!(ids("from=2016-08-30T22:51:02Z&to=2016-08-30T22:51:04Z").len(), 4);
    assert!(ids("camera=nobody").is_empty());

    let first = web.get("/api/v1/events?limit=2&camera=cam0").json();
    let cursor = text(&first, "next_cursor");
    for query in [
        format!("limit=2&cursor={cursor}"),
        format!("camera=cam0&cursor={cursor}x"),
        "cursor=forged".to_owned(),
    ] {
        web.get(&format!("/api/v1/events?{query}")).problem(400);
    }
    web.get("/api/v1/events/nosuchid").problem(404);
}
