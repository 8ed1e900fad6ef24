//! `camtrail import s3://…`: a bucket comes in once, whatever its keys, whatever interrupts it, and is only read.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{
    CLIP, Dice, FaultProxy, Instance, Options, S3_KEY, S3_REGION, S3_SECRET, STILL, SeaweedFs, by_original,
    camtrail, encoded, free_port, run, sample, sha256, still_with, text, wait,
};

const BUCKET: &str = "archive";

/// `camtrail import`, on the instance's data dir, with the bucket's keys in the environment.
fn import(instance: &Instance, seaweed: &SeaweedFs, arguments: &[&str]) -> Command {
    let mut command = camtrail();
    command.arg("import").args(arguments).arg("--data-dir").arg(instance.data_dir());
    command.current_dir(instance.cwd());
    command.env("AWS_ENDPOINT_URL_S3", seaweed.endpoint()).env("AWS_REGION", S3_REGION);
    command.env("AWS_ACCESS_KEY_ID", S3_KEY).env("AWS_SECRET_ACCESS_KEY", S3_SECRET);
    command
}

/// Exit code and all that was said.
fn outcome(command: &mut Command) -> (i32, String) {
    let output = run(command);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

fn put(seaweed: &SeaweedFs, scratch: &Path, key: &str, bytes: &[u8]) {
    let file = scratch.join("object");
    fs::write(&file, bytes).unwrap();
    let data = format!("@{}", file.display());
    let arguments = ["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--data-binary", &data];
    let status = seaweed.s3_request("PUT", &format!("/{}", encoded(key)), &arguments);
    assert_eq!(status, "200", "{key}");
}

const CLIP_KEY: &str = "patrolcams/backyard/2016-08-30/Hour-15/record/MDalarm_20160830_152954.mkv";

/// What the article's scripts left, other makers' names, and what lies about between them.
fn fill(seaweed: &SeaweedFs, scratch: &Path) {
    let objects: [(&str, Vec<u8>); 10] = [
        (CLIP_KEY, sample(CLIP)),
        (
            "patrolcams/backyard/2016-08-30/Hour-15/record/MDalarm_20160830_152954-small.mp4",
            b"small".to_vec(),
        ),
        ("patrolcams/backyard/2016-08-30/Hour-15/snap/MDAlarm_20160830-155137.jpg", sample(STILL)),
        ("patrolcams/gate/2018-02-24/001/jpg/10/35/33[M][0@0][0].jpg", still_with(1, 9_000)),
        ("patrolcams/gate/2018-02-24/001/jpg/10/35/33[M][0@0][0].idx", b"index".to_vec()),
        ("patrolcams/Garé 1/a b+c%20&é.jpg", still_with(2, 9_000)),
        ("patrolcams/porch/without-ending", still_with(3, 9_000)),
        ("patrolcams/porch/readme.txt", b"text".to_vec()),
        ("patrolcams/porch/.hidden.jpg", still_with(4, 9_000)),
        ("derived/patrolcams/backyard/x.mp4/poster.jpg", still_with(5, 9_000)),
    ];
    for (key, bytes) in objects {
        put(seaweed, scratch, key, &bytes);
    }
}

#[test]
fn a_bucket_comes_in_and_nothing_of_it_comes_twice() {
    let seaweed = SeaweedFs::start(BUCKET);
    let mut instance = Instance::prepare(&Options::default());
    fill(&seaweed, instance.scratch());
    let mut before = seaweed.keys("patrolcams");
    let (code, said) = outcome(&mut import(&instance, &seaweed, &["s3://archive"]));
    assert!(code == 2 && said.contains("import s3://archive/patrolcams instead"), "{said}");
    let (code, said) = outcome(&mut import(&instance, &seaweed, &["--dry-run", "s3://archive/patrolcams"]));
    assert!(code == 0 && said.contains("8 files: 5 would be imported, 0 already there, 3 skipped"), "{said}");
    assert!(!instance.data_dir().exists(), "a dry run makes nothing");
    let (code, said) = outcome(&mut import(&instance, &seaweed, &["s3://archive/patrolcams/"]));
    assert!(code == 0 && said.contains("8 files: 5 imported, 0 already there, 3 skipped"), "{said}");
    instance.restart();
    let again = |dry: &[&str]| {
        outcome(&mut import(&instance, &seaweed, &[dry, &["s3://archive/patrolcams"]].concat()))
    };
    for dry in [&[][..], &["--dry-run"]] {
        let (code, said) = again(dry);
        assert!(code == 0 && said.contains(" 0 ") && said.contains("5 already there"), "{said}");
    }
    // Without its notes it reads, and finds the same.
    fs::remove_file(instance.data_dir().join("imported.db")).unwrap();
    let (code, said) = again(&[]);
    assert!(code == 0 && said.contains("0 imported, 5 already there"), "{said}");
    let mut after = seaweed.keys("patrolcams");
    before.sort();
    after.sort();
    assert_eq!(before, after, "the bucket is only read");
    let web = instance.person();
    web.settle();
    let events = web.events("");
    assert_eq!(events.len(), 5, "{events:#?}");
    let clip = by_original(&web, &sample(CLIP));
    assert_eq!(text(&clip, "object_key"), CLIP_KEY.replace(".mkv", ".mp4"));
    assert!(text(&clip, "captured_at").starts_with("2016-08-30T15:29:54"), "{clip:#}");
    let still = by_original(&web, &sample(STILL));
    assert!(text(&still, "captured_at").starts_with("2016-08-30T15:51:37"), "{still:#}");
    let dahua = by_original(&web, &still_with(1, 9_000));
    assert!(text(&dahua, "captured_at").starts_with("2018-02-24T10:35:33"), "{dahua:#}");
    let odd = by_original(&web, &still_with(2, 9_000));
    assert_eq!((text(&odd, "camera_name"), text(&odd, "time_source")), ("Garé 1", "file"), "{odd:#}");
    assert_eq!(text(&by_original(&web, &still_with(3, 9_000)), "camera_name"), "porch");
}

/// SIGKILL for the importer halfway, twice: each object is one event in the end, and none of them is a cut one.
#[test]
fn a_killed_import_of_a_bucket_goes_on_and_doubles_nothing() {
    const OBJECTS: u64 = 60;
    let seaweed = SeaweedFs::start(BUCKET);
    let mut instance = Instance::prepare(&Options::default());
    for number in 0..OBJECTS {
        let key = format!("cam{}/snap/{number}.jpg", number % 3);
        put(&seaweed, instance.scratch(), &key, &still_with(number, 400_000));
    }
    let store = instance.data_dir().join("store/patrolcams");
    let stored = || walkdir(&store);
    for at_kill in [5, 25] {
        let mut running = import(&instance, &seaweed, &["s3://archive"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait("some objects are stored", || {
            (running.try_wait().unwrap().is_some() || stored() >= at_kill).then_some(())
        });
        running.kill().unwrap();
        running.wait().unwrap();
    }
    let halfway = stored();
    assert!(halfway < OBJECTS as usize, "nothing was interrupted");
    let (code, said) = outcome(&mut import(&instance, &seaweed, &["s3://archive"]));
    assert!(code == 0 && said.contains(" 0 failed") && !said.contains(" 0 already there"), "{said}");
    instance.restart();
    let web = instance.person();
    web.settle();
    let events = web.events("limit=500");
    let mut sent: Vec<_> = (0..OBJECTS).map(|number| sha256(&still_with(number, 400_000))).collect();
    let mut listed: Vec<_> = events.iter().map(|event| text(event, "original_sha256").to_owned()).collect();
    sent.sort();
    listed.sort();
    assert_eq!(listed, sent);
    assert!(events.iter().all(|event| event["complete"] == true));
}

/// Files below a folder.
fn walkdir(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |path: &Path| if path.is_dir() { walkdir(path) } else { 1 };
    entries.flatten().map(|entry| count(&entry.path())).sum()
}

/// From one Camtrail's bucket into another Camtrail: camera, name and moment stay, also where the name tells none. And
/// its own bucket is not copied into itself.
#[test]
fn another_camtrail_s_bucket_keeps_what_it_knew() {
    let seaweed = SeaweedFs::start(BUCKET);
    let endpoint = seaweed.endpoint();
    let env = [
        ("CAMTRAIL__S3_INFO__BUCKET_NAME", BUCKET),
        ("CAMTRAIL__S3_INFO__ENDPOINT", &endpoint),
        ("CAMTRAIL__S3_INFO__REGION", S3_REGION),
        ("AWS_ACCESS_KEY_ID", S3_KEY),
        ("AWS_SECRET_ACCESS_KEY", S3_SECRET),
    ];
    let old = Instance::with(&Options { env: &env, ..Options::default() });
    let mut camera = old.camera();
    camera.upload(format!("/Back Yard/record/{CLIP}"), &sample(CLIP));
    camera.upload("/Back Yard/snap/no time (ü).jpg", &still_with(1, 9_000));
    let was = old.person();
    was.settle();
    put(&seaweed, old.scratch(), "before/gate/a.jpg", &still_with(2, 9_000));
    let own = |path: &str| {
        let mut command = import(&old, &seaweed, &[path]);
        outcome(command.envs(env))
    };
    for path in ["s3://archive", "s3://archive/patrolcams", "s3://archive/patrolcams/Back Yard"] {
        let (code, said) = own(path);
        assert!(code == 2 && said.contains("camtrail rebuild"), "{said}");
    }
    let (code, said) = own("s3://archive/derived");
    assert!(code == 2 && said.contains("derived files"), "{said}");
    let (code, said) = own("s3://archive/before");
    assert!(code == 0 && said.contains("1 imported"), "{said}");
    let new = Instance::start();
    for want in ["3 imported, 0 already there", "0 imported, 3 already there"] {
        // No notes: what is there is told by the objects' own metadata.
        let _ = fs::remove_file(new.data_dir().join("imported.db"));
        let (code, said) = outcome(&mut import(&new, &seaweed, &["s3://archive/patrolcams"]));
        assert!(code == 0 && said.contains(want), "{said}");
        new.person().settle();
    }
    let is = new.person();
    let still = still_with(1, 9_000);
    let (before, after) = (by_original(&was, &still), by_original(&is, &still));
    for field in ["camera_name", "event_ts", "name"] {
        assert_eq!(before[field], after[field], "{after:#}");
    }
    assert_eq!((text(&before, "time_source"), text(&after, "time_source")), ("arrival", "file"));
    // The clip was remuxed: what is original now is what the bucket had.
    let clip = by_original(&was, &sample(CLIP));
    let moved = is.events("").into_iter().find(|event| event["sha256"] == clip["sha256"]).unwrap();
    for field in ["camera_name", "event_ts", "name", "object_key"] {
        assert_eq!(clip[field], moved[field], "{moved:#}");
    }
}

/// Errors, lost and halved answers, hangs; then nothing at all: in the end each object is one whole event.
#[test]
fn a_bad_line_costs_time_and_nothing_else() {
    const OBJECTS: u64 = 24;
    let seaweed = SeaweedFs::start(BUCKET);
    let proxy = FaultProxy::start(seaweed.s3(), Dice::new(7));
    let instance = Instance::start();
    for number in 0..OBJECTS {
        put(&seaweed, instance.scratch(), &format!("gate/{number}.jpg"), &still_with(number, 300_000));
    }
    let endpoint = format!("http://{}", proxy.address());
    let arguments = ["--endpoint", endpoint.as_str(), "s3://archive"];
    let mut running = import(&instance, &seaweed, &arguments).stderr(Stdio::piped()).spawn().unwrap();
    let store = instance.data_dir().join("store/patrolcams");
    wait("some objects are stored", || {
        (running.try_wait().unwrap().is_some() || walkdir(&store) >= 5).then_some(())
    });
    proxy.outage(true);
    let ended = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("run the import again"), "{said}");
    proxy.outage(false);
    proxy.fail(200);
    let (code, said) = outcome(&mut import(&instance, &seaweed, &arguments));
    assert!(code == 0 && said.contains(" 0 failed"), "{said} ({})", proxy.summary());
    let web = instance.person();
    web.settle();
    let events = web.events("limit=500");
    let mut sent: Vec<_> = (0..OBJECTS).map(|number| sha256(&still_with(number, 300_000))).collect();
    let mut listed: Vec<_> = events.iter().map(|event| text(event, "original_sha256").to_owned()).collect();
    sent.sort();
    listed.sort();
    assert_eq!(listed, sent, "{}", proxy.summary());
    assert!(events.iter().all(|event| event["complete"] == true));
}

#[test]
fn what_cannot_be_imported_of_a_bucket_is_told() {
    let seaweed = SeaweedFs::start(BUCKET);
    let instance = Instance::prepare(&Options::default());
    let scratch = instance.scratch();
    put(&seaweed, scratch, "yard/record/a.jpg", &still_with(1, 9_000));
    put(&seaweed, scratch, "yard/loose.jpg", &still_with(2, 9_000));
    let secret = ("AWS_SECRET_ACCESS_KEY", "wrong");
    let usual = ("AWS_REGION", S3_REGION);
    for (path, (name, value), want) in [
        ("s3://archive/yard", usual, "--camera NAME"),
        ("s3://archive/yard/loose.jpg", usual, "is one object: say whose it is with --camera NAME"),
        ("s3://archive/none", usual, "holds no objects"),
        ("s3://no-such-bucket/x", usual, "no-such-bucket"),
        ("s3://archive/yard", secret, "SignatureDoesNotMatch"),
        ("s3://", usual, "expected s3://BUCKET"),
    ] {
        let (code, said) = outcome(import(&instance, &seaweed, &[path]).env(name, value));
        assert!(code == 2 && said.contains(want), "{path}: {code} {said}");
    }
    let (code, said) = outcome(&mut import(&instance, &seaweed, &["--endpoint", "http://x", "."]));
    assert!(code == 2 && said.contains("--endpoint is for buckets"), "{said}");
    let (code, said) = outcome(&mut import(&instance, &seaweed, &["--endpoint", "x", "s3://archive"]));
    assert!(code == 2 && said.contains("expected a server's address"), "{said}");
    let (code, said) = outcome(&mut import(&instance, &seaweed, &["--profile", "none", "s3://archive"]));
    assert!(code == 2 && said.contains("no keys of a profile"), "{said}");
    let (code, said) = outcome(&mut import(&instance, &seaweed, &["--camera", "yard", "s3://archive/yard"]));
    assert!(code == 0 && said.contains("2 imported"), "{said}");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let (code, said) =
        outcome(&mut import(&instance, &seaweed, &["--endpoint", &nobody, "s3://archive/yard"]));
    assert!(code == 1 && said.contains("can't be reached"), "{said}");
}
