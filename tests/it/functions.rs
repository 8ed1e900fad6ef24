//! The functions' own programs, driven by the platform's runtime interface, on a real bucket and real tables.

use std::process::Command;

use camtrail_services::LambdaHost;
use serde_json::{Value, json};

use crate::support::{BUCKET, Cloud, camtrail, function, notification, run, text};

const ARRIVAL: &str = "security_cam_video_added";
/// The article's own test event.
const KEY: &str = "patrolcams/backyard/2016-10-19/Hour-16/record/MDalarm_20161018_113706.mp4";
const CREATED: &str = "ObjectCreated:Put";
const REMOVED: &str = "ObjectRemoved:Delete";
const VIEWS: [&str; 2] = ["security_alarm_videos", "security_video_timeline"];

fn invoke(function: &mut LambdaHost, event: &Value) -> Result<Value, Value> {
    function.invoke(event.to_string().as_bytes()).outcome
}

/// The totals that the function answers with.
fn totals(outcome: &Result<Value, Value>) -> &str {
    text(outcome.as_ref().unwrap_or_else(|error| panic!("{error}")), "totals")
}

#[test]
fn the_template_is_printed_as_it_is_deployed() {
    let printed = run(camtrail().args(["aws", "template"])).stdout;
    let shipped = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/aws/template.yaml")).unwrap();
    assert!(printed == shipped && shipped.starts_with(b"AWSTemplateFormatVersion"));
}

#[test]
fn the_articles_test_event_is_in_both_tables_once() {
    let cloud = Cloud::start();
    let event = notification(&[(CREATED, KEY)]);
    let mut arrival = cloud.function(ARRIVAL, &[]);
    assert_eq!(
        totals(&invoke(&mut arrival, &event)),
        "1 records: 1 absent",
        "gone before the function looks"
    );
    cloud.put(KEY, "any object");
    assert_eq!(totals(&invoke(&mut arrival, &event)), "1 records: 1 recorded");
    let first = VIEWS.map(|table| cloud.items(table));
    for (table, items) in VIEWS.iter().zip(&first) {
        let [item] = &items[..] else { panic!("{table}: {items:#?}") };
        for (name, kind, value) in [
            ("camera_name", "S", "backyard"),
            ("capture_date", "S", "2016-10-19"),
            ("capture_hour", "S", "Hour-16"),
            ("video_name", "S", "MDalarm_20161018_113706.mp4"),
            ("object_key", "S", KEY),
            ("video_size", "N", "10"),
        ] {
            assert_eq!(item[name][kind], value, "{table}: {name} in {item:#}");
        }
        let ts = item["event_ts"]["N"].as_str().unwrap();
        assert!(ts.len() == 13 + 1 + 9 && ts.contains('.'), "milliseconds and nine digits: {ts}");
    }
    assert_eq!(totals(&invoke(&mut arrival, &event)), "1 records: 1 already");
    // The same by the command, on the same tables.
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("event.json");
    std::fs::write(&file, event.to_string()).unwrap();
    let told = run(cloud.program(&["invoke", "--data-dir"]).arg(scratch.path()).arg("--event").arg(&file));
    let line: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((text(&line, "outcome"), told.status.code()), ("already", Some(0)));
    assert_eq!(VIEWS.map(|table| cloud.items(table)), first, "nothing changed");
    let log = arrival.log();
    assert!(log.contains("took_ms") && log.contains(KEY), "each object's time is logged: {log}");
    assert_eq!(
        totals(&invoke(&mut arrival, &notification(&[(REMOVED, KEY)]))),
        "1 records: 1 already",
        "it is there"
    );
}

/// Each wrong thing has its answer: an error comes again, what never can be an event doesn't.
#[test]
fn what_is_wrong_comes_again_only_where_that_helps() {
    let cloud = Cloud::start();
    let mut arrival = cloud.function(ARRIVAL, &[]);
    cloud.put(KEY, "any object");
    let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"security-alarms"}"#;
    assert_eq!(totals(&arrival.invoke(test.as_bytes()).outcome), "0 records");
    for payload in [r#"{"Records":[]}"#, r#"{"hello":"world"}"#, "[1]", r#""Records""#] {
        let error = arrival.invoke(payload.as_bytes()).outcome.unwrap_err();
        assert!(text(&error, "errorMessage").contains("expected"), "{payload}: {error}");
    }
    let mut other = notification(&[(CREATED, KEY)]);
    other["Records"][0]["s3"]["bucket"]["name"] = json!("somebody-else");
    assert_eq!(totals(&invoke(&mut arrival, &other)), "1 records: 1 skipped");
    let mixed = notification(&[
        ("ObjectRestore:Post", KEY),
        (CREATED, "patrolcams/backyard/2016-10-19/Hour-16/record/a-small.mp4"),
        (CREATED, "derived/patrolcams/x/poster.jpg"),
        (CREATED, "patrolcams/too/short.mp4"),
        (CREATED, KEY),
    ]);
    assert_eq!(totals(&invoke(&mut arrival, &mixed)), "5 records: 1 recorded, 4 skipped");
    assert_eq!(cloud.items(VIEWS[0]).len(), 1);
}

