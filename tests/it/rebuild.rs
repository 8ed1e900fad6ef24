//! `camtrail rebuild`: the catalog again, from the store alone, record for record.

use std::{
    env, fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    CLIP, Instance, Options, S3_KEY, S3_REGION, S3_SECRET, SeaweedFs, camtrail, curl, data, put_plain,
    run_within, sha256, still_with, wait,
};

fn command(instance: &Instance, arguments: &[&str]) -> Command {
    let mut command = camtrail();
    command.arg("rebuild").args(arguments).arg("--data-dir").arg(instance.data_dir());
    command.envs(instance.env()).current_dir(instance.cwd());
    command
}

/// Of the long forms' hundred thousand objects, on a loaded machine.
const REBUILD_MAX: Duration = Duration::from_mins(15);

pub(crate) fn rebuild(instance: &Instance, arguments: &[&str]) -> (i32, String) {
    let output = run_within(&mut command(instance, arguments), REBUILD_MAX).unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

/// What a dry run says of the catalog: how many, and the digest over all records.
pub(crate) fn catalog(instance: &Instance) -> String {
    let (code, said) = rebuild(instance, &["--dry-run"]);
    assert_eq!(code, 0, "{said}");
    let line = said.lines().find_map(|line| line.strip_prefix("catalog: "));
    line.unwrap_or_else(|| panic!("{said}")).trim().to_owned()
}

/// An object as Camtrail stores it, sidecar first.
fn put(instance: &Instance, number: usize) -> String {
    let ts = 1_472_596_194_000_i64 + number as i64 * 60_000;
    let bytes = format!("still {number}").into_bytes();
    // The folders of the capture's date don't matter here: the metadata is what counts.
    let key = format!("patrolcams/cam {}/2016-08-30/Hour-{}/snap/{number}+.jpg", number % 7, number % 24);
    let sidecar = json!({ "version": 1, "metadata": {
        "camera": format!("cam%20{}", number % 7), "camera_timestamp": ts.to_string(), "camera_utc_offset": "-25200",
        "camera_time_source": "name", "received_timestamp": (ts + 500).to_string(),
        "stored_timestamp": (ts + 900).to_string(), "sha256": sha256(&bytes), "original_sha256": sha256(&bytes),
        "original_size": bytes.len().to_string(), "original_name": format!("snap/{number}+.jpg"), "complete": "true",
        "content_type": "image/jpeg", "width": "640", "height": "480"
    } });
    put_plain(instance, &format!("derived/{key}/object.json"), sidecar.to_string().as_bytes());
    if number.is_multiple_of(3) {
        let manifest = json!({ "version": 1, "sha256": sha256(&bytes), "poster": true });
        put_plain(instance, &format!("derived/{key}/media.json"), manifest.to_string().as_bytes());
    }
    put_plain(instance, &key, &bytes);
    key
}

pub(crate) fn forget_catalog(instance: &Instance) {
    for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _ = fs::remove_file(instance.data_dir().join(name));
    }
}

/// Objects of the short form; `CAMTRAIL_REBUILD_OBJECTS` makes it longer (`make rebuild`).
const OBJECTS: usize = 5_000;

