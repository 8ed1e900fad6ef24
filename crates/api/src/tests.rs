//! The router on a real catalog and store: who gets in, what is refused, and how.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{Method, Request, StatusCode, header},
    response::Response,
};
use camtrail_arrival::Arrivals;
use camtrail_auth::{MemoryFailures, Passwords, SigningKey, hash_password};
use camtrail_catalog::SqliteCatalog;
use camtrail_gateway::SpoolIntake;
use camtrail_model::{
    CameraZones, CaptureKind, Millis, ObjectBase, Sight,
    ports::{Accounts, CameraToken, CameraTokens, Catalog, ObjectStore, PutWhen, Role, SystemClock, User},
    testing::record,
};
use camtrail_spool::{Spool, SpoolConfig, TransferEnd};
use camtrail_store::LocalStore;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::state::{ApiParts, SpoolStatus, Status, StatusSource};

mod derived;
mod timeline;

const SPOOL_BYTES: u64 = 100_000;

struct Fixed;

#[async_trait::async_trait]
impl MetricsSource for Fixed {
    async fn text(&self) -> String {
        "figures\n".to_owned()
    }
}

impl StatusSource for Fixed {
    fn status(&self) -> Status {
        Status {
            version: "test".to_owned(),
            media: None,
            ftp: None,
            watches: Vec::new(),
            spool: Some(SpoolStatus::default()),
            retention: None,
            now: String::new(),
        }
    }
}

impl WebFiles for Fixed {
    fn file(&self, path: &str) -> Option<WebFile> {
        (path == "index.html").then(|| WebFile {
            bytes: b"<html><head></head></html>".as_slice().into(),
            content_type: "text/html".to_owned(),
            etag: "1".to_owned(),
            immutable: false,
        })
    }
}

pub(crate) struct Bench {
    dir: tempfile::TempDir,
    pub(crate) router: Router,
    pub(crate) catalog: SqliteCatalog,
    store: Arc<LocalStore>,
    spool: Spool,
    _stop: tokio::sync::watch::Sender<bool>,
}

impl Bench {
    async fn new(base_path: &str) -> Self {
        Self::with(|parts| base_path.clone_into(&mut parts.config.base_path)).await
    }

    /// As behind an HTTP API: no gateway here, and answers that can't stream.
    async fn serverless() -> Self {
        Self::with(|parts| (parts.intake, parts.config.live) = (None, LiveMode::Poll)).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ApiParts)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let catalog = SqliteCatalog::open(&dir.path().join("c.db"), &ObjectBase::default()).unwrap();
        let store = Arc::new(LocalStore::open(&dir.path().join("store")).unwrap());
        let password_hash = hash_password(b"right").unwrap();
        let user = User {
            name: "anna".to_owned(),
            password_hash,
            role: Role::Viewer,
            disabled: false,
            sight: Sight::All,
        };
        catalog.put_user(&user).await.unwrap();
        let admin = User { name: "otto".to_owned(), role: Role::Admin, ..user };
        catalog.put_user(&admin).await.unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, b"0123456789").unwrap();
        for n in 0..7 {
            let clip = record("backyard", 1_000, CaptureKind::Record, &format!("{n}.mp4"));
            store.put_file(clip.object_key.as_str(), &file, None, PutWhen::Absent).await.unwrap();
            catalog.record(&clip).await.unwrap();
        }
        let zones = Arc::new(CameraZones::new(jiff::tz::TimeZone::UTC, HashMap::new()));
        let arrivals = Arrivals::new(store.clone(), Arc::new(catalog.clone()), zones.clone());
        let config = SpoolConfig { max_bytes: SPOOL_BYTES };
        let (spool, _) = Spool::open(&dir.path().join("spool"), config).unwrap();
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let mut parts = ApiParts {
            catalog: Arc::new(catalog.clone()),
            accounts: Arc::new(catalog.clone()),
            sign_in_failures: Arc::new(MemoryFailures::default()),
            groups: Arc::new(catalog.clone()),
            review: Arc::new(catalog.clone()),
            shares: Arc::new(catalog.clone()),
            api_tokens: Arc::new(catalog.clone()),
            audit: Arc::new(catalog.clone()),
            pushes: Arc::new(catalog.clone()),
            notifications: None,
            tokens: Arc::new(catalog.clone()),
            intake: Some(Arc::new(SpoolIntake::new(spool.clone(), Arc::new(SystemClock)))),
            store: store.clone(),
            sink: Arc::new(arrivals),
            derive: None,
            zones,
            cameras: HashMap::new(),
            passwords: Arc::new(Passwords::new().unwrap()),
            clock: Arc::new(SystemClock),
            key: SigningKey::new(vec![1; 32]),
            web: Arc::new(Fixed),
            status: Arc::new(Fixed),
            metrics: Some(Arc::new(Fixed)),
            oidc: None,
            webhook: None,
            config: ApiConfig::default(),
            stop: stopped,
        };
        change(&mut parts);
        Self { dir, router: router(Api::new(parts)), catalog, store, spool, _stop: stop }
    }

    /// All that the catalog wrote to the disk.
    fn catalog_bytes(&self) -> Vec<u8> {
        let read = |name: &str| std::fs::read(self.dir.path().join(name)).unwrap_or_default();
        [read("c.db"), read("c.db-wal")].concat()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        self.send_from("127.0.0.1:9", request).await
    }

    pub(crate) async fn send_from(&self, peer: &str, request: Request<Body>) -> Response {
        let mut request = request;
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str, cookie: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap();
        read(self.send(request).await).await
    }

    async fn sign_in(&self, password: &str) -> Response {
        self.sign_in_as("anna", password).await
    }

    pub(crate) async fn sign_in_as(&self, username: &str, password: &str) -> Response {
        self.sign_in_from("127.0.0.1:9", username, password).await
    }

    /// A session, below a base path.
    pub(crate) async fn cookie_of_at(&self, base_path: &str, username: &str) -> String {
        let body = json!({ "username": username, "password": "right" }).to_string();
        let request = Request::post(format!("{base_path}/api/v1/session"));
        let request =
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap();
        let response = self.send(request).await;
        response.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    async fn sign_in_from(&self, peer: &str, username: &str, password: &str) -> Response {
        let body = json!({ "username": username, "password": password }).to_string();
        let request = Request::post("/api/v1/session").header(header::CONTENT_TYPE, "application/json");
        self.send_from(peer, request.body(Body::from(body)).unwrap()).await
    }

    async fn cookie(&self) -> String {
        self.cookie_of("anna").await
    }

    pub(crate) async fn cookie_of(&self, username: &str) -> String {
        let response = self.sign_in_as(username, "right").await;
        assert_eq!(response.status(), StatusCode::OK);
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }
}

