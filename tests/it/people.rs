//! Who may see what, and who may hand it on: on both catalogs, with the real commands.

use std::{
    io::Write,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use camtrail_services::DynamoDbLocal;
use serde_json::json;

use crate::support::{
    CLIP, Instance, Options, S3_KEY, S3_REGION, S3_SECRET, STILL, SeaweedFs, Web, camtrail, curl, data,
    sample, sha256, still_with, text, wait,
};

/// Between two looks at whether an idle stream may go on, and a little.
const STREAM_ENDS_WITHIN: Duration = Duration::from_secs(20);

fn tables(server: &DynamoDbLocal) -> Vec<(&'static str, String)> {
    vec![
        ("CAMTRAIL__CATALOG__KIND", "dynamodb".to_owned()),
        ("CAMTRAIL__CATALOG__ENDPOINT", server.endpoint()),
        ("CAMTRAIL__CATALOG__CREATE_TABLES", "true".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ]
}

fn start(settings: &[(&'static str, String)]) -> Instance {
    let env: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Instance::with(&Options { env: &env, ..Options::default() })
}

/// A command beside a running server; `typed` is what a person types.
fn command(instance: &Instance, words: &[&str], typed: &str) -> Output {
    let mut child = camtrail()
        .args(words)
        .arg("--data-dir")
        .arg(instance.data_dir())
        .envs(instance.env())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    child.wait_with_output().unwrap()
}

fn done(instance: &Instance, words: &[&str], typed: &str) -> String {
    let output = command(instance, words, typed);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(instance: &Instance, words: &[&str], code: i32) -> String {
    let output = command(instance, words, "a fine password\n");
    assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn signed_in(instance: &Instance, name: &str) -> Web {
    let mut web = Web::anonymous(instance.http());
    let reply = web.try_sign_in(name, "a fine password");
    assert_eq!(reply.status, 200, "{}", reply.text());
    web.cookie = reply.header("set-cookie").split(';').next().map(str::to_owned);
    web
}

fn cameras(web: &Web) -> Vec<String> {
    web.events("").iter().map(|event| text(event, "camera_name").to_owned()).collect()
}

fn a_viewer_is_limited_and_locked_out(instance: &Instance) {
    let admin = instance.person();
    let mut camera = instance.camera();
    let mut uploads = 0;
    let mut upload = |folder: &str| {
        uploads += 1;
        camera.upload(format!("/{folder}/snap/{uploads}.jpg"), &still_with(uploads, 9_000));
        admin.settle();
    };
    upload("gate");
    upload("yard");
    done(instance, &["user", "add", "vera", "--cameras", "gate"], "a fine password\n");
    assert!(done(instance, &["user", "list"], "").contains("vera\tviewer\tonly gate\n"));
    let vera = signed_in(instance, "vera");
    assert_eq!((cameras(&vera), cameras(&admin).len()), (vec!["gate".to_owned()], 2));
    let live = vera.live(None);
    assert_eq!(live.next().event, "ready");
    upload("yard");
    upload("gate");
    let told = live.next_event();
    assert_eq!((told.event.as_str(), text(&told.data["event"], "camera_name")), ("new", "gate"));
    // Another camera: an open stream follows with its next message.
    done(instance, &["user", "change", "vera", "--cameras", "yard"], "");
    upload("gate");
    upload("yard");
    let told = loop {
        // The gate's poster may have been told before.
        let told = live.next_event();
        if told.event == "new" {
            break told;
        }
    };
    assert_eq!(text(&told.data["event"], "camera_name"), "yard");
    assert!(cameras(&vera).iter().all(|name| name == "yard"));
    // A token is their equal, and no more.
    let made = done(
        instance,
        &["user", "token", "vera", "--label", "script", "--scope", "read,review", "--expires", "1d"],
        "",
    );
    let token = made.split(": ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    assert!(token.starts_with("ct_"), "{made}");
    let bearer = format!("Bearer {token}");
    let script = Web::anonymous(instance.http());
    let by_token = |path: &str| script.request("GET", path, &[("authorization", &bearer)], None);
    let listed = by_token("/api/v1/events").json();
    assert!(listed["items"].as_array().unwrap().iter().all(|event| event["camera_name"] == "yard"));
    by_token("/api/v1/shares").problem(403);
    for (words, code, want) in [
        (&["user", "token", "vera", "--scope", "admin"][..], 1, "vera is no admin"),
        (&["user", "token", "vera", "--expires", "soon"], 2, "expected a duration"),
        (&["user", "token", "nobody"], 1, "there is no user"),
        (&["user", "change", "vera", "--role", "admin"], 2, "an admin sees all cameras"),
        (&["user", "change", "vera"], 2, "nothing to change"),
        (&["user", "change", "vera", "--cameras", "a/b"], 2, "--cameras: "),
        (&["user", "add", "ben", "--role", "admin", "--cameras", "gate"], 2, "an admin sees all cameras"),
        (&["user", "change", "admin", "--role", "viewer"], 1, "the last admin"),
        (&["user", "disable", "admin"], 1, "the last admin"),
        (&["user", "revoke-token", "0123"], 1, "there is no token"),
    ] {
        let told = refused(instance, words, code);
        assert!(told.contains(want), "{words:?}: {told}");
    }
    let listed = done(instance, &["user", "tokens"], "");
    assert!(listed.contains("\tvera\tscript\tread review\t") && !listed.contains("ct_"), "{listed}");
    let second = done(instance, &["user", "token", "vera"], "");
    let second =
        second.split(": ").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap().to_owned();
    let id = done(instance, &["user", "tokens"], "");
    let id = id
        .lines()
        .find(|line| line.contains("made by command"))
        .and_then(|line| line.split('\t').next())
        .unwrap();
    let second = format!("Bearer {second}");
    let second = || script.request("GET", "/api/v1/session", &[("authorization", &second)], None).status;
    assert_eq!(second(), 200);
    done(instance, &["user", "revoke-token", id], "");
    assert_eq!(second(), 401, "at once");
    // Nothing happens any more, and the stream ends by itself.
    done(instance, &["user", "disable", "vera"], "");
    let since = Instant::now();
    while live.next_within(STREAM_ENDS_WITHIN).is_some() {}
    assert!(since.elapsed() < STREAM_ENDS_WITHIN, "{:?}", since.elapsed());
    by_token("/api/v1/events").problem(401);
    done(instance, &["user", "enable", "vera"], "");
    by_token("/api/v1/events").problem(401);
    // All of it is in the log, the command line's with no address.
    let log = admin.get("/api/v1/audit").json();
    for (action, subject, from) in [
        ("user_added", "vera", None),
        ("signed_in", "vera", Some("127.0.0.1")),
        ("user_changed", "vera", None),
        ("token_revoked", id, None),
        ("user_disabled", "vera", None),
    ] {
        let found = log["items"].as_array().unwrap().iter().any(|item| {
            item["action"] == action && item["subject"] == subject && item["from"].as_str() == from
        });
        assert!(found, "{action} {subject}: {log:#}");
    }
    assert!(!instance.log().contains("ct_") && !log.to_string().contains("ct_"));
}

#[test]
fn a_viewer_is_limited_and_locked_out_on_one_box() {
    a_viewer_is_limited_and_locked_out(&Instance::start());
}

#[test]
fn a_viewer_is_limited_and_locked_out_with_tables() {
    let server = DynamoDbLocal::start();
    a_viewer_is_limited_and_locked_out(&start(&tables(&server)));
}

fn share(web: &Web, id: &str) -> serde_json::Value {
    let body = json!({ "event_id": id, "expires_in_s": 3_600, "note": "the fox" });
    let reply = web.request("POST", "/api/v1/shares", &[], Some(&body));
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

/// The real clip, as whoever has the link sees it; gone with retention.
#[test]
fn a_shared_clip_plays_until_retention_takes_it() {
    let limits = [
        ("CAMTRAIL__RETENTION__MAX_BYTES", "5MB".to_owned()),
        ("CAMTRAIL__RETENTION__EVERY", "1s".to_owned()),
    ];
    let instance = start(&limits);
    curl(&instance, &data(CLIP), "/backyard/record/");
    let admin = instance.person();
    admin.settle();
    let clip = admin.events("")[0].clone();
    let made = share(&admin, text(&clip, "id"));
    let stranger = Web::anonymous(instance.http());
    let page = stranger.get(text(&made, "url"));
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let html = page.text();
    assert!(html.contains("30 August 2016, 15:29:54 (UTC-07:00)") && html.contains("the fox"), "{html}");
    let shown = stranger.request("GET", text(&made, "url"), &[("accept", "application/json")], None).json();
    for url in ["media_url", "poster_url"] {
        assert!(html.contains(&text(&shown, url).replace('&', "&amp;")), "{url}: {html}");
    }
    let media = stranger.get(text(&shown, "media_url"));
    assert_eq!((media.status, media.header("content-type")), (200, "video/mp4"));
    assert_eq!(sha256(&media.body), text(&clip, "sha256"));
    let part = stranger.request("GET", text(&shown, "media_url"), &[("range", "bytes=10-19")], None);
    assert_eq!((part.status, &part.body[..]), (206, &media.body[10..20]));
    assert_eq!(stranger.get(text(&shown, "poster_url")).header("content-type"), "image/jpeg");
    let mut camera = instance.camera();
    for n in 0..3 {
        camera.upload(format!("/gate/snap/{n}.jpg"), &still_with(n, 900_000));
    }
    wait("the clip is gone", || admin.events("camera=backyard").is_empty().then_some(()));
    assert_eq!(stranger.get(text(&shown, "media_url")).status, 410);
    let gone = stranger.get(text(&made, "url"));
    assert!(gone.status == 410 && gone.text().contains("has been deleted"), "{}", gone.text());
    let token = text(&made, "url").rsplit('/').next().unwrap().to_owned();
    assert!(!instance.log().contains(&token), "NEVER-29");
}

/// A share that one program ended is ended at all of them, and its links with it: also those that lead to a bucket.
#[test]
fn a_share_ends_everywhere_at_once() {
    let (server, seaweed) = (DynamoDbLocal::start(), SeaweedFs::start("clips"));
    let mut settings = tables(&server);
    settings.retain(|(name, _)| !name.starts_with("AWS_"));
    settings.extend([
        ("CAMTRAIL__S3_INFO__BUCKET_NAME", "clips".to_owned()),
        ("CAMTRAIL__S3_INFO__ENDPOINT", format!("http://{}", seaweed.s3())),
        ("AWS_REGION", S3_REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", S3_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", S3_SECRET.to_owned()),
    ]);
    let (one, other) = (start(&settings), start(&settings));
    curl(&one, &data(STILL), "/backyard/snap/");
    let admin = one.person();
    admin.settle();
    let made = share(&admin, text(&admin.events("")[0], "id"));
    let stranger = Web::anonymous(other.http());
    let look = || stranger.request("GET", text(&made, "url"), &[("accept", "application/json")], None);
    let shown = look().json();
    let policy = stranger.get(text(&made, "url")).header("content-security-policy").to_owned();
    assert!(policy.contains(&format!("img-src 'self' http://{}", seaweed.s3())), "{policy}");
    let redirect = stranger.get(text(&shown, "media_url"));
    let location = redirect.header("location");
    assert!(redirect.status == 307 && location.contains("X-Amz-Expires="), "{} {location}", redirect.status);
    let valid: u32 =
        location.split("X-Amz-Expires=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
    assert!(valid <= 900, "{valid}");
    let path = location.strip_prefix(&format!("http://{}", seaweed.s3())).unwrap();
    assert_eq!(Web::anonymous(seaweed.s3()).get(path).body, sample(STILL));
    let path = format!("/api/v1/shares/{}", text(&made, "id"));
    assert_eq!(admin.request("DELETE", &path, &[], None).status, 204);
    assert_eq!((look().status, stranger.get(text(&shown, "media_url")).status), (410, 410));
}