#[test]
fn a_lost_catalog_comes_back_record_for_record() {
    let objects = env::var("CAMTRAIL_REBUILD_OBJECTS").map_or(OBJECTS, |count| count.parse().unwrap());
    let mut instance = Instance::prepare(&Options::default());
    let keys: Vec<String> = (0..objects).map(|number| put(&instance, number)).collect();
    put_plain(&instance, "patrolcams/cam 1/2016-08-30/Hour-3/record/theirs.mp4", b"without metadata");
    put_plain(&instance, "patrolcams/cam 1/2016-08-30/Hour-3/record/theirs-small.mp4", b"rendition");
    let (code, said) = rebuild(&instance, &["--dry-run"]);
    assert!(
        code == 0 && said.contains(&format!("would record {}, correct 0, forget 0", objects + 1)),
        "{said}"
    );
    assert!(!instance.data_dir().join("catalog.db").exists(), "a dry run makes nothing");
    let started = Instant::now();
    let (code, said) = rebuild(&instance, &[]);
    assert!(
        code == 0
            && said.contains(&format!("{0} captures: {0} recorded", objects + 1))
            && said.contains("1 other objects"),
        "{said}"
    );
    eprintln!("local directory: {said}in {} ms with the start", started.elapsed().as_millis());
    // Real uploads beside them, with clip, poster and manifest, by a server.
    instance.restart();
    curl(&instance, &data(CLIP), "/backyard/record/");
    instance.camera().upload("/porch/a (ü) 50%.jpg", &still_with(1, 9_000));
    let web = instance.person();
    web.settle();
    let events = web.events("limit=500");
    let cameras = web.get("/api/v1/cameras").json();
    // Beside the running server: nothing to change.
    let (code, said) = rebuild(&instance, &[]);
    assert!(
        code == 0
            && said
                .contains(&format!("{0} captures: 0 recorded, 0 corrected, {0} already there", objects + 3)),
        "{said}"
    );
    instance.terminate();
    let before = catalog(&instance);
    assert!(before.starts_with(&format!("{} events, digest ", objects + 3)), "{before}");
    forget_catalog(&instance);
    // Killed on the way, several times, and run again.
    let journal = instance.data_dir().join("rebuild.json");
    let mut marks: Vec<Vec<u8>> = Vec::new();
    while marks.len() < 2 {
        let mut child = command(&instance, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait("a part is done", || {
            let ended = child.try_wait().unwrap().is_some();
            let now = fs::read(&journal).ok();
            (ended || (now.is_some() && now.as_ref() != marks.last())).then_some(())
        });
        let _ = child.kill();
        child.wait().unwrap();
        if let Ok(mark) = fs::read(&journal) {
            marks.push(mark);
        } else {
            // It was quicker than this test: once more.
            marks.clear();
            forget_catalog(&instance);
        }
    }
    assert_ne!(marks[0], marks[1], "it went on");
    let (code, said) = rebuild(&instance, &[]);
    assert!(code == 0 && said.contains("going on behind patrolcams/"), "{said}");
    assert!(!journal.exists());
    assert_eq!(catalog(&instance), before);
    instance.restart();
    let web = instance.person();
    let strip = |events: Vec<serde_json::Value>| -> Vec<serde_json::Value> {
        let mut events = events;
        for event in &mut events {
            // Links are signed with the catalog's secret and for the moment.
            let links = ["media_url", "download_url", "original_url", "poster_url", "media_expires_at"];
            for name in links {
                event[name] = json!(event[name].is_string());
            }
        }
        events
    };
    assert_eq!(strip(web.events("limit=500")), strip(events));
    assert_eq!(web.get("/api/v1/cameras").json(), cameras);
    // Objects that went while nobody looked.
    for key in &keys[..40] {
        fs::remove_file(instance.data_dir().join("store").join(key)).unwrap();
    }
    let (code, said) = rebuild(&instance, &["--dry-run"]);
    assert!(code == 0 && said.contains("would record 0, correct 0, forget 40"), "{said}");
    let (code, said) = rebuild(&instance, &[]);
    assert!(code == 0 && said.contains("40 events forgotten"), "{said}");
    assert_eq!(web.events("limit=500").len(), objects + 3 - 40);
}

/// A store that isn't mounted looks like an empty one.
#[test]
fn an_empty_store_is_not_believed() {
    let instance = Instance::prepare(&Options::default());
    put(&instance, 1);
    assert_eq!(rebuild(&instance, &[]).0, 0);
    let store = instance.data_dir().join("store");
    fs::rename(&store, instance.data_dir().join("elsewhere")).unwrap();
    let (code, said) = rebuild(&instance, &[]);
    assert!(code == 1 && said.contains("is it the right store?"), "{said}");
    assert!(catalog(&instance).starts_with("1 events"));
    let (code, said) = rebuild(&instance, &["--allow-empty"]);
    assert!(code == 0 && said.contains("1 events forgotten"), "{said}");
}

/// What one object's trouble is, doesn't cost the others theirs.
#[test]
fn an_object_that_cannot_be_read_is_told_and_the_rest_comes() {
    let instance = Instance::prepare(&Options::default());
    let keys: Vec<String> = (0..20).map(|number| put(&instance, number)).collect();
    put_plain(&instance, &format!("derived/{}/object.json", keys[7]), b"{ half");
    let (code, said) = rebuild(&instance, &[]);
    assert!(code == 1 && said.contains("20 captures: 19 recorded") && said.contains("1 failed"), "{said}");
    assert!(said.contains("not recorded: ") && said.contains("1 captures could not be recorded"), "{said}");
    assert!(catalog_is_19(&instance));
}

fn catalog_is_19(instance: &Instance) -> bool {
    let (_, said) = rebuild(instance, &[]);
    said.contains("19 already there")
}

#[test]
fn a_bucket_gives_the_same() {
    const OBJECTS: usize = 300;
    let seaweed = SeaweedFs::start("security-alarms");
    let endpoint = seaweed.endpoint();
    let env = [
        ("CAMTRAIL__S3_INFO__BUCKET_NAME", "security-alarms"),
        ("CAMTRAIL__S3_INFO__ENDPOINT", &endpoint),
        ("CAMTRAIL__S3_INFO__REGION", S3_REGION),
        ("AWS_ACCESS_KEY_ID", S3_KEY),
        ("AWS_SECRET_ACCESS_KEY", S3_SECRET),
    ];
    let mut instance = Instance::with(&Options { env: &env, ..Options::default() });
    let mut camera = instance.camera();
    for number in 0..OBJECTS {
        camera.upload(
            format!("/cam {}/20160830_15{:02}{:02}.jpg", number % 5, number / 60, number % 60),
            &still_with(number as u64, 3_000),
        );
    }
    drop(camera);
    instance.person().settle();
    instance.terminate();
    let before = catalog(&instance);
    assert!(before.starts_with("300 events"), "{before}");
    forget_catalog(&instance);
    let (code, said) = rebuild(&instance, &[]);
    assert!(code == 0 && said.contains("300 captures: 300 recorded"), "{said}");
    eprintln!("SeaweedFS: {said}");
    let (code, said) = rebuild(&instance, &["--dry-run"]);
    assert!(code == 0 && said.contains("they say the same"), "{said}");
    assert_eq!(catalog(&instance), before);
}