/// A queue's good messages are done; only what failed comes again. Without tables, nothing is half written.
#[test]
fn without_tables_a_record_fails_and_says_so() {
    let cloud = Cloud::start();
    cloud.put(KEY, "any object");
    let mut arrival = cloud.function(ARRIVAL, &[("CAMTRAIL__CATALOG__TABLE_PREFIX", "elsewhere-")]);
    let error = invoke(&mut arrival, &notification(&[(CREATED, KEY)])).unwrap_err();
    assert!(text(&error, "errorMessage").contains("1 of 1 records failed"), "{error}");
    let message = |id: &str, body: &Value| json!({ "messageId": id, "eventSource": "aws:sqs", "body": body.to_string() });
    let batch = json!({ "Records": [
        message("bad", &notification(&[(CREATED, KEY)])),
        message("good", &notification(&[(CREATED, "derived/x/poster.jpg")])),
    ] });
    assert_eq!(
        invoke(&mut arrival, &batch),
        Ok(json!({ "batchItemFailures": [{ "itemIdentifier": "bad" }] }))
    );
    assert!(arrival.log().contains("arrival failed"), "{}", arrival.log());
    for table in VIEWS {
        assert_eq!(cloud.items(table), Vec::<Value>::new());
    }
}

#[test]
fn upkeep_tells_which_cameras_are_silent() {
    let cloud = Cloud::start();
    cloud.put(KEY, "any object");
    assert_eq!(
        totals(&invoke(&mut cloud.function(ARRIVAL, &[]), &notification(&[(CREATED, KEY)]))),
        "1 records: 1 recorded"
    );
    let mut upkeep = cloud.function("camtrail_scheduled", &[("CAMTRAIL__SILENT_AFTER", "1d")]);
    let told = invoke(&mut upkeep, &json!({})).unwrap();
    assert_eq!((told["cameras"].as_u64(), &told["silent"]), (Some(1), &json!([])), "{told}");
    std::thread::sleep(std::time::Duration::from_millis(20));
    let mut strict = cloud.function("camtrail_scheduled", &[("CAMTRAIL__SILENT_AFTER", "1ms")]);
    let told = invoke(&mut strict, &json!({})).unwrap();
    assert_eq!(told["silent"], json!(["backyard"]), "{told}");
    let log = strict.log();
    let metrics =
        log.lines().find(|line| line.contains("CloudWatchMetrics")).unwrap_or_else(|| panic!("{log}"));
    let metrics: Value = serde_json::from_str(metrics).unwrap();
    assert_eq!((metrics["SilentCameras"].as_u64(), text(&metrics, "Bucket")), (Some(1), BUCKET));
    assert!(metrics["SecondsSinceLastArrival"].as_u64().is_some_and(|s| s < 600), "{metrics}");
    assert_eq!(metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Camtrail");
}

#[test]
fn a_function_that_is_told_nonsense_says_what_it_expected() {
    for (name, value, want) in [
        ("CAMTRAIL__S3_INFO__BUCKET_NAME", "", "expected the name of the bucket"),
        ("CAMTRAIL__RETENTION__DAYS", "soon", "expected a whole number"),
        ("CAMTRAIL__FTP__LISTEN", "0.0.0.0:21", "expected no such variable"),
    ] {
        let mut program = Command::new(function(ARRIVAL));
        program
            .env_clear()
            .env("AWS_REGION", "eu-west-1")
            .env("CAMTRAIL__S3_INFO__BUCKET_NAME", "b")
            .env(name, value);
        let said = LambdaHost::start(program).ends();
        assert!(said.contains(want), "{name}: {said}");
    }
}

/// A request as an HTTP API hands it over (payload format 2.0), and the answer.
fn ask(
    api: &mut LambdaHost,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (mut all, mut cookies) = (json!({ "host": "cams.example.org" }), Vec::new());
    for (name, value) in headers {
        if *name == "cookie" { cookies.push(*value) } else { all[*name] = json!(value) }
    }
    let event = json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": all, "cookies": cookies, "isBase64Encoded": false, "body": body.map(Value::to_string),
        "requestContext": {
            "accountId": "000000000000", "apiId": "api", "domainName": "cams.example.org", "domainPrefix": "cams",
            "requestId": "id", "routeKey": "$default", "stage": "$default", "time": "24/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1_795_521_600_000_u64,
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "test" }
        }
    });
    invoke(api, &event).unwrap()
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(text(answer, "body")).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn the_api_signs_in_lists_plays_and_polls() {
    let cloud = Cloud::start();
    let scratch = tempfile::tempdir().unwrap();
    let made = cloud.program(&["user", "add", "anna", "--data-dir"]);
    let made = with_input(made, scratch.path(), "a long password\n");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    cloud.put(KEY, "any object");
    totals(&invoke(&mut cloud.function(ARRIVAL, &[]), &notification(&[(CREATED, KEY)])));

    let public = ("CAMTRAIL__HTTP__PUBLIC_URL", "https://cams.example.org");
    let mut api = cloud.function("camtrail_api", &[public]);
    assert_eq!(ask(&mut api, "GET", "/healthz", &[], None)["statusCode"], 200);
    let page = ask(&mut api, "GET", "/", &[], None);
    assert!(text(&page, "body").contains("<html"), "the web app is part of it: {page}");
    assert_eq!(ask(&mut api, "GET", "/api/v1/events", &[], None)["statusCode"], 401);
    let json_body = ("content-type", "application/json");
    let wrong = ask(
        &mut api,
        "POST",
        "/api/v1/session",
        &[json_body],
        Some(&json!({ "username": "anna", "password": "no" })),
    );
    assert_eq!(wrong["statusCode"], 401, "{wrong}");
    let right = json!({ "username": "anna", "password": "a long password" });
    let signed_in = ask(&mut api, "POST", "/api/v1/session", &[json_body], Some(&right));
    assert_eq!(signed_in["statusCode"], 200, "{signed_in}");
    let cookie = signed_in["cookies"][0].as_str().unwrap();
    for part in ["Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = ("cookie", cookie.split(';').next().unwrap());
    let events = body(&ask(&mut api, "GET", "/api/v1/events?camera=backyard&limit=5", &[cookie], None));
    let [event] = &events["items"].as_array().unwrap()[..] else { panic!("{events}") };
    assert_eq!((text(event, "object_key"), event["size"].as_u64()), (KEY, Some(10)));
    let url = text(event, "media_url");
    let part =
        run(Command::new("curl").args(["--silent", "--noproxy", "*", "--range", "4-9", "--include", url]));
    let part = String::from_utf8_lossy(&part.stdout).into_owned();
    assert!(part.starts_with("HTTP/1.1 206") && part.ends_with("object"), "{part}");
    let policy = text(&page["headers"], "content-security-policy");
    assert!(policy.contains(&format!("media-src 'self' blob: http://{}", cloud.bucket.s3())), "{policy}");
    // Live updates end at once, and tell what came since.
    let live = ask(&mut api, "GET", "/api/v1/live", &[cookie], None);
    assert!(text(&live, "body").contains("\"poll_ms\":5000"), "{live}");
    let id = text(&live, "body").lines().find_map(|line| line.strip_prefix("id:")).unwrap().trim().to_owned();
    let other = KEY.replace("113706", "113707");
    cloud.put(&other, "another");
    totals(&invoke(&mut cloud.function(ARRIVAL, &[]), &notification(&[(CREATED, &other)])));
    let live = ask(&mut api, "GET", "/api/v1/live", &[cookie, ("last-event-id", &id)], None);
    assert_eq!(text(&live, "body").matches("event: new").count(), 1, "{live}");
    let status = body(&ask(&mut api, "GET", "/api/v1/status", &[cookie], None));
    assert_eq!((&status["ftp"], &status["spool"]), (&Value::Null, &Value::Null));
    // Another instance of the function: the session is a row, and ends everywhere.
    let mut second = cloud.function("camtrail_api", &[public]);
    assert_eq!(ask(&mut second, "DELETE", "/api/v1/session", &[cookie], None)["statusCode"], 204);
    assert_eq!(ask(&mut api, "GET", "/api/v1/events", &[cookie], None)["statusCode"], 401);
    // Wrong sign-ins count in all instances together, by the caller's address.
    for round in 0..12 {
        let at = if round % 2 == 0 { &mut api } else { &mut second };
        let wrong = json!({ "username": "anna", "password": format!("no {round}") });
        let answer = ask(at, "POST", "/api/v1/session", &[json_body], Some(&wrong));
        if answer["statusCode"] == 429 {
            return;
        }
    }
    panic!("twelve wrong sign-ins were not slowed down");
}

fn with_input(mut command: Command, data_dir: &std::path::Path, input: &str) -> std::process::Output {
    use std::{io::Write, process::Stdio};
    let mut child = command
        .arg(data_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}
