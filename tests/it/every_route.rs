//! Every call of the OpenAPI document, asked by those who may see little or nothing, for what they may not see.
//!
//! The document is walked, not a list: a new call fails here until somebody has thought of who may ask it, and for
//! what ([`requests`]). What an admin is told by the same requests shows that there was something to leak.

use std::{collections::BTreeMap, io::Write as _, process::Stdio};

use serde_json::{Value, json};

use crate::support::{Instance, Options, Reply, Web, camtrail, still_with, text, wait};

/// The camera that the viewer may not see; nothing else here has this in its name.
const HIDDEN: &str = "zzpond";
const PASSWORD: &str = "a fine password";
/// A proxy's: whoever comes through one is no program of this machine, for whom `/metrics` is open.
const FROM_FAR: (&str, &str) = ("x-forwarded-for", "203.0.113.9");

/// What is asked of a call: a path with everything filled in, and a body.
type Request = (String, Option<Value>);

/// What there is.
struct Yard {
    instance: Instance,
    admin: Web,
    /// The hidden camera's events and the viewer's.
    hidden: Vec<Value>,
    shown: Vec<Value>,
    incident: String,
    share: Value,
    token_id: String,
    push: String,
}

fn made(web: &Web, path: &str, body: &Value) -> Value {
    let reply = web.request("POST", path, &[], Some(body));
    assert_eq!(reply.status, 201, "{path}: {}", reply.text());
    reply.json()
}

fn set_up() -> Yard {
    let config = "[http]\nlive = \"poll\"\n[notify]\npush_to_loopback = true\n[[notify.channel]]\nname = \"browsers\"\nkind = \
                  \"web_push\"\ncontact = \"mailto:nobody@example.org\"\n";
    let instance = Instance::with(&Options { config, ..Options::default() });
    let admin = instance.person();
    let mut camera = instance.camera();
    for number in 0..3 {
        // At the same moments: what belongs together in time is one incident across both.
        for (seed, name) in [(number, HIDDEN), (100 + number, "gate")] {
            let file = format!("/{name}/snap/MDAlarm_20160830-15510{number}.jpg");
            camera.upload(file, &still_with(seed, 9_000));
        }
    }
    // The longest ago and the newest of all are the hidden camera's alone.
    for (seed, name) in [(200, "MDAlarm_20150101-000000.jpg"), (201, "MDAlarm_20160901-120000.jpg")] {
        camera.upload(format!("/{HIDDEN}/snap/{name}"), &still_with(seed, 9_000));
    }
    admin.settle();
    let of = |camera: &str| admin.events(&format!("camera={camera}"));
    let (hidden, shown) = (of(HIDDEN), of("gate"));
    assert_eq!((hidden.len(), shown.len()), (5, 3));
    wait("posters", || of(HIDDEN).iter().all(|event| event["poster_url"].is_string()).then_some(()));
    let incidents = admin.get(&format!("/api/v1/incidents?camera={HIDDEN}")).json();
    let incident = text(&incidents["items"][0], "id").to_owned();
    let groups = json!({ "items": [{ "name": "zzwaters", "in": [HIDDEN] }, { "name": "front", "contains": ["gate"] }] });
    assert_eq!(admin.request("PUT", "/api/v1/groups", &[], Some(&groups)).status, 200);
    let note = json!({ "note": "zzpond: the heron", "protected": true });
    let path = format!("/api/v1/events/{}", text(&hidden[0], "id"));
    assert_eq!(admin.request("PATCH", &path, &[], Some(&note)).status, 200);
    let share =
        made(&admin, "/api/v1/shares", &json!({ "event_id": hidden[0]["id"], "expires_in_s": 3_600 }));
    let user = json!({ "name": "vera", "password": PASSWORD, "role": "viewer", "cameras": ["gate"] });
    made(&admin, "/api/v1/users", &user);
    let token = made(&admin, "/api/v1/tokens", &json!({ "name": "zzpond's", "scopes": ["read"] }));
    let push = "http://127.0.0.1:9/push".to_owned();
    Yard { hidden, shown, incident, share, token_id: text(&token, "id").to_owned(), push, admin, instance }
}

