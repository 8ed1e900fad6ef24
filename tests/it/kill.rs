//! Uploads while the process is killed again and again: what got its `226` is there once, and nothing else is.
//!
//! `CAMTRAIL_KILL_UPLOADS` and `CAMTRAIL_KILLS` make it longer (`make kill`).

use std::{
    collections::HashMap,
    env, fs,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    CLIP, FTP_PASSWORD, Ftp, Instance, Options, free_port, mp4_with, program_stream, program_stream_with,
    sample, sha256, still_with, text,
};

const CONNECTIONS: usize = 8;
/// One upload is tried again for at most so long.
const UPLOAD_LIMIT: Duration = Duration::from_mins(2);

struct File {
    path: String,
    bytes: Vec<u8>,
}

fn number(name: &str, default: usize) -> usize {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Mixed: mostly stills, some clips that need no remux, some that do and have no end mark.
fn files(count: usize) -> Vec<File> {
    (0..count)
        .map(|n| {
            let (camera, seed) = (n % 5, n as u64);
            let time = format!(
                "201608{:02}{{}}{:02}{:02}{:02}",
                n / 86_400 % 28 + 1,
                n / 3_600 % 24,
                n / 60 % 60,
                n % 60
            );
            let record = |extension: &str| {
                format!("/cam{camera}/record/MDalarm_{}.{extension}", time.replace("{}", "_"))
            };
            match n % 10 {
                // Large enough to be cut in the middle by a kill.
                _ if n % 40 == 7 => {
                    File { path: record("mkv"), bytes: program_stream_with(&sample(CLIP), seed) }
                }
                0 => File { path: record("mkv"), bytes: program_stream_with(program_stream(), seed) },
                1 => File { path: record("mp4"), bytes: mp4_with(seed, 300_000) },
                _ => File {
                    path: format!("/cam{camera}/snap/MDAlarm_{}.jpg", time.replace("{}", "-")),
                    bytes: still_with(seed, 20_000 + n * 997 % 180_000),
                },
            }
        })
        .collect()
}

/// A camera that tries again until it is told 226; returns how often it tried.
fn upload(ftp: SocketAddr, file: &File) -> usize {
    let deadline = Instant::now() + UPLOAD_LIMIT;
    for tries in 1.. {
        let reply =
            Ftp::login(ftp, "camera", FTP_PASSWORD).and_then(|mut ftp| ftp.store(&file.path, &file.bytes));
        if reply.is_ok_and(|reply| reply.starts_with("226")) {
            return tries;
        }
        assert!(Instant::now() < deadline, "{} was never taken", file.path);
        thread::sleep(Duration::from_millis(20));
    }
    unreachable!("a range without an end has ended")
}

#[test]
fn kill_nine_loses_doubles_and_displaces_nothing() {
    let (count, kills) = (number("CAMTRAIL_KILL_UPLOADS", 200), number("CAMTRAIL_KILLS", 5));
    let files = files(count);
    // Cameras know one address: it must be the same after each start.
    let ftp = format!("127.0.0.1:{}", free_port());
    let env = [("CAMTRAIL__FTP__LISTEN", ftp.as_str())];
    let mut instance = Instance::with(&Options { env: &env, ..Options::default() });
    let address = instance.ftp();
    let (next, done, tries) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(0));
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let needed = upload(address, file);
                    *tries.lock().unwrap() += needed;
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for kill in 1..=kills {
            let deadline = Instant::now() + UPLOAD_LIMIT;
            while done.load(Ordering::Relaxed) < count * kill / (kills + 1) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
            instance.restart();
        }
    });
    let web = instance.person();
    let deadline = Instant::now() + Duration::from_secs(60 + count as u64);
    while web.get("/api/v1/status").json()["spool"]["entries"] != 0 {
        assert!(Instant::now() < deadline, "the spool never became empty");
        thread::sleep(Duration::from_millis(50));
    }
    let events = web.events("limit=500");
    let mut listed: HashMap<String, Vec<_>> = HashMap::new();
    for event in &events {
        listed.entry(text(event, "original_sha256").to_owned()).or_default().push(event);
    }
    let (mut lost, mut doubled, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for file in &files {
        let found = listed.remove(&sha256(&file.bytes)).unwrap_or_default();
        match found[..] {
            [] => lost.push(&file.path),
            [event] => {
                let object =
                    fs::read(instance.data_dir().join("store").join(text(event, "object_key"))).unwrap();
                if event["complete"] != true || sha256(&object) != text(event, "sha256") {
                    wrong.push(event);
                }
            }
            _ => doubled.push(&file.path),
        }
    }
    println!(
        "{kills} kills: {count} acknowledged in {} tries, {} listed, {} lost, {} doubled, {} wrong, {} that nobody sent",
        tries.lock().unwrap(),
        events.len(),
        lost.len(),
        doubled.len(),
        wrong.len(),
        listed.len()
    );
    assert!(lost.is_empty() && doubled.is_empty() && wrong.is_empty(), "{lost:?} {doubled:?} {wrong:#?}");
    let posterless = events.iter().filter(|event| event["poster_url"].is_null()).count();
    assert_eq!(posterless, 0, "every event has its poster in the end");
    let left: Vec<_> =
        fs::read_dir(instance.data_dir().join("spool")).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(listed.is_empty(), "cut uploads were left beside their whole ones: {listed:#?}");
}
