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

    // Days and hours are the camera's: what is left of a day counts by its own clock.
    let counts = |query: &str| web.get(&format!("/api/v1/counts?{query}")).json()["items"].clone();
    let buckets = |query: &str| -> Vec<String> {
        let items = counts(query);
        let bucket = |item: &serde_json::Value| {
            format!("{} {} {} {}", item["date"], item["hour"], item["records"], item["snaps"])
                .replace('"', "")
        };
        items.as_array().unwrap().iter().map(bucket).collect()
    };
    assert_eq!(buckets("by=hour"), ["2016-08-31 0 1 0", "2016-08-30 15 0 12"]);
    assert_eq!(buckets("by=day&from=2016-08-30&to=2016-08-31"), ["2016-08-30 null 0 12"]);
    assert_eq!(counts("by=camera").as_array().unwrap().len(), 3);
    let incidents = web.get("/api/v1/incidents?limit=1").json();
    let next =
        web.get(&format!("/api/v1/incidents?limit=1&cursor={}", text(&incidents, "next_cursor"))).json();
    let together = &next["items"][0];
    assert_eq!(
        (&together["snaps"], &together["more"], &next["next_cursor"]),
        (&12.into(), &0.into(), &serde_json::Value::Null)
    );
    assert_eq!(together["cameras"], serde_json::json!(["cam0", "cam1", "cam2"]));
    let alone = web.get(&format!("/api/v1/incidents/{}", text(together, "id"))).json();
    assert_eq!(alone["events"].as_array().unwrap().len(), 12);
    assert_eq!(ids("unviewed=true&limit=5"), all);
    let up_to = serde_json::json!({"up_to": all[0]});
    assert_eq!(web.request("POST", "/api/v1/events/viewed", &[], Some(&up_to)).status, 204);
    assert_eq!((ids("unviewed=true").len(), ids("unviewed=false&limit=4")), (0, all.clone()));

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
