//! `camtrail invoke`: the arrival function from the command line, with and without a running server.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::support::{
    CLIP, Instance, Options, STILL, by_original, camtrail, curl, data, invoke, invoke_file, notification,
    put_plain, sample, text, wait,
};

/// The article's own test event.
const KEY: &str = "patrolcams/backyard/2016-10-19/Hour-16/record/MDalarm_20161018_113706.mp4";
const CREATED: &str = "ObjectCreated:Put";
const REMOVED: &str = "ObjectRemoved:Delete";

#[test]
fn the_articles_test_event_prints_its_record_once() {
    let mut instance = Instance::prepare(&Options::default());
    let event = notification(&[(CREATED, KEY)]).to_string();
    let gone = invoke(&instance, event.as_bytes());
    assert_eq!((gone.code, gone.outcomes()), (0, vec!["absent"]), "{}", gone.said);
    put_plain(&instance, KEY, b"any object");
    let first = invoke(&instance, event.as_bytes());
    assert_eq!((first.code, first.outcomes()), (0, vec!["recorded"]), "{}", first.said);
    let line = &first.lines[0];
    assert_eq!(
        (text(line, "key"), line["size"].as_u64()),
        (KEY, Some(10)),
        "the object's size, not the claimed"
    );
    assert!(
        first.said.contains("claims another size") && first.said.contains("1 records: 1 recorded"),
        "{}",
        first.said
    );
    assert!(line["took_ms"].as_f64().is_some_and(|ms| ms > 0.0 && ms < 60_000.0), "{line}");
    let event_of = &line["event"];
    assert_eq!((text(event_of, "camera_name"), text(event_of, "capture_hour")), ("backyard", "Hour-16"));
    assert_eq!((text(event_of, "capture_date"), text(event_of, "object_key")), ("2016-10-19", KEY));
    let second = invoke(&instance, event.as_bytes());
    assert_eq!((second.code, second.outcomes()), (0, vec!["already"]), "{}", second.said);
    instance.restart();
    let events = instance.person().events("");
    assert_eq!(events.len(), 1);
    assert_eq!(
        (text(&events[0], "id"), events[0]["event_ts"].as_i64()),
        (text(event_of, "id"), event_of["event_ts"].as_i64())
    );
}

/// Twice, out of order, removal before creation, deleted and delivered again; all beside a server, whose live streams
/// tell of it.
#[test]
fn beside_a_server_the_store_is_right_and_the_app_is_told() {
    let instance = Instance::start();
    curl(&instance, &data(CLIP), "/backyard/record/");
    curl(&instance, &data(STILL), "/backyard/snap/");
    let web = instance.person();
    web.settle();
    let clip = by_original(&web, &sample(CLIP));
    let still = by_original(&web, &sample(STILL));
    let live = web.live(None);
    assert_eq!(live.next().event, "ready");
    let (clip_key, still_key) = (text(&clip, "object_key"), text(&still, "object_key"));
    let both = notification(&[(REMOVED, clip_key), (CREATED, still_key), (CREATED, clip_key)]).to_string();
    assert_eq!(
        invoke(&instance, both.as_bytes()).outcomes(),
        ["already"; 3],
        "removed, and there: it came again"
    );
    let place = instance.data_dir().join("store").join(clip_key);
    let aside = instance.scratch().join("aside.mp4");
    fs::rename(&place, &aside).unwrap();
    let created = notification(&[(CREATED, clip_key)]).to_string();
    let removed = notification(&[(REMOVED, clip_key)]).to_string();
    assert_eq!(
        invoke(&instance, created.as_bytes()).outcomes(),
        ["removed"],
        "a late notification of a deleted one"
    );
    assert_eq!(invoke(&instance, removed.as_bytes()).outcomes(), ["absent"]);
    let message = live.next();
    assert_eq!((message.event.as_str(), text(&message.data, "id")), ("removed", text(&clip, "id")));
    assert_eq!(web.events("").len(), 1);
    fs::rename(&aside, &place).unwrap();
    let again = invoke(&instance, created.as_bytes());
    assert_eq!(again.outcomes(), ["recorded"]);
    assert_eq!(again.lines[0]["event"]["poster"], true, "the manifest was there first");
    let message = live.next();
    assert_eq!((message.event.as_str(), text(&message.data, "id")), ("new", text(&clip, "id")));
    let back = by_original(&web, &sample(CLIP));
    for field in ["id", "sha256", "stored_at", "received_at", "duration_ms", "complete"] {
        assert_eq!(back[field], clip[field], "{field}");
    }
}

