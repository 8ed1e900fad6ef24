//! Who may what: cameras that a person is limited to, tokens and their scopes, users, and the log of all that.

use camtrail_model::{CameraName, ports::Shares};

use super::{
    shares::{Hands, call, first_event},
    *,
};

/// Anna may see `gate` only; `backyard` has seven events, `gate` three.
async fn limited() -> (Bench, String, String) {
    let bench = Bench::new("").await;
    for n in 0..3 {
        bench.catalog.record(&record("gate", 500 + n, CaptureKind::Snap, &format!("{n}.jpg"))).await.unwrap();
    }
    let (anna, otto) = (bench.cookie().await, bench.cookie_of("otto").await);
    let body = json!({ "cameras": ["gate"] });
    assert_eq!(call(&bench, &otto, "PATCH", "/api/v1/users/anna", Some(body)).await.0, StatusCode::OK);
    (bench, anna, otto)
}

async fn cameras_of(bench: &Bench, cookie: &str, query: &str) -> Vec<String> {
    let (mut seen, mut path) = (Vec::new(), format!("/api/v1/events?limit=2&{query}"));
    loop {
        let (status, page) = bench.get(&path, cookie).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|event| event["camera_name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { return seen };
        assert!(!items.is_empty(), "no page is empty while more follows");
        path = format!("/api/v1/events?limit=2&{query}&cursor={cursor}");
    }
}

/// Everything that names a camera, tried by somebody who may see another one only.
#[tokio::test]
async fn who_may_see_one_camera_reaches_no_other() {
    let (bench, anna, otto) = limited().await;
    let groups = json!({ "items": [
        { "name": "all", "contains": [], "not_contains": [], "in": [] },
        { "name": "back", "contains": ["back"], "not_contains": [], "in": [] },
        { "name": "both", "contains": [], "not_contains": [], "in": ["backyard", "gate"] },
    ]});
    assert_eq!(call(&bench, &otto, "PUT", "/api/v1/groups", Some(groups)).await.0, StatusCode::OK);
    assert_eq!(cameras_of(&bench, &otto, "").await.len(), 10);
    assert_eq!(cameras_of(&bench, &anna, "").await, ["gate"; 3]);
    assert_eq!(cameras_of(&bench, &anna, "camera=backyard&camera=gate").await, ["gate"; 3]);
    assert_eq!(cameras_of(&bench, &anna, "camera=backyard").await, [""; 0]);
    assert_eq!(cameras_of(&bench, &anna, "group=all&order=oldest").await, ["gate"; 3]);
    assert_eq!(cameras_of(&bench, &anna, "group=both").await, ["gate"; 3]);
    assert_eq!(cameras_of(&bench, &anna, "group=back").await, [""; 0]);
    // Another's cursor is a place, and no right.
    let (_, page) = bench.get("/api/v1/events?limit=1", &otto).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    let (_, page) = bench.get(&format!("/api/v1/events?limit=1&cursor={cursor}"), &anna).await;
    assert!(page["items"].as_array().unwrap().iter().all(|event| event["camera_name"] == "gate"));
    let hidden = first_event(&bench, &otto).await;
    let own = first_event(&bench, &anna).await;
    let (_, shown) = bench.get(&format!("/api/v1/events/{own}"), &anna).await;
    assert_eq!(shown["camera_name"], "gate");
    for (method, path, body) in [
        ("GET", format!("/api/v1/events/{hidden}"), None),
        ("PUT", format!("/api/v1/events/{hidden}/viewed"), Some(json!({ "viewed": true }))),
        ("POST", "/api/v1/events/viewed".to_owned(), Some(json!({ "ids": [own, hidden] }))),
        ("POST", "/api/v1/events/viewed".to_owned(), Some(json!({ "up_to": hidden }))),
        ("POST", "/api/v1/shares".to_owned(), Some(json!({ "event_id": hidden }))),
    ] {
        let (status, problem) = call(&bench, &anna, method, &path, body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}: {problem}");
        assert_eq!(problem["detail"], "there is no such event", "as if there were none");
    }
    let (_, cameras) = bench.get("/api/v1/cameras", &anna).await;
    assert_eq!(cameras["items"].as_array().unwrap().len(), 1, "{cameras}");
    let (_, groups) = bench.get("/api/v1/groups", &anna).await;
    assert!(!groups.to_string().contains("back"), "{groups}");
    assert_eq!(groups["items"].as_array().unwrap().len(), 2, "{groups}");
    for path in ["/api/v1/users", "/api/v1/audit"] {
        assert_eq!(bench.get(path, &anna).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    // A share of a camera that was taken away later is dead, and another's is none of theirs.
    let (_, made) = call(&bench, &otto, "POST", "/api/v1/shares", Some(json!({ "event_id": own }))).await;
    let path = format!("/api/v1/shares/{}", made["id"].as_str().unwrap());
    assert_eq!(call(&bench, &anna, "DELETE", &path, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(bench.get("/api/v1/shares", &anna).await.1, json!({ "items": [] }));
}

#[tokio::test]
async fn marks_of_cameras_that_are_out_of_sight_are_not_told() {
    let bench = Bench::new("").await;
    for n in 0..3 {
        bench.catalog.record(&record("gate", 500 + n, CaptureKind::Snap, &format!("{n}.jpg"))).await.unwrap();
    }
    let (anna, otto) = (bench.cookie().await, bench.cookie_of("otto").await);
    let (_, page) = bench.get("/api/v1/events", &anna).await;
    for event in page["items"].as_array().unwrap() {
        let path = format!("/api/v1/events/{}/viewed", event["id"].as_str().unwrap());
        call(&bench, &anna, "PUT", &path, Some(json!({ "viewed": true }))).await;
    }
    let newest = first_event(&bench, &anna).await;
    call(&bench, &anna, "POST", "/api/v1/events/viewed", Some(json!({ "up_to": newest }))).await;
    let marks = async |limit: usize| {
        let (mut count, mut path) = (0, format!("/api/v1/viewed?limit={limit}"));
        loop {
            let (_, page) = bench.get(&path, &anna).await;
            let items = page["items"].as_array().unwrap().len();
            count += items;
            let Some(cursor) = page["next_cursor"].as_str() else { return (count, page["up_to"].clone()) };
            assert!(items > 0, "no page is empty while more follows");
            path = format!("/api/v1/viewed?limit={limit}&cursor={cursor}");
        }
    };
    assert_eq!(marks(1).await.0, 10);
    call(&bench, &otto, "PATCH", "/api/v1/users/anna", Some(json!({ "cameras": ["gate"] }))).await;
    for limit in [1, 2, 100] {
        assert_eq!(marks(limit).await, (3, json!([])), "{limit}");
    }
    call(&bench, &otto, "PATCH", "/api/v1/users/anna", Some(json!({ "cameras": [] }))).await;
    assert_eq!(marks(1).await, (0, json!([])));
    assert_eq!(cameras_of(&bench, &anna, "").await, [""; 0], "an empty list is none, and not all");
}

#[tokio::test]
async fn live_answers_tell_of_what_may_be_seen_only() {
    let bench = Bench::serverless().await;
    let (anna, otto) = (bench.cookie().await, bench.cookie_of("otto").await);
    call(&bench, &otto, "PATCH", "/api/v1/users/anna", Some(json!({ "cameras": ["gate"] }))).await;
    let (_, hello) = polled(&bench, &anna, None).await;
    let id = hello[0].1.clone();
    let hidden = record("backyard", 9_000, CaptureKind::Record, "hidden.mp4");
    bench.catalog.record(&hidden).await.unwrap();
    bench.catalog.record(&record("gate", 9_000, CaptureKind::Record, "own.mp4")).await.unwrap();
    bench.catalog.remove(&hidden.object_key).await.unwrap();
    let note = camtrail_model::ports::CameraNote::Test(camtrail_model::ports::TestUpload {
        name: "test.txt".to_owned(),
        size: 1,
        at: Millis(1),
    });
    for camera in ["secret", "gate"] {
        bench.catalog.note_camera(&CameraName::from_folder(camera), &note).await.unwrap();
    }
    let (_, told) = polled(&bench, &anna, Some(&id)).await;
    let text = format!("{told:?}");
    assert!(
        !text.contains("backyard") && !text.contains("secret") && !text.contains(&hidden.id().to_string()),
        "{text}"
    );
    let kinds: Vec<_> = told.iter().map(|(event, ..)| event.as_str()).collect();
    assert_eq!(kinds, ["new", "camera", "camera"], "its camera became known, and sent a test");
    let (_, all) = polled(&bench, &otto, Some(&id)).await;
    assert!(all.len() > told.len(), "{all:?}");
    let last = &told[2].1;
    assert_eq!(polled(&bench, &anna, Some(last)).await.1, [], "what isn't told is behind them, too");
}

async fn made_token(bench: &Bench, cookie: &str, scopes: Value) -> (String, String) {
    let body = json!({ "name": "script", "scopes": scopes });
    let (status, made) = call(bench, cookie, "POST", "/api/v1/tokens", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    (format!("Bearer {}", made["token"].as_str().unwrap()), made["id"].as_str().unwrap().to_owned())
}

/// Each documented call says in its security which scope it wants: that is held against what it does.
#[tokio::test]
async fn a_token_is_good_for_its_scopes_and_nothing_else() {
    // With a public address: without one, programs of this machine may read the metrics.
    let public = |parts: &mut ApiParts| parts.config.public_url = Some("https://cams.example.org".to_owned());
    let bench = Bench::with(public).await;
    let otto = bench.cookie_of("otto").await;
    let document = serde_json::to_value(openapi()).unwrap();
    let mut tried = 0;
    for scope in ["read", "review", "share", "admin"] {
        let (token, _) = made_token(&bench, &otto, json!([scope])).await;
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let ways = operation["security"].as_array().cloned().unwrap_or_default();
                // What is open to nobody in particular (metrics, from this machine) asks no token for anything.
                if ways.contains(&json!({})) {
                    continue;
                }
                let mut wants = ways.iter();
                let Some(wants) = wants.find_map(|s| s["api_token"][0].as_str()) else { continue };
                if path == "/api/v1/live" {
                    continue;
                }
                let path = path.replace("{id}", "x").replace("{name}", "x");
                let body = (method != "get").then(|| json!({ "nothing": 1 }));
                let status = call(&bench, &token, &method.to_uppercase(), &path, body).await.0;
                tried += 1;
                if scope == wants || scope == "admin" {
                    assert!(
                        !matches!(status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED),
                        "{scope}: {method} {path}: {status}"
                    );
                } else {
                    assert_eq!(status, StatusCode::FORBIDDEN, "{scope}: {method} {path}");
                }
            }
        }
    }
    assert!(tried > 60, "{tried}");
    let (read, _) = made_token(&bench, &otto, json!(["read"])).await;
    assert_eq!(call(&bench, &read, "GET", "/api/v1/session", None).await.1["username"], "otto");
}

#[tokio::test]
async fn a_token_is_never_more_than_its_person_and_ends_at_once() {
    let hands = Hands::now_set();
    let clock = hands.clone();
    let bench = Bench::with(move |parts| parts.clock = clock).await;
    let (anna, otto) = (bench.cookie().await, bench.cookie_of("otto").await);
    let body = json!({ "name": "x", "scopes": ["admin"] });
    assert_eq!(call(&bench, &anna, "POST", "/api/v1/tokens", Some(body)).await.0, StatusCode::BAD_REQUEST);
    let (mut_token, id) = made_token(&bench, &anna, json!(["read", "review", "share"])).await;
    let get = async |token: &str| call(&bench, token, "GET", "/api/v1/events", None).await.0;
    assert_eq!(get(&mut_token).await, StatusCode::OK);
    // No token makes tokens, unless it is an admin's.
    let body = json!({ "name": "x", "scopes": ["read"] });
    assert_eq!(call(&bench, &mut_token, "POST", "/api/v1/tokens", Some(body)).await.0, StatusCode::FORBIDDEN);
    // A right token doesn't mend a wrong cookie, nor a right cookie a wrong token.
    for wrong in
        ["Bearer ct_x", "Bearer ", "Bearer ct_", &mut_token[..mut_token.len() - 1], &format!("{mut_token}x")]
    {
        let request = Request::get("/api/v1/events")
            .header(header::AUTHORIZATION, wrong)
            .header(header::COOKIE, &anna)
            .body(Body::empty())
            .unwrap();
        let response = bench.send(request).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{wrong}");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
    // The digest's half that is its id opens nothing.
    assert_eq!(get(&format!("Bearer ct_{id}")).await, StatusCode::UNAUTHORIZED);
    let listed = async |cookie: &str| bench.get("/api/v1/tokens", cookie).await.1["items"].clone();
    assert!(
        listed(&anna).await[0].get("token").is_none() && !listed(&anna).await.to_string().contains("ct_")
    );
    assert!(listed(&anna).await[0]["last_used_at"].as_str().unwrap().ends_with(":00:00.000Z"), "to the hour");
    let secret = mut_token.strip_prefix("Bearer ").unwrap();
    assert!(!bench.catalog_bytes().windows(secret.len()).any(|part| part == secret.as_bytes()));
    // Limited with its person, dead with them.
    call(&bench, &otto, "PATCH", "/api/v1/users/anna", Some(json!({ "cameras": ["gate"] }))).await;
    assert_eq!(cameras_of_token(&bench, &mut_token).await, 0);
    call(&bench, &otto, "PATCH", "/api/v1/users/anna", Some(json!({ "disabled": true }))).await;
    assert_eq!(get(&mut_token).await, StatusCode::UNAUTHORIZED);
    call(&bench, &otto, "PATCH", "/api/v1/users/anna", Some(json!({ "disabled": false, "cameras": null })))
        .await;
    assert_eq!(get(&mut_token).await, StatusCode::UNAUTHORIZED, "who comes back makes new ones");
    let anna = bench.cookie().await;
    let (second, id) = made_token(&bench, &anna, json!(["read"])).await;
    let (third, _) = made_token(&bench, &otto, json!(["read"])).await;
    let revoke = async |cookie: &str, id: &str| {
        call(&bench, cookie, "DELETE", &format!("/api/v1/tokens/{id}"), None).await.0
    };
    let of_otto =
        listed(&otto).await.as_array().unwrap().iter().find(|t| t["username"] == "otto").unwrap().clone();
    assert_eq!(revoke(&anna, of_otto["id"].as_str().unwrap()).await, StatusCode::NOT_FOUND, "another's");
    assert_eq!(get(&third).await, StatusCode::OK);
    assert_eq!(revoke(&otto, &id).await, StatusCode::NO_CONTENT);
    assert_eq!(get(&second).await, StatusCode::UNAUTHORIZED, "at once");
    assert_eq!(revoke(&otto, &id).await, StatusCode::NOT_FOUND);
    let end =
        camtrail_model::Millis(camtrail_model::ports::Clock::now(&*hands).0 + 60_000).timestamp().to_string();
    let body = json!({ "name": "short", "scopes": ["read"], "expires_at": end });
    let (_, made) = call(&bench, &anna, "POST", "/api/v1/tokens", Some(body)).await;
    let short = format!("Bearer {}", made["token"].as_str().unwrap());
    assert_eq!(get(&short).await, StatusCode::OK);
    hands.ahead(61_000);
    assert_eq!(get(&short).await, StatusCode::UNAUTHORIZED);
    // Scopes stay those that were named, though their person is an admin no more.
    let (boss, _) = made_token(&bench, &otto, json!(["admin"])).await;
    let body = json!({ "role": "admin" });
    assert_eq!(call(&bench, &boss, "PATCH", "/api/v1/users/anna", Some(body)).await.0, StatusCode::OK);
    let body = json!({ "role": "viewer" });
    assert_eq!(call(&bench, &boss, "PATCH", "/api/v1/users/otto", Some(body)).await.0, StatusCode::OK);
    assert_eq!(call(&bench, &boss, "GET", "/api/v1/users", None).await.0, StatusCode::FORBIDDEN);
}

async fn cameras_of_token(bench: &Bench, token: &str) -> usize {
    call(bench, token, "GET", "/api/v1/events", None).await.1["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn somebody_who_may_change_people_always_remains() {
    let bench = Bench::new("").await;
    let otto = bench.cookie_of("otto").await;
    let patch = async |name: &str, body: Value| {
        call(&bench, &otto, "PATCH", &format!("/api/v1/users/{name}"), Some(body)).await
    };
    for body in
        [json!({ "disabled": true }), json!({ "role": "viewer" }), json!({ "role": "viewer", "cameras": [] })]
    {
        let (status, problem) = patch("otto", body).await;
        assert!(status == StatusCode::CONFLICT && problem.to_string().contains("last admin"), "{problem}");
    }
    for (body, want) in [
        (json!({ "cameras": ["gate"] }), "an admin sees all cameras"),
        (json!({ "cameras": ["a/b"] }), "cameras: "),
        (json!({ "cameras": vec!["x"; 501] }), "501"),
        (json!({ "password": "short" }), "at least 8"),
        (json!({ "role": "owner" }), "unknown variant `owner`"),
        (json!({ "rank": 1 }), "unknown field `rank`"),
    ] {
        let (status, problem) = patch("otto", body.clone()).await;
        assert!(status == StatusCode::BAD_REQUEST && problem.to_string().contains(want), "{body}: {problem}");
    }
    assert_eq!(patch("nobody", json!({})).await.0, StatusCode::NOT_FOUND);
    let create = async |body: Value| call(&bench, &otto, "POST", "/api/v1/users", Some(body)).await;
    let new = json!({ "name": "ben", "password": "longer than 8", "role": "viewer", "cameras": ["gate", "Gare é, 1"] });
    let (status, ben) = create(new.clone()).await;
    assert_eq!((status, &ben["cameras"]), (StatusCode::CREATED, &json!(["Gare é, 1", "gate"])));
    assert_eq!(ben["by_provider"], false);
    assert!(!ben.to_string().contains("argon2") && !ben.to_string().contains("longer"), "{ben}");
    assert_eq!(create(new).await.0, StatusCode::CONFLICT);
    for wrong in [
        json!({ "name": "", "password": "longer than 8", "role": "viewer" }),
        json!({ "name": "a\nb", "password": "longer than 8", "role": "viewer" }),
        json!({ "name": "c", "password": "x".repeat(2_000), "role": "viewer" }),
        json!({ "name": "c", "password": "longer than 8", "role": "admin", "cameras": ["gate"] }),
    ] {
        assert_eq!(create(wrong.clone()).await.0, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let response = bench.sign_in_as("ben", "longer than 8").await;
    assert_eq!(response.status(), StatusCode::OK);
    let cookie =
        response.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(patch("ben", json!({ "role": "admin" })).await.0, StatusCode::BAD_REQUEST, "still limited");
    assert_eq!(patch("ben", json!({ "role": "admin", "cameras": null })).await.0, StatusCode::OK);
    assert_eq!(bench.get("/api/v1/users", &cookie).await.0, StatusCode::OK, "at the next request");
    assert_eq!(patch("ben", json!({ "password": "another one" })).await.0, StatusCode::OK);
    assert_eq!(bench.get("/api/v1/session", &cookie).await.0, StatusCode::UNAUTHORIZED, "sessions ended");
    let (_, users) = bench.get("/api/v1/users", &otto).await;
    assert_eq!(users["items"].as_array().unwrap().len(), 3);
    assert!(!users.to_string().contains("argon2"), "{users}");
    assert_eq!(patch("otto", json!({ "disabled": true })).await.0, StatusCode::OK, "not the last any more");
    assert_eq!(bench.get("/api/v1/users", &otto).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_log_tells_who_did_what_and_no_secret() {
    let bench = Bench::new("").await;
    bench.sign_in("wr0ng-secret").await;
    let (anna, otto) = (bench.cookie().await, bench.cookie_of("otto").await);
    let id = first_event(&bench, &anna).await;
    let (_, made) = call(&bench, &anna, "POST", "/api/v1/shares", Some(json!({ "event_id": id }))).await;
    let url = made["url"].as_str().unwrap();
    for _ in 0..3 {
        bench.get(url, "").await;
    }
    let share = made["id"].as_str().unwrap();
    call(&bench, &anna, "DELETE", &format!("/api/v1/shares/{share}"), None).await;
    for _ in 0..3 {
        bench.get(url, "").await;
    }
    let (token, token_id) = made_token(&bench, &otto, json!(["admin"])).await;
    call(
        &bench,
        &token,
        "PATCH",
        &format!("/api/v1/events/{id}"),
        Some(json!({ "protected": true, "note": "x" })),
    )
    .await;
    call(&bench, &otto, "PATCH", &format!("/api/v1/events/{id}"), Some(json!({ "protected": false }))).await;
    call(&bench, &otto, "DELETE", &format!("/api/v1/events/{id}"), None).await;
    call(&bench, &otto, "PUT", "/api/v1/groups", Some(json!({ "items": [] }))).await;
    let new = json!({ "name": "ben", "password": "very secret 1", "role": "viewer" });
    call(&bench, &otto, "POST", "/api/v1/users", Some(new)).await;
    let changes = json!({ "password": "very secret 2", "disabled": true, "cameras": ["gate"] });
    call(&bench, &otto, "PATCH", "/api/v1/users/ben", Some(changes)).await;
    call(&bench, &otto, "DELETE", &format!("/api/v1/tokens/{token_id}"), None).await;
    call(&bench, &anna, "DELETE", "/api/v1/session", None).await;
    let (mut items, mut path) = (Vec::new(), "/api/v1/audit?limit=4".to_owned());
    loop {
        let (status, page) = bench.get(&path, &otto).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        items.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/audit?limit=4&cursor={cursor}");
    }
    items.reverse();
    let told: Vec<_> = items
        .iter()
        .map(|item| format!("{} {}", item["who"].as_str().unwrap_or("-"), item["action"].as_str().unwrap()))
        .collect();
    let mut sorted = told.clone();
    let mut want = [
        "- sign_in_failed",
        "anna signed_in",
        "otto signed_in",
        "anna share_created",
        "- share_opened",
        "anna share_revoked",
        "- share_refused",
        "otto token_created",
        "otto event_protected",
        "otto event_noted",
        "otto event_unprotected",
        "otto event_deleted",
        "otto groups_replaced",
        "otto user_added",
        "otto user_disabled",
        "otto password_changed",
        "otto user_changed",
        "otto token_revoked",
        "anna signed_out",
    ];
    sorted.sort();
    want.sort_unstable();
    assert_eq!(sorted, want, "each once, however often a link was opened");
    assert_eq!(
        (told[0].as_str(), told.last().unwrap().as_str()),
        ("- sign_in_failed", "anna signed_out"),
        "by time"
    );
    let text = Value::from(items.clone()).to_string();
    let secret_of_link = url.rsplit('/').next().unwrap();
    for secret in ["wr0ng", "right", "very secret", secret_of_link, "ct_", "argon2"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(text.contains(&format!("with the token {token_id}")) && text.contains("\"from\":\"127.0.0.1\""));
    for wrong in ["limit=0", "limit=501", "from=x", "cursor=1-2.x", "who=anna"] {
        assert_eq!(
            bench.get(&format!("/api/v1/audit?{wrong}"), &otto).await.0,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
    assert_eq!(bench.get("/api/v1/audit?to=1", &otto).await.1["items"], json!([]));
    assert_eq!(bench.catalog.shares().await.unwrap()[0].openings.opened, 3);
}

/// Many names from one place: one throttle. Nobody elsewhere waits for it, nor who is signed in.
#[tokio::test]
async fn ten_thousand_wrong_sign_ins_hold_up_their_own_place_only() {
    let hands = Hands::now_set();
    let clock = hands.clone();
    let failures = Arc::new(MemoryFailures::default());
    let noted = failures.clone();
    let bench = Bench::with(move |parts| (parts.clock, parts.sign_in_failures) = (clock, noted)).await;
    let guilty = "203.0.113.5:9";
    let signed_in = bench.sign_in_from(guilty, "anna", "right").await;
    let cookie =
        signed_in.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let mut looked_at = 0;
    for n in 0..10_000 {
        let status = bench.sign_in_from(guilty, &format!("name {n}"), "guess").await.status();
        looked_at += u32::from(status == StatusCode::UNAUTHORIZED);
        assert!(matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS), "{status}");
    }
    assert_eq!(looked_at, 31);
    assert!(failures.len() <= 32, "{} keys", failures.len());
    assert_eq!(bench.sign_in_from("203.0.113.6:9", "anna", "right").await.status(), StatusCode::OK);
    assert_eq!(bench.get("/api/v1/events", &cookie).await.0, StatusCode::OK, "who is signed in goes on");
    let refused = bench.sign_in_from(guilty, "anna", "right").await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: i64 = refused.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=31).contains(&wait), "{wait}");
    hands.ahead(wait * 1_000);
    assert_eq!(bench.sign_in_from(guilty, "anna", "right").await.status(), StatusCode::OK, "after the wait");
    let (_, log) = bench.get("/api/v1/audit?limit=500", &bench.cookie_of("otto").await).await;
    assert!(log["items"].as_array().unwrap().len() < 30, "the log is no place to fill");
}

/// One account that is guessed at doesn't hold up the others of its place.
#[tokio::test]
async fn guesses_at_one_account_hold_up_that_account_only() {
    let bench = Bench::new("").await;
    for _ in 0..200 {
        bench.sign_in("guess").await;
    }
    assert_eq!(bench.sign_in("right").await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(bench.sign_in_as("otto", "right").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn people_change_their_own_password() {
    let bench = Bench::new("").await;
    let (here, elsewhere) = (bench.cookie().await, bench.cookie().await);
    let (token, _) = made_token(&bench, &bench.cookie_of("otto").await, json!(["admin"])).await;
    let put = async |cookie: &str, current: &str, new: &str| {
        let request =
            Request::put("/api/v1/session/password").header(header::CONTENT_TYPE, "application/json");
        let proof = if cookie.starts_with("Bearer") { header::AUTHORIZATION } else { header::COOKIE };
        let request = request.header(proof, cookie);
        let body = json!({ "current": current, "new": new }).to_string();
        bench.send(request.body(Body::from(body)).unwrap()).await
    };
    assert_eq!(put(&token, "right", "another one").await.status(), StatusCode::FORBIDDEN, "by no token");
    assert_eq!(put(&here, "right", "short").await.status(), StatusCode::BAD_REQUEST);
    let response = put(&here, "right", "another one").await;
    assert_eq!(response.status(), StatusCode::OK);
    let cookie =
        response.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    for ended in [&here, &elsewhere] {
        assert_eq!(bench.get("/api/v1/session", ended).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(bench.get("/api/v1/session", &cookie).await.0, StatusCode::OK, "this browser goes on");
    assert_eq!(bench.sign_in("right").await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(bench.sign_in("another one").await.status(), StatusCode::OK);
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(put(&cookie, "guess", "a third one").await.status());
    }
    assert_eq!((statuses[0], statuses[7]), (StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS));
}

/// A stream that is woken all the time, and that has nothing to tell, ends, too: by the real clock, as it is the real
/// writer's thread that wakes it.
#[tokio::test]
async fn a_stream_that_is_woken_for_nothing_ends_with_its_token() {
    let bench = Bench::new("").await;
    let otto = bench.cookie_of("otto").await;
    let (token, id) = made_token(&bench, &otto, json!(["read"])).await;
    let request =
        Request::get("/api/v1/live").header(header::AUTHORIZATION, &token).body(Body::empty()).unwrap();
    let response = bench.send(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let reading = tokio::spawn(to_bytes(response.into_body(), 1 << 20));
    call(&bench, &otto, "DELETE", &format!("/api/v1/tokens/{id}"), None).await;
    let clip = record("backyard", 1_000, CaptureKind::Record, "0.mp4");
    for _ in 0..20 {
        // The same again changes nothing, and wakes.
        bench.catalog.record(&clip).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        if reading.is_finished() {
            return;
        }
    }
    panic!("still open");
}

/// The page as a browser gets it that goes there.
async fn page(bench: &Bench, path: &str, cookie: &str, mode: &str) -> (axum::http::HeaderMap, String) {
    let request = Request::get(path).header("cookie", cookie).header("sec-fetch-mode", mode);
    let response = bench.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let headers = response.headers().clone();
    let html = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (headers, String::from_utf8(html.to_vec()).unwrap())
}

#[tokio::test]
async fn a_page_comes_with_the_answers_that_this_person_may_have() {
    let (bench, anna, otto) = limited().await;
    let answers = |html: &str| -> Value {
        let block = html.split_once("id=\"first-answers\">").expect("answers").1;
        serde_json::from_str(block.split_once("</script>").unwrap().0).unwrap()
    };
    for (cookie, cameras) in [(&anna, 1), (&otto, 2)] {
        let (headers, html) = page(&bench, "/", cookie, "navigate").await;
        assert_eq!(headers["cache-control"], "no-store");
        assert!(!headers.contains_key("etag"));
        let told = answers(&html);
        assert_eq!(told["/api/v1/cameras"]["items"].as_array().unwrap().len(), cameras, "{told}");
        // Whatever came with the page is what the call answers.
        for (call, answer) in told.as_object().unwrap() {
            let (_, asked) = bench.get(call, cookie).await;
            let ids = |list: &Value| list["items"].as_array().map_or(0, Vec::len);
            assert_eq!(ids(answer), ids(&asked), "{call}");
        }
        assert!(told["/api/v1/incidents?limit=24"]["items"].is_array());
    }
    let (_, html) = page(&bench, "/?view=events", &anna, "navigate").await;
    assert_eq!(answers(&html)["/api/v1/events?limit=100"]["items"].as_array().unwrap().len(), 3);
    let (_, html) = page(&bench, "/cameras", &anna, "navigate").await;
    assert_eq!(answers(&html).as_object().unwrap().len(), 3);

    // A copy for offline, a stranger, an ended session: the page alone, which caches may keep.
    for (cookie, mode) in [(anna.as_str(), "cors"), ("", "navigate"), ("camtrail_session=x", "navigate")] {
        let (headers, html) = page(&bench, "/", cookie, mode).await;
        assert!(!html.contains("first-answers"), "{mode}: {html}");
        assert_eq!(headers["cache-control"], "no-cache");
        assert!(headers.contains_key("etag"));
    }
}

#[tokio::test]
async fn below_a_base_path_the_way_home_has_its_answers_too() {
    let bench = Bench::new("/cams").await;
    let cookie = bench.cookie_of_at("/cams", "anna").await;
    let (_, html) = page(&bench, "/cams/", &cookie, "navigate").await;
    assert!(html.contains("\"/api/v1/incidents?limit=24\""), "{html}");
}

#[tokio::test]
async fn lists_go_packed_and_live_streams_do_not() {
    let bench = Bench::new("").await;
    let cookie = bench.cookie().await;
    let ask = async |path: &str| {
        let request = Request::get(path).header("cookie", &cookie).header("accept-encoding", "gzip");
        bench.send(request.body(Body::empty()).unwrap()).await
    };
    let list = ask("/api/v1/events").await;
    assert_eq!(list.headers()["content-encoding"], "gzip");
    assert!(list.headers()["vary"].to_str().unwrap().contains("accept-encoding"));
    assert!(!ask("/api/v1/live").await.headers().contains_key("content-encoding"));
    assert!(
        !ask("/api/v1/session").await.headers().contains_key("content-encoding"),
        "too small to be worth it"
    );
}
