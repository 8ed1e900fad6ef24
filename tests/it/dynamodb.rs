//! Events and people in DynamoDB tables instead of the machine's own file: on a real DynamoDB Local.

use std::{
    io::{self, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    process::{Output, Stdio},
    thread,
};

use camtrail_services::DynamoDbLocal;

use crate::support::{
    CLIP, Ftp, Instance, Options, STILL, Web, camtrail, curl, data, free_port, run, sample, sha256,
    still_with, text, wait,
};

const BUCKET_EVENT: &str = r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"any"},
    "object":{"key":"patrolcams/backyard/2016-08-30/Hour-15/snap/MDAlarm_20160830-155137.jpg"}}}]}"#;

fn settings(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("CAMTRAIL__CATALOG__KIND", "dynamodb".to_owned()),
        ("CAMTRAIL__CATALOG__ENDPOINT", endpoint.to_owned()),
        ("CAMTRAIL__CATALOG__CREATE_TABLES", "true".to_owned()),
        ("CAMTRAIL__CATALOG__TABLE_PREFIX", "home-".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ]
}

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// A command beside running ones, with a data dir of its own; `typed` is what a person types.
fn command(env: &[(&str, &str)], words: &[&str], typed: &str) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let mut child = camtrail()
        .args(words)
        .arg("--data-dir")
        .arg(dir.path())
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Commands that ask for nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    child.wait_with_output().unwrap()
}