#[test]
fn what_is_no_capture_is_skipped_with_its_reason_and_nothing_stops_the_rest() {
    let instance = Instance::prepare(&Options::default());
    let encoded = "patrolcams/front+gate/2016-10-19/Hour-16/snap/a%2Bb+%28%C3%BC%29.jpg";
    let decoded = "patrolcams/front gate/2016-10-19/Hour-16/snap/a+b (ü).jpg";
    put_plain(&instance, decoded, b"still");
    put_plain(&instance, KEY, b"clip");
    // A sidecar of another camera.
    let bad = KEY.replace("113706", "113707");
    put_plain(&instance, &bad, b"clip");
    put_plain(
        &instance,
        &format!("derived/{bad}/object.json"),
        br#"{"version": 1, "metadata": {"camera": "x"}}"#,
    );
    let longest = format!("patrolcams/{}", "x".repeat(1024 - 11));
    let long_name = format!("patrolcams/gate/2016-10-19/Hour-16/snap/{}.jpg", "x".repeat(900));
    let poster = format!("derived/{KEY}/poster.jpg");
    let small = KEY.replace(".mp4", "-small.mp4");
    let mut event = notification(&[
        (CREATED, &bad),
        (CREATED, encoded),
        (CREATED, &poster),
        (CREATED, &small),
        (CREATED, "elsewhere/x.mp4"),
        (CREATED, "patrolcams"),
        (CREATED, "patrolcams/a/b/c/d/e/f/g"),
        (CREATED, &longest),
        (CREATED, &long_name),
        (CREATED, "caf%E9.jpg"),
        ("ObjectRestore:Completed", KEY),
        ("LifecycleExpiration:Delete", "patrolcams/gone/2016-10-19/Hour-16/snap/a.jpg"),
        (CREATED, KEY),
    ]);
    event["Records"][12]["s3"]["object"]["size"] = json!(-7);
    let done = invoke(&instance, event.to_string().as_bytes());
    assert_eq!(done.code, 1, "{}", done.said);
    let want = [
        ("failed", "metadata \"camera_timestamp\""),
        ("recorded", ""),
        ("skipped", "derived object"),
        ("skipped", "small rendition"),
        ("skipped", "isn't under patrolcams/"),
        ("skipped", "isn't under patrolcams/"),
        ("skipped", "found 7"),
        ("skipped", "found 1"),
        ("absent", "the object is gone"),
        ("skipped", "UTF-8"),
        ("skipped", "ObjectRestore:Completed"),
        ("absent", "no such event"),
        ("recorded", ""),
    ];
    assert_eq!(done.lines.len(), want.len());
    for (line, (outcome, reason)) in done.lines.iter().zip(want) {
        let why = line["reason"].as_str().unwrap_or_default();
        assert!(line["outcome"] == outcome && why.contains(reason), "{line}, expected {outcome}: {reason}");
    }
    assert_eq!(text(&done.lines[1], "key"), decoded);
    assert!(done.said.contains("a size that can't be"), "{}", done.said);
    assert!(done.said.contains("1 of 13 records failed"), "{}", done.said);
}

#[test]
fn what_is_no_notification_is_wrong_usage() {
    let instance = Instance::prepare(&Options::default());
    for (event, want) in [
        (&b"{"[..], "event.json: found no JSON"),
        (b"", "found no JSON"),
        (b"{\"Records\": []}", "found an empty list of Records"),
        (b"{\"a\": 1}", "found an object with a, expected a notification"),
        (b"\xFF", "found no JSON"),
    ] {
        let done = invoke(&instance, event);
        assert!(
            done.code == 2 && done.lines.is_empty() && done.said.contains(want),
            "{}: {}",
            done.code,
            done.said
        );
    }
    let done = invoke_file(&instance, &instance.scratch().join("nowhere.json"));
    assert!(done.code == 2 && done.said.contains("can't be read"), "{}", done.said);
    assert!(!instance.data_dir().join("catalog.db").exists(), "nothing was begun");
    let test = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "security-alarms" });
    let done = invoke(&instance, test.to_string().as_bytes());
    assert!(done.code == 0 && done.lines.is_empty() && done.said.contains("1 test events"), "{}", done.said);
}

/// A queue's messages with all forms in them, from standard input.
#[test]
fn a_queues_messages_come_by_standard_input() {
    let instance = Instance::prepare(&Options::default());
    put_plain(&instance, KEY, b"clip");
    let s3 = notification(&[(CREATED, KEY)]).to_string();
    let bridge = json!({
        "detail-type": "Object Created", "source": "aws.s3",
        "detail": { "bucket": { "name": "security-alarms" }, "object": { "key": KEY, "size": 4 } }
    });
    let topic = json!({ "Type": "Notification", "TopicArn": "arn:x", "Message": s3 });
    let message = |id: &str, body: &str| json!({ "messageId": id, "body": body, "eventSource": "aws:sqs" });
    let batch = json!({ "Records": [
        message("m1", &s3), message("m2", "broken"), message("m3", &bridge.to_string()), message("m4", &topic.to_string())
    ] });
    let mut command: Command = camtrail();
    command
        .args(["invoke", "--event", "-", "--data-dir"])
        .arg(instance.data_dir())
        .current_dir(instance.cwd());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(batch.to_string().as_bytes()).unwrap();
    wait("it ends", || child.try_wait().unwrap());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<serde_json::Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: Vec<&str> = lines.iter().map(|line| text(line, "message_id")).collect();
    assert_eq!(ids, ["m1", "m2", "m3", "m4"]);
    assert_eq!(lines[1]["outcome"], "failed");
    let recorded = lines.iter().filter(|line| line["outcome"] == "recorded").count();
    let already = lines.iter().filter(|line| line["outcome"] == "already").count();
    assert_eq!((recorded, already), (1, 2), "{lines:#?}");
}