pub(crate) async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn every_documented_call_wants_a_session_unless_it_is_public() {
    const PUBLIC: [&str; 9] = [
        "/healthz",
        "/readyz",
        "/api/v1/session",
        "/api/v1/sign-in",
        "/auth/oidc/start",
        "/auth/oidc/callback",
        "/api/v1/media/{id}/{file}",
        "/s/{token}",
        "/s/media/{id}/{file}",
    ];
    let bench = Bench::new("").await;
    let document = serde_json::to_value(openapi()).unwrap();
    let mut private = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        assert!(!operations.as_object().unwrap().is_empty());
        // Programs bring tokens of their own.
        let of_programs = path.starts_with("/ingest/") || path == "/api/v1/arrivals";
        if PUBLIC.contains(&path.as_str()) || of_programs {
            continue;
        }
        for method in operations.as_object().unwrap().keys() {
            private += 1;
            let request = Request::builder().method(method.to_uppercase().as_str());
            let request =
                request.uri(path.replace("{id}", "x").replace("{name}", "x")).body(Body::empty()).unwrap();
            // From another machine: programs of this one may read the metrics.
            let (status, problem) = read(bench.send_from("203.0.113.9:9", request).await).await;
            assert_eq!(
                (status, &problem["status"]),
                (StatusCode::UNAUTHORIZED, &json!(401)),
                "{method} {path}"
            );
        }
    }
    assert!(private >= 8, "{private}");
}

