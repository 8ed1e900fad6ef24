//! What each person viewed.

use super::*;

#[tokio::test]
async fn what_was_viewed_is_each_persons_own() {
    let bench = Bench::new("").await;
    let cookie = bench.cookie().await;
    let password_hash = hash_password(b"bens").unwrap();
    let ben =
        User { name: "ben".to_owned(), password_hash, role: Role::Admin, disabled: false, sight: Sight::All };
    bench.catalog.put_user(&ben).await.unwrap();
    let ben = bench.sign_in_from("127.0.0.1:9", "ben", "bens").await;
    let ben = ben.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let listed = async |cookie: &str| {
        let (_, page) = bench.get("/api/v1/events", cookie).await;
        let items = page["items"].as_array().unwrap();
        items.iter().map(|event| event["viewed"].as_bool().unwrap()).collect::<Vec<_>>()
    };
    let (_, page) = bench.get("/api/v1/events", &cookie).await;
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect();
    let one = |n: usize| format!("/api/v1/events/{}", ids[n].as_str().unwrap());
    let put = async |n: usize, viewed: bool| {
        mark(&bench, &cookie, "PUT", &format!("{}/viewed", one(n)), json!({ "viewed": viewed })).await.0
    };
    assert_eq!(listed(&cookie).await, [false; 7]);
    for _ in 0..2 {
        assert_eq!(put(1, true).await, StatusCode::NO_CONTENT);
    }
    let many = async |body: Value| mark(&bench, &cookie, "POST", "/api/v1/events/viewed", body).await.0;
    assert_eq!(many(json!({ "ids": [ids[3], ids[1], ids[3]] })).await, StatusCode::NO_CONTENT);
    assert_eq!(listed(&cookie).await, [false, true, false, true, false, false, false]);
    assert_eq!(bench.get(&one(1), &cookie).await.1["viewed"], json!(true));
    assert_eq!(bench.get(&one(0), &cookie).await.1["viewed"], json!(false));
    assert_eq!(many(json!({ "up_to": ids[4] })).await, StatusCode::NO_CONTENT);
    assert_eq!(listed(&cookie).await, [false, true, false, true, true, true, true]);
    assert_eq!(put(3, false).await, StatusCode::NO_CONTENT);
    assert_eq!(listed(&cookie).await, [false, true, false, false, true, true, true]);
    assert_eq!(listed(&ben).await, [false; 7]);

    let (status, viewed) = bench.get("/api/v1/viewed", &cookie).await;
    assert_eq!((status, viewed["items"].as_array().unwrap().len()), (StatusCode::OK, 1));
    assert_eq!((&viewed["items"][0]["id"], &viewed["up_to"][0]["id"]), (&ids[1], &ids[4]));
    assert_eq!(viewed["next_cursor"], Value::Null);
    assert_eq!(bench.get("/api/v1/viewed?since=2999-01-01T00:00:00Z", &cookie).await.1["items"], json!([]));
    assert_eq!(bench.get("/api/v1/viewed", &ben).await.1["items"], json!([]));
}

#[tokio::test]
async fn marks_are_paged_and_refused_for_what_is_wrong_with_them() {
    let bench = Bench::new("").await;
    let cookie = bench.cookie().await;
    let (_, page) = bench.get("/api/v1/events", &cookie).await;
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect();
    let many = async |body: Value| mark(&bench, &cookie, "POST", "/api/v1/events/viewed", body).await;
    assert_eq!(many(json!({ "ids": ids })).await.0, StatusCode::NO_CONTENT);
    let (mut seen, mut path, mut cursors) =
        (Vec::new(), "/api/v1/viewed?since=0&limit=3".to_owned(), Vec::new());
    loop {
        let (status, page) = bench.get(&path, &cookie).await;
        assert_eq!(status, StatusCode::OK);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].clone()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        cursors.push(cursor.to_owned());
        path = format!("/api/v1/viewed?since=0&limit=3&cursor={cursor}");
    }
    seen.sort_by_key(ToString::to_string);
    let mut all = ids.clone();
    all.sort_by_key(ToString::to_string);
    assert_eq!((seen, cursors.len()), (all, 2), "each once");
    for wrong in [
        "since=yesterday",
        "limit=0",
        "limit=501",
        "limit=x",
        "sinse=0",
        "cursor=x",
        &format!("since=1&cursor={}", cursors[0]),
        &format!("since=0&cursor={}x", cursors[0]),
    ] {
        let (status, _) = bench.get(&format!("/api/v1/viewed?{wrong}"), &cookie).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let gone = record("nobody", 5, CaptureKind::Record, "x.mp4").id().to_string();
    let longest = record(&"é".repeat(32), 5, CaptureKind::Record, "x.mp4").id().to_string();
    for (body, status) in [
        (json!({}), StatusCode::BAD_REQUEST),
        (json!([]), StatusCode::BAD_REQUEST),
        (json!({ "ids": [ids[0]], "up_to": ids[0] }), StatusCode::BAD_REQUEST),
        (json!({ "ids": ids[0] }), StatusCode::BAD_REQUEST),
        (json!({ "ids": [5] }), StatusCode::BAD_REQUEST),
        (json!({ "ids": [ids[0]], "viewed_at": 5 }), StatusCode::BAD_REQUEST),
        (json!({ "ids": vec![&ids[0]; 501] }), StatusCode::BAD_REQUEST),
        (json!({ "ids": [ids[0], gone] }), StatusCode::NOT_FOUND),
        (json!({ "ids": ["x"] }), StatusCode::NOT_FOUND),
        (json!({ "ids": vec![longest; 500] }), StatusCode::NOT_FOUND),
        (json!({ "up_to": gone }), StatusCode::NOT_FOUND),
        (json!({ "up_to": "" }), StatusCode::NOT_FOUND),
        (json!({ "ids": [] }), StatusCode::NO_CONTENT),
        (json!({ "ids": vec![&ids[0]; 500] }), StatusCode::NO_CONTENT),
    ] {
        let (found, problem) = many(body.clone()).await;
        assert_eq!(found, status, "{problem} of {:.99}", body.to_string());
    }
    let one = format!("/api/v1/events/{}/viewed", ids[0].as_str().unwrap());
    for body in [json!({}), json!({ "viewed": "yes" }), json!({ "viewed": true, "at": 5 }), json!(true)] {
        assert_eq!(mark(&bench, &cookie, "PUT", &one, body).await.0, StatusCode::BAD_REQUEST);
    }
    for id in [gone.as_str(), "x", "viewed"] {
        let path = format!("/api/v1/events/{id}/viewed");
        let status = mark(&bench, &cookie, "PUT", &path, json!({ "viewed": true })).await.0;
        assert_eq!(status, StatusCode::NOT_FOUND, "{id}");
    }
}
