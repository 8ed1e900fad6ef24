//! Events in DynamoDB tables instead of the machine's own file: on a real DynamoDB Local.

use camtrail_services::DynamoDbLocal;

use crate::support::{CLIP, Instance, Options, STILL, camtrail, curl, data, run, sample, sha256, text, wait};

const BUCKET_EVENT: &str = r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"any"},
    "object":{"key":"patrolcams/backyard/2016-08-30/Hour-15/snap/MDAlarm_20160830-155137.jpg"}}}]}"#;

fn settings(server: &DynamoDbLocal) -> Vec<(&'static str, String)> {
    vec![
        ("CAMTRAIL__CATALOG__KIND", "dynamodb".to_owned()),
        ("CAMTRAIL__CATALOG__ENDPOINT", server.endpoint()),
        ("CAMTRAIL__CATALOG__CREATE_TABLES", "true".to_owned()),
        ("CAMTRAIL__CATALOG__TABLE_PREFIX", "home-".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
    ]
}

#[test]
fn the_box_lists_from_tables() {
    let server = DynamoDbLocal::start();
    let settings = settings(&server);
    let env: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
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

/// Tables out of reach are no reason to refuse a clip: it waits, and goes when they are there.
#[test]
fn uploads_wait_for_the_tables() {
    let server = DynamoDbLocal::start();
    let mut settings = settings(&server);
    let nowhere = ("CAMTRAIL__CATALOG__ENDPOINT", "http://127.0.0.1:1".to_owned());
    let right = std::mem::replace(&mut settings[1], nowhere);
    let env: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut instance = Instance::with(&Options { env: &env, ..Options::default() });
    curl(&instance, &data(STILL), "/backyard/snap/");
    let web = instance.person();
    let problem = wait("the trouble is shown", || {
        web.get("/api/v1/status").json()["spool"]["problem"].as_str().map(str::to_owned)
    });
    assert!(problem.contains("catalog"), "{problem}");
    let data_dir = instance.data_dir().to_owned();
    instance.kill();
    settings[1] = right;
    let env: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let there = Instance::with(&Options { env: &env, data_dir: Some(data_dir), ..Options::default() });
    let web = there.person();
    web.settle();
    assert_eq!(web.events("").len(), 1);
}
