//! Requests a second and how long each takes: `make bench-api`.
//!
//! `api [SECONDS] [STILLS]`: each call for so many seconds by one client, then by sixteen, over kept connections and in
//! turn with the cheapest call that there is (`/livez`: what HTTP itself costs here, client included) and with Python's own
//! web server that sends a finished file with the same fifty events. The catalog is that of a data dir that was kept
//! (`CAMTRAIL_BENCH_DATA`, such as a demo's, with the admin's password in `CAMTRAIL_ADMIN_PASSWORD`), or of STILLS stills that are uploaded first.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use camtrail_benches::{Camtrail, Failed, Spread, Upload, cpu_of, percentile, still};
use serde_json::Value;

const STILL_BYTES: usize = 100_000;
const MANY: usize = 16;
const ROUNDS: usize = 3;

/// What is asked.
struct Call {
    name: &'static str,
    url: String,
}

/// One measurement of one call.
#[derive(Default)]
struct Took {
    /// By one client, in milliseconds.
    alone: Vec<f64>,
    /// By sixteen.
    together: Vec<f64>,
    /// Answers a second to sixteen, by round.
    rates: Vec<f64>,
    /// CPU of the server for one answer, in milliseconds, by round.
    cpu: Vec<f64>,
}

/// All clients ask until the time is over; how long each answer took, in milliseconds.
fn ask(url: &str, cookie: &str, clients: usize, last: Duration) -> Result<Vec<f64>, Failed> {
    let go = Barrier::new(clients);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|_| {
                scope.spawn(|| -> Result<Vec<f64>, Failed> {
                    let agent = ureq::Agent::config_builder().proxy(None).build().new_agent();
                    let one = || -> Result<(), Failed> {
                        let mut reply = agent.get(url).header("cookie", cookie).call()?;
                        let read = reply.body_mut().with_config().limit(64 << 20).read_to_vec()?;
                        if read.is_empty() { Err("an empty answer".into()) } else { Ok(()) }
                    };
                    // The connection, and what is prepared once.
                    let first = one();
                    go.wait();
                    first?;
                    let (mut took, began) = (Vec::new(), Instant::now());
                    while began.elapsed() < last {
                        let begun = Instant::now();
                        one()?;
                        took.push(begun.elapsed().as_secs_f64() * 1e3);
                    }
                    Ok(took)
                })
            })
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a client panicked")??);
        }
        Ok(all)
    })
}

/// Python's web server over a folder, ended with the value.
struct Python(Child, SocketAddr);

