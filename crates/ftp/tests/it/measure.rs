//! Figures, not verdicts: run alone, in release, with `--ignored --nocapture`.

use std::time::Instant;

use camtrail_ftp::ServerConfig;
use tokio::io::AsyncWriteExt;

use crate::fake::{Fault, TestServer, config};
use crate::raw::Raw;

/// Resident memory of this process, in kB.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

#[tokio::test]
#[ignore = "measures the memory of the whole process: run alone"]
async fn a_thousand_idle_sessions() {
    const SESSIONS: u64 = 1000;
    let server =
        TestServer::with(ServerConfig { max_connections: 2000, max_connections_per_ip: 2000, ..config() });
    let before = resident_kb();
    let mut raws = Vec::new();
    for _ in 0..SESSIONS {
        let mut raw = Raw::login(server.address).await;
        raw.ask("CWD /2026/11/24", 250).await;
        raws.push(raw);
    }
    let each = (resident_kb() - before) * 1024 / SESSIONS;
    println!("{SESSIONS} idle sessions: {each} bytes each, this client's side included");
    assert!(each < 20_000, "{each}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures throughput: run alone"]
async fn throughput() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let picture = vec![7; 100_000];
    let started = Instant::now();
    for _ in 0..500 {
        assert_eq!(raw.store("STOR a.jpg", &picture).await.code, 226);
    }
    println!("100 kB uploads on one connection: {:.0}/s", 500.0 / started.elapsed().as_secs_f64());

    server.storage.set_fault(Fault::Discard);
    let mut data = raw.data().await;
    raw.ask("STOR big.mp4", 150).await;
    let block = vec![7; 1024 * 1024];
    let started = Instant::now();
    for _ in 0..1000 {
        data.write_all(&block).await.expect("data");
    }
    drop(data);
    raw.expect(226).await;
    println!("one large upload, bytes thrown away: {:.0} MB/s", 1048.6 / started.elapsed().as_secs_f64());
}
