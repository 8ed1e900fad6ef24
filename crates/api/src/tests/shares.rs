//! Shares: who may make them, what whoever has one sees, and how they end.

use std::sync::atomic::{AtomicI64, Ordering};

use camtrail_model::ports::Clock;

use super::*;

/// A clock that a test moves.
pub(super) struct Hands(AtomicI64);

impl Hands {
    pub(super) fn now_set() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(SystemClock.now().0)))
    }

    pub(super) fn ahead(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

pub(super) async fn call(
    bench: &Bench,
    cookie: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = match cookie.strip_prefix("Bearer ") {
        Some(_) => request.header(header::AUTHORIZATION, cookie),
        None => request.header(header::COOKIE, cookie),
    };
    let request = match body {
        Some(body) => {
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
        }
        None => request.body(Body::empty()),
    };
    read(bench.send(request.unwrap()).await).await
}

pub(super) async fn first_event(bench: &Bench, cookie: &str) -> String {
    let (_, page) = bench.get("/api/v1/events?limit=1", cookie).await;
    page["items"][0]["id"].as_str().unwrap().to_owned()
}

async fn share(bench: &Bench, cookie: &str, body: Value) -> Value {
    let (status, share) = call(bench, cookie, "POST", "/api/v1/shares", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{share}");
    share
}

/// The page of a link: status, headers, text.
async fn page(bench: &Bench, path: &str) -> (StatusCode, axum::http::HeaderMap, String) {
    let request = Request::get(path).header(header::ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8");
    let response = bench.send(request.body(Body::empty()).unwrap()).await;
    let (status, headers) = (response.status(), response.headers().clone());
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, headers, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn as_json(bench: &Bench, path: &str) -> (StatusCode, Value) {
    let request = Request::get(path).header(header::ACCEPT, "application/json").body(Body::empty()).unwrap();
    read(bench.send(request).await).await
}

#[tokio::test]
async fn whoever_has_the_link_sees_one_event_and_nothing_else() {
    let bench = Bench::with(|parts| {
        parts.config.base_path = "/cams".to_owned();
        parts.config.public_url = Some("https://cams.example/cams".to_owned());
        let settings =
            CameraSettings { display_name: Some("Back <yard> & \"co\"".to_owned()), silent_after: None };
        parts.cameras.insert(camtrail_model::CameraName::from_folder("backyard"), settings);
    })
    .await;
    let cookie = {
        let body = json!({ "username": "anna", "password": "right" }).to_string();
        let request = Request::post("/cams/api/v1/session").header(header::CONTENT_TYPE, "application/json");
        let response = bench.send(request.body(Body::from(body)).unwrap()).await;
        response.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
    };
    let (_, listed) = bench.get("/cams/api/v1/events?limit=1", &cookie).await;
    let id = listed["items"][0]["id"].as_str().unwrap();
    let body = json!({ "event_id": id, "expires_in_s": 3_600, "note": "our <b>fox</b>" });
    let (status, made) = call(&bench, &cookie, "POST", "/cams/api/v1/shares", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let url = made["url"].as_str().unwrap();
    let path = url.strip_prefix("https://cams.example").unwrap();
    assert!(path.starts_with("/cams/s/") && path.len() == "/cams/s/".len() + 43, "256 bits: {path}");
    let (status, headers, html) = page(&bench, path).await;
    assert_eq!(status, StatusCode::OK);
    for (name, want) in [
        ("content-type", "text/html"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-robots-tag", "noindex"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; style-src 'sha256-"),
    ] {
        assert!(headers[name].to_str().unwrap().contains(want), "{name}: {headers:?}");
    }
    assert!(!headers.contains_key(header::SET_COOKIE));
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(!policy.contains("script") && !policy.contains("unsafe"), "{policy}");
    assert!(
        html.contains("Back &lt;yard&gt; &amp; &quot;co&quot;")
            && html.contains("our &lt;b&gt;fox&lt;/b&gt;")
    );
    assert!(!html.contains("<script") && !html.contains("style=\""), "{html}");
    assert!(html.contains("1 January 1970") && html.contains("noindex") && html.contains("<video controls"));
    for hidden in ["backyard", "patrolcams", "object_key", "sha256\"", "anna"] {
        assert!(!html.contains(hidden), "{hidden}: {html}");
    }
    let (status, event) = as_json(&bench, path).await;
    assert_eq!(
        (status, &event["kind"], &event["note"]),
        (StatusCode::OK, &json!("record"), &json!("our <b>fox</b>"))
    );
    let media = event["media_url"].as_str().unwrap();
    assert!(html.contains(&media.replace('&', "&amp;")));
    let request = Request::get(media).header(header::RANGE, "bytes=2-4").body(Body::empty()).unwrap();
    let response = bench.send(request).await;
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert!(response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("sandbox"));
    assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), b"234".as_slice());
    let saved = Request::get(event["download_url"].as_str().unwrap()).body(Body::empty()).unwrap();
    let saved = bench.send(saved).await;
    assert!(saved.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment"));
    // The secret opens no session, the id opens nothing, and a link of this share leads to this event's files only.
    let token = path.rsplit('/').next().unwrap();
    let share_id = made["id"].as_str().unwrap();
    for (altered, want) in [
        (format!("/cams/s/{share_id}"), StatusCode::NOT_FOUND),
        (format!("/cams/s/{token}x"), StatusCode::NOT_FOUND),
        (media.replace("/object?", "/original?"), StatusCode::FORBIDDEN),
        (media.replace("/object?", "/state.json?"), StatusCode::NOT_FOUND),
        (media.replace(share_id, &"0".repeat(32)), StatusCode::FORBIDDEN),
        (media.replace("expires=", "expires=9"), StatusCode::FORBIDDEN),
        (media.replace("/s/media/", "/api/v1/media/"), StatusCode::NOT_FOUND),
    ] {
        assert_eq!(bench.get(&altered, "").await.0, want, "{altered}");
    }
    let as_cookie = format!("camtrail_session={token}");
    assert_eq!(bench.get("/cams/api/v1/events", &as_cookie).await.0, StatusCode::UNAUTHORIZED);
    let bearer = format!("Bearer {token}");
    assert_eq!(call(&bench, &bearer, "GET", "/cams/api/v1/events", None).await.0, StatusCode::UNAUTHORIZED);
    let kept = bench.catalog_bytes();
    assert!(!kept.windows(token.len()).any(|part| part == token.as_bytes()), "only its digest is kept");
}

#[tokio::test]
async fn a_share_ends_by_its_time_by_its_maker_and_with_its_event() {
    let hands = Hands::now_set();
    let clock = hands.clone();
    let bench = Bench::with(move |parts| parts.clock = clock).await;
    let (anna, otto) = (bench.cookie().await, bench.cookie_of("otto").await);
    let id = first_event(&bench, &anna).await;
    let opens = async |share: &Value| {
        let url = share["url"].as_str().unwrap().to_owned();
        let (status, _, html) = page(&bench, &url).await;
        let (as_program, _) = as_json(&bench, &url).await;
        assert_eq!(status, as_program);
        assert!(html.contains("<h1>") && html.contains("href=\"/\""), "never a dead end: {html}");
        (status, html)
    };
    let minute = share(&bench, &anna, json!({ "event_id": id, "expires_in_s": 60 })).await;
    let week = share(&bench, &anna, json!({ "event_id": id })).await;
    let month = share(&bench, &otto, json!({ "event_id": id, "expires_in_s": 30 * 86_400 })).await;
    let (_, event) = as_json(&bench, week["url"].as_str().unwrap()).await;
    let media = event["media_url"].as_str().unwrap();
    assert_eq!(opens(&minute).await.0, StatusCode::OK);
    hands.ahead(60_000);
    let (status, html) = opens(&minute).await;
    assert_eq!(status, StatusCode::GONE);
    assert!(
        html.contains("This share's time is over") || html.contains("This share&#39;s time is over"),
        "{html}"
    );
    // Nobody revokes another's, and nobody is told of it.
    let revoke = async |cookie: &str, share: &Value| {
        call(&bench, cookie, "DELETE", &format!("/api/v1/shares/{}", share["id"].as_str().unwrap()), None)
            .await
            .0
    };
    assert_eq!(revoke(&anna, &month).await, StatusCode::NOT_FOUND);
    assert_eq!(revoke("", &month).await, StatusCode::UNAUTHORIZED);
    let listed =
        async |cookie: &str| bench.get("/api/v1/shares", cookie).await.1["items"].as_array().unwrap().clone();
    assert_eq!((listed(&anna).await.len(), listed(&otto).await.len()), (2, 3));
    assert!(listed(&anna).await.iter().all(|share| share.get("url").is_none()), "told once");
    assert_eq!(bench.get(media, "").await.0, StatusCode::OK);
    assert_eq!(revoke(&otto, &week).await, StatusCode::NO_CONTENT);
    assert_eq!(revoke(&anna, &week).await, StatusCode::NO_CONTENT, "again");
    assert_eq!(bench.get(media, "").await.0, StatusCode::GONE, "its links die with it");
    let (status, html) = opens(&week).await;
    assert!(status == StatusCode::GONE && html.contains("has ended it"), "{html}");
    assert_eq!(opens(&month).await.0, StatusCode::OK);
    let states: Vec<_> = listed(&otto).await.iter().map(|share| share["state"].clone()).collect();
    assert_eq!(states.len(), 3);
    for state in ["open", "revoked", "expired"] {
        assert!(states.contains(&json!(state)), "{states:?}");
    }
    let head = Request::head(month["url"].as_str().unwrap()).body(Body::empty()).unwrap();
    assert_eq!(bench.send(head).await.status(), StatusCode::OK, "a look isn't counted");
    let of_month = listed(&otto).await.into_iter().find(|share| share["id"] == month["id"]).unwrap();
    assert_eq!((&of_month["opened"], &of_month["refused"]), (&json!(2), &json!(0)));
    // However the event goes: a person, or the sweep of retention, by the same step.
    assert_eq!(delete(&bench, &otto, &id).await, StatusCode::NO_CONTENT);
    let (status, html) = opens(&month).await;
    assert!(status == StatusCode::GONE && html.contains("has been deleted"), "{html}");
    // What ended long ago isn't listed, and goes with the next one that is made.
    hands.ahead(100 * 86_400_000);
    let otto = bench.cookie_of("otto").await;
    assert_eq!(listed_len(&bench, &otto).await, 0);
    let id = first_event(&bench, &otto).await;
    share(&bench, &otto, json!({ "event_id": id })).await;
    let kept = camtrail_model::ports::Shares::shares(&bench.catalog).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(opens(&month).await.0, StatusCode::NOT_FOUND);
}

async fn listed_len(bench: &Bench, cookie: &str) -> usize {
    bench.get("/api/v1/shares", cookie).await.1["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_share_is_worth_what_its_makers_right_is() {
    let bench = Bench::new("").await;
    let (anna, otto) = (bench.cookie().await, bench.cookie_of("otto").await);
    let id = first_event(&bench, &anna).await;
    let made = share(&bench, &anna, json!({ "event_id": id })).await;
    let url = made["url"].as_str().unwrap();
    let media = as_json(&bench, url).await.1["media_url"].as_str().unwrap().to_owned();
    let patch = async |body: Value| call(&bench, &otto, "PATCH", "/api/v1/users/anna", Some(body)).await.0;
    for (taken, given_back) in [
        (json!({ "cameras": ["gate"] }), json!({ "cameras": null })),
        (json!({ "disabled": true }), json!({ "disabled": false })),
    ] {
        assert_eq!(patch(taken).await, StatusCode::OK);
        assert_eq!(as_json(&bench, url).await.0, StatusCode::GONE);
        assert_eq!(bench.get(&media, "").await.0, StatusCode::GONE);
        assert_eq!(patch(given_back).await, StatusCode::OK);
        assert_eq!(as_json(&bench, url).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn what_cannot_be_shared_is_told_in_words() {
    let bench = Bench::new("").await;
    let anna = bench.cookie().await;
    let id = first_event(&bench, &anna).await;
    for (body, status, want) in [
        (json!({}), 400, "missing field `event_id`"),
        (json!({ "event_id": id, "days": 3 }), 400, "unknown field `days`"),
        (json!({ "event_id": "nothing" }), 404, "no such event"),
        (json!({ "event_id": id, "expires_in_s": 59 }), 400, "at least 60 seconds and at most 90 days"),
        (json!({ "event_id": id, "expires_in_s": -1 }), 400, "at least 60 seconds"),
        (json!({ "event_id": id, "expires_in_s": i64::MAX }), 400, "at most 90 days"),
        (json!({ "event_id": id, "expires_in_s": i64::MIN }), 400, "at least 60"),
        (json!({ "event_id": id, "expires_at": "tomorrow" }), 400, "expires_at: found \"tomorrow\""),
        (json!({ "event_id": id, "expires_at": "2016-01-01T00:00:00Z" }), 400, "2016-01-01"),
        (
            json!({ "event_id": id, "expires_at": "2026-01-01T00:00:00Z", "expires_in_s": 90 }),
            400,
            "found both",
        ),
        (json!({ "event_id": id, "note": "a\nb" }), 400, "note: "),
        (json!({ "event_id": id, "note": "x".repeat(2_001) }), 400, "2001 characters"),
    ] {
        let (found, problem) = call(&bench, &anna, "POST", "/api/v1/shares", Some(body.clone())).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(found.as_u16() == status && detail.contains(want), "{body}: {found} {problem}");
    }
    assert_eq!(listed_len(&bench, &anna).await, 0);
    let longest = share(&bench, &anna, json!({ "event_id": id, "expires_in_s": 90 * 86_400 })).await;
    assert!(longest["url"].as_str().unwrap().starts_with("/s/"), "no host is made up: {longest}");
    let off = Bench::with(|parts| parts.config.people.share_max_days = 0).await;
    let anna = off.cookie().await;
    let body = json!({ "event_id": first_event(&off, &anna).await });
    assert_eq!(call(&off, &anna, "POST", "/api/v1/shares", Some(body)).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn wrong_links_slow_down_and_right_ones_go_on_elsewhere() {
    let bench = Bench::new("").await;
    let anna = bench.cookie().await;
    let made = share(&bench, &anna, json!({ "event_id": first_event(&bench, &anna).await })).await;
    let url = made["url"].as_str().unwrap();
    let from = async |peer: &str, path: &str| {
        bench.send_from(peer, Request::get(path).body(Body::empty()).unwrap()).await.status()
    };
    let mut last = StatusCode::OK;
    for n in 0..7 {
        last = from(&format!("[2001:db8::{n}]:9"), &format!("/s/wrong{n}")).await;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(from("[2001:db8:0:1::1]:9", url).await, StatusCode::OK);
    for strange in ["/s/%00", "/s/%ff", "/s/..", "/s/a%2fb", &format!("/s/{}", "x".repeat(6_000))] {
        let status = from("192.0.2.9:9", strange).await;
        assert!(status.is_client_error(), "{strange}: {status}");
    }
}

#[tokio::test]
async fn there_are_only_so_many_shares() {
    let bench = Bench::new("").await;
    let anna = bench.cookie().await;
    let id = first_event(&bench, &anna).await;
    let event = camtrail_model::EventId::parse(&id).unwrap();
    let now = SystemClock.now();
    for n in 0_u32..1_000 {
        let mut token_sha256 = [0; 32];
        token_sha256[..4].copy_from_slice(&n.to_be_bytes());
        let share = camtrail_model::ports::Share {
            token_sha256,
            event: event.clone(),
            by: "otto".to_owned(),
            created_at: now,
            expires_at: now.plus(3_600_000),
            revoked_at: None,
            note: None,
            openings: camtrail_model::ports::Openings::default(),
        };
        camtrail_model::ports::Shares::put_share(&bench.catalog, &share).await.unwrap();
    }
    let body = json!({ "event_id": id });
    let (status, problem) = call(&bench, &anna, "POST", "/api/v1/shares", Some(body.clone())).await;
    assert!(
        status == StatusCode::CONFLICT && problem["detail"].as_str().unwrap().contains("1000"),
        "{problem}"
    );
    let first = camtrail_model::ports::public_id(&[0; 32]);
    camtrail_model::ports::Shares::revoke_share(&bench.catalog, &first, now).await.unwrap();
    assert_eq!(call(&bench, &anna, "POST", "/api/v1/shares", Some(body)).await.0, StatusCode::CREATED);
}
