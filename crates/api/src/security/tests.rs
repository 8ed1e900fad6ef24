//! What stands around every answer, whoever asks for what; and whose word counts about who asks.

use super::without_secret;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use serde_json::json;

use crate::tests::Bench;

const ALWAYS: [&str; 7] = [
    "content-security-policy",
    "x-content-type-options",
    "referrer-policy",
    "x-frame-options",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
];

/// Every documented call, and what else there is.
fn calls() -> Vec<(String, String)> {
    let document = serde_json::to_value(crate::openapi()).unwrap();
    let mut calls = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "x").replace("{file}", "object").replace("{camera}", "x");
        let path = path.replace("{path}", "x.jpg");
        for method in operations.as_object().unwrap().keys() {
            calls.push((method.to_uppercase(), path.clone()));
        }
        calls.push(("TRACE".to_owned(), path));
    }
    for path in
        ["/", "/index.html", "/cameras", "/nope.js", "/api/nope", "/docs", "/openapi.json", "/%ff", "//x"]
    {
        calls.extend(["GET", "HEAD", "POST", "OPTIONS"].map(|method| (method.to_owned(), path.to_owned())));
    }
    calls
}

async fn answers(bench: &Bench, base_path: &str) -> Vec<(String, Response)> {
    let mut answers = Vec::new();
    let admin = bench.cookie_of_at(base_path, "otto").await;
    for (method, path) in calls() {
        for cookie in ["", admin.as_str()] {
            let live = path == "/api/v1/live" && !cookie.is_empty();
            let request = Request::builder().method(method.as_str()).uri(format!("{base_path}{path}"));
            let request = request.header(header::COOKIE, cookie).body(Body::empty()).unwrap();
            let response = bench.send(request).await;
            assert!(!live || response.status().is_success() || method == "TRACE", "{method} {path}");
            answers.push((format!("{method} {path} {}", response.status()), response));
        }
    }
    answers
}

#[tokio::test]
async fn every_answer_has_the_secure_headers() {
    for (base_path, tls) in [("", false), ("", true), ("/cams", true)] {
        let bench = Bench::with(|parts| {
            base_path.clone_into(&mut parts.config.base_path);
            parts.config.tls = tls;
        })
        .await;
        let answers = answers(&bench, base_path).await;
        assert!(answers.len() > 100, "{}", answers.len());
        for (call, response) in answers {
            let text =
                |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            for name in ALWAYS {
                assert!(text(name).is_some(), "{call}: no {name}");
            }
            let policy = text("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'"), "{call}: {policy}");
            for weak in ["unsafe-inline", "unsafe-eval", " *", "http:"] {
                assert!(!policy.contains(weak), "{call}: {policy}");
            }
            assert_eq!(text("strict-transport-security").is_some(), tls, "{call}");
            assert_eq!(text("access-control-allow-origin"), None, "{call}");
            assert_eq!(text("server"), None, "{call}");
            let cookies = response.headers().get_all(header::SET_COOKIE);
            for cookie in cookies.iter().map(|value| value.to_str().unwrap()) {
                assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{call}: {cookie}");
                assert_eq!(cookie.contains("Secure"), tls, "{call}: {cookie}");
            }
        }
    }
}