#[tokio::test]
async fn signing_out_ends_the_session_itself() {
    let bench = Bench::new("").await;
    assert_eq!(bench.sign_in("wrong").await.status(), StatusCode::UNAUTHORIZED);
    let cookie = bench.cookie().await;
    assert_eq!(
        bench.get("/api/v1/session", &cookie).await,
        (StatusCode::OK, json!({"username": "anna", "role": "viewer", "by_provider": false}))
    );
    let request =
        Request::delete("/api/v1/session").header(header::COOKIE, &cookie).body(Body::empty()).unwrap();
    assert_eq!(bench.send(request).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(bench.get("/api/v1/events", &cookie).await.0, StatusCode::UNAUTHORIZED, "NEVER-30");
}

#[tokio::test]
async fn another_sites_page_is_refused() {
    let bench = Bench::new("").await;
    for (name, value) in
        [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
    {
        let request = Request::builder()
            .method(Method::DELETE)
            .uri("/api/v1/session")
            .header(header::HOST, "cams.example")
            .header(name, value);
        assert_eq!(
            bench.send(request.body(Body::empty()).unwrap()).await.status(),
            StatusCode::FORBIDDEN,
            "{value}"
        );
    }
    let same = Request::delete("/api/v1/session")
        .header(header::HOST, "cams.example")
        .header("origin", "https://cams.example");
    assert_eq!(bench.send(same.body(Body::empty()).unwrap()).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn wrong_sign_ins_slow_down() {
    let bench = Bench::new("").await;
    let wrong = async |peer: &str, username: &str| bench.sign_in_from(peer, username, "wrong").await.status();
    let mut last = StatusCode::OK;
    for n in 0..7 {
        // One network, one place.
        last = wrong(&format!("[2001:db8:0:1:{n}::1]:9"), "anna").await;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(wrong("[2001:db8:0:2::1]:9", "anna").await, StatusCode::UNAUTHORIZED, "another network");
    assert_eq!(wrong("[2001:db8:0:1::1]:9", "ben").await, StatusCode::UNAUTHORIZED, "another user");
    assert_eq!(wrong("[::ffff:192.0.2.1]:9", "anna").await, StatusCode::UNAUTHORIZED, "an IPv4 address");
    for _ in 0..6 {
        wrong("192.0.2.1:9", "anna").await;
    }
    assert_eq!(
        wrong("[::ffff:192.0.2.1]:9", "anna").await,
        StatusCode::TOO_MANY_REQUESTS,
        "is one either way"
    );
    assert_eq!(wrong("[::ffff:192.0.2.2]:9", "anna").await, StatusCode::UNAUTHORIZED, "and not another's");
    assert_eq!(bench.sign_in("right").await.status(), StatusCode::OK);
}

/// Passwords that are tried all at once are not all the first.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_time_share_the_free_ones() {
    let bench = Bench::new("").await;
    let guesses = (0..20).map(|n| {
        let bench = &bench;
        async move { bench.sign_in(&format!("guess {n}")).await.status() }
    });
    let statuses = futures::future::join_all(guesses).await;
    let looked_at = statuses.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(looked_at, 6, "{statuses:?}");
}

#[tokio::test]
async fn right_sign_ins_are_never_slowed_down() {
    let bench = Bench::new("").await;
    for _ in 0..20 {
        assert_eq!(bench.sign_in("right").await.status(), StatusCode::OK);
    }
}

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

async fn user_named(name: &str, bench: &Bench) -> User {
    bench.catalog.user(name).await.unwrap().unwrap()
}

async fn mark(bench: &Bench, cookie: &str, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).header(header::COOKIE, cookie);
    let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()));
    read(bench.send(request.unwrap()).await).await
}

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

#[tokio::test]
async fn media_links_are_good_for_one_file_and_answer_ranges() {
    let bench = Bench::new("").await;
    let cookie = bench.cookie().await;
    let (_, page) = bench.get("/api/v1/events?limit=1", &cookie).await;
    let link = page["items"][0]["media_url"].as_str().unwrap().to_owned();
    let request = Request::get(&link).header(header::RANGE, "bytes=2-4").body(Body::empty()).unwrap();
    let response = bench.send(request).await;
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 2-4/10");
    assert!(response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("sandbox"));
    assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), b"234".as_slice());
    for altered in
        [link.replace("/object?", "/poster?"), link.replace("expires=", "expires=9"), format!("{link}x")]
    {
        assert_eq!(bench.get(&altered, "").await.0, StatusCode::FORBIDDEN, "{altered}");
    }
}

