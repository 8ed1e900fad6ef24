//! Uploads a second, beside servers that promise nothing and beside what the disk gives: `make bench-ingest`.
//!
//! `ingest [ROUNDS] [STILLS] [CLIPS]`: in each round every server, on a fresh folder, takes STILLS stills of 100 kB over
//! 20 connections, and then CLIPS clips of 5 MB over 4. All are logged in before the clock starts; it stops with the
//! last 226. "write + fsync" is what a 226 of ours promises, done by 20 (4) threads without any network: each file
//! written, synced, renamed, and its folder synced. What one left must not be another's trouble: all is on the disk before
//! the next one begins, and files go at the end only (ext4 looks long for a free place among what was just deleted).
//! `CAMTRAIL_BENCH_ONLY=vsftpd,camtrail` leaves the others out (for
//! profiles).

use std::{
    env, fs,
    io::{self, Write},
    path::Path,
    process::Command,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use camtrail_benches::{Failed, FtpServer, Kind, Spread, Upload, clip, cpu_of, still};

const STILL_BYTES: usize = 100_000;
const CLIP_BYTES: usize = 5_000_000;

/// What is sent.
struct Load<'a> {
    name: &'static str,
    body: &'a [u8],
    make: fn(&'a [u8], u64) -> Upload<'a>,
    connections: usize,
    each: usize,
    ending: &'static str,
}

impl Load<'_> {
    fn files(&self) -> usize {
        self.connections * self.each
    }
}

/// One measurement.
#[derive(Clone, Copy)]
struct Took {
    /// To the last 226.
    told: Duration,
    /// Until all is stored and listed.
    settled: Duration,
    /// Of server and children, until all is told; and until all is settled.
    cpu: (Duration, Duration),
}

/// Each worker prepares, all start at once; how long until the last is done.
fn race<P: Send>(
    workers: usize,
    prepare: impl Fn(usize) -> io::Result<P> + Sync,
    work: impl Fn(usize, &mut P) -> io::Result<()> + Sync,
    ready: impl FnOnce(),
) -> io::Result<Duration> {
    let (prepared, go) = (Barrier::new(workers + 1), Barrier::new(workers + 1));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| {
                let (prepared, go, prepare, work) = (&prepared, &go, &prepare, &work);
                scope.spawn(move || {
                    let own = prepare(worker);
                    prepared.wait();
                    go.wait();
                    work(worker, &mut own?)
                })
            })
            .collect();
        prepared.wait();
        ready();
        let began = Instant::now();
        go.wait();
        for thread in threads {
            thread.join().map_err(|_| io::Error::other("a worker panicked"))??;
        }
        Ok(began.elapsed())
    })
}

fn upload(kind: Kind, load: &Load<'_>, scratch: &Path) -> Result<Took, Failed> {
    let server = FtpServer::start(kind, scratch)?;
    let folder = |worker: usize| format!("{}/cam{worker:02}", server.folder());
    let path = |worker: usize, number: usize| {
        format!("{}/MDAlarm_20160830-{:06}.{}", folder(worker), number, load.ending)
    };
    let unique = |worker: usize, number: usize| (load.make)(load.body, (worker * 1_000_000 + number) as u64);
    let cpu = std::cell::Cell::new(Duration::ZERO);
    let told = race(
        load.connections,
        |worker| {
            let mut camera = server.camera()?;
            camera.folder(&folder(worker))?;
            // The first one warms up what is made once.
            camera.store(&path(worker, 0), &unique(worker, 0))?;
            Ok(camera)
        },
        |worker, camera| {
            (1..=load.each)
                .try_for_each(|number| camera.store(&path(worker, number), &unique(worker, number)))
        },
        || {
            let _ = server.settle();
            cpu.set(cpu_of(server.id()));
        },
    )?;
    let cpu_told = cpu_of(server.id()).saturating_sub(cpu.get());
    let began = Instant::now();
    server.settle()?;
    let cpu_settled = cpu_of(server.id()).saturating_sub(cpu.get());
    Ok(Took { told, settled: told + began.elapsed(), cpu: (cpu_told, cpu_settled) })
}

/// The same files by as many threads, durable one by one; or left to the system's cache.
fn write(load: &Load<'_>, scratch: &Path, is_durable: bool) -> Result<Took, Failed> {
    let dir = |worker: usize| scratch.join(format!("cam{worker:02}"));
    let one = |dir: &Path, worker: usize, number: usize| {
        let unique = (load.make)(load.body, (worker * 1_000_000 + number) as u64);
        let (temporary, named) =
            (dir.join(format!("{number}.tmp")), dir.join(format!("{number}.{}", load.ending)));
        let mut file = fs::File::create(&temporary)?;
        file.write_all(unique.body)?;
        file.write_all(&unique.end)?;
        if is_durable {
            file.sync_all()?;
        }
        fs::rename(temporary, named)?;
        if is_durable { fs::File::open(dir)?.sync_all() } else { Ok(()) }
    };
    let told = race(
        load.connections,
        |worker| fs::create_dir(dir(worker)),
        |worker, ()| (1..=load.each).try_for_each(|number| one(&dir(worker), worker, number)),
        || {},
    )?;
    Ok(Took { told, settled: told, cpu: (Duration::ZERO, Duration::ZERO) })
}

