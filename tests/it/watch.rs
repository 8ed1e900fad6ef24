//! Watched folders: what others' servers and shares receive is taken once, whatever happens, and never too early.
//!
//! `CAMTRAIL_WATCH_FILES` makes the big one bigger.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    CLIP, Instance, Options, STILL, Web, by_original, data, program_stream, sample, sha256, still_with, text,
    wait,
};

/// A folder that is watched, beside the instance that watches it.
struct Watched {
    folder: tempfile::TempDir,
    instance: Instance,
}

impl Watched {
    fn start(keys: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("camtrail-watched-").tempdir().unwrap();
        let config = format!("[[watch]]\npath = {:?}\n{keys}", folder.path().to_str().unwrap());
        let instance = Instance::with(&Options { config: &config, ..Options::default() });
        Self { folder, instance }
    }

    fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        let path = self.folder.path().join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }
}

fn status(web: &Web) -> serde_json::Value {
    web.get("/api/v1/status").json()["watches"][0].clone()
}

/// Regular files below.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { usize::from(path.is_file()) }).sum()
}

#[test]
fn a_share_is_emptied_as_its_files_become_whole() {
    let watched = Watched::start("keep = false\n");
    let (clip, still) = (sample(CLIP), sample(STILL));
    let before = watched.path(format!("yard/2016-08-30/Hour-15/snap/{STILL}"));
    fs::write(&before, &still).unwrap();
    let web = watched.instance.person();
    // As another server writes: under a temporary name, in pieces.
    let (under_way, whole) =
        (watched.path("gate/record/upload.tmp"), watched.path(format!("gate/record/{CLIP}")));
    let mut file = fs::File::create(&under_way).unwrap();
    for piece in clip.chunks(1_000_000) {
        file.write_all(piece).unwrap();
    }
    drop(file);
    let latin = watched.path(OsStr::from_bytes(b"gate/Gar\xe9_20160830-155137.jpg"));
    fs::write(&latin, still_with(1, 9_000)).unwrap();
    symlink(data(STILL), watched.path("gate/link.jpg")).unwrap();
    fs::write(watched.path("gate/.hidden.jpg"), still_with(2, 9_000)).unwrap();
    let named = by_original(&web, &still_with(1, 9_000));
    assert_eq!((text(&named, "name"), text(&named, "camera_name")), ("Garé_20160830-155137.jpg", "gate"));
    assert_eq!(text(&by_original(&web, &still), "camera_name"), "yard");
    assert!(under_way.exists(), "a name under way waits");
    fs::rename(&under_way, &whole).unwrap();
    let event = by_original(&web, &clip);
    assert_eq!(
        (text(&event, "name"), event["complete"].as_bool()),
        ("MDalarm_20160830_152954.mp4", Some(true))
    );
    wait("the files are gone", || (!whole.exists() && !before.exists() && !latin.exists()).then_some(()));
    assert!(watched.path("gate/.hidden.jpg").exists() && watched.path("gate/link.jpg").is_symlink());
    web.settle();
    assert_eq!(web.events("").len(), 3);
    let shown = status(&web);
    assert_eq!((shown["taken"].as_u64(), shown["problem"].is_null()), (Some(3), true), "{shown}");
}

/// One writer holds its file open, with long pauses; another opens its file again for every piece.
#[test]
fn a_file_that_grows_slowly_is_never_taken_early() {
    let watched = Watched::start("camera = \"gate\"\nkeep = false\nsettle = \"1s\"\nrescan = \"1s\"\n");
    let web = watched.instance.person();
    wait("it is looked through", || (!status(&web)["scanned_at"].is_null()).then_some(()));
    let (held, again) = (watched.path("held.mpg"), watched.path("again.jpg"));
    let (clip, still) = (program_stream(), still_with(1, 60_000));
    let mut file = fs::File::create(&held).unwrap();
    let mut pieces = still.chunks(still.len() / 9);
    for piece in clip.chunks(clip.len() / 3 + 1) {
        file.write_all(piece).unwrap();
        for _ in 0..5 {
            if let Some(piece) = pieces.next() {
                fs::File::options().create(true).append(true).open(&again).unwrap().write_all(piece).unwrap();
            }
            thread::sleep(Duration::from_millis(500));
        }
        assert!(held.exists());
    }
    drop(file);
    assert_eq!(by_original(&web, clip)["complete"], true);
    by_original(&web, &still);
    web.settle();
    assert_eq!(web.events("").len(), 2);
}