/// What to ask of a call, so that it would tell of the hidden camera or change something of it. `None`: nobody has
/// thought of this call yet.
fn requests(yard: &Yard, operation: &str) -> Option<Vec<Request>> {
    let id = text(&yard.hidden[0], "id");
    let last = text(&yard.hidden[4], "id");
    let get = |paths: &[String]| Some(paths.iter().map(|path| (path.clone(), None)).collect());
    let send = |path: String, body: Value| Some(vec![(path, Some(body))]);
    let v1 = |rest: &str| format!("/api/v1/{rest}");
    // The viewer's own link, led to another's picture.
    let link = |event: &str, prefix: &str| {
        let link = text(&yard.shown[0], "media_url");
        format!("{prefix}/{event}/object?{}", link.split_once('?').unwrap().1)
    };
    match operation {
        "list_events" => get(&[
            v1("events?limit=500"),
            v1(&format!("events?camera={HIDDEN}&camera=gate&order=oldest")),
            v1("events?group=zzwaters"),
            v1("events?protected=true"),
            v1("events?unviewed=true&date=2016-09-01"),
        ]),
        "list_incidents" => get(&[
            v1("incidents?limit=500"),
            v1(&format!("incidents?camera={HIDDEN}&gap=3600")),
            v1("incidents?group=zzwaters"),
            v1("incidents?protected=true"),
        ]),
        "get_incident" => get(&[v1(&format!("incidents/{}", yard.incident))]),
        "count_events" => get(&[
            v1("counts?by=camera"),
            v1("counts?by=day"),
            v1("counts?by=hour&from=2016-08-01&to=2016-10-01"),
            v1(&format!("counts?by=day&camera={HIDDEN}")),
            v1("counts?by=day&group=zzwaters"),
        ]),
        "get_event" => get(&[v1(&format!("events/{id}")), v1(&format!("events/{last}"))]),
        "list_cameras" => get(&[v1("cameras")]),
        "list_groups" => get(&[v1("groups")]),
        "list_viewed" => get(&[v1("viewed?since=0")]),
        "status" => get(&[v1("status")]),
        "notification_settings" => get(&[v1("notifications")]),
        "live" => get(&[v1("live")]),
        "who" => get(&[v1("session")]),
        "list_users" => get(&[v1("users")]),
        "list_tokens" => get(&[v1("tokens")]),
        "list_shares" => get(&[v1("shares")]),
        "list_audit" => get(&[v1("audit?limit=500")]),
        "list_deliveries" => get(&[v1("notifications/deliveries")]),
        "push_key" => get(&[v1("push/key")]),
        "metrics" => get(&["/metrics".to_owned()]),
        "healthz" | "readyz" => get(&[format!("/{operation}")]),
        "ways" => get(&[v1("sign-in")]),
        "media" => get(&[link(id, "/api/v1/media"), format!("/api/v1/media/{id}/poster")]),
        "shared_media" => get(&[link(text(&yard.share, "id"), "/s/media")]),
        "show_share" => get(&["/s/zznobody-knows".to_owned()]),
        "start" => get(&["/auth/oidc/start".to_owned()]),
        "callback" => get(&["/auth/oidc/callback?code=x&state=y".to_owned()]),
        "ask_for_h264" => send(v1(&format!("events/{id}/playable")), Value::Null),
        "ask_for_preview" => send(v1(&format!("events/{id}/preview")), Value::Null),
        "mark_event" => send(v1(&format!("events/{id}/viewed")), json!({ "viewed": true })),
        "mark_events" => Some(vec![
            (v1("events/viewed"), Some(json!({ "ids": [id] }))),
            (v1("events/viewed"), Some(json!({ "up_to": id }))),
        ]),
        "change_event" => send(v1(&format!("events/{id}")), json!({ "note": "mine" })),
        "delete_event" => send(v1(&format!("events/{last}")), Value::Null),
        "put_groups" => send(v1("groups"), json!({ "items": [] })),
        "create_share" => send(v1("shares"), json!({ "event_id": id })),
        "revoke_share" => send(v1(&format!("shares/{}", text(&yard.share, "id"))), Value::Null),
        "revoke_token" => send(v1(&format!("tokens/{}", yard.token_id)), Value::Null),
        "create_token" => send(v1("tokens"), json!({ "name": "x", "scopes": ["admin"] })),
        "create_user" => send(v1("users"), json!({ "name": "eve", "password": PASSWORD, "role": "admin" })),
        "change_user" => send(v1("users/vera"), json!({ "cameras": null })),
        "change_password" => {
            send(v1("session/password"), json!({ "current": "not it", "new": "another one" }))
        }
        "test_notification" => send(v1("notifications/test"), json!({ "channel": "browsers" })),
        "push_subscribe" => {
            let keys = json!({ "p256dh": "AAAA", "auth": "AAAA" });
            send(v1("push/subscriptions"), json!({ "endpoint": yard.push, "keys": keys }))
        }
        "push_unsubscribe" => send(v1("push/subscriptions"), json!({ "endpoint": yard.push })),
        "sign_in" => send(v1("session"), json!({ "username": "vera", "password": "not it" })),
        // Its own test: there would be nobody left to ask the rest.
        "sign_out" => Some(Vec::new()),
        // These take tokens of cameras and stores only.
        "ingest" => send(format!("/ingest/{HIDDEN}/snap/x.jpg"), json!("bytes")),
        "arrivals" => send(v1("arrivals"), json!({ "Event": "s3:TestEvent" })),
        _ => None,
    }
}