type Measure = fn(&Load<'_>, &Path) -> Result<Took, Failed>;

const MEASURED: [(&str, Measure); 5] = [
    ("vsftpd", |load, scratch| upload(Kind::Vsftpd, load, scratch)),
    ("camtrail, durable", |load, scratch| upload(Kind::Camtrail, load, scratch)),
    ("pyftpdlib", |load, scratch| upload(Kind::Pyftpdlib, load, scratch)),
    ("write + fsync, no network", |load, scratch| write(load, scratch, true)),
    ("write, no fsync, no network", |load, scratch| write(load, scratch, false)),
];

fn report(load: &Load<'_>, measured: &[(&str, Measure)], results: &[Vec<Took>]) {
    let bytes = load.body.len() as f64;
    println!(
        "\n{}: {} of {:.1} MB over {} connections, {} rounds",
        load.name,
        load.files(),
        bytes / 1e6,
        load.connections,
        results[0].len()
    );
    println!(
        "{:<30}{:>9} {:>9} {:>9}   {:>7}   {:>22}   {:>11} {:>13}",
        "files/s",
        "min",
        "median",
        "max",
        "MB/s",
        "of vsftpd (round by round)",
        "CPU ms/file",
        "until listed"
    );
    for ((name, _), took) in measured.iter().zip(results) {
        let rates: Vec<f64> = took.iter().map(|took| load.files() as f64 / took.told.as_secs_f64()).collect();
        let ratios: Vec<f64> = took
            .iter()
            .zip(&results[0])
            .map(|(took, peer)| peer.told.as_secs_f64() / took.told.as_secs_f64())
            .collect();
        let rate = Spread::of(&rates);
        let cpu = |of: fn(&Took) -> Duration| {
            let each = took.iter().map(|took| of(took).as_secs_f64() * 1_000.0 / load.files() as f64);
            Spread::of(&each.collect::<Vec<_>>()).median
        };
        let ratio = Spread::of(&ratios);
        let settled = Spread::of(&took.iter().map(|took| took.settled.as_secs_f64()).collect::<Vec<_>>());
        println!(
            "{name:<30}{rate}   {:>7.1}   {:>6.2} ({:.2} to {:.2})          {:>5.2} {:>5.2} {:>11.1} s",
            rate.median * bytes / 1e6,
            ratio.median,
            ratio.min,
            ratio.max,
            cpu(|took| took.cpu.0),
            cpu(|took| took.cpu.1),
            settled.median,
        );
    }
}

fn main() -> Result<(), Failed> {
    let mut arguments = env::args().skip(1);
    let mut number = |otherwise: usize| arguments.next().map_or(Ok(otherwise), |word| word.parse());
    let (rounds, stills, clips) = (number(5)?, number(2_000)?, number(40)?);
    let scratch = tempfile::tempdir()?;
    let (still, clip) = (still(scratch.path(), STILL_BYTES)?, clip(scratch.path(), CLIP_BYTES)?);
    let loads = [
        Load {
            name: "stills",
            body: &still,
            make: Upload::still,
            connections: 20,
            each: stills / 20,
            ending: "jpg",
        },
        Load {
            name: "clips",
            body: &clip,
            make: Upload::clip,
            connections: 4,
            each: clips / 4,
            ending: "mp4",
        },
    ];
    let only = env::var("CAMTRAIL_BENCH_ONLY").unwrap_or_default();
    let is_wanted = |name: &str| only.is_empty() || only.split(',').any(|word| name.starts_with(word));
    let measured: Vec<_> = MEASURED.into_iter().filter(|(name, _)| is_wanted(name)).collect();
    if measured.is_empty() {
        return Err(format!("CAMTRAIL_BENCH_ONLY={only}: none of them begins so").into());
    }
    for load in &loads {
        let (mut results, mut kept) = (vec![Vec::new(); measured.len()], Vec::new());
        for round in 0..rounds {
            // Another one begins each time: whoever comes behind a busy one isn't always the same.
            for turn in 0..measured.len() {
                let which = (round + turn) % measured.len();
                let scratch = tempfile::Builder::new().prefix("camtrail-bench-").tempdir()?;
                Command::new("sync").status()?;
                let took = (measured[which].1)(load, scratch.path())
                    .map_err(|error| format!("{}: {error}", measured[which].0))?;
                eprintln!(
                    "{}, round {}: {}: {:.2} s",
                    load.name,
                    round + 1,
                    measured[which].0,
                    took.told.as_secs_f64()
                );
                results[which].push(took);
                kept.push(scratch);
            }
        }
        report(load, &measured, &results);
    }
    Ok(())
}
