//! A provider that forges: everything that its tokens could get wrong, and everything that browsers could be made to
//! bring. What it says by itself is right, so that each check fails for its own reason.

mod forger;
mod forgeries;

use std::sync::Mutex;

use axum::{body::Body, http::Request};
use camtrail_model::{
    Millis,
    ports::{Accounts, Clock, Role, SystemClock, User},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use super::*;
use crate::tests::{Bench, read};
use forger::{CLIENT, Forger, Went, begin, bench, come_back, fetch, location, log, rules, set, whole};

#[tokio::test]
async fn whom_the_provider_vouches_for_comes_in_as_the_configuration_says() {
    let forger = Forger::start().await;
    let bench = bench(&forger).await;
    let ways = bench.get("/api/v1/sign-in", "").await.1;
    assert_eq!(ways, json!({ "oidc": { "name": "Forgery", "start": "auth/oidc/start" } }));

    let went = begin(&bench, "?return_to=/cameras%3Fa%3Db").await;
    assert!(went.location.starts_with(&format!("{}/authorize?response_type=code&", forger.issuer)));
    assert_eq!(went.parameter("redirect_uri"), "http://cams.example.org/auth/oidc/callback");
    assert_eq!(
        (went.parameter("client_id").as_str(), went.parameter("code_challenge_method").as_str()),
        (CLIENT, "S256")
    );
    forger.vouch(&went, "Anna@Example.org");
    let response = come_back(&bench, &went).await;
    assert_eq!(location(&response), "/cameras?a=b");
    let cookie = set(&response, "camtrail_session").unwrap();
    let session = json!({ "username": "anna@example.org", "role": "viewer", "by_provider": true });
    assert_eq!(bench.get("/api/v1/session", &cookie).await, (StatusCode::OK, session));
    let all: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().collect();
    let session_cookie =
        all.iter().find(|value| value.to_str().unwrap().starts_with("camtrail_session")).unwrap();
    assert!(session_cookie.to_str().unwrap().contains("Max-Age=3600"), "NEVER-30: short, {session_cookie:?}");

    let (status, _) = read(bench.sign_in_as("anna@example.org", "").await).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "nobody has this password");
    let admin = whole(&bench, &forger, "", "boss@example.net").await;
    let cookie = set(&admin, "camtrail_session").unwrap();
    assert_eq!(bench.get("/api/v1/session", &cookie).await.1["role"], "admin");
}

#[tokio::test]
async fn an_answer_that_this_browser_did_not_ask_for_is_refused() {
    let forger = Forger::start().await;
    let bench = bench(&forger).await;
    let (went, other) = (begin(&bench, "").await, begin(&bench, "").await);
    forger.vouch(&went, "anna@example.org");
    let state = went.parameter("state");
    let (said, signature) = state.split_once('.').unwrap();
    let altered = BASE64URL_NOPAD.decode(said.as_bytes()).unwrap();
    let altered = String::from_utf8(altered).unwrap().replace("\"/\"", "\"//evil.example\"");
    let altered = format!("{}.{signature}", BASE64URL_NOPAD.encode(altered.as_bytes()));
    for (query, cookie) in [
        (format!("?code=the-code&state={state}"), ""),
        (format!("?code=the-code&state={state}"), other.cookie.as_str()),
        (format!("?code=the-code&state={}", other.parameter("state")), went.cookie.as_str()),
        (format!("?code=the-code&state={altered}"), went.cookie.as_str()),
        (format!("?code=the-code&state={state}&state={state}"), went.cookie.as_str()),
        ("?code=the-code&state=x".to_owned(), went.cookie.as_str()),
        (format!("?code=the-code&state={}", "x".repeat(8_000)), went.cookie.as_str()),
        ("?code=the-code".to_owned(), went.cookie.as_str()),
        (String::new(), went.cookie.as_str()),
        ("?error=access_denied".to_owned(), went.cookie.as_str()),
    ] {
        let (lines, guard) = log();
        let response = fetch(&bench, &format!("/auth/oidc/callback{query}"), cookie).await;
        drop(guard);
        assert_eq!(location(&response), "/?sign_in=expired", "{query}");
        assert_eq!(set(&response, "camtrail_session"), None);
        let said = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
        assert!(said.contains("not begun in this browser"), "{said}");
    }
    assert_eq!(forger.says().exchanges, 0, "the provider was never asked");
    let mixed = format!("/auth/oidc/callback?code=the-code&state={state}&iss=https://evil.example");
    assert_eq!(location(&fetch(&bench, &mixed, &went.cookie).await), "/?sign_in=failed", "RFC 9207");

    let response = come_back(&bench, &went).await;
    assert!(set(&response, "camtrail_session").is_some(), "none of that spoilt the real one");
    let taken = response.headers().get_all(header::SET_COOKIE).iter();
    let taken: Vec<_> = taken
        .map(|value| value.to_str().unwrap())
        .filter(|value| value.starts_with("camtrail_oidc=;"))
        .collect();
    assert!(taken[0].contains("Max-Age=0"), "once only: {taken:?}");
    // Two tabs of one browser don't get in each other's way.
    let response = fetch(&bench, "/auth/oidc/start", &other.cookie).await;
    assert_eq!(set(&response, "camtrail_oidc").unwrap(), other.cookie);
}

