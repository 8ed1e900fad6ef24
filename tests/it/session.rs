//! Signing in and out, and who is kept out.

use std::time::Duration;

use serde_json::Value;

use crate::support::{Ftp, Instance, Web, camtrail, still_with};

#[test]
fn signing_out_locks_out() {
    let instance = Instance::start();
    let web = instance.person();
    assert_eq!(web.get("/api/v1/session").json()["username"], "admin");
    let reply = web.try_sign_in("admin", "wrong");
    assert_eq!(reply.problem(401), "wrong user or password");
    let cookie = Web::anonymous(instance.http()).try_sign_in("admin", crate::support::ADMIN_PASSWORD);
    let cookie = cookie.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    assert_eq!(
        web.request("DELETE", "/api/v1/session", &[("origin", "https://evil.example")], None).status,
        403
    );
    assert_eq!(web.request("DELETE", "/api/v1/session", &[], None).status, 204);
    web.get("/api/v1/events").problem(401);
}

#[test]
fn anonymous_answers_never_look_like_success() {
    // Metrics are for programs of this machine, which this is.
    const PUBLIC: [&str; 7] = [
        "/healthz",
        "/metrics",
        "/readyz",
        "/api/v1/sign-in",
        "/api/v1/media/{id}/{file}",
        "/s/{token}",
        "/s/media/{id}/{file}",
    ];
    let instance = Instance::start();
    let web = Web::anonymous(instance.http());
    let document = web.get("/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 6);
    for (path, calls) in paths.iter().filter(|(path, _)| !PUBLIC.contains(&path.as_str())) {
        if path == "/api/v1/arrivals" {
            // Nobody's until a token is configured.
            web.request("POST", path, &[], Some(&serde_json::json!({}))).problem(403);
            continue;
        }
        if path.starts_with("/auth/oidc/") {
            // Nobody's until a provider is configured.
            web.get(path).problem(404);
            continue;
        }
        let path =
            path.replace("{id}", "x").replace("{name}", "x").replace("{camera}", "x").replace("{path}", "x");
        for method in calls.as_object().unwrap().keys().map(String::as_str) {
            // A body that nobody reads may end its connection, which the next call must not find.
            let web = Web::anonymous(instance.http());
            let reply = match method {
                "put" => web.put(&path, &[], b"x"),
                "get" => web.get(&path),
                // Of nobody's session there is nothing to end, and it takes a password to make one.
                "delete" | "post" if path == "/api/v1/session" => continue,
                _ => web.request(&method.to_uppercase(), &path, &[], Some(&serde_json::json!({}))),
            };
            reply.problem(401);
        }
    }
}

#[test]
fn wrong_passwords_slow_down_and_are_shown() {
    let instance = Instance::start();
    let web = instance.person();
    for _ in 0..6 {
        web.try_sign_in("anna", "wrong");
    }
    let reply = web.try_sign_in("anna", "wrong");
    assert_eq!(reply.status, 429);
    assert!(!reply.header("retry-after").is_empty());
    assert_eq!(
        web.try_sign_in("admin", crate::support::ADMIN_PASSWORD).status,
        200,
        "nobody else is locked out"
    );
    let refused = Ftp::login(instance.ftp(), "camera", "wrong").err().unwrap().to_string();
    assert!(refused.contains("530"), "{refused}");
    let troubles = web.get("/api/v1/status").json()["ftp"]["troubles"].clone();
    assert_eq!(
        (&troubles[0]["kind"], &troubles[0]["account"]),
        (&Value::from("login"), &Value::from("camera"))
    );
    assert!(
        !instance.log().contains("ftp-pass-1") && !instance.log().contains(crate::support::ADMIN_PASSWORD)
    );
}

#[test]
fn the_clients_document_is_the_programs() {
    let printed = crate::support::run(camtrail().arg("openapi"));
    let kept = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../web/openapi.json")).unwrap();
    assert!(
        printed.stdout == kept,
        "web/openapi.json is stale: cargo run -p camtrail -- openapi > web/openapi.json; cd web && npm run generate"
    );
}

/// Signed out means at once: an open stream tells nothing more.
#[test]
fn a_live_stream_ends_with_its_session() {
    let instance = Instance::start();
    let (web, other) = (instance.person(), instance.person());
    let live = web.live(None);
    assert_eq!(live.next().event, "ready");
    assert_eq!(web.request("DELETE", "/api/v1/session", &[], None).status, 204);
    instance.camera().upload("/gate/snap/a.jpg", &still_with(1, 9_000));
    other.settle();
    assert_eq!(other.events("").len(), 1);
    assert_eq!(live.next_within(Duration::from_secs(2)), None);
}

/// NEVER-29: what is kept on disk or told in the log opens nothing.
#[test]
fn no_secret_is_written_down() {
    let mut instance = Instance::start();
    let web = instance.person();
    let token = web.cookie.clone().unwrap().split_once('=').unwrap().1.to_owned();
    instance.camera().upload("/gate/snap/a.jpg", &still_with(1, 9_000));
    web.settle();
    instance.terminate();
    let secrets = [token.as_str(), crate::support::ADMIN_PASSWORD, "ftp-pass-1"];
    let mut read = 0;
    for file in ["catalog.db", "catalog.db-wal", "ledger.db", "ledger.db-wal"] {
        let Ok(bytes) = std::fs::read(instance.data_dir().join(file)) else { continue };
        read += 1;
        for secret in secrets {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{file}");
        }
    }
    assert!(read >= 2, "the databases are there");
    assert!(secrets.iter().all(|secret| !instance.log().contains(secret)));
}
