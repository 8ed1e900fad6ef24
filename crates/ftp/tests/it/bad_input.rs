//! What the internet sends to an FTP port.

use std::time::Duration;

use camtrail_ftp::ServerConfig;

use crate::fake::{TestServer, config};
use crate::raw::Raw;

#[tokio::test]
async fn a_client_hello_on_the_plain_port_gets_one_answer_and_the_end() {
    let server = TestServer::start();
    let mut raw = Raw::connect(server.address).await;
    let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
    hello.extend((0..500_u32).map(|n| (n % 251) as u8));
    raw.send(hello).await;
    assert!(raw.expect(500).await.string().contains("AUTH TLS"));
    raw.expect_end().await;
    server.storage.event("NotFtp { what: \"TLS\" }").await;
}

#[tokio::test]
async fn port_scans_get_one_answer_and_the_end() {
    let server = TestServer::start();
    for probe in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"SSH-2.0-scan\r\n",
        b"\0\0\0\x0c\n",
        b"*1\r\n$4\r\nPING\r\n",
    ] {
        let mut raw = Raw::connect(server.address).await;
        raw.send(probe).await;
        raw.expect(500).await;
        raw.expect_end().await;
    }
}

#[tokio::test]
async fn overlong_lines_get_500_and_the_session_goes_on() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.send([b"STOR ".to_vec(), vec![b'a'; 100_000], b"\r\nNOOP\r\n".to_vec()].concat()).await;
    raw.expect(500).await;
    raw.expect(200).await;
    assert!(server.storage.file_names().is_empty());
}

#[tokio::test]
async fn nonsense_is_answered_a_few_times_then_the_session_ends() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    for _ in 0..9 {
        raw.ask("XYZZY", 500).await;
    }
    raw.ask("NOOP", 200).await;
    for _ in 0..9 {
        raw.ask("", 500).await;
    }
    raw.ask("NO\0OP", 500).await;
    raw.expect(421).await;
    raw.expect_end().await;
}

#[tokio::test]
async fn a_slow_loris_on_the_control_line_gains_nothing() {
    let server = TestServer::with(ServerConfig { idle_timeout: Duration::from_millis(300), ..config() });
    let mut raw = Raw::login(server.address).await;
    let drip = async {
        for byte in b"NOOPNOOPNOOPNOOPNOOPNOOPNOOPNOOPNOOPNOOP".iter().cycle() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            raw.send([*byte]).await;
            if let Ok(n) = raw.stream.try_read(&mut [0; 3]) {
                assert_eq!(n, 3);
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), drip).await.expect("421 in time, whatever drips in");
}

#[tokio::test]
async fn idle_sessions_and_logins_that_never_come_get_421() {
    let wait = Duration::from_millis(150);
    let server = TestServer::with(ServerConfig { idle_timeout: wait, login_timeout: wait, ..config() });
    let mut idle = Raw::login(server.address).await;
    let mut nobody = Raw::connect(server.address).await;
    idle.expect(421).await;
    idle.expect_end().await;
    nobody.expect(421).await;
    nobody.expect_end().await;
}

#[tokio::test]
async fn commands_before_the_login_do_not_prolong_it() {
    let server = TestServer::with(ServerConfig { login_timeout: Duration::from_millis(200), ..config() });
    let mut raw = Raw::connect(server.address).await;
    loop {
        raw.say("NOOP").await;
        let answer = raw.answer().await;
        if answer.code == 421 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