fn done(env: &[(&str, &str)], words: &[&str], typed: &str) -> String {
    let output = command(env, words, typed);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_box_lists_from_tables() {
    let server = DynamoDbLocal::start();
    let settings = settings(&server.endpoint());
    let env = borrowed(&settings);
    let mut instance = Instance::with(&Options { env: &env, ..Options::default() });
    assert!(instance.log().contains("the files in the store stay for ever"), "tables belong with a bucket");
    curl(&instance, &data(CLIP), "/backyard/record/");
    curl(&instance, &data(STILL), "/backyard/snap/");
    let web = instance.person();
    web.settle();
    let events = web.events("");
    let [still, clip] = &events[..] else { panic!("expected two events: {events:#?}") };
    assert_eq!(text(still, "sha256"), sha256(&sample(STILL)));
    assert_eq!(text(clip, "captured_at"), "2016-08-30T15:29:54.000-07:00");
    assert!(still["poster_url"].is_string() && clip["poster_url"].is_string());
    assert_eq!(web.events("kind=snap&camera=backyard&date=2016-08-30").len(), 1);
    assert_eq!(web.events("camera=nobody").len(), 0);
    // Another process tells of an object: nothing changes, and it says so.
    let event = instance.scratch().join("event.json");
    std::fs::write(&event, BUCKET_EVENT).unwrap();
    let told = run(camtrail()
        .args(["invoke", "--data-dir"])
        .arg(instance.data_dir())
        .arg("--event")
        .arg(&event)
        .envs(env.iter().copied()));
    let line: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    assert!(told.status.success() && line["outcome"] == "already", "{line:#}");
    // What a person decides stands in both views, and in the store.
    let path = format!("/api/v1/events/{}", text(clip, "id"));
    let body = serde_json::json!({ "protected": true, "note": "the fox" });
    let decided = web.request("PATCH", &path, &[], Some(&body));
    assert_eq!(decided.status, 200, "{}", decided.text());
    for query in ["kind=record", "kind=record&camera=backyard"] {
        let listed = &web.events(query)[0];
        assert!(listed["protected"] == true && listed["note"] == "the fox", "{query}: {listed:#}");
    }
    instance.restart();
    let again = instance.person().events("");
    let ids = |events: &[serde_json::Value]| {
        events.iter().map(|event| text(event, "id").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&again), ids(&events), "nothing of it was in the process or its data dir");
}

/// Tables out of reach are no reason to refuse a clip: it waits, and goes when they are there. So do people.
#[test]
fn uploads_and_people_wait_for_the_tables() {
    let server = DynamoDbLocal::start();
    let there = settings(&server.endpoint());
    // Makes the tables.
    done(&borrowed(&there), &["user", "list"], "");
    let port = free_port();
    let away = settings(&format!("http://127.0.0.1:{port}"));
    let instance = Instance::with(&Options { env: &borrowed(&away), ..Options::default() });
    assert!(instance.log().contains("uploads are taken and wait"), "{}", instance.log());
    curl(&instance, &data(STILL), "/backyard/snap/");
    let anonymous = Web::anonymous(instance.http());
    for reply in [anonymous.get("/api/v1/session"), anonymous.try_sign_in("admin", "x"), anonymous.get("/")] {
        assert_eq!(reply.status, 503);
        assert!(!reply.header("retry-after").is_empty());
    }
    lead(port, server.endpoint().trim_start_matches("http://").parse().unwrap());
    wait("the web door opens", || (anonymous.get("/healthz").status == 200).then_some(()));
    let web = instance.person();
    web.settle();
    assert_eq!(web.events("").len(), 1);
}

/// Connects whoever comes to `port` with the server.
fn lead(port: u16, server: SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(server)) else { continue };
            let (back, forth) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            for (mut from, mut to) in [(client, server), (back, forth)] {
                thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
}

/// Two programs that share nothing but the tables: whoever signs in at one is signed in at the other, and out at both.
#[test]
fn people_are_the_same_everywhere() {
    let server = DynamoDbLocal::start();
    let settings = settings(&server.endpoint());
    let env = borrowed(&settings);
    assert_eq!(
        done(&env, &["user", "add", "anna", "--viewer"], "the first password\n"),
        "anna can sign in as viewer.\n"
    );
    let again = command(&env, &["user", "add", "anna"], "another password\n");
    assert!(String::from_utf8_lossy(&again.stderr).contains("there is a user \"anna\" already"), "{again:?}");
    for wrong in ["", "a\nb", &"x".repeat(257)] {
        let refused = command(&env, &["user", "add", wrong], "a fine password\n");
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    }
    let start = || Instance::with(&Options { env: &env, ..Options::default() });
    let (one, other) = (start(), start());
    let signed_in = |at: &Instance, password: &str| {
        let mut web = Web::anonymous(at.http());
        let reply = web.try_sign_in("anna", password);
        assert_eq!(reply.status, 200, "{}", reply.text());
        web.cookie = reply.header("set-cookie").split(';').next().map(str::to_owned);
        web
    };
    let at = |instance: &Instance, web: &Web| {
        let mut there = Web::anonymous(instance.http());
        there.cookie.clone_from(&web.cookie);
        there
    };
    let who = |web: &Web| web.get("/api/v1/session").status;

    let here = signed_in(&one, "the first password");
    let there = at(&other, &here);
    assert_eq!(
        there.get("/api/v1/session").json(),
        serde_json::json!({"username": "anna", "role": "viewer", "by_provider": false})
    );
    assert_eq!(there.request("DELETE", "/api/v1/session", &[], None).status, 204);
    assert_eq!((who(&here), who(&there)), (401, 401), "signed out at one is signed out at both");

    let here = signed_in(&other, "the first password");
    done(&env, &["user", "passwd", "anna"], "the second password\n");
    assert_eq!((who(&here), who(&at(&one, &here))), (401, 401), "another password");
    assert_eq!(here.try_sign_in("anna", "the first password").status, 401);

    let here = signed_in(&one, "the second password");
    assert_eq!(who(&at(&other, &here)), 200);
    done(&env, &["user", "disable", "anna"], "");
    assert_eq!((who(&here), who(&at(&other, &here))), (401, 401), "disabled");
    assert_eq!(Web::anonymous(other.http()).try_sign_in("anna", "the second password").status, 401);
    assert!(done(&env, &["user", "list"], "").contains("anna\tviewer\tdisabled\n"));

    // Wrong ones at one are wrong ones at the other.
    let guess = |at: &Instance| Web::anonymous(at.http()).try_sign_in("ben", "a guess").status;
    let guesses: Vec<_> = (0..3).flat_map(|_| [guess(&one), guess(&other)]).collect();
    assert_eq!((guesses, guess(&other)), (vec![401; 6], 429));
}

/// What a person viewed, and grouped, at one program is so at the other.
#[test]
fn marks_and_groups_are_the_same_everywhere() {
    let server = DynamoDbLocal::start();
    let settings = settings(&server.endpoint());
    let env = borrowed(&settings);
    let start = || Instance::with(&Options { env: &env, ..Options::default() });
    let (one, other) = (start(), start());
    for n in 0..3 {
        one.camera().upload(format!("/gate/snap/{n}.jpg"), &still_with(n, 9_000));
    }
    let (here, there) = (one.person(), other.person());
    here.settle();
    let ids: Vec<_> = here.events("").iter().map(|event| text(event, "id").to_owned()).collect();
    let viewed = |web: &Web| web.events("").iter().map(|event| event["viewed"] == true).collect::<Vec<_>>();
    assert_eq!(viewed(&there), [false; 3]);
    let path = format!("/api/v1/events/{}/viewed", ids[0]);
    assert_eq!(here.request("PUT", &path, &[], Some(&serde_json::json!({"viewed": true}))).status, 204);
    assert_eq!(viewed(&there), [true, false, false]);
    let up_to = serde_json::json!({"up_to": ids[1]});
    assert_eq!(there.request("POST", "/api/v1/events/viewed", &[], Some(&up_to)).status, 204);
    assert_eq!(viewed(&here), [true; 3]);
    let groups = serde_json::json!({"items": [
        {"name": "gates", "contains": ["GATE"]}, {"name": "others", "not_contains": ["gate"]}
    ]});
    assert_eq!(here.request("PUT", "/api/v1/groups", &[], Some(&groups)).status, 200);
    assert_eq!((there.events("group=gates").len(), there.events("group=others").len()), (3, 0));
    there.get("/api/v1/events?group=nobody").problem(400);
    let list = there.get("/api/v1/viewed?since=0").json();
    assert_eq!(
        (text(&list["items"][0], "id"), text(&list["up_to"][0], "id")),
        (ids[0].as_str(), ids[1].as_str())
    );
}

/// Accounts and tokens of cameras that one command made are good at every program.
#[test]
fn cameras_are_the_same_everywhere() {
    let server = DynamoDbLocal::start();
    let settings = settings(&server.endpoint());
    let env = borrowed(&settings);
    let made = done(&env, &["camera", "add", "gate"], "");
    let password = made.split("password ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    let made = done(&env, &["camera", "token", "gate"], "");
    let token = made.split(": ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    let instance = Instance::with(&Options { env: &env, ..Options::default() });
    Ftp::login(instance.ftp(), "gate", password).unwrap().upload("/a.jpg", &still_with(1, 9_000));
    let bearer = format!("Bearer {token}");
    let web = instance.person();
    let put = |name: &str| {
        let path = format!("/ingest/gate/{name}.jpg");
        web.put(&path, &[("authorization", bearer.as_str())], &still_with(2, 9_000)).status
    };
    assert_eq!(put("b"), 201);
    web.settle();
    assert_eq!(web.events("camera=gate").len(), 2);
    let listed = done(&env, &["camera", "list"], "");
    for line in ["gate\t2 events", "FTP account gate\tfor gate", "token for gate"] {
        assert!(listed.contains(line), "{listed}");
    }
    assert_eq!(done(&env, &["camera", "revoke-token", "gate"], ""), "The token of gate is worthless now.\n");
    assert_eq!(put("c"), 401);
}
