//! Uploads by HTTP.

use super::*;

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

#[tokio::test]
async fn without_a_gateway_uploads_are_sent_to_one() {
    let bench = Bench::serverless().await;
    let request = Request::put("/ingest/gate/a.jpg").body(Body::from("x")).unwrap();
    let (status, problem) = read(bench.send(request).await).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(problem["detail"].as_str().unwrap().contains("gateway"), "{problem}");
}
