//! The provider, the browser that is sent to it, and what was logged meanwhile.

use std::sync::{Mutex, MutexGuard};

use axum::{
    Router,
    body::{Body, Bytes},
    http::Request,
    routing::{get, post},
};
use camtrail_model::ports::{Clock, SystemClock};
use camtrail_oidc::{Credential, ProviderConfig, Rules};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::super::*;
use crate::tests::Bench;

pub(super) const CLIENT: &str = "camtrail & co";

/// What it says, until a test says otherwise.
pub(super) struct Says {
    pub(super) claims: Value,
    pub(super) header: Header,
    /// Another key than the one that it publishes.
    pub(super) foreign_key: bool,
    /// The whole token, instead.
    pub(super) token: Option<String>,
    pub(super) user_info: Value,
    /// The token endpoint's status and body, instead.
    pub(super) token_answer: Option<(u16, Value)>,
    pub(super) discovery: Value,
    /// Of the attempt under way, from its address.
    pub(super) challenge: String,
    pub(super) exchanges: u32,
}

#[derive(Clone)]
pub(super) struct Forger {
    pub(super) issuer: String,
    pub(super) says: Arc<Mutex<Says>>,
    pub(super) keys: [Arc<rcgen::KeyPair>; 2],
}

pub(super) fn key() -> Arc<rcgen::KeyPair> {
    Arc::new(rcgen::KeyPair::generate().unwrap())
}

impl Forger {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let says = Says {
            claims: Value::Null,
            header: Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::ES256) },
            foreign_key: false,
            token: None,
            user_info: json!({}),
            token_answer: None,
            discovery: json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/keys"),
                "userinfo_endpoint": format!("{issuer}/me"),
            }),
            challenge: String::new(),
            exchanges: 0,
        };
        let forger = Self { issuer, says: Arc::new(Mutex::new(says)), keys: [key(), key()] };
        let (discovery, keys, tokens, me) = (forger.clone(), forger.clone(), forger.clone(), forger.clone());
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async move || Json(discovery.says().discovery.clone())),
            )
            .route("/keys", get(async move || Json(keys.published())))
            .route("/token", post(async move |headers, body| tokens.tokens(&headers, &body)))
            .route("/me", get(async move || Json(me.says().user_info.clone())));
        tokio::spawn(async move { axum::serve(listener, router).await });
        forger
    }

    pub(super) fn says(&self) -> MutexGuard<'_, Says> {
        self.says.lock().unwrap()
    }

    pub(super) fn published(&self) -> Value {
        let point = self.keys[0].public_key_raw();
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        json!({ "keys": [
            { "kty": "oct", "kid": "shared", "k": "c2VjcmV0" },
            { "kty": "of another age" },
            { "kty": "EC", "crv": "P-256", "kid": "1", "use": "sig", "x": text(&point[1..33]), "y": text(&point[33..]) },
        ]})
    }

    /// The token endpoint: PKCE and the client's password are checked as a real one does.
    fn tokens(&self, headers: &axum::http::HeaderMap, body: &Bytes) -> (StatusCode, Json<Value>) {
        use sha2::Digest as _;
        let mut says = self.says();
        says.exchanges += 1;
        if let Some((status, answer)) = &says.token_answer {
            return (StatusCode::from_u16(*status).unwrap(), Json(answer.clone()));
        }
        let body = String::from_utf8(body.to_vec()).unwrap();
        let verifier = body.split('&').find_map(|pair| pair.strip_prefix("code_verifier=")).unwrap();
        let challenge = BASE64URL_NOPAD.encode(&sha2::Sha256::digest(verifier.as_bytes()));
        let basic = data_encoding::BASE64.encode(b"camtrail+%26+co:hunter2%3A");
        let known = headers.get("authorization").is_some_and(|value| *value == format!("Basic {basic}"));
        if challenge != says.challenge || !known || !body.contains("code=the-code") {
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
        }
        let key = &self.keys[usize::from(says.foreign_key)];
        let key = EncodingKey::from_ec_der(&key.serialize_der());
        let token = says.token.clone();
        let token = token.unwrap_or_else(|| jsonwebtoken::encode(&says.header, &says.claims, &key).unwrap());
        (StatusCode::OK, Json(json!({ "id_token": token, "access_token": "a", "token_type": "Bearer" })))
    }

    pub(super) fn oidc(&self, rules: Rules) -> Oidc {
        let config = ProviderConfig {
            issuer: self.issuer.clone(),
            client_id: CLIENT.to_owned(),
            credential: Credential::new("hunter2:"),
            rules,
        };
        config.check().unwrap();
        Oidc::new(Provider::new(config).unwrap(), "Forgery".to_owned(), Duration::from_hours(1))
    }

    /// A right token of this attempt.
    pub(super) fn vouch(&self, went: &Went, address: &str) {
        let now = SystemClock.now().0 / 1_000;
        let mut says = self.says();
        says.challenge = went.parameter("code_challenge");
        says.claims = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": "sub-1", "exp": now + 300, "iat": now,
            "nonce": went.parameter("nonce"), "email": address, "email_verified": true,
        });
    }
}

