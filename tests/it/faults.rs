//! The campaign of faults: real programs upload, the process is killed, the disk is full, the store fails in every
//! way that stores do; and at the end each file that a program was told to be stored is there once, as itself.
//!
//! `CAMTRAIL_FAULTS_UPLOADS`, `CAMTRAIL_FAULTS_KILLS`, `CAMTRAIL_FAULTS_SEED`, `CAMTRAIL_FAULTS_STORE` (`make faults`);
//! `CAMTRAIL_FAULTS_LOG` names a file that gets the program's log.

mod plan;
mod store;
mod trouble;
mod uploads;
mod verdict;

use std::{
    env,
    fmt::Write,
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use self::{
    plan::{Shots, plan},
    store::Store,
    trouble::Progress,
    uploads::{Camera, Tally, by_program},
    verdict::Verdict,
};
use crate::support::{Dice, Instance, Options, Tmpfs, free_port};

/// Programs at once.
const CAMERAS_AT_ONCE: usize = 8;
/// Of a thousand requests to the store so many fail, beside the outages.
const PER_MILLE: usize = 100;
/// After a campaign everything must be stored within so long, and a second for each five uploads.
const SETTLE_LIMIT: Duration = Duration::from_mins(2);

fn number(name: &str, default: usize) -> usize {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}: found {text:?}, expected a number")),
        Err(_) => default,
    }
}

/// What a campaign happens to.
struct Stage<'a> {
    instance: &'a mut Instance,
    disk: &'a Tmpfs,
    store: &'a Store,
    tally: &'a Tally,
    troubles: &'a Troubles,
}

/// How often what went wrong.
#[derive(Default)]
struct Troubles {
    kills: AtomicUsize,
    failed_starts: AtomicUsize,
    full: AtomicUsize,
    outages: AtomicUsize,
    /// For how long at most nothing came into the spool or left it.
    standstill_ms: AtomicUsize,
}

/// The test that `make faults` runs at length.
#[test]
fn campaign_loses_doubles_displaces_and_corrupts_nothing() {
    let began = Instant::now();
    let uploads = number("CAMTRAIL_FAULTS_UPLOADS", 200);
    let kills = number("CAMTRAIL_FAULTS_KILLS", 5);
    let seed = number("CAMTRAIL_FAULTS_SEED", (Dice::any_seed() % 1_000_000) as usize);
    println!("faults: CAMTRAIL_FAULTS_SEED={seed} repeats this plan");
    let mut dice = Dice::new(seed as u64);
    let plan = plan(uploads, &mut dice);
    let files: usize = plan.iter().map(|shots| shots.shots.len()).sum();
    let disk = Tmpfs::new(&format!("{}m", store::disk_mb(files)));
    let data_dir = disk.path().join("data");
    let store = Store::start(&data_dir, &mut dice);
    // Cameras know one address: it must be the same after each start.
    let listen = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let mut settings = store.env();
    settings.extend([
        ("CAMTRAIL__FTP__LISTEN", listen[0].clone()),
        ("CAMTRAIL__HTTP__LISTEN", listen[1].clone()),
    ]);
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut instance =
        Instance::with(&Options { env: &settings, data_dir: Some(data_dir.clone()), ..Options::default() });
    let (tally, troubles) = (Tally::default(), Troubles::default());
    if let Some(proxy) = store.proxy() {
        proxy.fail(PER_MILLE);
    }
    let mut stage =
        Stage { instance: &mut instance, disk: &disk, store: &store, tally: &tally, troubles: &troubles };
    misbehave(&mut stage, &plan, &mut dice, kills);
    let uploaded = began.elapsed();

    // All is well from now on. Uploads that failed often would wait for minutes: a start asks them at once.
    if let Some(proxy) = store.proxy() {
        proxy.fail(0);
    }
    stage.instance.restart();
    let web = stage.instance.person();
    let deadline = Instant::now() + SETTLE_LIMIT + Duration::from_secs(files as u64 / 5);
    let mut status = web.get("/api/v1/status");
    while status.json()["spool"]["entries"] != 0 {
        assert!(Instant::now() < deadline, "the spool never became empty: {}", status.text());
        thread::sleep(Duration::from_millis(100));
        status = web.get("/api/v1/status");
    }
    let verdict = Verdict::of(&plan, &web.events("limit=500"), &store);
    let summary = summary(&stage, &verdict);
    print!("{summary}");
    if let Ok(path) = env::var("CAMTRAIL_FAULTS_LOG") {
        fs::write(&path, stage.instance.log()).unwrap();
        println!("the program's log is in {path}");
    }
    println!("duration       {} s, of which {} s uploads", began.elapsed().as_secs(), uploaded.as_secs());
    assert_eq!(tally.acknowledged(), files, "all is tried again until it is acknowledged");
    let log = instance.log();
    assert!(verdict.is_good(), "CAMTRAIL_FAULTS_SEED={seed}\n{summary}{}", verdict.details(&log));
    let left: Vec<_> =
        fs::read_dir(data_dir.join("spool")).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(left.is_empty(), "the spool holds what it doesn't count: {left:?}");
}

