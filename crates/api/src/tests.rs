//! The router on a real catalog and store: who gets in, what is refused, and how.

use std::{collections::HashMap, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{Method, Request, StatusCode, header},
    response::Response,
};
use camtrail_auth::{Passwords, SigningKey, hash_password};
use camtrail_catalog::SqliteCatalog;
use camtrail_model::{
    CameraZones, CaptureKind, ObjectBase,
    ports::{Accounts, Catalog, ObjectStore, PutWhen, Role, SystemClock, User},
    testing::record,
};
use camtrail_store::LocalStore;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::state::{ApiParts, FtpStatus, MediaStatus, SpoolStatus, Status, StatusSource};

struct Fixed;

impl StatusSource for Fixed {
    fn status(&self) -> Status {
        Status {
            version: "test".to_owned(),
            media: MediaStatus { available: true, problem: None },
            ftp: FtpStatus { address: "127.0.0.1:21".to_owned(), troubles: Vec::new() },
            spool: SpoolStatus::default(),
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

struct Bench {
    _dir: tempfile::TempDir,
    router: Router,
    _stop: tokio::sync::watch::Sender<bool>,
}

impl Bench {
    async fn new(base_path: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let catalog = SqliteCatalog::open(&dir.path().join("c.db"), &ObjectBase::default()).unwrap();
        let store = Arc::new(LocalStore::open(&dir.path().join("store")).unwrap());
        let password_hash = hash_password(b"right").unwrap();
        let user = User { name: "anna".to_owned(), password_hash, role: Role::Viewer, disabled: false };
        catalog.put_user(&user).await.unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, b"0123456789").unwrap();
        for n in 0..7 {
            let clip = record("backyard", 1_000, CaptureKind::Record, &format!("{n}.mp4"));
            store.put_file(clip.object_key.as_str(), &file, None, PutWhen::Absent).await.unwrap();
            catalog.record(&clip).await.unwrap();
        }
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let api = Api::new(ApiParts {
            catalog: Arc::new(catalog.clone()),
            accounts: Arc::new(catalog),
            store,
            zones: Arc::new(CameraZones::new(jiff::tz::TimeZone::UTC, HashMap::new())),
            cameras: HashMap::new(),
            passwords: Arc::new(Passwords::new().unwrap()),
            clock: Arc::new(SystemClock),
            key: SigningKey::new(vec![1; 32]),
            web: Arc::new(Fixed),
            status: Arc::new(Fixed),
            config: ApiConfig { base_path: base_path.to_owned(), public_url: None },
            stop: stopped,
        });
        Self { _dir: dir, router: router(api), _stop: stop }
    }

    async fn send(&self, request: Request<Body>) -> Response {
        let mut request = request;
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn get(&self, path: &str, cookie: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap();
        read(self.send(request).await).await
    }

    async fn sign_in(&self, password: &str) -> Response {
        let body = json!({ "username": "anna", "password": password }).to_string();
        let request = Request::post("/api/v1/session").header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    async fn cookie(&self) -> String {
        let response = self.sign_in("right").await;
        assert_eq!(response.status(), StatusCode::OK);
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }
}

async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[tokio::test]
async fn every_documented_call_wants_a_session_unless_it_is_public() {
    const PUBLIC: [&str; 4] = ["/healthz", "/readyz", "/api/v1/session", "/api/v1/media/{id}/{file}"];
    let bench = Bench::new("").await;
    let document = serde_json::to_value(openapi()).unwrap();
    let mut private = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        assert!(!operations.as_object().unwrap().is_empty());
        if PUBLIC.contains(&path.as_str()) {
            continue;
        }
        private += 1;
        let (status, problem) = bench.get(&path.replace("{id}", "x"), "").await;
        assert_eq!((status, &problem["status"]), (StatusCode::UNAUTHORIZED, &json!(401)), "{path}");
    }
    assert!(private >= 5, "{private}");
}

#[tokio::test]
async fn signing_out_ends_the_session_itself() {
    let bench = Bench::new("").await;
    assert_eq!(bench.sign_in("wrong").await.status(), StatusCode::UNAUTHORIZED);
    let cookie = bench.cookie().await;
    assert_eq!(
        bench.get("/api/v1/session", &cookie).await,
        (StatusCode::OK, json!({"username": "anna", "role": "viewer"}))
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
    let mut last = StatusCode::OK;
    for _ in 0..7 {
        last = bench.sign_in("wrong").await.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
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