/// A browser that was sent to the provider.
pub(super) struct Went {
    pub(super) location: String,
    pub(super) cookie: String,
}

impl Went {
    pub(super) fn parameter(&self, name: &str) -> String {
        let query = self.location.split_once('?').unwrap().1;
        let value = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        percent_decoded(value.unwrap_or_else(|| panic!("no {name} in {query}")))
    }
}

pub(super) fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().replace('+', " ").into_bytes();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend(part[2..].replace('+', " ").bytes());
    }
    String::from_utf8(bytes).unwrap()
}

pub(super) fn location(response: &Response) -> String {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers()[header::LOCATION].to_str().unwrap().to_owned()
}

/// The cookie of this name that is set, as a browser sends it back.
pub(super) fn set(response: &Response, name: &str) -> Option<String> {
    let all = response.headers().get_all(header::SET_COOKIE).iter();
    let pair = |value: &HeaderValue| value.to_str().unwrap().split(';').next().unwrap().to_owned();
    all.map(pair).find(|pair| pair.starts_with(&format!("{name}=")) && !pair.ends_with('='))
}

pub(super) async fn fetch(bench: &Bench, path: &str, cookie: &str) -> Response {
    let request = Request::get(path).header(header::COOKIE, cookie).header(header::HOST, "cams.example.org");
    bench.send(request.body(Body::empty()).unwrap()).await
}

pub(super) async fn begin(bench: &Bench, query: &str) -> Went {
    let response = fetch(bench, &format!("/auth/oidc/start{query}"), "").await;
    Went { location: location(&response), cookie: set(&response, "camtrail_oidc").unwrap() }
}

pub(super) async fn come_back(bench: &Bench, went: &Went) -> Response {
    let path = format!("/auth/oidc/callback?code=the-code&state={}", went.parameter("state"));
    fetch(bench, &path, &went.cookie).await
}

pub(super) fn rules() -> Rules {
    let list = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    Rules::new(&list(&["example.org"]), &[], &list(&["boss@example.net"]))
}

pub(super) async fn bench(forger: &Forger) -> Bench {
    Bench::with(|parts| parts.oidc = Some(forger.oidc(rules()))).await
}

/// Once through the provider and back.
pub(super) async fn whole(bench: &Bench, forger: &Forger, query: &str, address: &str) -> Response {
    let went = begin(bench, query).await;
    forger.vouch(&went, address);
    come_back(bench, &went).await
}

/// The log of this thread, for as long as the guard lives.
pub(super) fn log() -> (Arc<Mutex<Vec<u8>>>, tracing::subscriber::DefaultGuard) {
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Arc::new(Mutex::new(Vec::new()));
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || Shared(writer.clone())).finish();
    (lines, tracing::subscriber::set_default(subscriber))
}