/// A call of the document.
#[derive(Debug)]
struct Call {
    method: String,
    /// `operationId`, or what stands for it.
    name: String,
    is_public: bool,
    /// The scope that a token needs; `None`: it takes no token.
    scope: Option<String>,
}

fn calls(web: &Web) -> Vec<Call> {
    let document = web.get("/openapi.json").json();
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let security: Vec<&Value> = operation["security"].as_array().into_iter().flatten().collect();
            let scope = security.iter().find_map(|way| way["api_token"][0].as_str());
            calls.push(Call {
                method: method.to_uppercase(),
                name: operation["operationId"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{method} {path} has no operationId"))
                    .to_owned(),
                // Metrics are public to this machine only, and these requests come from far.
                is_public: path != "/metrics"
                    && (security.is_empty() || security.iter().any(|way| *way == &json!({}))),
                scope: scope.map(str::to_owned),
            });
        }
    }
    calls
}

/// Somebody who asks.
struct Asker {
    who: &'static str,
    cookie: Option<String>,
    bearer: Option<String>,
}

impl Asker {
    fn ask(&self, instance: &Instance, method: &str, (path, body): &Request) -> Reply {
        // A body that nobody reads may end its connection, which the next call must not find.
        let mut web = Web::anonymous(instance.http());
        web.cookie.clone_from(&self.cookie);
        let mut headers = vec![FROM_FAR];
        let bearer = self.bearer.as_ref().map(|token| format!("Bearer {token}"));
        headers.extend(bearer.as_deref().map(|value| ("authorization", value)));
        web.request(method, path, &headers, body.as_ref().filter(|body| !body.is_null()))
    }
}

/// What tells of the hidden camera: its name in whatever form, its events, its files' digests, its incident.
fn leaks<'a>(needles: &'a [String], reply: &Reply) -> Option<&'a String> {
    let headers: String = reply.headers.values().filter_map(|value| value.to_str().ok()).collect();
    let said = format!("{headers}\n{}", reply.text()).to_lowercase();
    needles.iter().find(|needle| said.contains(&needle.to_lowercase()))
}

fn needles(yard: &Yard) -> Vec<String> {
    let mut needles = vec![
        HIDDEN.to_owned(),
        "zzwaters".to_owned(),
        "heron".to_owned(),
        yard.incident.clone(),
        text(&yard.share, "id").to_owned(),
        yard.token_id.clone(),
        "20150101".to_owned(),
        "2015-01-01".to_owned(),
        "2016-09-01".to_owned(),
    ];
    for event in &yard.hidden {
        needles.extend([text(event, "id").to_owned(), text(event, "sha256").to_owned()]);
    }
    needles
}