/// A media file is of a camera's making: it may be shown by our pages, and run as nothing.
#[tokio::test]
async fn media_have_a_policy_of_their_own() {
    let bench = Bench::with(|_| ()).await;
    let cookie = bench.cookie_of("otto").await;
    let link = bench.get("/api/v1/events?limit=1", &cookie).await.1["items"][0]["media_url"].clone();
    let request = Request::get(link.as_str().unwrap()).body(Body::empty()).unwrap();
    let response = bench.send(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-security-policy"], "default-src 'none'; sandbox");
    for name in ALWAYS {
        assert!(response.headers().contains_key(name), "{name}");
    }
}

async fn guess(bench: &Bench, peer: &str, forwarded: &[(&str, &str)]) -> Response {
    let body = json!({ "username": "anna", "password": "wrong" }).to_string();
    let mut request = Request::post("/api/v1/session").header(header::CONTENT_TYPE, "application/json");
    for (name, value) in forwarded {
        request = request.header(*name, *value);
    }
    bench.send_from(peer, request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_stranger_cannot_claim_another_address_with_each_guess() {
    let bench = Bench::with(|parts| parts.config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]).await;
    let mut last = StatusCode::OK;
    for n in 0..8 {
        let claimed = format!("192.0.2.{n}");
        let forwarded = format!("for={claimed}");
        let claims = [("x-forwarded-for", claimed.as_str()), ("forwarded", forwarded.as_str())];
        last = guess(&bench, "203.0.113.9:9", &claims).await.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    // Nor through the proxy: what a client says stands before what the proxy adds.
    for n in 0..8 {
        let list = format!("192.0.2.{n}, 198.51.100.7");
        last = guess(&bench, "10.0.0.2:9", &[("x-forwarded-for", &list)]).await.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    // And those behind the same proxy don't wait for each other.
    let other = guess(&bench, "10.0.0.2:9", &[("x-forwarded-for", "198.51.100.8")]).await;
    assert_eq!(other.status(), StatusCode::UNAUTHORIZED);
    let mapped = guess(&bench, "[::ffff:10.0.0.2]:9", &[("x-forwarded-for", "198.51.100.7")]).await;
    assert_eq!(mapped.status(), StatusCode::TOO_MANY_REQUESTS, "the same proxy over IPv6");
}

#[tokio::test]
async fn only_a_trusted_proxy_says_that_it_was_https() {
    let bench = Bench::with(|parts| parts.config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]).await;
    for (peer, name, value, want) in [
        ("10.0.0.2:9", "x-forwarded-proto", "https", true),
        ("10.0.0.2:9", "x-forwarded-proto", "https, http", false),
        ("10.0.0.2:9", "x-forwarded-proto", "http", false),
        ("10.0.0.2:9", "forwarded", "for=192.0.2.1;proto=https", true),
        ("203.0.113.9:9", "x-forwarded-proto", "https", false),
        ("203.0.113.9:9", "forwarded", "proto=https", false),
    ] {
        let request = Request::delete("/api/v1/session").header(name, value).body(Body::empty()).unwrap();
        let response = bench.send_from(peer, request).await;
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        assert_eq!(cookie.contains("Secure"), want, "{peer} {name}: {value}");
        let hsts = response.headers().contains_key(header::STRICT_TRANSPORT_SECURITY);
        assert_eq!(hsts, want, "{peer} {name}: {value}");
    }
}

/// A page of another site that knows a proxy's headers gains nothing by them: browsers don't let it send them, and from
/// elsewhere they don't count.
#[tokio::test]
async fn the_host_that_a_proxy_names_is_ours_and_a_strangers_is_not() {
    let bench = Bench::with(|parts| {
        parts.config.trusted_proxies = vec!["10.0.0.2".parse::<std::net::IpAddr>().unwrap().into()];
    })
    .await;
    for (peer, want) in [("10.0.0.2:9", StatusCode::NO_CONTENT), ("10.0.0.3:9", StatusCode::FORBIDDEN)] {
        let request = Request::delete("/api/v1/session")
            .header(header::HOST, "127.0.0.1:8080")
            .header("x-forwarded-host", "cams.example.org")
            .header(header::ORIGIN, "https://cams.example.org");
        let response = bench.send_from(peer, request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), want, "{peer}");
    }
}

#[test]
fn a_shares_secret_is_in_no_log() {
    assert_eq!(without_secret("/s/4dYhPq"), "/s/…");
    assert_eq!(without_secret("/cams/s/4dYhPq"), "/cams/s/…");
    assert_eq!(without_secret("/s/media/0123/object"), "/s/media/0123/object");
    assert_eq!(without_secret("/api/v1/events"), "/api/v1/events");
}
