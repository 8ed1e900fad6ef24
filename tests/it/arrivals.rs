//! `POST /api/v1/arrivals`: the webhook, and gateways elsewhere that use it.

use std::{fs, io::ErrorKind, net::TcpListener};

use serde_json::{Value, json};

use crate::support::{
    Instance, Options, Reply, S3_KEY, S3_REGION, S3_SECRET, SeaweedFs, Web, by_original, invoke,
    notification, put_plain, still_with, text, wait,
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const KEY: &str = "patrolcams/backyard/2016-10-19/Hour-16/record/MDalarm_20161018_113706.mp4";
const CREATED: &str = "ObjectCreated:Put";

fn with_token(options: &Options<'_>, more: &[(&str, &str)], dir: &tempfile::TempDir) -> Instance {
    let file = dir.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let mut env = more.to_vec();
    env.push(("CAMTRAIL__ARRIVAL__TOKEN_FILE", file.to_str().unwrap()));
    Instance::prepare(&Options { env: &env, gateway: options.gateway, ..Options::default() })
}

fn post(web: &Web, authorization: &str, body: &Value) -> Reply {
    web.request("POST", "/api/v1/arrivals", &[("authorization", authorization)], Some(body))
}

fn outcomes(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let results = reply.json()["results"].as_array().unwrap().clone();
    results.iter().map(|result| text(result, "outcome").to_owned()).collect()
}

#[test]
fn the_token_lets_in_and_nothing_else() {
    let instance = Instance::start();
    let event = notification(&[(CREATED, KEY)]);
    let problem = post(&instance.person(), &format!("Bearer {TOKEN}"), &event).problem(403);
    assert!(problem.contains("arrival.token_file"), "{problem}");
    let scratch = tempfile::tempdir().unwrap();
    let mut instance = with_token(&Options::default(), &[], &scratch);
    instance.restart();
    let web = instance.person();
    put_plain(&instance, KEY, b"clip");
    for wrong in ["", "Bearer x", &format!("Bearer {TOKEN}x"), &format!("Digest {TOKEN}"), "Basic eDp4"] {
        let reply = post(&web, wrong, &event);
        assert!(matches!(reply.status, 401 | 429), "{wrong}: {} {}", reply.status, reply.text());
        if reply.status == 401 {
            assert!(reply.header("www-authenticate").contains("Bearer"));
        }
    }
    assert!(web.events("").is_empty());
    // A right token is not slowed down by wrong ones.
    assert_eq!(outcomes(&post(&web, &format!("Bearer {TOKEN}"), &event)), ["recorded"]);
    let basic = "Basic Y2FtdHJhaWw6MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    assert_eq!(outcomes(&post(&web, basic, &event)), ["already"], "topics have no other way");
    assert!(!instance.log().contains(TOKEN), "no token is written down");
    assert_eq!(web.get("/api/v1/arrivals").status, 405);
}

#[test]
fn every_form_comes_by_the_webhook() {
    let scratch = tempfile::tempdir().unwrap();
    let mut instance = with_token(&Options::default(), &[], &scratch);
    instance.restart();
    let web = instance.person();
    let bearer = format!("Bearer {TOKEN}");
    let send = |body: &Value| post(&web, &bearer, body);
    let key = |n: u32| KEY.replace("113706", &format!("1137{n:02}"));
    for n in 1..=5 {
        put_plain(&instance, &key(n), b"clip");
    }
    let s3 = notification(&[(CREATED, &key(1)), (CREATED, "patrolcams/x")]);
    assert_eq!(outcomes(&send(&s3)), ["recorded", "skipped"]);
    let mut minio = notification(&[("s3:ObjectCreated:Put", &key(2).replace('/', "%2F"))]);
    minio["EventName"] = json!("s3:ObjectCreated:Put");
    minio["Key"] = json!(format!("security-alarms/{}", key(2)));
    assert_eq!(outcomes(&send(&minio)), ["recorded"]);
    let bridge = json!({
        "detail-type": "Object Created", "source": "aws.s3",
        "detail": { "bucket": { "name": "security-alarms" }, "object": { "key": key(3), "size": 4 } }
    });
    assert_eq!(outcomes(&send(&bridge)), ["recorded"]);
    let topic = json!({
        "Type": "Notification", "TopicArn": "arn:x", "Message": notification(&[(CREATED, &key(4))]).to_string()
    });
    assert_eq!(outcomes(&send(&topic)), ["recorded"]);
    assert_eq!(outcomes(&send(&json!({ "Event": "s3:TestEvent" }))), [""; 0]);
    assert_eq!(web.events("").len(), 4);
    // A topic's request is logged, and its address never opened.
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let url = format!("http://{}/confirm", trap.local_addr().unwrap());
    let confirm = json!({ "Type": "SubscriptionConfirmation", "TopicArn": "arn:x", "SubscribeURL": url });
    assert_eq!(outcomes(&send(&confirm)), [""; 0]);
    assert!(instance.log().contains(&url));
    assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    // Bounds, and what is none.
    let problem = send(&json!({ "Records": [] })).problem(400);
    assert!(problem.contains("empty list"), "{problem}");
    let large = json!({ "Records": [], "filler": "x".repeat(1_100_000) });
    send(&large).problem(413);
    // What fails comes again; the others are done.
    let bad = key(6);
    put_plain(&instance, &bad, b"clip");
    put_plain(&instance, &format!("derived/{bad}/object.json"), b"{}");
    let problem = send(&notification(&[(CREATED, &bad), (CREATED, &key(5))])).problem(503);
    assert!(problem.contains("1 recorded, 1 failed; send it again") && problem.contains(&bad), "{problem}");
    assert_eq!(web.events("").len(), 5);
}

pub(crate) fn bucket_env(endpoint: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("CAMTRAIL__S3_INFO__BUCKET_NAME", "security-alarms"),
        ("CAMTRAIL__S3_INFO__ENDPOINT", endpoint),
        ("CAMTRAIL__S3_INFO__REGION", S3_REGION),
        ("AWS_ACCESS_KEY_ID", S3_KEY),
        ("AWS_SECRET_ACCESS_KEY", S3_SECRET),
    ]
}