fn command(instance: &Instance, words: &[&str]) {
    let mut child = camtrail()
        .args(words)
        .arg("--data-dir")
        .arg(instance.data_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(PASSWORD.as_bytes());
    assert!(child.wait().unwrap().success(), "{words:?}");
}

fn session(instance: &Instance, name: &str) -> String {
    let reply = Web::anonymous(instance.http()).try_sign_in(name, PASSWORD);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// Nobody, and whoever was somebody: 401 to all that isn't public, and no word of the hidden camera in anything.
fn refused_everywhere(yard: &Yard, calls: &[Call], needles: &[String], asker: &Asker) -> usize {
    let mut asked = 0;
    for call in calls {
        for request in requests(yard, &call.name).into_iter().flatten() {
            let reply = asker.ask(&yard.instance, &call.method, &request);
            let what = format!("{} as {}: {}", call.name, asker.who, reply.text());
            assert_eq!(leaks(needles, &reply), None, "{what}");
            assert!(reply.status < 500, "{what}");
            if call.name == "arrivals" {
                // Nobody's until a token is configured.
                reply.problem(403);
            } else if !call.is_public {
                reply.problem(401);
            }
            asked += 1;
        }
    }
    asked
}

#[test]
fn nothing_of_another_camera_is_told_by_any_call() {
    let yard = set_up();
    let (admin, instance) = (&yard.admin, &yard.instance);
    let (calls, needles) = (calls(admin), needles(&yard));
    assert!(calls.len() > 40, "{calls:#?}");
    for call in &calls {
        assert!(
            requests(&yard, &call.name).is_some(),
            "{call:?} is new: say in `requests` what to ask of it, so that whoever may not see a camera is not told of it"
        );
    }
    let vera = session(instance, "vera");
    let token = |scopes: &[&str]| {
        let body = json!({ "name": scopes.join(" "), "scopes": scopes });
        let mut web = Web::anonymous(instance.http());
        web.cookie = Some(vera.clone());
        let made = made(&web, "/api/v1/tokens", &body);
        (text(&made, "id").to_owned(), text(&made, "token").to_owned())
    };
    let (revoked_id, revoked) = token(&["read", "review", "share"]);
    assert_eq!(admin.request("DELETE", &format!("/api/v1/tokens/{revoked_id}"), &[], None).status, 204);
    let ended = session(instance, "vera");
    let mut web = Web::anonymous(instance.http());
    web.cookie = Some(ended.clone());
    assert_eq!(web.request("DELETE", "/api/v1/session", &[], None).status, 204);
    command(instance, &["user", "add", "gone"]);
    let disabled = session(instance, "gone");
    command(instance, &["user", "disable", "gone"]);

    let mut asked = 0;
    for asker in [
        Asker { who: "a stranger", cookie: None, bearer: None },
        Asker { who: "an ended session", cookie: Some(ended), bearer: None },
        Asker { who: "a disabled user", cookie: Some(disabled), bearer: None },
        // A cookie doesn't make a wrong token good.
        Asker { who: "a revoked token", cookie: Some(vera.clone()), bearer: Some(revoked) },
    ] {
        asked += refused_everywhere(&yard, &calls, &needles, &asker);
    }

    // The viewer, by session and by tokens of each scope.
    let scopes: [&[&str]; 4] = [&["read"], &["review"], &["share"], &["read", "review", "share"]];
    let mut askers = vec![(None, Asker { who: "vera", cookie: Some(vera.clone()), bearer: None })];
    askers.extend(scopes.map(|scopes| {
        let bearer = Some(token(scopes).1);
        (Some(scopes), Asker { who: "vera's token", cookie: None, bearer })
    }));
    for (scopes, asker) in &askers {
        for call in &calls {
            for request in requests(&yard, &call.name).into_iter().flatten() {
                let reply = asker.ask(instance, &call.method, &request);
                let what = format!(
                    "{} {request:?} as {} {scopes:?}: {} {}",
                    call.name,
                    asker.who,
                    reply.status,
                    reply.text()
                );
                assert_eq!(leaks(&needles, &reply), None, "{what}");
                assert!(reply.status < 500, "{what}");
                let is_programs = matches!(call.name.as_str(), "ingest" | "arrivals");
                if let (Some(scopes), false, false) = (scopes, call.is_public, is_programs) {
                    let may = call.scope.as_deref().is_some_and(|scope| scopes.contains(&scope));
                    assert!(may || reply.status == 403, "{what}");
                }
                // What is another's is not there, or not theirs to change; nothing was done.
                let is_change = call.method != "GET" && !matches!(call.name.as_str(), "push_unsubscribe");
                assert!(!is_change || (400..500).contains(&reply.status), "{what}");
                asked += 1;
            }
        }
    }
    assert!(asked > 400, "{asked}");
    println!("every_route: {asked} requests to {} calls", calls.len());

    // The same requests tell an admin of it: there was something to leak.
    let cookie = admin.cookie.clone();
    let asker = Asker { who: "admin", cookie, bearer: None };
    let mut told = BTreeMap::new();
    for call in calls.iter().filter(|call| call.method == "GET") {
        for request in requests(&yard, &call.name).into_iter().flatten() {
            let reply = asker.ask(instance, &call.method, &request);
            *told.entry(call.name.as_str()).or_insert(false) |= leaks(&needles, &reply).is_some();
        }
    }
    for name in [
        "list_events",
        "list_incidents",
        "get_incident",
        "count_events",
        "get_event",
        "list_cameras",
        "list_groups",
        "list_shares",
        "list_tokens",
        "list_audit",
        "metrics",
    ] {
        assert!(told[name], "{name} tells an admin nothing of {HIDDEN}: this test can't fail there");
    }
    nothing_was_changed(&yard);
    what_is_counted_is_ones_own(&yard, &vera);
    a_poll_tells_ones_own_only(&yard, &vera, &needles);
}

fn nothing_was_changed(yard: &Yard) {
    let admin = &yard.admin;
    let now = admin.events(&format!("camera={HIDDEN}"));
    assert_eq!(now.len(), yard.hidden.len());
    assert_eq!((&now[0]["note"], &now[0]["protected"]), (&json!("zzpond: the heron"), &json!(true)));
    assert_eq!(admin.get("/api/v1/groups").json()["items"].as_array().unwrap().len(), 2);
    let users = admin.get("/api/v1/users").json();
    let vera = users["items"].as_array().unwrap().iter().find(|user| user["name"] == "vera").unwrap();
    assert_eq!((&vera["cameras"], &vera["role"]), (&json!(["gate"]), &json!("viewer")));
    assert!(!users.to_string().contains("\"eve\""));
    let shares = admin.get("/api/v1/shares").json();
    assert_eq!(shares["items"].as_array().unwrap().len(), 1, "{shares}");
    assert_eq!(shares["items"][0]["state"], "open");
}

/// Numbers leak as well as names.
fn what_is_counted_is_ones_own(yard: &Yard, vera: &str) {
    let mut web = Web::anonymous(yard.instance.http());
    web.cookie = Some(vera.to_owned());
    let counts = web.get("/api/v1/counts?by=day").json();
    assert_eq!(counts["items"].as_array().unwrap().len(), 1, "{counts}");
    assert_eq!((&counts["items"][0]["snaps"], &counts["older"]), (&json!(3), &json!(false)), "{counts}");
    let sizes: u64 = yard.shown.iter().map(|event| event["size"].as_u64().unwrap()).sum();
    assert_eq!(counts["items"][0]["bytes"], sizes, "{counts}");
    let incidents = web.get("/api/v1/incidents").json();
    assert_eq!(incidents["items"].as_array().unwrap().len(), 1, "{incidents}");
    assert_eq!(
        (&incidents["items"][0]["snaps"], &incidents["items"][0]["cameras"]),
        (&json!(3), &json!(["gate"]))
    );
}

/// From a place before anything: whatever was and is.
fn a_poll_tells_ones_own_only(yard: &Yard, vera: &str, needles: &[String]) {
    let ready = yard.admin.get("/api/v1/live").text();
    let last = ready.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    let mut camera = yard.instance.camera();
    camera.upload(format!("/{HIDDEN}/snap/MDAlarm_20160902-000000.jpg"), &still_with(300, 9_000));
    camera.upload("/gate/snap/MDAlarm_20160902-000001.jpg", &still_with(301, 9_000));
    yard.admin.settle();
    let mut web = Web::anonymous(yard.instance.http());
    let poll = |web: &Web| web.request("GET", "/api/v1/live", &[("last-event-id", &last)], None);
    assert!(leaks(needles, &poll(&yard.admin)).is_some());
    web.cookie = Some(vera.to_owned());
    let told = poll(&web);
    assert_eq!(leaks(needles, &told), None, "{}", told.text());
    assert!(told.text().contains("\"gate\""), "{}", told.text());
}