#[tokio::test]
async fn a_base_path_holds_everything() {
    let bench = Bench::new("/cams").await;
    let page = bench.send(Request::get("/cams/event/x").body(Body::empty()).unwrap()).await;
    assert_eq!(page.status(), StatusCode::OK);
    let html = to_bytes(page.into_body(), 1 << 20).await.unwrap();
    assert!(String::from_utf8_lossy(&html).contains("<base href=\"/cams/\">"));
    assert_eq!(bench.get("/cams/healthz", "").await.0, StatusCode::OK);
    assert_eq!(
        bench.get("/api/v1/events", "").await.0,
        StatusCode::NOT_FOUND,
        "outside the base path there is nothing"
    );
    assert_eq!(bench.get("/cams/api/v1/nope", "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(bench.get("/cams/assets/missing.js", "").await.0, StatusCode::NOT_FOUND);
}

async fn decide(bench: &Bench, cookie: &str, id: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::patch(format!("/api/v1/events/{id}"))
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/json");
    read(bench.send(request.body(Body::from(body.to_owned())).unwrap()).await).await
}

async fn delete(bench: &Bench, cookie: &str, id: &str) -> StatusCode {
    let request = Request::delete(format!("/api/v1/events/{id}")).header(header::COOKIE, cookie);
    bench.send(request.body(Body::empty()).unwrap()).await.status()
}

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

async fn put_with(bench: &Bench, path: &str, headers: &[(&str, &str)], body: Body) -> (StatusCode, Value) {
    let mut request = Request::put(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    read(bench.send(request.body(body).unwrap()).await).await
}

async fn token(bench: &Bench, text: &str, camera: &str) {
    let token_sha256 = camtrail_auth::Token::sha256(text);
    let row = CameraToken { token_sha256, camera: camera.to_owned(), created_at: Millis(1) };
    bench.catalog.put_camera_token(&row).await.unwrap();
}

#[tokio::test]
async fn a_token_uploads_for_its_own_camera_and_nothing_else_does() {
    let bench = Bench::new("/cams").await;
    token(&bench, "gates", "gate").await;
    token(&bench, "all", "*").await;
    let put = async |token: &str, path: &str| {
        let headers = [("authorization", token), ("content-length", "3"), ("origin", "https://evil.example")];
        put_with(&bench, &format!("/cams/ingest/{path}"), &headers, Body::from("abc")).await
    };
    let (status, there) = put("Bearer gates", "gate/snap/a%20b.jpg").await;
    assert_eq!(status, StatusCode::CREATED);
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(there, json!({"camera": "gate", "name": "snap/a b.jpg", "size": 3, "sha256": sha256}));
    assert_eq!(put("bearer all", "porch/a.jpg").await.0, StatusCode::CREATED);
    assert_eq!(put("Bearer gates", "porch/a.jpg").await.0, StatusCode::FORBIDDEN);
    assert_eq!(put("Bearer gates", "gate/../porch/a.jpg").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(put("Bearer wrong", "gate/a.jpg").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(put("Basic gates", "gate/a.jpg").await.0, StatusCode::UNAUTHORIZED);
    bench.catalog.revoke_camera_tokens("gate").await.unwrap();
    assert_eq!(put("Bearer gates", "gate/a.jpg").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.spool.usage().entries, 2);
}

/// NEVER-31: a browser's cookie must not be able to upload, from whichever page.
#[tokio::test]
async fn a_session_cookie_uploads_nothing() {
    let bench = Bench::new("").await;
    let cookie = bench.cookie().await;
    let headers = [("cookie", cookie.as_str()), ("content-length", "3")];
    let (status, _) = put_with(&bench, "/ingest/gate/a.jpg", &headers, Body::from("abc")).await;
    assert_eq!((status, bench.spool.usage().entries), (StatusCode::UNAUTHORIZED, 0));
    assert_eq!(bench.get("/ingest/gate/a.jpg", &cookie).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn uploads_are_refused_for_what_is_wrong_with_them() {
    let bench = Bench::new("").await;
    token(&bench, "all", "*").await;
    let put = async |headers: &[(&str, &str)], bytes: usize| {
        let headers = [&[("authorization", "Bearer all")], headers].concat();
        put_with(&bench, "/ingest/gate/a.jpg", &headers, Body::from(vec![7; bytes])).await.0
    };
    assert_eq!(put(&[], 3).await, StatusCode::LENGTH_REQUIRED);
    assert_eq!(
        put(&[("content-length", "3"), ("content-range", "bytes 0-2/9")], 3).await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        put(&[("content-length", "3"), ("content-encoding", "gzip")], 3).await,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let too_large = (SPOOL_BYTES + 1).to_string();
    assert_eq!(put(&[("content-length", &too_large)], 3).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(put(&[("transfer-encoding", "chunked")], 100_001).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        put(&[("content-length", "70000")], 70_000).await,
        StatusCode::CREATED,
        "far beyond other bodies"
    );
    assert_eq!(put(&[("content-length", "70000")], 70_000).await, StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(put(&[("content-length", "9000")], 8_000).await, StatusCode::BAD_REQUEST, "cut, and kept");
    assert_eq!(put(&[("content-length", "9000")], 0).await, StatusCode::BAD_REQUEST, "nothing came");
    assert_eq!(put(&[("content-length", "0")], 0).await, StatusCode::CREATED, "an empty test upload");
    let ends: Vec<_> =
        bench.spool.entries().iter().map(|entry| (entry.size, entry.transfer.clone())).collect();
    let cut = TransferEnd::Cut("the connection was lost".to_owned());
    assert_eq!(ends, [(70_000, TransferEnd::Complete), (8_000, cut), (0, TransferEnd::Complete)]);
    let headers = [("authorization", "Bearer none"), ("content-length", "3")];
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(put_with(&bench, "/ingest/gate/a.jpg", &headers, Body::from("abc")).await.0);
    }
    assert_eq!(statuses[0], StatusCode::UNAUTHORIZED);
    assert_eq!(statuses[7], StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        put(&[("content-length", "1")], 1).await,
        StatusCode::CREATED,
        "a right token isn't slowed down"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_cut_and_kept() {
    let bench = Bench::new("").await;
    token(&bench, "all", "*").await;
    let first = futures::stream::iter([Ok::<_, std::io::Error>(vec![1_u8; 500])]);
    let body = Body::from_stream(futures::StreamExt::chain(first, futures::stream::pending()));
    let headers = [("authorization", "Bearer all"), ("content-length", "900")];
    let (status, problem) = put_with(&bench, "/ingest/gate/a.jpg", &headers, body).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    assert!(problem["detail"].as_str().unwrap().contains("500 bytes: they are kept"), "{problem}");
    assert_eq!(bench.spool.entries()[0].transfer, TransferEnd::Cut("the body stalled".to_owned()));
}

/// The messages of a live answer: event, id, data.
async fn polled(bench: &Bench, cookie: &str, last: Option<&str>) -> (String, Vec<(String, String, Value)>) {
    let mut request = Request::get("/api/v1/live").header(header::COOKIE, cookie);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = bench.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(response.status(), StatusCode::OK);
    // Ends by itself: a function's answer is whole before it leaves.
    let text = String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap();
    let field = |block: &str, name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    };
    let blocks: Vec<_> = text.split("\n\n").filter(|block| !block.is_empty()).collect();
    let last_mark = field(blocks[blocks.len() - 1], "id:");
    assert!(last_mark.parse::<u64>().is_ok(), "each answer moves the browser's mark: {text}");
    // A mark alone is told to nobody.
    let messages = blocks[1..].iter().filter(|block| block.contains("data:")).map(|block| {
        let data = serde_json::from_str(&field(block, "data:")).unwrap();
        (field(block, "event:"), field(block, "id:"), data)
    });
    (field(blocks[0], "retry:"), messages.collect())
}

#[tokio::test]
async fn where_answers_cannot_stream_each_tells_what_came_since() {
    let bench = Bench::serverless().await;
    let cookie = bench.cookie().await;
    let (retry, hello) = polled(&bench, &cookie, None).await;
    let [(event, id, data)] = &hello[..] else { panic!("{hello:?}") };
    assert_eq!((retry.as_str(), event.as_str(), &data["poll_ms"]), ("5000", "ready", &json!(5000)));
    let (_, nothing) = polled(&bench, &cookie, Some(id)).await;
    assert_eq!(nothing, [], "who comes again isn't greeted: a greeting makes pages load afresh");
    for n in 0..400 {
        bench.catalog.record(&record("gate", n, CaptureKind::Snap, &format!("{n}.jpg"))).await.unwrap();
    }
    let (mut last, mut told, mut answers) = (id.clone(), Vec::new(), 0);
    loop {
        let (retry, messages) = polled(&bench, &cookie, Some(&last)).await;
        answers += 1;
        let Some((_, id, _)) = messages.last() else { break };
        last = id.clone();
        assert!(messages.len() < 400, "an answer has a bound");
        assert!(retry == "200" || retry == "5000", "{retry}");
        told.extend(messages.into_iter().filter(|(event, ..)| event == "new").map(|(_, _, data)| data));
    }
    assert!((3..6).contains(&answers), "{answers}");
    let ids: std::collections::BTreeSet<_> = told.iter().map(|data| data["id"].to_string()).collect();
    assert_eq!((told.len(), ids.len()), (400, 400));
}

#[tokio::test]
async fn without_a_gateway_uploads_are_sent_to_one() {
    let bench = Bench::serverless().await;
    let request = Request::put("/ingest/gate/a.jpg").body(Body::from("x")).unwrap();
    let (status, problem) = read(bench.send(request).await).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(problem["detail"].as_str().unwrap().contains("gateway"), "{problem}");
}

mod hostile;
mod people;
mod shares;
