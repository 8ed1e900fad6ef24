//! A backup taken while uploads run, the data dir destroyed, and all of it there again.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use serde_json::json;

use crate::support::{Instance, Options, Web, camtrail, files_below, run, sha256, still_with, wait};

/// Runs the command and gives what it printed; it must succeed.
fn says(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A still like no other.
fn still_of(number: usize) -> Vec<u8> {
    still_with(number as u64, 20_000)
}

fn backup(data_dir: &Path, to: &Path, more: &[&str]) -> String {
    says(camtrail().arg("backup").arg(to).arg("--data-dir").arg(data_dir).args(more))
}

/// As the guide says: the folder is copied to where the data dir was.
fn restore(backup: &Path, data_dir: &Path) {
    fs::remove_dir_all(data_dir).unwrap();
    says(Command::new("cp").arg("-a").arg(backup).arg(data_dir));
}

fn digests(web: &Web) -> Vec<String> {
    let events = web.events("limit=500");
    events.iter().map(|event| event["original_sha256"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn nothing_that_was_acknowledged_before_a_backup_is_missing_after_a_restore() {
    const AT_LEAST: usize = 30;
    let mut instance = Instance::start();
    let web = instance.person();
    let token =
        web.request("POST", "/api/v1/tokens", &[], Some(&json!({ "name": "kept", "scopes": ["read"] })));
    let bearer = format!("Bearer {}", token.json()["token"].as_str().unwrap());
    instance.camera().upload("/gate/snap/first.jpg", &still_of(1_000_001));
    let first = wait("the first", || web.events("").first().cloned());
    let path = format!("/api/v1/events/{}", first["id"].as_str().unwrap());
    let decided = json!({ "protected": true, "note": "the fox" });
    assert_eq!(web.request("PATCH", &path, &[], Some(&decided)).status, 200);

    // One camera goes on all the while; what was acknowledged before a backup began must be in it.
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    let to = instance.scratch().join("backup");
    let until = |count: usize| wait("uploads", || (done.load(Ordering::SeqCst) >= count).then_some(()));
    let before = thread::scope(|scope| {
        scope.spawn(|| {
            let mut camera = instance.camera();
            while !stop.load(Ordering::SeqCst) {
                let number = done.load(Ordering::SeqCst);
                camera.upload(format!("/backyard/snap/{number}.jpg"), &still_of(number));
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        until(AT_LEAST);
        backup(instance.data_dir(), &to, &[]);
        // A second one into the same folder copies what is new.
        until(done.load(Ordering::SeqCst) + AT_LEAST);
        let before = done.load(Ordering::SeqCst);
        let said = backup(instance.data_dir(), &to, &["--prune"]);
        assert!(said.contains("as they were"), "{said}");
        until(done.load(Ordering::SeqCst) + 1);
        stop.store(true, Ordering::SeqCst);
        before
    });
    instance.kill();
    restore(&to, instance.data_dir());
    instance.restart();
    let web = instance.person();
    web.settle();
    says(camtrail().args(["rebuild", "--data-dir"]).arg(instance.data_dir()));
    let there = digests(&web);
    for number in 0..before {
        let digest = sha256(&still_of(number));
        let found = there.iter().filter(|there| **there == digest).count();
        assert_eq!(found, 1, "upload {number} of {before}");
    }
    let event = web.get(&path).json();
    assert!(event["protected"] == true && event["note"] == "the fox", "{event:#}");
    let reply =
        Web::anonymous(instance.http()).request("GET", "/api/v1/events", &[("authorization", &bearer)], None);
    assert_eq!(reply.status, 200, "{}", reply.text());
    for event in web.events("limit=500") {
        assert_eq!(web.get(event["media_url"].as_str().unwrap()).status, 200, "{event:#}");
    }
}

#[test]
fn uploads_that_wait_are_in_a_backup_and_go_when_they_were_shipped() {
    let mut instance = Instance::start();
    let store = instance.data_dir().join("store");
    let away = instance.scratch().join("away");
    fs::rename(&store, &away).unwrap();
    fs::write(&store, b"in the way").unwrap();
    let still = still_of(1_000_002);
    instance.camera().upload("/gate/snap/waits.jpg", &still);
    let to = instance.scratch().join("backup");
    backup(instance.data_dir(), &to, &["--without-store"]);
    let copy = instance.scratch().join("copy");
    says(Command::new("cp").arg("-a").arg(&to).arg(&copy));
    fs::remove_file(&store).unwrap();
    fs::rename(&away, &store).unwrap();
    let web = instance.person();
    web.settle();
    backup(instance.data_dir(), &to, &[]);
    assert!(files_below(&to.join("spool")).is_empty(), "it was shipped");
    instance.kill();
    // Either of them holds it, the earlier one without any store.
    for from in [&copy, &to] {
        restore(from, instance.data_dir());
        instance.restart();
        let web = instance.person();
        web.settle();
        assert_eq!(digests(&web), [sha256(&still)]);
        instance.kill();
    }
}

#[test]
fn a_backup_refuses_what_would_do_harm() {
    let instance = Instance::start();
    let inside = instance.data_dir().join("backup");
    let other = instance.scratch().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("letter.txt"), b"dear").unwrap();
    for (to, want) in [(&inside, "lie in each other"), (&other, "holds something else than a backup")] {
        let output = run(camtrail().arg("backup").arg(to).arg("--data-dir").arg(instance.data_dir()));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains(want), "{said}");
    }
    assert_eq!(files_below(&other).len(), 1);
    // An empty store is taken for one that isn't mounted.
    let to = instance.scratch().join("backup");
    let output =
        run(camtrail().arg("backup").arg(&to).arg("--prune").arg("--data-dir").arg(instance.data_dir()));
    assert_eq!(output.status.code(), Some(1));
    assert!(!to.join("backup.json").exists(), "it isn't whole");
}

#[test]
fn health_is_told_by_exit_code() {
    for gateway in [false, true] {
        let mut instance = Instance::with(&Options { gateway, ..Options::default() });
        let mut health = camtrail();
        health.args(["health", "--data-dir"]).arg(instance.data_dir());
        assert_eq!(says(&mut health), "well\n");
        instance.terminate();
        let output = run(&mut health);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("no Camtrail runs"), "{said}");
    }
}