/// A gateway and a `camtrail serve` elsewhere share a bucket and nothing else. What is stored while the other end is
/// away is announced when it is back.
#[test]
fn a_gateway_announces_to_a_server_elsewhere() {
    let seaweed = SeaweedFs::start("security-alarms");
    let endpoint = seaweed.endpoint();
    let (scratch, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut env = bucket_env(&endpoint);
    env.push(("CAMTRAIL__ARRIVAL__MODE", "notified"));
    let address = format!("127.0.0.1:{}", crate::support::free_port());
    env.push(("CAMTRAIL__HTTP__LISTEN", &address));
    let mut server = with_token(&Options::default(), &env, &scratch);
    server.restart();
    let url = format!("http://{address}");
    let mut env = bucket_env(&endpoint);
    env.push(("CAMTRAIL__ARRIVAL__URL", &url));
    let mut gateway = with_token(&Options { gateway: true, ..Options::default() }, &env, &other);
    gateway.restart();
    let stills: Vec<Vec<u8>> = (0..3).map(|n| still_with(n, 9_000)).collect();
    gateway.camera().upload("/front gate/a+b 50% (ü).jpg", &stills[0]);
    let web = server.person();
    let event = by_original(&web, &stills[0]);
    assert_eq!((text(&event, "camera_name"), text(&event, "name")), ("front gate", "a+b 50% (ü).jpg"));
    wait("the poster is announced, too", || {
        let event = web.get(&format!("/api/v1/events/{}", text(&event, "id"))).json();
        event["poster_url"].is_string().then_some(())
    });
    // What the server takes itself stays unknown to its catalog until the bucket tells: nobody does here, but by hand.
    server.camera().upload("/porch/c.jpg", &stills[1]);
    web.settle();
    assert_eq!(web.events("").len(), 1);
    let key = wait("it is in the bucket", || {
        seaweed.keys("patrolcams/porch").into_iter().find(|key| key.ends_with("c.jpg"))
    });
    let mut event = notification(&[(CREATED, &key), (CREATED, &key)]);
    event["Records"][1]["s3"]["bucket"]["name"] = json!("another-bucket");
    let done = invoke(&server, event.to_string().as_bytes());
    assert_eq!((done.code, done.outcomes()), (0, vec!["recorded", "skipped"]), "{}", done.said);
    assert!(text(&done.lines[1], "reason").contains("another-bucket"));
    by_original(&web, &stills[1]);
    // Away, and back.
    server.kill();
    gateway.camera().upload("/front gate/d.jpg", &stills[2]);
    wait("the gateway has tried", || gateway.log().contains("announcing to").then_some(()));
    server.restart();
    by_original(&server.person(), &stills[2]);
    wait("the gateway's spool is empty", || {
        let left = fs::read_dir(gateway.data_dir().join("spool")).unwrap().count();
        (left == 0).then_some(())
    });
    assert_eq!(server.person().events("").len(), 3);
}

#[test]
fn what_would_leave_the_catalog_empty_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let s3 = [
        ("CAMTRAIL__S3_INFO__BUCKET_NAME", "b"),
        ("CAMTRAIL__S3_INFO__ENDPOINT", "http://127.0.0.1:9"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
    ];
    let mut env = s3.to_vec();
    env.push(("CAMTRAIL__ARRIVAL__MODE", "notified"));
    let mut untold = Instance::prepare(&Options { env: &env, ..Options::default() });
    assert_eq!(untold.try_restart().unwrap_err().code(), Some(2));
    assert!(untold.log().contains("arrival.token_file"), "{}", untold.log());
    let mut env = s3.to_vec();
    env.push(("CAMTRAIL__ARRIVAL__URL", "http://127.0.0.1:9"));
    let mut both = with_token(&Options::default(), &env, &scratch);
    assert_eq!(both.try_restart().unwrap_err().code(), Some(2));
    assert!(both.log().contains("arrival.url: found"), "{}", both.log());
}
