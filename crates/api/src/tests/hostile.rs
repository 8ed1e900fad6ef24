//! Requests that mean no good: other sites' pages, bodies without measure, names that try to be more than names.

use super::{
    shares::{call, first_event},
    *,
};

/// A request that changes something, as a browser or somebody who pretends to be one sends it.
async fn sign_out(bench: &Bench, headers: &[(&str, &str)]) -> StatusCode {
    let mut request = Request::delete("/api/v1/session");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    bench.send(request.body(Body::empty()).unwrap()).await.status()
}

#[tokio::test]
async fn tricks_with_host_and_origin_are_refused() {
    let bench = Bench::with(|parts| parts.config.public_url = Some("https://cams.example".to_owned())).await;
    for headers in [
        &[("host", "cams.example"), ("origin", "https://cams.example.evil.test")][..],
        &[("host", "cams.example"), ("origin", "https://evil.test/cams.example")],
        &[("host", "cams.example"), ("origin", "https://cams.example@evil.test")],
        &[("host", "cams.example"), ("origin", "https://cams.example:444")],
        &[("host", "cams.example"), ("origin", "cams.example.")],
        &[("host", "cams.example"), ("origin", "")],
        &[("host", "cams.example"), ("origin", "null")],
        &[("host", "cams.example"), ("origin", "file://")],
        &[("origin", "https://evil.test")],
        // A sibling's page is another site's, whatever its origin claims.
        &[("host", "cams.example"), ("origin", "https://cams.example"), ("sec-fetch-site", "same-site")],
        &[("host", "cams.example"), ("origin", "https://cams.example"), ("sec-fetch-site", "cross-site")],
        &[("host", "cams.example"), ("sec-fetch-site", "SAME-ORIGIN ")],
        &[("host", "cams.example"), ("x-forwarded-host", "evil.test"), ("origin", "https://evil.test")],
        // The first of two counts, and the second can't mend it.
        &[("host", "cams.example"), ("origin", "https://evil.test"), ("origin", "https://cams.example")],
    ] {
        assert_eq!(sign_out(&bench, headers).await, StatusCode::FORBIDDEN, "{headers:?}");
    }
    for headers in [
        &[("host", "10.0.0.5:8080"), ("origin", "http://10.0.0.5:8080")][..],
        &[("host", "proxy.internal"), ("origin", "https://cams.example")],
        &[("host", "cams.example"), ("sec-fetch-site", "same-origin")],
        &[("host", "cams.example")],
    ] {
        assert_eq!(sign_out(&bench, headers).await, StatusCode::NO_CONTENT, "{headers:?}");
    }
}

/// A page of another site can send a form, but no JSON; and a token in the query is nobody's.
#[tokio::test]
async fn a_form_is_no_request() {
    let bench = Bench::new("").await;
    let cookie = bench.cookie_of("otto").await;
    let id = first_event(&bench, &cookie).await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let request = Request::post("/api/v1/shares")
            .header(header::COOKIE, &cookie)
            .header(header::CONTENT_TYPE, kind);
        let body = Body::from(json!({ "event_id": id }).to_string());
        let (status, problem) = read(bench.send(request.body(body).unwrap()).await).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{kind}: {problem}");
    }
    let (status, made) =
        call(&bench, &cookie, "POST", "/api/v1/tokens", Some(json!({ "name": "x", "scopes": ["read"] })))
            .await;
    assert_eq!(status, StatusCode::CREATED);
    let token = made["token"].as_str().unwrap();
    for path in [format!("/api/v1/cameras?token={token}"), format!("/api/v1/cameras?access_token={token}")] {
        assert_eq!(bench.get(&path, "").await.0, StatusCode::UNAUTHORIZED);
    }
    // Nothing allows other origins to read answers.
    let asked = Request::builder()
        .method(Method::OPTIONS)
        .uri("/api/v1/events")
        .header("origin", "https://evil.test")
        .header("access-control-request-method", "GET");
    let answer = bench.send(asked.body(Body::empty()).unwrap()).await;
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")), "{answer:?}");
}

