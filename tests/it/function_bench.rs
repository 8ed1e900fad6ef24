//! The arrival function beside the article's, in turn on the same tables: figures, not verdicts (`make bench-function`).

use std::{
    env, fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use camtrail_services::LambdaHost;

use crate::support::{Cloud, notification};

/// Events that each warm function is called with.
const EVENTS: usize = 200;
/// Cold starts of each.
const STARTS: usize = 7;

fn key(number: usize) -> String {
    format!(
        "patrolcams/cam{}/2016-10-19/Hour-16/record/MDalarm_20161019_16{:02}{:02}.mp4",
        number % 8,
        number / 60,
        number % 60
    )
}

/// One of the functions that are compared.
struct Peer {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    env: Vec<(&'static str, String)>,
    cold_ready: Vec<Duration>,
    cold_first: Vec<Duration>,
    warm: Vec<Duration>,
    cpu: Duration,
    memory_bytes: u64,
}

impl Peer {
    fn start(&self, cloud: &Cloud) -> LambdaHost {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        command.env("AWS_DEFAULT_REGION", "eu-west-1").env("RUST_LOG", "info");
        let is_ours = self.arguments.is_empty();
        let told = cloud.env().into_iter().filter(|(name, _)| is_ours || name.starts_with("AWS_"));
        command.envs(told).envs(self.env.iter().map(|(name, value)| (*name, value.as_str())));
        LambdaHost::start(command)
    }

    fn row(&self, base: &Self) {
        let ms = |values: &[Duration], percent: usize| {
            let mut sorted = values.to_vec();
            sorted.sort_unstable();
            sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1e3
        };
        let cpu_ms = |peer: &Self| peer.cpu.as_secs_f64() * 1e3 / EVENTS as f64;
        let ratio = |of: f64, to: f64| format!("{of:9.2} ({:.2})", of / to);
        println!(
            "{:<32} {:>17} {:>17} {:>17} {:>10.2} {:>16} {:>15}",
            self.name,
            ratio(ms(&self.cold_ready, 50), ms(&base.cold_ready, 50)),
            ratio(ms(&self.cold_first, 50), ms(&base.cold_first, 50)),
            ratio(ms(&self.warm, 50), ms(&base.warm, 50)),
            ms(&self.warm, 95),
            ratio(cpu_ms(self), cpu_ms(base)),
            ratio(self.memory_bytes as f64 / 1e6, base.memory_bytes as f64 / 1e6),
        );
    }
}

/// User and system time of a process, from Linux's clock of a hundred ticks a second.
fn cpu(host: &LambdaHost) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", host.id())).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    Duration::from_millis(10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()))
}

#[test]
#[ignore = "figures, not verdicts: make bench-function"]
fn function_bench() {
    let project = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let ours = project.join("target/lambda/security_cam_video_added");
    let python = project.join(".services/bench-function/bin/python");
    assert!(ours.is_file() && python.is_file(), "run `make bench-function`");
    let cloud = Cloud::start();
    for number in 0..EVENTS {
        cloud.put(&key(number), "any object");
    }
    let peer = |name, program: &PathBuf, arguments: &[&str], env: &[(&'static str, &str)]| Peer {
        name,
        program: program.clone(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        env: env.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        cold_ready: Vec::new(),
        cold_first: Vec::new(),
        warm: Vec::new(),
        cpu: Duration::ZERO,
        memory_bytes: 0,
    };
    let handler = ["-m", "awslambdaric", "security_cam_video_added.lambda_handler"];
    let folder = project.join("tests/function-bench");
    let at = ("PYTHONPATH", folder.to_str().unwrap());
    let mut peers = [
        peer("the article's, as written", &python, &handler, &[at]),
        peer("the article's, clients kept", &python, &handler, &[at, ("CLIENTS", "kept")]),
        peer("security_cam_video_added", &ours, &[], &[]),
    ];
    for round in 0..STARTS {
        for peer in &mut peers {
            let event = notification(&[("ObjectCreated:Put", &key(round))]).to_string();
            let began = Instant::now();
            let mut host = peer.start(&cloud);
            peer.cold_ready.push(host.ready_after());
            host.invoke(event.as_bytes()).outcome.unwrap();
            peer.cold_first.push(began.elapsed());
        }
    }
    let mut hosts: Vec<_> = peers.iter().map(|peer| peer.start(&cloud)).collect();
    for host in &mut hosts {
        host.invoke(notification(&[("ObjectCreated:Put", &key(0))]).to_string().as_bytes()).outcome.unwrap();
    }
    let before: Vec<_> = hosts.iter().map(cpu).collect();
    for number in 0..EVENTS {
        let event = notification(&[("ObjectCreated:Put", &key(number))]).to_string();
        for (peer, host) in peers.iter_mut().zip(&mut hosts) {
            let invoked = host.invoke(event.as_bytes());
            invoked.outcome.unwrap();
            peer.warm.push(invoked.took);
        }
    }
    for ((peer, host), before) in peers.iter_mut().zip(&hosts).zip(before) {
        peer.cpu = cpu(host).checked_sub(before).unwrap();
        peer.memory_bytes = host.peak_memory();
    }
    let bytes = |name: &str| {
        fs::metadata(project.join("target/lambda").join(name)).map_or(0.0, |file| file.len() as f64 / 1e6)
    };
    println!(
        "bootstrap {:.1} MB, packed {:.1} MB",
        bytes("security_cam_video_added"),
        bytes("security_cam_video_added.zip")
    );
    println!(
        "{STARTS} cold starts, {EVENTS} warm calls each, in turn; medians, in brackets the ratio to the first row"
    );
    println!(
        "{:<32} {:>17} {:>17} {:>17} {:>10} {:>16} {:>15}",
        "", "cold: ready ms", "first answer ms", "warm ms", "95% ms", "CPU ms a call", "memory MB"
    );
    for peer in &peers {
        peer.row(&peers[0]);
    }
    assert_eq!(
        cloud.items("security_alarm_videos").iter().filter(|item| item.get("layout").is_some()).count(),
        EVENTS
    );
}
