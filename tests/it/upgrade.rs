//! Data dirs that earlier builds left (`tests/data/upgrade`) are taken up by this one, with all that they hold.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{Instance, Options, Reply, Web, camtrail, data, run, wait};

/// Copies what was kept; SQL becomes databases again.
fn restore(kept: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(kept).unwrap() {
        let from = entry.unwrap().path();
        let name = to.join(from.file_name().unwrap());
        if from.is_dir() {
            restore(&from, &name);
        } else if from.extension().is_some_and(|extension| extension == "sql") {
            let database = rusqlite::Connection::open(name.with_extension("db")).unwrap();
            database.execute_batch(&fs::read_to_string(&from).unwrap()).unwrap();
        } else {
            fs::copy(&from, &name).unwrap();
        }
    }
}

/// This program on the data dir of an earlier one, and what that one's API said.
fn upgraded(build: &str) -> (Instance, Value) {
    let kept = data("upgrade").join(build);
    let expected = serde_json::from_slice(&fs::read(kept.join("expected.json")).unwrap()).unwrap();
    // The captures are as old as the fixture.
    let options = Options { env: &[("CAMTRAIL__RETENTION__DAYS", "0")], ..Options::default() };
    let mut instance = Instance::prepare(&options);
    restore(&kept.join("data"), instance.data_dir());
    instance.restart();
    (instance, expected)
}

fn signed_in(instance: &Instance, name: &str, password: &str) -> (Web, Reply) {
    let mut web = Web::anonymous(instance.http());
    let reply = web.try_sign_in(name, password);
    web.cookie = reply.header("set-cookie").split(';').next().map(str::to_owned);
    (web, reply)
}

/// Events field by field, waiting uploads, cameras, people, accounts; and the catalog is what its store says.
fn is_whole(instance: &Instance, expected: &Value) {
    let web = instance.person();
    web.settle();
    let events = web.events("limit=500");
    let kept = expected["events"].as_array().unwrap();
    for before in kept {
        let now = events.iter().find(|now| now["id"] == before["id"]);
        let now = now.unwrap_or_else(|| panic!("gone: {before:#}"));
        for (field, value) in before.as_object().unwrap() {
            assert_eq!(&now[field], value, "{field} of {now:#}");
        }
        let media = web.get(now["media_url"].as_str().unwrap());
        assert_eq!(media.status, 200);
        assert_eq!(media.body.len() as u64, before["size"].as_u64().unwrap());
        if before["complete"] == true {
            assert_eq!(web.get(now["poster_url"].as_str().unwrap()).status, 200);
        }
    }
    // What waited is stored now, and what was cut by the power is there as such.
    let waiting = expected["waiting"].as_array().unwrap();
    assert_eq!(events.len(), kept.len() + waiting.len() + 1, "{events:#?}");
    let of = |digest: &Value| {
        let found = events.iter().find(|event| event["original_sha256"] == *digest);
        found.unwrap_or_else(|| panic!("{digest} is lost: {events:#?}"))
    };
    assert!(waiting.iter().all(|digest| of(digest)["complete"] == true));
    assert_eq!(of(&expected["cut"])["complete"], false);
    let cameras = web.get("/api/v1/cameras").json();
    let mut names: Vec<_> = cameras["items"].as_array().unwrap().iter().map(|c| c["name"].clone()).collect();
    names.sort_by_key(Value::to_string);
    assert_eq!(json!(names), expected["cameras"]);
    let gate = cameras["items"].as_array().unwrap().iter().find(|camera| camera["name"] == "gate").unwrap();
    assert_eq!(gate["last_test_upload"]["name"], "test.txt", "{gate:#}");
    let (anna, reply) = signed_in(instance, "anna", "anna-pass-1");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        anna.request("DELETE", &format!("/api/v1/events/{}", kept[0]["id"].as_str().unwrap()), &[], None)
            .status,
        403
    );
    let list = run(camtrail().args(["camera", "list", "--data-dir"]).arg(instance.data_dir()));
    assert!(
        String::from_utf8_lossy(&list.stdout).contains("gate"),
        "{}",
        String::from_utf8_lossy(&list.stdout)
    );
    // Everything of it can be had from the store alone.
    let mut rebuild = camtrail();
    rebuild.args(["rebuild", "--dry-run", "--data-dir"]).arg(instance.data_dir());
    let said = wait("catalog and store say the same", || {
        let output = run(&mut rebuild);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.contains("they say the same").then_some(said)
    });
    assert!(said.contains(&format!("{} events", events.len())), "{said}");
}

#[test]
fn the_data_dir_of_the_first_release_is_taken_up_whole() {
    let (mut instance, expected) = upgraded("first-release");
    is_whole(&instance, &expected);
    // New things work on it, and last.
    let web = instance.person();
    let id = expected["events"][0]["id"].as_str().unwrap();
    let changed =
        web.request("PATCH", &format!("/api/v1/events/{id}"), &[], Some(&json!({ "protected": true })));
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(
        web.request("PUT", &format!("/api/v1/events/{id}/viewed"), &[], Some(&json!({ "viewed": true })))
            .status,
        204
    );
    instance.terminate();
    instance.restart();
    let event = instance.person().get(&format!("/api/v1/events/{id}")).json();
    assert!(event["protected"] == true && event["viewed"] == true, "{event:#}");
}

#[test]
fn what_people_decided_in_0_1_0_stays() {
    let (instance, expected) = upgraded("0.1.0");
    is_whole(&instance, &expected);
    let web = instance.person();
    for event in web.events("limit=500") {
        let is = |key: &str| event["id"] == expected[key];
        assert_eq!(event["protected"], is("protected"), "{event:#}");
        assert_eq!(event["note"], if is("protected") { expected["note"].clone() } else { Value::Null });
        assert_eq!(event["viewed"], is("viewed"), "{event:#}");
    }
    let groups = web.get("/api/v1/groups").json();
    assert_eq!(groups["items"][0]["name"], expected["group"], "{groups:#}");
    assert!(web.events("group=Front").iter().all(|event| event["camera_name"] == "gate"));
    let (bert, reply) = signed_in(&instance, "bert", "bert-pass-1");
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = bert.events("limit=500");
    assert!(!seen.is_empty() && seen.iter().all(|event| event["camera_name"] == "gate"), "{seen:#?}");
    let bearer = format!("Bearer {}", expected["token"].as_str().unwrap());
    let with_token = Web::anonymous(instance.http());
    let reply = with_token.request("GET", "/api/v1/events", &[("authorization", &bearer)], None);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let audit = web.get("/api/v1/audit").json();
    assert!(audit["items"].as_array().unwrap().len() >= 4, "{audit:#}");
}
