//! An hour of a busy day: `make soak`.
//!
//! `soak [MINUTES] [RATE]`: so many events a second over 20 connections that stay logged in, one in twenty a clip of 1 MB,
//! one in two hundred a program stream that must be remuxed; live streams that are read, somebody who leafs, and retention that keeps
//! the newest 1.5 GB. Memory, descriptors, threads and the room on disk are looked at each half minute; after a quarter of
//! the time they must stay what they are, and each event that was acknowledged must have come once by the live stream.

use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::ExitCode,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use camtrail_benches::{Camtrail, Failed, Upload, clip, cpu_of, program_stream, still};
use serde_json::Value;

const STILL_BYTES: usize = 100_000;
const CLIP_BYTES: usize = 1_000_000;
const CONNECTIONS: u64 = 20;
const READERS: usize = 5;
const LOOK_EVERY: Duration = Duration::from_secs(30);
const LEAF_EVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_mins(2);
/// Retention's own rhythm and limit: the disk is full after some ten minutes.
const KEPT: [(&str, &str); 3] = [
    ("CAMTRAIL__RETENTION__MAX_BYTES", "1500MB"),
    ("CAMTRAIL__RETENTION__EVERY", "1m"),
    ("CAMTRAIL__RETENTION__DAYS", "0"),
];
/// Before retention begins, nothing can be flat.
const WARM: f64 = 0.25;

/// What the program uses at one moment.
struct Sample {
    memory_mb: f64,
    descriptors: f64,
    threads: f64,
    disk_mb: f64,
    waiting: f64,
}

/// A thing that must stay flat: by how much it may grow from the first to the last third, as a share and as a number.
struct Flat {
    name: &'static str,
    of: fn(&Sample) -> f64,
    share: f64,
    more: f64,
}

const FLAT: [Flat; 5] = [
    Flat { name: "memory, MB", of: |at| at.memory_mb, share: 0.05, more: 4.0 },
    Flat { name: "descriptors", of: |at| at.descriptors, share: 0.0, more: 8.0 },
    Flat { name: "threads", of: |at| at.threads, share: 0.0, more: 4.0 },
    Flat { name: "disk, MB", of: |at| at.disk_mb, share: 0.1, more: 50.0 },
    Flat { name: "waiting in the spool", of: |at| at.waiting, share: 0.0, more: 40.0 },
];

/// How often each name came by a live stream.
type Seen = Mutex<HashMap<String, u32>>;

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sample(camtrail: &Camtrail, data: &Path) -> Result<Sample, Failed> {
    let process = format!("/proc/{}", camtrail.id());
    let status = fs::read_to_string(format!("{process}/status"))?;
    let field = |name: &str| -> f64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
    };
    let waiting = camtrail.get("/api/v1/status")?["spool"]["entries"].as_f64().unwrap_or(f64::NAN);
    Ok(Sample {
        memory_mb: field("VmRSS:") / 1_000.0,
        threads: field("Threads:"),
        descriptors: fs::read_dir(format!("{process}/fd"))?.count() as f64,
        disk_mb: bytes_below(data) as f64 / 1e6,
        waiting,
    })
}

/// Files come and go while they are counted.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// Reads a live stream until `done`; a stream that ends is an error.
fn read_live(camtrail: &Camtrail, seen: Option<&Seen>, done: &AtomicBool) -> Result<(), Failed> {
    let mut kind = String::new();
    for line in BufReader::new(camtrail.open("/api/v1/live")?.into_reader()).lines() {
        let line = line?;
        if done.load(Ordering::Relaxed) {
            return Ok(());
        }
        if let Some(event) = line.strip_prefix("event:") {
            event.trim().clone_into(&mut kind);
        } else if let (Some(data), "new", Some(seen)) = (line.strip_prefix("data:"), kind.as_str(), seen) {
            let message: Value = serde_json::from_str(data)?;
            let event = &message["event"];
            let name = event["original_name"].as_str().or(event["name"].as_str()).unwrap_or_default();
            let file = name.rsplit('/').next().unwrap_or(name);
            *lock(seen).entry(file.split('.').next().unwrap_or(file).to_owned()).or_default() += 1;
        }
    }
    Err("a live stream ended".into())
}

struct Files {
    still: Vec<u8>,
    clip: Vec<u8>,
    stream: Vec<u8>,
}

impl Files {
    fn upload(&self, number: u64) -> (Upload<'_>, &'static str) {
        match number {
            _ if number % 200 == 199 => (Upload::program_stream(&self.stream, number), "mpg"),
            _ if number % 20 == 19 => (Upload::clip(&self.clip, number), "mp4"),
            _ => (Upload::still(&self.still, number), "jpg"),
        }
    }
}

