//! Pages, cursors and groups.

use super::*;

#[tokio::test]
async fn pages_repeat_and_skip_nothing_and_cursors_belong_to_their_query() {
    let bench = Bench::new("").await;
    let cookie = bench.cookie().await;
    let (mut seen, mut path) = (Vec::new(), "/api/v1/events?limit=2".to_owned());
    let mut first_cursor = None;
    loop {
        let (status, page) = bench.get(&path, &cookie).await;
        assert_eq!(status, StatusCode::OK);
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        first_cursor.get_or_insert(cursor.to_owned());
        path = format!("/api/v1/events?limit=2&cursor={cursor}");
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.reverse();
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (7, &sorted), "ids sort as the timeline does");
    let cursor = first_cursor.unwrap();
    for wrong in [format!("kind=snap&cursor={cursor}"), format!("cursor={cursor}x"), "cursor=.".to_owned()] {
        assert_eq!(
            bench.get(&format!("/api/v1/events?{wrong}"), &cookie).await.0,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
    for wrong in
        ["limit=0", "limit=501", "kind=video", "date=2016-13-01", "from=yesterday", "camra=x", "camera="]
    {
        assert_eq!(
            bench.get(&format!("/api/v1/events?{wrong}"), &cookie).await.0,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
    let (_, nobody) = bench.get("/api/v1/events?camera=nobody", &cookie).await;
    assert_eq!(nobody, json!({"items": [], "next_cursor": null}));
}

#[tokio::test]
async fn a_group_has_no_largest_size() {
    const CAMERAS: usize = 300;
    let bench = Bench::new("").await;
    let boss = User { name: "boss".to_owned(), role: Role::Admin, ..user_named("anna", &bench).await };
    bench.catalog.put_user(&boss).await.unwrap();
    let viewer = bench.cookie().await;
    let admin = bench.sign_in_from("127.0.0.1:9", "boss", "right").await;
    let admin = admin.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    for n in 0..CAMERAS {
        let side = if n % 3 == 0 { "Front" } else { "back" };
        let clip = record(&format!("{side} {n}"), 5_000 + n as i64, CaptureKind::Record, "x.mp4");
        bench.catalog.record(&clip).await.unwrap();
    }
    let put = async |cookie: &str, body: Value| mark(&bench, cookie, "PUT", "/api/v1/groups", body).await;
    assert_eq!(bench.get("/api/v1/groups", &viewer).await, (StatusCode::OK, json!({ "items": [] })));
    let all: Vec<_> =
        (0..CAMERAS).map(|n| format!("{} {n}", if n % 3 == 0 { "Front" } else { "back" })).collect();
    let groups = json!({ "items": [
        { "name": "all of them", "contains": [], "not_contains": [], "in": all },
        { "name": "front", "contains": ["front"], "not_contains": ["5"], "in": ["backyard"] },
        { "name": "none", "contains": ["nobody"], "not_contains": [], "in": [] },
        { "name": "everything", "contains": [], "not_contains": [], "in": [] },
    ]});
    assert_eq!(put(&viewer, groups.clone()).await.0, StatusCode::FORBIDDEN);
    assert_eq!(put(&admin, groups.clone()).await, (StatusCode::OK, groups.clone()));
    assert_eq!(bench.get("/api/v1/groups", &viewer).await, (StatusCode::OK, groups));
    let listed = async |query: &str| {
        let (mut seen, mut path) = (Vec::new(), format!("/api/v1/events?{query}"));
        loop {
            let (status, page) = bench.get(&path, &viewer).await;
            assert_eq!(status, StatusCode::OK, "{path}: {page}");
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|event| event["camera_name"].as_str().unwrap().to_owned()));
            let Some(cursor) = page["next_cursor"].as_str() else { return seen };
            path = format!("/api/v1/events?{query}&cursor={cursor}");
        }
    };
    let newest_first: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(listed("group=all%20of%20them&limit=120").await, newest_first);
    let front: Vec<_> =
        newest_first.iter().filter(|name| name.starts_with('F') && !name.contains('5')).collect();
    let found = listed("group=front&limit=30").await;
    assert_eq!(found[..front.len()].iter().collect::<Vec<_>>(), front);
    assert_eq!(found[front.len()..], ["backyard"; 7]);
    assert_eq!(listed("group=front&camera=Front%203&camera=back%201").await, ["Front 3"]);
    assert_eq!(listed("group=front&camera=back%201").await, [""; 0], "none is not all");
    assert_eq!(listed("group=none").await, [""; 0]);
    assert_eq!(listed("group=everything&limit=200").await.len(), CAMERAS + 7);

    // A camera that joins meanwhile breaks no walk; another group's cursor is none of this one's.
    let (_, page) = bench.get("/api/v1/events?group=front&limit=2", &viewer).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let clip = record("front new", 1, CaptureKind::Record, "x.mp4");
    bench.catalog.record(&clip).await.unwrap();
    let status = async |query: String| bench.get(&format!("/api/v1/events?{query}"), &viewer).await.0;
    assert_eq!(status(format!("group=front&limit=2&cursor={cursor}")).await, StatusCode::OK);
    for wrong in ["group=none&", "", "group=nobody&", "group=&"] {
        assert_eq!(status(format!("{wrong}cursor={cursor}")).await, StatusCode::BAD_REQUEST, "{wrong}");
    }
    assert_eq!(status("group=nobody".to_owned()).await, StatusCode::BAD_REQUEST);
    for wrong in [
        json!({}),
        json!([]),
        json!({ "items": [{ "contains": ["x"] }] }),
        json!({ "items": [{ "name": "" }] }),
        json!({ "items": [{ "name": "a" }, { "name": "a" }] }),
        json!({ "items": [{ "name": "a", "in": ["b/c"] }] }),
        json!({ "items": [{ "name": "a", "contains": [""] }] }),
        json!({ "items": [{ "name": "a", "matches": ["x"] }] }),
    ] {
        let (status, problem) = put(&admin, wrong.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {problem}");
    }
    assert_eq!(put(&admin, json!({ "items": [{ "name": "a" }] })).await.0, StatusCode::OK);
}