/// SIGKILL again and again while files come.
fn kills_lose_and_double_nothing(keep: bool) {
    const FILES: u64 = 120;
    const KILLS: usize = 4;
    let mut watched = Watched::start(&format!("keep = {keep}\nsettle = \"200ms\"\nrescan = \"1s\"\n"));
    let folder = watched.folder.path().to_owned();
    let written = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..FILES {
                let path = folder.join(format!("cam{}/snap/{number}.jpg", number % 3));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, still_with(number, 30_000)).unwrap();
                written.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(30));
            }
        });
        for kill in 1..=KILLS {
            let enough = FILES as usize * kill / (KILLS + 1);
            wait("files are written", || (written.load(Ordering::Relaxed) >= enough).then_some(()));
            watched.instance.restart();
        }
    });
    let web = watched.instance.person();
    let mut sent: Vec<_> = (0..FILES).map(|number| sha256(&still_with(number, 30_000))).collect();
    sent.sort();
    wait("all is listed", || (web.events("limit=500").len() >= sent.len()).then_some(()));
    if !keep {
        wait("all is taken away", || (files(&folder) == 0).then_some(()));
    }
    watched.instance.restart();
    let web = watched.instance.person();
    wait("it is looked through", || (!status(&web)["scanned_at"].is_null()).then_some(()));
    web.settle();
    let mut listed: Vec<_> =
        web.events("limit=500").iter().map(|event| text(event, "original_sha256").to_owned()).collect();
    listed.sort();
    assert_eq!(listed, sent);
    assert_eq!(files(&folder), if keep { FILES as usize } else { 0 });
}

#[test]
fn a_kill_loses_and_doubles_nothing_that_is_removed() {
    kills_lose_and_double_nothing(false);
}

#[test]
fn a_kill_loses_and_doubles_nothing_that_stays() {
    kills_lose_and_double_nothing(true);
}

/// Many files in one folder, from before the start: in bounded time, and again at the next start without any work.
#[test]
fn a_folder_of_many_files_is_taken_in_bounded_time() {
    let count = env::var("CAMTRAIL_WATCH_FILES").ok().and_then(|text| text.parse().ok()).unwrap_or(600_u64);
    let mut watched = Watched::start("camera = \"gate\"\nkeep = true\nsettle = \"200ms\"\nrescan = \"1s\"\n");
    watched.instance.kill();
    for number in 0..count {
        fs::write(watched.path(format!("{number}.jpg")), still_with(number, 5_000)).unwrap();
    }
    let began = Instant::now();
    watched.instance.restart();
    let web = watched.instance.person();
    let deadline = began + Duration::from_secs(60 + count / 10);
    while status(&web)["taken"].as_u64().unwrap() < count || status(&web)["waiting"] != 0 {
        assert!(Instant::now() < deadline, "{}", status(&web));
        thread::sleep(Duration::from_millis(50));
    }
    println!("{count} files taken in {} ms", began.elapsed().as_millis());
    web.settle();
    assert_eq!(web.events("limit=500").len() as u64, count);
    watched.instance.restart();
    let web = watched.instance.person();
    wait("it is looked through", || (!status(&web)["scanned_at"].is_null()).then_some(()));
    assert_eq!(status(&web)["taken"], 0, "they are remembered");
    assert_eq!(web.events("limit=500").len() as u64, count);
}

#[test]
fn a_folder_that_is_not_there_is_told_and_waited_for() {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("mounted/later");
    let config =
        format!("[[watch]]\npath = {:?}\nrescan = \"1s\"\nsettle = \"200ms\"\n", folder.to_str().unwrap());
    let instance = Instance::with(&Options { config: &config, ..Options::default() });
    let web = instance.person();
    wait("the trouble is shown", || {
        status(&web)["problem"].as_str()?.contains("is it mounted").then_some(())
    });
    assert!(instance.log().contains("is it mounted"), "{}", instance.log());
    fs::create_dir_all(folder.join("gate")).unwrap();
    fs::write(folder.join("gate/a.jpg"), still_with(1, 9_000)).unwrap();
    by_original(&web, &still_with(1, 9_000));
    wait("the trouble is over", || status(&web)["problem"].is_null().then_some(()));
}
