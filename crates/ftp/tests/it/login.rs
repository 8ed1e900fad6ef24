//! Who gets in, and how slowly the others are told.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use camtrail_ftp::ServerConfig;

use crate::fake::{PASSWORD, TestServer, USER, config};
use crate::raw::Raw;

#[tokio::test]
async fn nothing_works_before_the_login() {
    let server = TestServer::start();
    for command in
        ["STOR a.jpg", "PASV", "EPSV", "PORT 127,0,0,1,200,1", "LIST", "MKD a", "PWD", "RNTO b", "REST 5"]
    {
        let mut raw = Raw::connect(server.address).await;
        raw.ask(command, 530).await;
    }
    let mut raw = Raw::connect(server.address).await;
    raw.ask("PASS x", 503).await;
    for (command, code) in [("NOOP", 200), ("SYST", 215), ("FEAT", 211), ("HELP", 214), ("OPTS UTF8 ON", 200)]
    {
        raw.ask(command, code).await;
    }
}

#[tokio::test]
async fn anonymous_is_refused() {
    let server = TestServer::start();
    let mut raw = Raw::connect(server.address).await;
    raw.ask("USER anonymous", 530).await;
    raw.ask("PASS me@example.org", 503).await;
    raw.ask("PWD", 530).await;
}

#[tokio::test]
async fn wrong_logins_are_answered_ever_more_slowly_then_421() {
    let login_delay = Duration::from_millis(60);
    let server = TestServer::with(ServerConfig { login_delay, ..config() });
    let mut raw = Raw::connect(server.address).await;
    for (code, at_least) in [(530, login_delay), (530, login_delay * 2), (421, login_delay * 4)] {
        raw.ask(format!("USER {USER}"), 331).await;
        let asked = Instant::now();
        raw.ask("PASS wrong", code).await;
        assert!(asked.elapsed() >= at_least, "{code} after {:?}", asked.elapsed());
    }
    raw.expect_end().await;
    let events = server.storage.events();
    let failures =
        events.iter().filter(|event| event.contains("LoginFailed { user: \"backyard\", error: Denied }"));
    assert_eq!(failures.count(), 3, "{events:?}");
}

#[tokio::test]
async fn throttled_and_unavailable_logins_get_421() {
    let server = TestServer::start();
    for user in ["throttled", "unavailable"] {
        let mut raw = Raw::connect(server.address).await;
        raw.ask(format!("USER {user}"), 331).await;
        raw.ask("PASS x", 421).await;
        raw.expect_end().await;
    }
    let mut raw = Raw::connect(server.address).await;
    raw.ask(b"USER caf\xe9", 331).await;
    raw.ask(b"PASS caf\xe9", 530).await;
}

#[tokio::test]
async fn a_second_login_on_the_same_connection_is_harmless() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.ask(format!("USER {USER}"), 331).await;
    raw.ask("PASS whatever", 230).await;
    raw.ask("USER other", 530).await;
    raw.ask("PWD", 257).await;
    raw.ask("REIN", 220).await;
    raw.ask("PWD", 530).await;
    raw.ask(format!("USER {USER}"), 331).await;
    raw.ask(format!("PASS {PASSWORD}"), 230).await;
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// One thread, so that the thread's subscriber sees the server's log too.
#[tokio::test(flavor = "current_thread")]
async fn the_password_is_in_no_log_and_no_event() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.ask("QUIT", 221).await;
    let mut raw = Raw::connect(server.address).await;
    raw.ask(format!("USER {USER}"), 331).await;
    raw.ask("PASS an0ther-secret", 530).await;
    raw.ask("PASS an0ther-secret", 503).await;
    raw.ask("PASSan0ther-secret", 500).await;
    drop(raw);
    server.storage.event("Ended").await;
    let text = String::from_utf8_lossy(&log.0.lock().expect("log")).into_owned();
    assert!(text.contains("FTP login"), "the log was caught: {text}");
    let events = server.storage.events().join("\n");
    for secret in [PASSWORD, "an0ther-secret"] {
        assert!(!text.contains(secret), "{text}");
        assert!(!events.contains(secret), "{events}");
    }
}
