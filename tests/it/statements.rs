//! What stands in the bucket beside an object: that a cut upload gave way, and what a person decided.

use std::fs;

use serde_json::{Value, json};

use crate::{
    arrivals::bucket_env,
    rebuild::{catalog, forget_catalog, rebuild},
    support::{
        Dice, FaultProxy, Instance, Options, SeaweedFs, Web, by_original, invoke, notification, sha256,
        still_with, text, wait,
    },
};

const CREATED: &str = "ObjectCreated:Put";

fn spool_is_empty(gateway: &Instance) {
    wait("the gateway's spool is empty", || {
        let left = fs::read_dir(gateway.data_dir().join("spool")).unwrap().count();
        (left == 0).then_some(())
    });
}

/// As S3 writes keys.
fn told(keys: &[String]) -> Value {
    let encoded: Vec<String> = keys.iter().map(|key| key.replace('%', "%25").replace(' ', "+")).collect();
    let events: Vec<(&str, &str)> = encoded.iter().map(|key| (CREATED, key.as_str())).collect();
    notification(&events)
}

#[test]
fn a_gateway_that_may_only_put_takes_cut_uploads_away() {
    cut_uploads_give_way(FaultProxy::allow_only_puts, "MDAlarm_20160830-155137.jpg");
}

/// Under a policy by which a stolen key can't put anything in a clip's place, the whole one takes a key of its own.
#[test]
fn a_gateway_that_may_replace_nothing_takes_cut_uploads_away() {
    let digest = sha256(&still_with(1, 60_000));
    let name = format!("MDAlarm_20160830-155137.{}.jpg", &digest[..8]);
    cut_uploads_give_way(FaultProxy::allow_only_additions, &name);
}

/// The serverless shape: the gateway's role may put and nothing else; who looks at the bucket may not delete. Whatever
/// the order in which the bucket's notifications come, and how often: exactly the whole one.
fn cut_uploads_give_way(limit: impl Fn(&FaultProxy), whole_name: &str) {
    const ROUNDS: usize = 6;
    let seaweed = SeaweedFs::start("security-alarms");
    let proxy = FaultProxy::start(seaweed.s3(), Dice::new(1));
    limit(&proxy);
    let through = format!("http://{}", proxy.address());
    let mut env = bucket_env(&through);
    env.push(("CAMTRAIL__ARRIVAL__MODE", "notified"));
    let gateway = Instance::with(&Options { env: &env, gateway: true, ..Options::default() });
    let path = "/gate/snap/MDAlarm_20160830-155137.jpg";
    let whole = still_with(1, 60_000);
    // Without its end mark a still is cut, whatever its transfer was.
    let folder = "patrolcams/gate/2016-08-30/Hour-15/snap";
    for (length, count) in [(30_000, 1), (20_000, 2)] {
        gateway.camera().upload(path, &whole[..length]);
        wait("the cut one is in the bucket", || (seaweed.keys(folder).len() == count).then_some(()));
    }
    spool_is_empty(&gateway);
    let endpoint = seaweed.endpoint();
    let env = bucket_env(&endpoint);
    let looker = || Instance::prepare(&Options { env: &env, ..Options::default() });
    let server = looker();
    let cut_ones = seaweed.keys(folder);
    let done = invoke(&server, told(&cut_ones).to_string().as_bytes());
    assert_eq!(done.outcomes(), ["recorded", "recorded"], "both are evidence until the whole one comes");
    gateway.camera().upload(path, &whole);
    spool_is_empty(&gateway);
    assert!(!gateway.log().contains("could not be shipped"), "nothing was refused that counts");
    let stays = cut_ones.iter().find(|key| !key.ends_with("MDAlarm_20160830-155137.jpg")).unwrap();
    assert!(seaweed.object(stays).is_some(), "nobody could delete it");
    let tombstone = format!("derived/{stays}/superseded.json");
    let written: Value = serde_json::from_slice(&seaweed.object(&tombstone).unwrap()).unwrap();
    assert_eq!(text(&written, "by"), format!("{folder}/{whole_name}"));
    assert_eq!(text(&written, "original_sha256"), sha256(&whole[..20_000]));
    assert_eq!(text(&written, "by_original_sha256"), sha256(&whole));
    // The catalog that knew the cut ones, by the tombstone's notification alone.
    let done = invoke(&server, told(&[tombstone.clone(), tombstone.clone()]).to_string().as_bytes());
    assert!(done.outcomes().contains(&"removed"), "{}", done.said);
    // And by all of them, in any order, twice.
    let mut keys = [seaweed.keys("patrolcams"), seaweed.keys("derived")].concat();
    keys.extend(keys.clone());
    let mut dice = Dice::new(7);
    let of_whole = invoke(&server, told(&keys).to_string().as_bytes());
    assert_eq!(of_whole.code, 0, "{}", of_whole.said);
    let right = catalog(&server);
    assert!(right.starts_with("1 events"), "{right}");
    for _ in 0..ROUNDS {
        for at in (1..keys.len()).rev() {
            keys.swap(at, dice.between(0, at + 1));
        }
        let fresh = looker();
        let done = invoke(&fresh, told(&keys).to_string().as_bytes());
        assert_eq!(done.code, 0, "{}", done.said);
        assert_eq!(catalog(&fresh), right, "{keys:#?}");
    }
    let fresh = looker();
    let (code, said) = rebuild(&fresh, &[]);
    assert!(code == 0 && said.contains("1 recorded"), "{said}");
    assert_eq!(catalog(&fresh), right);
    let (_, said) = rebuild(&fresh, &["--dry-run"]);
    assert!(said.contains("they say the same"), "{said}");
    // Evidence: without the whole one the cut one is listed again.
    assert_eq!(seaweed.s3_request("DELETE", &format!("/{folder}/{whole_name}"), &[]), "204");
    let (code, said) = rebuild(&fresh, &[]);
    assert!(code == 0, "{said}");
    let left = catalog(&fresh);
    let others = seaweed.keys(folder).len();
    assert!(left.starts_with(&format!("{others} events")) && left != right, "{left}");
}

