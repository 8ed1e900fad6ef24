//! How soon an upload is seen: `make bench-latency`.
//!
//! `latency [SECONDS]`: at 1, 20 and 200 events a second, for so long each, over 20 connections that are logged in.
//! The clock starts when the camera has read its 226 (from then on nothing may be lost), and stops when a browser's live
//! stream has brought the event. At 20 a second one in twenty is a clip of 1 MB that browsers play as it is; then the
//! same with program streams, which must be remuxed first. Uploads begin by the clock, not when the one before is done.

use std::{
    collections::HashMap,
    env,
    io::{BufRead, BufReader},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use camtrail_benches::{Camtrail, Failed, Upload, clip, cpu_of, percentile, program_stream, still};
use serde_json::Value;

const STILL_BYTES: usize = 100_000;
const CLIP_BYTES: usize = 1_000_000;
const CONNECTIONS: usize = 20;
/// What comes later than that is told as missing.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is sent at one rate.
struct Phase<'a> {
    name: &'static str,
    rate: u64,
    /// One in so many is `clip`; 0: none.
    clip_each: u64,
    clip: &'a [u8],
    make: fn(&'a [u8], u64) -> Upload<'a>,
    ending: &'static str,
}

/// Moments by file name.
type Moments = Mutex<HashMap<String, Instant>>;

fn lock(moments: &Moments) -> std::sync::MutexGuard<'_, HashMap<String, Instant>> {
    moments.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Reads a live stream and notes when each event came.
fn watch(
    camtrail: &Camtrail,
    seen: &Moments,
    ready: &mpsc::Sender<()>,
    enough: &AtomicUsize,
) -> Result<(), Failed> {
    let body = camtrail.open("/api/v1/live")?;
    let mut kind = String::new();
    let _ = ready.send(());
    for line in BufReader::new(body.into_reader()).lines() {
        let line = line?;
        let now = Instant::now();
        if let Some(event) = line.strip_prefix("event:") {
            event.trim().clone_into(&mut kind);
        } else if let Some(data) = line.strip_prefix("data:").filter(|_| kind == "new") {
            let message: Value = serde_json::from_str(data)?;
            let name = message["event"]["original_name"].as_str().or(message["event"]["name"].as_str());
            lock(seen).entry(stem(name.unwrap_or_default())).or_insert(now);
        }
        if enough.load(Ordering::Relaxed) == 1 {
            break;
        }
    }
    Ok(())
}

/// A clip may come under another ending than it was sent with.
fn stem(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.split('.').next().unwrap_or(file).to_owned()
}

fn run(phase: &Phase<'_>, still: &[u8], seconds: u64) -> Result<(), Failed> {
    let scratch = tempfile::Builder::new().prefix("camtrail-bench-").tempdir()?;
    let camtrail = Camtrail::start(scratch.path(), &[])?;
    let (seen, told) = (Moments::default(), Moments::default());
    let (late, next, done) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicUsize::new(0));
    let total = usize::try_from(phase.rate * seconds)?;
    let is_clip = |number: u64| phase.clip_each != 0 && number % phase.clip_each == phase.clip_each - 1;
    let (ready, is_ready) = mpsc::channel();
    let cpu = thread::scope(|scope| -> Result<Duration, Failed> {
        let watcher = scope.spawn(|| watch(&camtrail, &seen, &ready, &done));
        is_ready.recv()?;
        let before = cpu_of(camtrail.id());
        let began = Instant::now() + Duration::from_millis(200);
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|worker| {
                let (camtrail, next, told, late, is_clip) = (&camtrail, &next, &told, &late, &is_clip);
                scope.spawn(move || -> Result<(), Failed> {
                    let mut camera = camtrail.camera()?;
                    camera.folder(&format!("/cam{worker:02}"))?;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= total {
                            return Ok(());
                        }
                        let due = began + Duration::from_secs_f64(number as f64 / phase.rate as f64);
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        late.lock().map_err(|_| "poisoned")?.push(due.elapsed().as_secs_f64() * 1e3);
                        let number = number as u64;
                        let (file, ending) = if is_clip(number) {
                            ((phase.make)(phase.clip, number), phase.ending)
                        } else {
                            (Upload::still(still, number), "jpg")
                        };
                        let name = format!("capture{number:06}");
                        camera.store(&format!("/cam{worker:02}/{name}.{ending}"), &file)?;
                        lock(told).insert(name, Instant::now());
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().map_err(|_| "a camera panicked")??;
        }
        let deadline = Instant::now() + PATIENCE;
        while lock(&seen).len() < total && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        camtrail.settle()?;
        let settled = cpu_of(camtrail.id()).saturating_sub(before);
        done.store(1, Ordering::Relaxed);
        // One more message, so that the stream's reader looks up.
        camtrail.camera()?.store("/last.jpg", &Upload::still(still, u64::MAX))?;
        watcher.join().map_err(|_| "the stream's reader panicked")??;
        Ok(settled)
    })?;
    let (seen, told) = (lock(&seen), lock(&told));
    let latency = |clips: bool| -> Vec<f64> {
        let of = |(name, told): (&String, &Instant)| {
            let number = name.trim_start_matches("capture").parse().unwrap_or(0);
            let seen = seen.get(name).filter(|_| is_clip(number) == clips)?;
            Some(seen.saturating_duration_since(*told).as_secs_f64() * 1e3)
        };
        told.iter().filter_map(of).collect()
    };
    let missing = told.keys().filter(|name| !seen.contains_key(*name)).count();
    let late = late.into_inner().map_err(|_| "poisoned")?;
    for (what, values) in [("stills", latency(false)), ("clips", latency(true))] {
        if !values.is_empty() {
            println!(
                "{:<30} {what:<7} {:>6} {:>9.1} {:>9.1} {:>9.1} {:>9.1}   {missing:>7} {:>12.1} {:>14.2}",
                phase.name,
                values.len(),
                percentile(&values, 50.0),
                percentile(&values, 95.0),
                percentile(&values, 99.0),
                percentile(&values, 100.0),
                percentile(&late, 99.0),
                cpu.as_secs_f64() * 1_000.0 / total as f64,
            );
        }
    }
    Ok(())
}

fn main() -> Result<(), Failed> {
    let seconds = env::args().nth(1).map_or(Ok(60), |word| word.parse())?;
    let scratch = tempfile::tempdir()?;
    let still = still(scratch.path(), STILL_BYTES)?;
    let (clip, stream) = (clip(scratch.path(), CLIP_BYTES)?, program_stream(scratch.path())?);
    println!("226 to the live stream, milliseconds; {seconds} s each");
    println!(
        "{:<30} {:<7} {:>6} {:>9} {:>9} {:>9} {:>9}   {:>7} {:>12} {:>14}",
        "", "", "events", "p50", "p95", "p99", "max", "missing", "late p99 ms", "CPU s per 1000"
    );
    let plain = |name, rate, clip_each| Phase {
        name,
        rate,
        clip_each,
        clip: &clip,
        make: Upload::clip,
        ending: "mp4",
    };
    let remuxed = Phase {
        clip: &stream,
        make: Upload::program_stream,
        ending: "mpg",
        ..plain("20/s, 1 in 20 remuxed", 20, 20)
    };
    for phase in [plain("1/s", 1, 0), plain("20/s", 20, 20), remuxed, plain("200/s", 200, 0)] {
        run(&phase, &still, seconds)?;
    }
    Ok(())
}