fn name(number: u64) -> String {
    format!("capture{number:08}")
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints a line for each; whether all stayed flat.
fn judge(samples: &[Sample]) -> bool {
    let warm = &samples[(samples.len() as f64 * WARM) as usize..];
    let third = (warm.len() / 3).max(1);
    let (first, last) = (&warm[..third.min(warm.len())], &warm[warm.len().saturating_sub(third)..]);
    println!(
        "{:<24} {:>10} {:>10} {:>10} {:>10}   from the first quarter on",
        "", "first", "last", "most", "may grow"
    );
    let mut all = true;
    for flat in &FLAT {
        let values = |of: &[Sample]| of.iter().map(flat.of).collect::<Vec<_>>();
        let (from, to) = (median(&values(first)), median(&values(last)));
        let most = values(warm).into_iter().fold(f64::NAN, f64::max);
        let grows = from * flat.share + flat.more;
        let is_flat = to - from <= grows;
        all &= is_flat;
        let verdict = if is_flat { "" } else { "  NOT FLAT" };
        println!("{:<24} {from:>10.1} {to:>10.1} {most:>10.1} {grows:>10.1}{verdict}", flat.name);
    }
    all
}

fn main() -> Result<ExitCode, Failed> {
    let mut words = env::args().skip(1);
    let minutes: u64 = words.next().map_or(Ok(60), |word| word.parse())?;
    let rate: u64 = words.next().map_or(Ok(20), |word| word.parse())?;
    let scratch = tempfile::Builder::new().prefix("camtrail-soak-").tempdir()?;
    let files = Files {
        still: still(scratch.path(), STILL_BYTES)?,
        clip: clip(scratch.path(), CLIP_BYTES)?,
        stream: program_stream(scratch.path())?,
    };
    let camtrail = Camtrail::start(scratch.path(), &KEPT)?;
    let total = rate * minutes * 60;
    let (seen, next, done) = (Seen::default(), AtomicU64::new(0), AtomicBool::new(false));
    println!("{total} events, {rate} a second over {CONNECTIONS} connections, for {minutes} minutes");
    let before = cpu_of(camtrail.id());
    let (samples, missing, late) = thread::scope(|scope| -> Result<_, Failed> {
        let readers: Vec<_> = (0..READERS)
            .map(|reader| {
                let (camtrail, seen, done) = (&camtrail, (reader == 0).then_some(&seen), &done);
                scope.spawn(move || read_live(camtrail, seen, done))
            })
            .collect();
        let leafing = scope.spawn(|| -> Result<(), Failed> {
            while !done.load(Ordering::Relaxed) {
                for path in [
                    "/api/v1/events?limit=100",
                    "/api/v1/incidents",
                    "/api/v1/counts?by=day",
                    "/api/v1/cameras",
                ] {
                    camtrail.get(path)?;
                }
                thread::sleep(LEAF_EVERY);
            }
            Ok(())
        });
        thread::sleep(Duration::from_millis(500));
        let began = Instant::now();
        let cameras: Vec<_> = (0..CONNECTIONS)
            .map(|worker| {
                let (camtrail, files, next) = (&camtrail, &files, &next);
                scope.spawn(move || -> Result<Duration, Failed> {
                    let mut camera = camtrail.camera()?;
                    camera.folder(&format!("/cam{worker:02}"))?;
                    let mut late = Duration::ZERO;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= total {
                            return Ok(late);
                        }
                        let due = began + Duration::from_secs_f64(number as f64 / rate as f64);
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        late = late.max(due.elapsed());
                        let (file, ending) = files.upload(number);
                        camera.store(&format!("/cam{worker:02}/{}.{ending}", name(number)), &file)?;
                    }
                })
            })
            .collect();
        let mut samples = Vec::new();
        while cameras.iter().any(|camera| !camera.is_finished()) {
            thread::sleep(LOOK_EVERY.min(Duration::from_secs(minutes * 2)));
            samples.push(sample(&camtrail, &scratch.path().join("data"))?);
        }
        let mut late = Duration::ZERO;
        for camera in cameras {
            late = late.max(camera.join().map_err(|_| "a camera panicked")??);
        }
        let deadline = Instant::now() + PATIENCE;
        while (lock(&seen).len() as u64) < total && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(100));
        }
        let missing = (0..total).filter(|number| !lock(&seen).contains_key(&name(*number))).count();
        done.store(true, Ordering::Relaxed);
        // One more message, so that the streams' readers look up.
        camtrail.camera()?.store("/last.jpg", &Upload::still(&files.still, u64::MAX))?;
        for reader in readers {
            reader.join().map_err(|_| "a reader panicked")??;
        }
        leafing.join().map_err(|_| "who leafs panicked")??;
        Ok((samples, missing, late))
    })?;
    let cpu = cpu_of(camtrail.id()).saturating_sub(before);
    let doubled = lock(&seen).values().filter(|count| **count > 1).count();
    let flat = judge(&samples);
    println!(
        "{total} acknowledged, {missing} not seen live, {doubled} seen twice; uploads began {:.1} s late at most",
        late.as_secs_f64()
    );
    println!(
        "{:.1} s of CPU a thousand events (media work included)",
        cpu.as_secs_f64() * 1_000.0 / total as f64
    );
    Ok(if flat && missing == 0 && doubled == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
