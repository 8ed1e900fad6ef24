//! Signing in and out, and who is let in.

use super::*;

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
