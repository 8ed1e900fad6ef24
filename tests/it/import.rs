//! `camtrail import`: an archive comes in once, with and without a running server, whatever interrupts it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime},
};

use crate::support::{
    CLIP, Instance, Options, STILL, by_original, camtrail, data, run, sample, sha256, still_with, text, wait,
};

/// `camtrail import`, on the instance's data dir.
fn import(instance: &Instance, arguments: &[&str], path: &Path) -> Command {
    let mut command = camtrail();
    command.arg("import").args(arguments).arg(path).arg("--data-dir").arg(instance.data_dir());
    command.current_dir(instance.cwd());
    command
}

/// Exit code and all that was said.
fn outcome(command: &mut Command) -> (i32, String) {
    let output = run(command);
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

fn put(root: &Path, path: &str, bytes: &[u8]) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, bytes).unwrap();
    // An archive is at rest: what was written a moment ago is waited for.
    File::options().write(true).open(&file).unwrap().set_modified(modified()).unwrap();
}

fn modified() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_mins(25_000_000)
}

/// All that is below a folder: contents and times.
fn everything(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let modified = path.metadata().unwrap().modified().unwrap();
                found.insert(path.clone(), (fs::read(&path).unwrap(), modified));
            }
        }
    }
    found
}

/// The article's layout, plain folders, and what lies about between them.
fn archive(root: &Path) {
    put(root, &format!("backyard/2016-08-30/Hour-15/record/{CLIP}"), &sample(CLIP));
    put(root, "backyard/2016-08-30/Hour-15/record/MDalarm_20160830_152954-small.mp4", b"rendition");
    put(root, &format!("backyard/2016-08-30/Hour-15/snap/{STILL}"), &sample(STILL));
    put(root, "gate/2018-02-24/001/jpg/10/35/33[M][0@0][0].jpg", &still_with(1, 9_000));
    put(root, "gate/2018-02-24/001/jpg/10/35/33[M][0@0][0].idx", b"index");
    put(root, "porch/nameless.jpg", &still_with(2, 9_000));
    put(root, "porch/half.jpg.part", &still_with(3, 90_000)[..40_000]);
    put(root, "porch/.hidden.jpg", &still_with(4, 9_000));
    put(root, "porch/readme.txt", b"text");
    std::os::unix::fs::symlink(data(STILL), root.join("porch/link.jpg")).unwrap();
}

#[test]
fn an_archive_comes_in_without_a_server_and_nothing_of_it_comes_twice() {
    let mut instance = Instance::prepare(&Options::default());
    let root = instance.scratch().join("archive");
    archive(&root);
    let before = everything(&root);
    let (code, said) = outcome(&mut import(&instance, &["--dry-run"], &root));
    assert!(code == 0 && said.contains("9 files: 5 would be imported, 0 already there, 4 skipped"), "{said}");
    assert!(!instance.data_dir().exists(), "a dry run makes nothing");
    let (code, said) = outcome(&mut import(&instance, &[], &root));
    assert!(
        code == 0 && said.contains("9 files: 5 imported, 0 already there, 4 skipped (no captures), 0 failed"),
        "{said}"
    );
    let left = fs::read_dir(instance.data_dir().join("spool")).unwrap().count();
    assert_eq!(left, 0, "it ships what it took");
    instance.restart();
    // The half file has no whole one yet: it is offered again, and is a replay.
    let (code, said) = outcome(&mut import(&instance, &[], &root));
    assert!(code == 0 && said.contains("0 imported, 5 already there"), "{said}");
    assert_eq!(everything(&root), before, "the source is only read");
    let web = instance.person();
    web.settle();
    let events = web.events("");
    assert_eq!(events.len(), 5, "{events:#?}");
    let clip = by_original(&web, &sample(CLIP));
    assert_eq!(
        text(&clip, "object_key"),
        "patrolcams/backyard/2016-08-30/Hour-15/record/MDalarm_20160830_152954.mp4"
    );
    let dahua = by_original(&web, &still_with(1, 9_000));
    assert!(text(&dahua, "captured_at").starts_with("2018-02-24T10:35"), "{dahua:#}");
    let nameless = by_original(&web, &still_with(2, 9_000));
    assert_eq!(
        (text(&nameless, "time_source"), nameless["event_ts"].as_i64()),
        ("file", Some(1_500_000_000_000))
    );
    let half = by_original(&web, &still_with(3, 90_000)[..40_000]);
    assert_eq!((text(&half, "name"), half["complete"].as_bool()), ("half.jpg", Some(false)));
}