#[tokio::test]
async fn bodies_without_measure_are_refused_as_problems() {
    let bench = Bench::new("").await;
    let cookie = bench.cookie_of("otto").await;
    let post = async |path: &str, body: Body| {
        let request = Request::post(path)
            .header(header::COOKIE, &cookie)
            .header(header::CONTENT_TYPE, "application/json");
        let response = bench.send(request.body(body).unwrap()).await;
        let kind = response.headers().get(header::CONTENT_TYPE).cloned();
        let (status, problem) = read(response).await;
        assert_eq!(kind.unwrap(), "application/problem+json", "{path}: {status}");
        (status, problem["detail"].as_str().unwrap().to_owned())
    };
    for path in
        ["/api/v1/session", "/api/v1/shares", "/api/v1/tokens", "/api/v1/users", "/api/v1/events/viewed"]
    {
        let deep = "[".repeat(60_000);
        assert_eq!(post(path, Body::from(deep)).await.0, StatusCode::BAD_REQUEST, "{path}");
        let nested = format!("{{\"name\": {}1{}}}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
        assert_eq!(post(path, Body::from(nested)).await.0, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(post(path, Body::from(vec![0xff; 100])).await.0, StatusCode::BAD_REQUEST, "{path}");
        let chunks = futures::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>(vec![b' '; 10_000])));
        let (status, detail) = post(path, Body::from_stream(chunks)).await;
        assert!(
            status == StatusCode::PAYLOAD_TOO_LARGE && detail.contains("too large"),
            "{path}: {status} {detail}"
        );
        let request = Request::post(path)
            .header(header::COOKIE, &cookie)
            .header(header::CONTENT_LENGTH, "5000000000")
            .header(header::CONTENT_TYPE, "application/json");
        let (status, problem) = read(bench.send(request.body(Body::empty()).unwrap()).await).await;
        assert_eq!(
            (status, &problem["status"]),
            (StatusCode::PAYLOAD_TOO_LARGE, &json!(413)),
            "{path}: {problem}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_dawdles_is_given_up() {
    let bench = Bench::new("").await;
    let first = futures::stream::iter([Ok::<_, std::io::Error>(b"{\"username\":".to_vec())]);
    let body = Body::from_stream(futures::StreamExt::chain(first, futures::stream::pending()));
    let request = Request::post("/api/v1/session").header(header::CONTENT_TYPE, "application/json");
    let (status, problem) = read(bench.send(request.body(body).unwrap()).await).await;
    assert_eq!((status, &problem["status"]), (StatusCode::REQUEST_TIMEOUT, &json!(408)));
}

#[tokio::test]
async fn names_stay_names_in_headers_addresses_and_pages() {
    let bench = Bench::new("").await;
    let otto = bench.cookie_of("otto").await;
    for path in [
        "/api/v1/events/%ff",
        "/api/v1/events/..%2f..%2fetc%2fpasswd",
        "/api/v1/users/%00",
        "/api/v1/tokens/%0d%0aset-cookie:%20x=1",
        "/api/v1/shares/%2e%2e",
    ] {
        for method in ["GET", "PATCH", "DELETE"] {
            let body = (method == "PATCH").then(|| json!({}));
            let (status, problem) = call(&bench, &otto, method, path, body).await;
            assert!(
                status.is_client_error() && problem["status"] == json!(status.as_u16()),
                "{method} {path}: {problem}"
            );
        }
    }
    // A user whose name is markup, a share whose note is one, a camera of any name.
    let clip = record("\"><script>alert(1)</script>'", 9_999, CaptureKind::Record, "x.mp4");
    bench.catalog.record(&clip).await.unwrap();
    let note = "</p><script src=//evil.test></script><img src=x onerror=y> \u{202e}";
    let body = json!({ "event_id": clip.id().to_string(), "note": note });
    let (status, made) = call(&bench, &otto, "POST", "/api/v1/shares", Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let request = Request::get(made["url"].as_str().unwrap()).body(Body::empty()).unwrap();
    let response = bench.send(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let html = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let html = String::from_utf8(html.to_vec()).unwrap();
    assert!(
        !html.contains("<script") && !html.contains("<img src=x") && !html.contains("alert(1)</"),
        "{html}"
    );
    assert!(html.contains("&lt;script src=//evil.test&gt;"), "{html}");
    let sent = Request::get("/api/v1/events").header(header::COOKIE, "camtrail_session=\"; x=y");
    assert_eq!(bench.send(sent.body(Body::empty()).unwrap()).await.status(), StatusCode::UNAUTHORIZED);
}