/// Cameras upload all of the plan while troubles come; returns when all is acknowledged.
fn misbehave(stage: &mut Stage<'_>, plan: &[Shots], dice: &mut Dice, kills: usize) {
    let (instance, disk, store) = (&mut *stage.instance, stage.disk, stage.store);
    let (tally, troubles) = (stage.tally, stage.troubles);
    let progress = Progress { tally, files: plan.iter().map(|shots| shots.shots.len()).sum() };
    let (progress, ftp, spool) = (&progress, instance.ftp(), &instance.data_dir().join("spool"));
    let dirs: Vec<_> = (0..CAMERAS_AT_ONCE).map(|_| tempfile::tempdir().unwrap()).collect();
    thread::scope(|scope| {
        for dir in &dirs {
            let camera = Camera { ftp, spool, dir: dir.path(), dice: dice.fork(), tally };
            scope.spawn(move || camera.run(plan));
        }
        scope.spawn(move || {
            let longest = progress.watch_over(spool);
            troubles.standstill_ms.fetch_max(longest.as_millis() as usize, Ordering::Relaxed);
        });
        let (mut filler, mut breaker) = (dice.fork(), dice.fork());
        let others = kills.div_ceil(3);
        scope.spawn(move || {
            progress.spread(others, &mut filler, |dice| {
                trouble::fill(disk, dice);
                troubles.full.fetch_add(1, Ordering::Relaxed);
            });
        });
        if let Some(proxy) = store.proxy() {
            scope.spawn(move || {
                progress.spread(others, &mut breaker, |dice| {
                    trouble::outage(proxy, dice);
                    troubles.outages.fetch_add(1, Ordering::Relaxed);
                });
            });
        }
        progress.spread(kills, dice, |dice| {
            let failed = trouble::kill(instance, dice);
            troubles.failed_starts.fetch_add(failed, Ordering::Relaxed);
            troubles.kills.fetch_add(1, Ordering::Relaxed);
        });
    });
}

/// One line each.
fn summary(stage: &Stage<'_>, verdict: &Verdict) -> String {
    let Stage { instance, store, tally, troubles, .. } = stage;
    let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
    let mut text = String::new();
    for (what, number) in [
        ("acknowledged", tally.acknowledged()),
        ("stored", verdict.stored),
        ("listed", verdict.listed),
        ("lost", verdict.lost.len()),
        ("doubled", verdict.doubled.len()),
        ("displaced", verdict.displaced.len()),
        ("corrupted", verdict.corrupted.len()),
        ("no poster", verdict.posterless.len()),
        ("not remuxed", verdict.not_remuxed),
        ("tries", count(&tally.tries)),
        ("sent again", count(&tally.again)),
        ("cut", count(&tally.cuts)),
        ("kills", count(&troubles.kills)),
        ("failed starts", count(&troubles.failed_starts)),
        ("disk full", count(&troubles.full)),
        ("refused (452)", instance.log().matches("the camera was told 452").count()),
        ("store outages", count(&troubles.outages)),
        ("standstill ms", count(&troubles.standstill_ms)),
    ] {
        let _ = writeln!(text, "{what:14} {number}");
    }
    let _ = writeln!(text, "programs       {}", by_program(tally));
    if let Some(proxy) = store.proxy() {
        let _ = writeln!(text, "store faults   {}", proxy.summary());
        let _ = writeln!(text, "flips taken    {}", proxy.flips_taken());
    }
    text
}

/// A verdict that sees nothing proves nothing.
#[test]
fn faults_are_seen_by_the_verdict() {
    let instance = Instance::start();
    let store = Store::Local(instance.data_dir().join("store"));
    let plan = plan(12, &mut Dice::new(1));
    let mut camera = instance.camera();
    for shot in plan.iter().flat_map(|shots| &shots.shots) {
        camera.upload(format!("{}/{}", shot.folder(), shot.name()), &shot.bytes());
    }
    let web = instance.person();
    web.settle();
    let events = web.events("");
    let object =
        |event: &Value| instance.data_dir().join("store").join(event["object_key"].as_str().unwrap());
    let counts = |events: &[Value]| {
        let verdict = Verdict::of(&plan, events, &store);
        [&verdict.lost, &verdict.doubled, &verdict.displaced, &verdict.corrupted].map(Vec::len)
    };
    let changed = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut changed = events.clone();
        change(&mut changed);
        counts(&changed)
    };
    assert_eq!(counts(&events), [0; 4]);
    assert_eq!(changed(&|events| drop(events.pop())), [1, 0, 1, 0], "not listed");
    assert_eq!(changed(&|events| events.push(events[0].clone())), [0, 1, 1, 0], "listed twice");
    assert_eq!(changed(&|events| events[0]["original_sha256"] = "00".into()), [1, 0, 1, 0], "nobody sent it");
    assert_eq!(changed(&|events| events[0]["camera_name"] = "cam9".into()), [1, 0, 1, 0], "another's camera");
    assert_eq!(changed(&|events| events[0]["kind"] = "other".into()), [0, 0, 1, 0], "another kind");
    assert_eq!(changed(&|events| events[0]["event_ts"] = 7.into()), [0, 0, 1, 0], "another time");
    assert_eq!(changed(&|events| events[0]["complete"] = false.into()), [0, 0, 0, 1], "taken for cut");
    assert_eq!(changed(&|events| events[0]["size"] = 7.into()), [0, 0, 0, 1], "another size");
    let swapped = changed(&|events| {
        let key = events[0]["object_key"].take();
        events[0]["object_key"] = events[1]["object_key"].take();
        events[1]["object_key"] = key;
    });
    assert_eq!(swapped, [0, 0, 2, 2], "each has the other's object");

    let path = object(&events[0]);
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(counts(&events), [1, 0, 0, 0], "its object is gone");
    fs::write(&path, [&whole[..100], &[!whole[100]], &whole[101..]].concat()).unwrap();
    assert_eq!(counts(&events), [0, 0, 0, 1], "one byte is another");
    fs::write(&path, &whole).unwrap();
    fs::write(path.with_extension("stray"), b"x").unwrap();
    assert_eq!(counts(&events), [0, 0, 1, 0], "an object without an event");
}
