//! What admins decide about events.

use super::*;

/// How deliveries go, and tests, are an admin's; without channels there is nothing to see for anybody.
#[tokio::test]
async fn a_viewer_sees_no_deliveries_and_tests_no_channel() {
    let bench = Bench::new("").await;
    let (viewer, admin) = (bench.cookie().await, bench.cookie_of("otto").await);
    for path in ["/api/v1/notifications/deliveries", "/api/v1/push/key"] {
        assert_eq!(bench.get(path, "").await.0, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(bench.get(path, &admin).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(bench.get("/api/v1/notifications/deliveries", &viewer).await.0, StatusCode::FORBIDDEN);
    let test = async |cookie: &str, body: &'static str| {
        let request =
            Request::post("/api/v1/notifications/test").header(header::CONTENT_TYPE, "application/json");
        let request = request.header(header::COOKIE, cookie).body(Body::from(body)).unwrap();
        bench.send(request).await.status()
    };
    assert_eq!(test(&viewer, r#"{"channel": "x"}"#).await, StatusCode::FORBIDDEN);
    assert_eq!(test(&admin, r#"{"channel": "x"}"#).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_admin_protects_notes_and_deletes_and_a_viewer_only_looks() {
    let bench = Bench::new("").await;
    let (viewer, admin) = (bench.cookie().await, bench.cookie_of("otto").await);
    let (_, page) = bench.get("/api/v1/events?limit=1", &viewer).await;
    let id = page["items"][0]["id"].as_str().unwrap();
    let both = r#"{"protected": true, "note": " the fox "}"#;
    assert_eq!(decide(&bench, "", id, both).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(decide(&bench, &viewer, id, both).await.0, StatusCode::FORBIDDEN);
    assert_eq!(delete(&bench, &viewer, id).await, StatusCode::FORBIDDEN);
    assert_eq!(decide(&bench, &admin, "nothing", both).await.0, StatusCode::NOT_FOUND);
    let shown = async || {
        let (_, event) = bench.get(&format!("/api/v1/events/{id}"), &viewer).await;
        (event["protected"].clone(), event["note"].clone())
    };
    let start = bench.catalog.latest_change().await.unwrap();
    let (status, event) = decide(&bench, &admin, id, both).await;
    assert_eq!(
        (status, &event["protected"], &event["note"]),
        (StatusCode::OK, &json!(true), &json!("the fox"))
    );
    assert_eq!(shown().await, (json!(true), json!("the fox")));
    assert_eq!(bench.catalog.changes(start, 10).await.unwrap().items.len(), 1, "live streams are told");
    let key = event["object_key"].as_str().unwrap().to_owned();
    let state = bench.store.get_bytes(&format!("derived/{key}/state.json"), 1 << 16).await.unwrap().unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    assert_eq!(
        (&state["version"], &state["by"], &state["protected"]),
        (&json!(1), &json!("otto"), &json!(true))
    );
    // What isn't named stays.
    assert_eq!(decide(&bench, &admin, id, r#"{"note": null}"#).await.0, StatusCode::OK);
    assert_eq!(shown().await, (json!(true), json!(null)));
    assert_eq!(decide(&bench, &admin, id, "{}").await.0, StatusCode::OK);
    assert_eq!(delete(&bench, &admin, id).await, StatusCode::CONFLICT);
    assert_eq!(decide(&bench, &admin, id, r#"{"protected": false}"#).await.0, StatusCode::OK);
    assert_eq!(delete(&bench, &admin, id).await, StatusCode::NO_CONTENT);
    assert_eq!(delete(&bench, &admin, id).await, StatusCode::NOT_FOUND);
    assert_eq!(decide(&bench, &admin, id, "{}").await.0, StatusCode::NOT_FOUND);
    for left in [key.clone(), format!("derived/{key}/state.json")] {
        assert_eq!(bench.store.head(&left).await.unwrap(), None, "{left}");
    }
    let (_, page) = bench.get("/api/v1/events", &viewer).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn a_wrong_decision_is_told_in_words() {
    let bench = Bench::new("").await;
    let admin = bench.cookie_of("otto").await;
    let (_, page) = bench.get("/api/v1/events?limit=1", &admin).await;
    let id = page["items"][0]["id"].as_str().unwrap();
    let long = format!(r#"{{"note": "{}"}}"#, "x".repeat(2_001));
    for (body, want) in [
        ("", "EOF while parsing"),
        ("[true]", "expected a map"),
        (r#"{"protected": "yes"}"#, "protected: found \"yes\", expected true or false"),
        (r#"{"protected": null}"#, "protected: found null, expected true or false"),
        (r#"{"note": 7}"#, "note: found 7, expected a text or null"),
        (r#"{"note": "a\nb"}"#, "U+000A as its character 2"),
        (&long, "note: the note has 2001 characters, expected at most 2000"),
        (r#"{"viewed": true}"#, "found the unknown field \"viewed\", expected protected or note"),
    ] {
        let (status, problem) = decide(&bench, &admin, id, body).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == StatusCode::BAD_REQUEST && detail.contains(want), "{body}: {status} {problem}");
    }
    let plain = Request::patch(format!("/api/v1/events/{id}")).header(header::COOKIE, &admin);
    let (status, problem) = read(bench.send(plain.body(Body::from("{}")).unwrap()).await).await;
    assert!(status == StatusCode::BAD_REQUEST, "{problem}");
    assert_eq!(bench.store.list("derived", None).await.unwrap().keys, [""; 0], "nothing was decided");
}
