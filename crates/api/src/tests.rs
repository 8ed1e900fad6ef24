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

mod decisions;
mod derived;
mod hostile;
mod lists;
mod people;
mod polls;
mod review;
mod shares;
mod sign_in;
mod timeline;
mod uploads;

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

async fn user_named(name: &str, bench: &Bench) -> User {
    bench.catalog.user(name).await.unwrap().unwrap()
}

async fn mark(bench: &Bench, cookie: &str, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(path).header(header::COOKIE, cookie);
    let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()));
    read(bench.send(request.unwrap()).await).await
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