#[tokio::test]
async fn an_attempt_is_good_for_ten_minutes() {
    struct Turned(Mutex<Millis>);
    impl Clock for Turned {
        fn now(&self) -> Millis {
            *self.0.lock().unwrap()
        }
    }
    let forger = Forger::start().await;
    let clock = Arc::new(Turned(Mutex::new(SystemClock.now())));
    let bench = Bench::with(|parts| {
        parts.clock = clock.clone();
        parts.oidc = Some(forger.oidc(rules()));
    })
    .await;
    let response = whole(&bench, &forger, "", "anna@example.org").await;
    let cookie = set(&response, "camtrail_session").unwrap();
    let went = begin(&bench, "").await;
    forger.vouch(&went, "anna@example.org");
    let later = |ms: i64| *clock.0.lock().unwrap() = SystemClock.now().plus(ms);
    later(601_000);
    assert_eq!(location(&come_back(&bench, &went).await), "/?sign_in=expired");
    assert_eq!(bench.get("/api/v1/session", &cookie).await.0, StatusCode::OK);
    later(3_601_000);
    assert_eq!(
        bench.get("/api/v1/session", &cookie).await.0,
        StatusCode::UNAUTHORIZED,
        "NEVER-30: asked again"
    );
}

#[tokio::test]
async fn no_way_back_leads_elsewhere() {
    let forger = Forger::start().await;
    let bench = bench(&forger).await;
    for hostile in [
        "//evil.example",
        "https://evil.example/",
        "/%5Cevil.example",
        "/%09/evil.example",
        "%2F%2Fevil.example",
    ] {
        let response = whole(&bench, &forger, &format!("?return_to={hostile}"), "anna@example.org").await;
        assert_eq!(location(&response), "/", "{hostile}");
    }
    let request = Request::get("/auth/oidc/start?return_to=/&return_to=//x").body(Body::empty()).unwrap();
    assert_eq!(bench.send(request).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_is_locked_out_or_somebody_else_stays_out() {
    let forger = Forger::start().await;
    let bench = bench(&forger).await;
    let response = whole(&bench, &forger, "", "anna@example.org").await;
    let cookie = set(&response, "camtrail_session").unwrap();
    let anna = bench.catalog.user("anna@example.org").await.unwrap().unwrap();
    assert_eq!((anna.role, anna.provider()), (Role::Viewer, Some(forger.issuer.as_str())));

    // The address was given to somebody else at the provider.
    let went = begin(&bench, "").await;
    forger.vouch(&went, "anna@example.org");
    forger.says().claims["sub"] = json!("sub-2");
    let response = come_back(&bench, &went).await;
    assert_eq!(bench.get("/api/v1/session", &cookie).await.0, StatusCode::UNAUTHORIZED);
    let cookie = set(&response, "camtrail_session").unwrap();
    assert_eq!(bench.get("/api/v1/session", &cookie).await.0, StatusCode::OK);

    let anna = bench.catalog.user("anna@example.org").await.unwrap().unwrap();
    bench.catalog.put_user(&User { disabled: true, ..anna }).await.unwrap();
    assert_eq!(bench.get("/api/v1/session", &cookie).await.0, StatusCode::UNAUTHORIZED);
    let response = whole(&bench, &forger, "", "anna@example.org").await;
    assert_eq!(location(&response), "/?sign_in=disabled");
    assert!(bench.catalog.user("anna@example.org").await.unwrap().unwrap().disabled);

    let there = bench.catalog.user("anna").await.unwrap().unwrap();
    bench.catalog.put_user(&User { name: "ben@example.org".to_owned(), ..there }).await.unwrap();
    let response = whole(&bench, &forger, "", "ben@example.org").await;
    assert_eq!(location(&response), "/?sign_in=password", "a name with a password is not taken over");
}

#[tokio::test]
async fn a_session_is_renewed_without_a_question_or_not_at_all() {
    let forger = Forger::start().await;
    let bench = bench(&forger).await;
    let query = "?silent=1&hint=anna%40example.org&return_to=/cameras";
    let went = begin(&bench, query).await;
    assert_eq!(
        (went.parameter("prompt").as_str(), went.parameter("login_hint").as_str()),
        ("none", "anna@example.org")
    );
    for error in ["login_required", "interaction_required", "access_denied"] {
        let path = format!("/auth/oidc/callback?error={error}&state={}", went.parameter("state"));
        assert_eq!(location(&fetch(&bench, &path, &went.cookie).await), "/cameras?sign_in=ended", "{error}");
    }
    let choosing = begin(&bench, "?choose=1").await;
    assert_eq!(choosing.parameter("prompt"), "select_account", "a wrong account is no dead end");
    let first = whole(&bench, &forger, query, "anna@example.org").await;
    let before = set(&first, "camtrail_session").unwrap();
    let other = whole(&bench, &forger, query, "ben@example.org").await;
    assert_eq!(location(&other), "/cameras?sign_in=ended", "somebody else comes in when asked only");

    let went = begin(&bench, query).await;
    forger.vouch(&went, "anna@example.org");
    let renewed = fetch(
        &bench,
        &format!("/auth/oidc/callback?code=the-code&state={}", went.parameter("state")),
        &format!("{}; {before}", went.cookie),
    )
    .await;
    assert_eq!(location(&renewed), "/cameras");
    assert_eq!(bench.get("/api/v1/session", &before).await.0, StatusCode::UNAUTHORIZED, "the old one ended");
    let asked = begin(&bench, "").await;
    let path = format!("/auth/oidc/callback?error=access_denied&state={}", asked.parameter("state"));
    assert_eq!(location(&fetch(&bench, &path, &asked.cookie).await), "/?sign_in=denied");
}

#[tokio::test]
async fn an_address_may_come_by_the_user_information() {
    let forger = Forger::start().await;
    let bench = bench(&forger).await;
    for (sub, verified, want) in
        [("sub-1", true, "/"), ("sub-1", false, "/?sign_in=unverified"), ("sub-9", true, "/?sign_in=failed")]
    {
        let went = begin(&bench, "").await;
        forger.vouch(&went, "");
        forger.says().claims.as_object_mut().unwrap().retain(|name, _| !name.starts_with("email"));
        forger.says().user_info =
            json!({ "sub": sub, "email": "anna@example.org", "email_verified": verified });
        assert_eq!(location(&come_back(&bench, &went).await), want, "{sub} {verified}");
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_trusted_with_itself_is_not_used() {
    for (change, name) in [
        (json!({ "issuer": "https://evil.example" }), "another issuer"),
        (json!({ "token_endpoint": "http://evil.example/token" }), "plain http"),
        (json!({ "authorization_endpoint": "javascript:alert(1)" }), "no address"),
        (json!({ "jwks_uri": null }), "no keys"),
        (json!({ "pad": "x".repeat(300_000) }), "endless"),
    ] {
        let forger = Forger::start().await;
        let bench = bench(&forger).await;
        let changes = change.as_object().unwrap().clone();
        forger.says().discovery.as_object_mut().unwrap().extend(changes);
        let response = fetch(&bench, "/auth/oidc/start?return_to=/cameras", "").await;
        assert_eq!(location(&response), "/cameras?sign_in=unavailable", "{name}");
    }
    let nowhere = Forger { issuer: "http://127.0.0.1:1".to_owned(), ..Forger::start().await };
    let away = bench(&nowhere).await;
    assert_eq!(location(&fetch(&away, "/auth/oidc/start", "").await), "/?sign_in=unavailable");
    let none = Bench::with(|_| ()).await;
    for path in ["/auth/oidc/start", "/auth/oidc/callback"] {
        assert_eq!(read(fetch(&none, path, "").await).await.0, StatusCode::NOT_FOUND);
    }
    assert_eq!(none.get("/api/v1/sign-in", "").await.1, json!({ "oidc": null }));
}

/// Where a proxy speaks https for us, everything that browsers are told says so; where a stranger claims it, nothing does.
#[tokio::test]
async fn what_the_provider_and_the_browser_are_told_fits_how_the_request_came() {
    let forger = Forger::start().await;
    let bench = Bench::with(|parts| {
        parts.oidc = Some(forger.oidc(rules()));
        parts.config.base_path = "/cams".to_owned();
        parts.config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let start = async |peer: &str| {
        let request = Request::get("/cams/auth/oidc/start")
            .header(header::HOST, "127.0.0.1:8080")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "cams.example.org");
        bench.send_from(peer, request.body(Body::empty()).unwrap()).await
    };
    let by_proxy = start("10.0.0.2:9").await;
    let cookie = set(&by_proxy, "__Host-camtrail_oidc").unwrap();
    let went = Went { location: location(&by_proxy), cookie };
    assert_eq!(went.parameter("redirect_uri"), "https://cams.example.org/cams/auth/oidc/callback");
    let all = by_proxy.headers()[header::SET_COOKIE].to_str().unwrap();
    assert!(all.contains("Secure") && all.contains("Path=/;") && all.contains("HttpOnly"), "{all}");
    let by_stranger = start("203.0.113.9:9").await;
    assert!(set(&by_stranger, "camtrail_oidc").is_some(), "not Secure: it would not come back");
    let went = Went { location: location(&by_stranger), cookie: String::new() };
    assert_eq!(went.parameter("redirect_uri"), "http://127.0.0.1:8080/cams/auth/oidc/callback");
    for (public_url, want) in [
        ("https://home.example.org/cams", "https://home.example.org/cams/auth/oidc/callback"),
        ("https://home.example.org", "https://home.example.org/cams/auth/oidc/callback"),
        ("https://cams", "https://cams/cams/auth/oidc/callback"),
    ] {
        let public = Bench::with(|parts| {
            parts.oidc = Some(forger.oidc(rules()));
            parts.config.base_path = "/cams".to_owned();
            parts.config.public_url = Some(public_url.to_owned());
        })
        .await;
        let response = fetch(&public, "/cams/auth/oidc/start?return_to=/cams/cameras", "").await;
        let moved = location(&response);
        let there = want.replace("callback", "start?moved=1&return_to=/cams/cameras");
        assert_eq!(moved, there, "the cookie must be the public address's");
        let path = &moved[moved.find("/cams/auth").unwrap()..];
        // From there straight to the provider, also where a proxy hides the public host from us.
        let response = fetch(&public, path, "").await;
        let went = Went { location: location(&response), cookie: String::new() };
        assert_eq!(went.parameter("redirect_uri"), want);
    }
}