impl Python {
    fn start(folder: &Path) -> Result<Self, Failed> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let child = Command::new("python3")
            .args(["-m", "http.server", "--protocol", "HTTP/1.1", "--bind", "127.0.0.1", "--directory"])
            .arg(folder)
            .arg(port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let python = Self(child, SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        for _ in 0..500 {
            if TcpStream::connect(python.1).is_ok() {
                return Ok(python);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("python3 -m http.server doesn't answer".into())
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn fill(camtrail: &Camtrail, scratch: &Path, stills: u64) -> Result<(), Failed> {
    let still = still(scratch, STILL_BYTES)?;
    let mut camera = camtrail.camera()?;
    for number in 0..stills {
        let name = format!("/cam{:02}/capture{number:06}.jpg", number % 20);
        if number < 20 {
            camera.folder(&format!("/cam{number:02}"))?;
        }
        camera.store(&name, &Upload::still(&still, number))?;
    }
    camtrail.settle()
}

/// The calls over what the catalog holds.
fn calls(camtrail: &Camtrail) -> Result<Vec<Call>, Failed> {
    let base = format!("http://{}", camtrail.http);
    let page = camtrail.get("/api/v1/events?limit=50")?;
    let newest = &page["items"][0];
    let text = |value: &Value, field: &str| -> Result<String, Failed> {
        Ok(value[field].as_str().ok_or_else(|| format!("no {field} in {value}"))?.to_owned())
    };
    let (id, camera) = (text(newest, "id")?, text(newest, "camera_name")?);
    let mut found = vec![Call { name: "livez: HTTP alone", url: format!("{base}/livez") }];
    let mut add = |name, path: &str| found.push(Call { name, url: format!("{base}{path}") });
    add("events, newest 50", "/api/v1/events?limit=50");
    add("events of one camera, 50", &format!("/api/v1/events?limit=50&camera={camera}"));
    if let Some(cursor) = page["next_cursor"].as_str() {
        add("events, the next 50", &format!("/api/v1/events?limit=50&cursor={cursor}"));
    }
    add("one event", &format!("/api/v1/events/{id}"));
    add("incidents, newest 24", "/api/v1/incidents?limit=24");
    add("counts by day", "/api/v1/counts?by=day");
    add("cameras", "/api/v1/cameras");
    add("status", "/api/v1/status");
    if let Some(poster) = newest["poster_url"].as_str() {
        add("a poster", poster);
    }
    if let Some(media) = newest["media_url"].as_str() {
        add("the capture itself", media);
    }
    Ok(found)
}

fn main() -> Result<(), Failed> {
    let mut words = env::args().skip(1);
    let seconds: u64 = words.next().map_or(Ok(3), |word| word.parse())?;
    let stills: u64 = words.next().map_or(Ok(2_000), |word| word.parse())?;
    let scratch = tempfile::Builder::new().prefix("camtrail-bench-").tempdir()?;
    let kept = env::var_os("CAMTRAIL_BENCH_DATA").map(PathBuf::from);
    let data = kept.clone().unwrap_or_else(|| scratch.path().join("data"));
    let camtrail = Camtrail::start_on(&data, scratch.path(), &[])?;
    if kept.is_none() {
        fill(&camtrail, scratch.path(), stills)?;
    }
    let served = scratch.path().join("served");
    fs::create_dir(&served)?;
    fs::write(served.join("events.json"), camtrail.open("/api/v1/events?limit=50")?.read_to_string()?)?;
    let python = Python::start(&served)?;
    let mut calls = calls(&camtrail)?;
    let ours = calls.len();
    calls.push(Call { name: "Python: 50 events as a file", url: format!("http://{}/events.json", python.1) });
    let mut results: Vec<Took> = calls.iter().map(|_| Took::default()).collect();
    for round in 0..ROUNDS {
        // Another one begins each time.
        for turn in 0..calls.len() {
            let which = (round + turn) % calls.len();
            let (call, took) = (&calls[which], &mut results[which]);
            took.alone.extend(ask(&call.url, camtrail.cookie(), 1, Duration::from_secs(seconds))?);
            let server = if which < ours { camtrail.id() } else { python.0.id() };
            let (cpu, began) = (cpu_of(server), Instant::now());
            let together = ask(&call.url, camtrail.cookie(), MANY, Duration::from_secs(seconds))?;
            took.rates.push(together.len() as f64 / began.elapsed().as_secs_f64());
            let spent = cpu_of(server).saturating_sub(cpu).as_secs_f64() * 1e3;
            took.cpu.push(spent / together.len().max(1) as f64);
            took.together.extend(together);
        }
    }
    println!("{ROUNDS} rounds of {seconds} s each, in turn; {MANY} clients on the same machine");
    println!(
        "{:<30} {:>29}   {:>8}   {:>8} {:>8}   {:>8} {:>8}   {:>7}",
        "", "answers/s: min median max", "of livez", "1: p50", "p99 ms", "16: p50", "p99 ms", "CPU ms"
    );
    let limit = Spread::of(&results[0].rates).median;
    for (call, took) in calls.iter().zip(&results) {
        let rate = Spread::of(&took.rates);
        println!(
            "{:<30} {rate}   {:>8.2}   {:>8.2} {:>8.2}   {:>8.2} {:>8.2}   {:>7.2}",
            call.name,
            rate.median / limit,
            percentile(&took.alone, 50.0),
            percentile(&took.alone, 99.0),
            percentile(&took.together, 50.0),
            percentile(&took.together, 99.0),
            Spread::of(&took.cpu).median,
        );
    }
    Ok(())
}