#[test]
fn a_running_server_is_handed_the_files() {
    let instance = Instance::start();
    let root = instance.scratch().join("yard");
    put(&root, &format!("record/{CLIP}"), &sample(CLIP));
    put(&root, "snap/a.jpg", &still_with(1, 9_000));
    let (code, said) = outcome(&mut import(&instance, &[], &root));
    assert!(code == 2 && said.contains("--camera NAME"), "{said}");
    let (code, said) = outcome(&mut import(&instance, &["--camera", "Back Yard", "--dry-run"], &root));
    assert!(code == 0 && said.contains("2 would be imported"), "{said}");
    let (code, said) = outcome(&mut import(&instance, &["--camera", "Back Yard"], &root));
    assert!(code == 0 && said.contains("2 imported"), "{said}");
    let web = instance.person();
    let clip = by_original(&web, &sample(CLIP));
    assert_eq!((text(&clip, "camera_name"), clip["complete"].as_bool()), ("Back Yard", Some(true)));
    // One file; and what a camera sent by FTP is known, too.
    instance.camera().upload("/Back Yard/one.jpg", &still_with(2, 9_000));
    web.settle();
    let one = instance.scratch().join("one.jpg");
    fs::write(&one, still_with(2, 9_000)).unwrap();
    let (code, said) = outcome(&mut import(&instance, &["--camera", "Back Yard"], &one));
    assert!(code == 0 && said.contains("1 files: 0 imported, 1 already there"), "{said}");
    assert_eq!(web.events("").len(), 3);
}

#[test]
fn what_cannot_come_is_told_and_the_rest_comes() {
    let instance = Instance::start();
    let root = instance.scratch().join("archive");
    put(&root, "gate/a.jpg", &still_with(1, 9_000));
    put(&root, "nobodys.jpg", &still_with(2, 9_000));
    let (code, said) = outcome(&mut import(&instance, &[], &root));
    assert!(code == 1 && said.contains("1 imported") && said.contains("1 failed"), "{said}");
    assert!(said.contains("not imported: nobodys.jpg: no folder says"), "{said}");
    let (code, said) = outcome(&mut import(&instance, &[], Path::new("/nowhere")));
    assert!(code == 2 && said.contains("expected a folder"), "{said}");
}

/// An archive of five times the spool: it waits for room, and leaves half of it to cameras.
#[test]
fn an_archive_larger_than_the_spool_comes_in() {
    let env = [("CAMTRAIL__SPOOL__MAX_BYTES", "1MB")];
    let instance = Instance::with(&Options { env: &env, ..Options::default() });
    let root = instance.scratch().join("archive");
    for number in 0..25 {
        put(&root, &format!("gate/{number}.jpg"), &still_with(number, 200_000));
    }
    put(&root, "gate/big.jpg", &still_with(100, 700_000));
    let (code, said) = outcome(&mut import(&instance, &[], &root));
    assert!(code == 0 && said.contains("26 imported") && said.contains("0 failed"), "{said}");
    put(&root, "gate/huge.jpg", &still_with(101, 1_200_000));
    let (code, said) = outcome(&mut import(&instance, &[], &root));
    assert!(code == 1 && said.contains("gate/huge.jpg: it is larger than the whole spool"), "{said}");
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stored(instance: &Instance) -> usize {
    let root = instance.data_dir().join("store/patrolcams");
    if root.exists() { everything(&root).len() } else { 0 }
}

/// SIGKILL for the importer without a server, and for the server beside an importer; then run again.
#[test]
fn a_killed_import_goes_on_and_doubles_nothing() {
    const FILES: u64 = 150;
    let mut instance = Instance::prepare(&Options::default());
    let root = instance.scratch().join("archive");
    for number in 0..FILES {
        put(&root, &format!("cam{}/snap/{number}.jpg", number % 3), &still_with(number, 20_000));
    }
    let begin = |instance: &Instance| {
        Running(import(instance, &[], &root).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    for stored_at_kill in [5, 30] {
        let mut running = begin(&instance);
        wait("some files are stored", || {
            let ended = running.0.try_wait().unwrap().is_some();
            (ended || stored(&instance) >= stored_at_kill).then_some(())
        });
        drop(running);
    }
    instance.restart();
    let mut running = begin(&instance);
    wait("more files are stored", || {
        let ended = running.0.try_wait().unwrap().is_some();
        (ended || stored(&instance) >= 80).then_some(())
    });
    instance.kill();
    let code = wait("the import ends", || running.0.try_wait().unwrap()).code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    instance.restart();
    let (code, said) = outcome(&mut import(&instance, &[], &root));
    assert!(code == 0 && said.contains(" 0 failed"), "{said}");
    let web = instance.person();
    web.settle();
    let mut sent: Vec<_> = (0..FILES).map(|number| sha256(&still_with(number, 20_000))).collect();
    let mut listed: Vec<_> =
        web.events("limit=500").iter().map(|event| text(event, "original_sha256").to_owned()).collect();
    sent.sort();
    listed.sort();
    assert_eq!(listed, sent);
}