fn decide(web: &Web, id: &str, body: &Value) -> Value {
    let reply = web.request("PATCH", &format!("/api/v1/events/{id}"), &[], Some(body));
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

/// Protected: it outlives retention, and with its note a lost catalog.
fn a_decision_stays(env: &[(&str, &str)], tags: &dyn Fn(&str) -> Option<bool>) {
    let limits = [("CAMTRAIL__RETENTION__MAX_BYTES", "250KB"), ("CAMTRAIL__RETENTION__EVERY", "1s")];
    let env = [env, &limits].concat();
    let mut instance = Instance::with(&Options { env: &env, ..Options::default() });
    let web = instance.person();
    let mut camera = instance.camera();
    let stills: Vec<Vec<u8>> = (0..6).map(|number| still_with(number, 100_000)).collect();
    let put = |camera: &mut crate::support::Ftp, number: usize| {
        camera.upload(format!("/gate/snap/still{number}.jpg"), &stills[number]);
        web.settle();
    };
    put(&mut camera, 0);
    let event = by_original(&web, &stills[0]);
    let (id, key) = (text(&event, "id"), text(&event, "object_key"));
    let live = web.live(None);
    assert_eq!(live.next().event, "ready");
    let decided = decide(&web, id, &json!({ "protected": true, "note": "the fox, again" }));
    assert_eq!((&decided["protected"], text(&decided, "note")), (&json!(true), "the fox, again"));
    let told = live.next_event();
    assert!(told.data.to_string().contains("the fox, again"), "an open page shows it at once: {told:?}");
    drop(live);
    let files = [
        key.to_owned(),
        format!("derived/{key}/poster.jpg"),
        format!("derived/{key}/media.json"),
        format!("derived/{key}/state.json"),
    ];
    for file in &files {
        assert_ne!(tags(file), Some(true), "{file} doesn't expire");
    }
    for number in 1..5 {
        put(&mut camera, number);
    }
    wait("all that may go is gone", || {
        let names: Vec<String> = web.events("").iter().map(|event| text(event, "name").to_owned()).collect();
        (names == ["still4.jpg", "still0.jpg"]).then_some(())
    });
    instance.terminate();
    let before = catalog(&instance);
    assert!(before.starts_with("2 events"), "{before}");
    forget_catalog(&instance);
    let (code, said) = rebuild(&instance, &[]);
    assert!(code == 0 && said.contains("2 recorded"), "{said}");
    assert_eq!(catalog(&instance), before);
    instance.restart();
    let web = instance.person();
    let event = web.get(&format!("/api/v1/events/{id}")).json();
    assert_eq!((&event["protected"], text(&event, "note")), (&json!(true), "the fox, again"));
    // Back again: it may go, and a person may delete it.
    let path = format!("/api/v1/events/{id}");
    assert!(web.request("DELETE", &path, &[], None).problem(409).contains("protected"));
    let decided = decide(&web, id, &json!({ "protected": false }));
    assert_eq!((&decided["protected"], text(&decided, "note")), (&json!(false), "the fox, again"));
    for file in &files {
        assert_ne!(tags(file), Some(false), "{file} expires again");
    }
    let deleted = web.request("DELETE", &path, &[], None);
    // Retention may have been quicker.
    assert!(matches!(deleted.status, 204 | 404), "{}", deleted.text());
    web.request("DELETE", &path, &[], None).problem(404);
    let names: Vec<String> = web.events("").iter().map(|event| text(event, "name").to_owned()).collect();
    assert_eq!(names, ["still4.jpg"]);
    instance.terminate();
    let (_, said) = rebuild(&instance, &["--dry-run"]);
    assert!(said.contains("they say the same"), "{said}");
}

#[test]
fn a_decision_outlives_retention_and_the_catalog() {
    a_decision_stays(&[], &|_| None);
}

#[test]
fn a_decision_about_a_bucket_s_event_outlives_both_too() {
    let seaweed = SeaweedFs::start("security-alarms");
    let endpoint = seaweed.endpoint();
    let scratch = tempfile::tempdir().unwrap();
    let dump = scratch.path().join("headers");
    // Whether the object has the tag that the bucket's rule goes by.
    let tagged = |key: &str| {
        let arguments = ["--dump-header", dump.to_str().unwrap()];
        let status = seaweed.s3_request("GET", &format!("/{}", key.replace(' ', "%20")), &arguments);
        let headers = fs::read_to_string(&dump).unwrap().to_ascii_lowercase();
        (status == "200").then(|| headers.contains("x-amz-tagging-count: 1"))
    };
    a_decision_stays(&bucket_env(&endpoint), &tagged);
}
