//! What a client may say during a transfer.

use camtrail_ftp::{CutReason, TransferEnd};
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::fake::TestServer;
use crate::raw::{Raw, hang_up};

async fn uploading(server: &TestServer) -> (Raw, TcpStream) {
    let mut raw = Raw::login(server.address).await;
    let mut data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    data.write_all(b"half").await.expect("data");
    (raw, data)
}

#[tokio::test]
async fn abor_is_answered_at_once_and_cuts_the_upload() {
    let server = TestServer::start();
    let (mut raw, _data) = uploading(&server).await;
    raw.ask("ABOR", 426).await;
    raw.expect(226).await;
    assert_eq!(server.storage.end().await, TransferEnd::Cut(CutReason::Aborted));
    assert_eq!(server.storage.file(b"/a.jpg"), None);
    assert_eq!(raw.store("STOR b.jpg", b"whole").await.code, 226, "the session goes on");
}

#[tokio::test]
async fn abor_behind_a_telnet_synch_with_urgent_data_works() {
    let server = TestServer::start();
    let (mut raw, _data) = uploading(&server).await;
    raw.send(b"\xff\xf4").await;
    SockRef::from(&raw.stream).send_out_of_band(b"\xff\xf2").expect("urgent");
    raw.say("ABOR").await;
    raw.expect(426).await;
    raw.expect(226).await;
    raw.ask("NOOP", 200).await;
}

#[tokio::test]
async fn abor_sent_whole_as_urgent_data_works() {
    let server = TestServer::start();
    let (mut raw, _data) = uploading(&server).await;
    // As Python's ftplib does: the last byte, the line end, is the urgent one.
    SockRef::from(&raw.stream).send_out_of_band(b"ABOR\r\n").expect("urgent");
    raw.expect(426).await;
    raw.expect(226).await;
    raw.ask("NOOP", 200).await;
}

#[tokio::test]
async fn abor_together_with_closing_the_data_connection_is_never_a_whole_file() {
    let server = TestServer::start();
    for _ in 0..50 {
        let (mut raw, data) = uploading(&server).await;
        raw.say("ABOR").await;
        hang_up(data).await;
        raw.expect(426).await;
        raw.expect(226).await;
    }
    assert!(server.storage.ends().iter().all(|(_, end)| *end == TransferEnd::Cut(CutReason::Aborted)));
}

#[tokio::test]
async fn abor_ends_the_wait_for_a_data_connection() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.passive_port().await;
    raw.ask("STOR a.jpg", 150).await;
    raw.ask("ABOR", 426).await;
    raw.expect(226).await;
    assert_eq!(server.storage.end().await, TransferEnd::Cut(CutReason::Aborted));
}

#[tokio::test]
async fn abor_without_a_transfer_is_fine() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.ask("ABOR", 226).await;
    raw.ask("NOOP", 200).await;
}

#[tokio::test]
async fn abor_ends_a_listing() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.passive_port().await;
    raw.ask("LIST", 150).await;
    raw.ask("ABOR", 426).await;
    raw.expect(226).await;
    raw.ask("NOOP", 200).await;
}

#[tokio::test]
async fn pwd_noop_and_stat_are_answered_during_a_transfer() {
    let server = TestServer::start();
    let (mut raw, mut data) = uploading(&server).await;
    raw.ask("PWD", 257).await;
    raw.ask("NOOP", 200).await;
    raw.ask("STAT", 211).await;
    data.write_all(b" and half").await.expect("data");
    drop(data);
    raw.expect(226).await;
    assert_eq!(server.storage.file(b"/a.jpg").as_deref(), Some(&b"half and half"[..]));
}

#[tokio::test]
async fn quit_waits_for_the_transfer() {
    let server = TestServer::start();
    let (mut raw, data) = uploading(&server).await;
    raw.say("QUIT").await;
    raw.expect_silence().await;
    drop(data);
    raw.expect(226).await;
    raw.expect(221).await;
    raw.expect_end().await;
    assert_eq!(server.storage.end().await, TransferEnd::Complete);
}

#[tokio::test]
async fn commands_sent_ahead_are_answered_in_order_and_the_queue_is_bounded() {
    let server = TestServer::start();
    let (mut raw, data) = uploading(&server).await;
    for n in 0..200 {
        raw.send(format!("CWD /{n}\r\nPWD\r\n")).await;
    }
    drop(data);
    raw.expect(226).await;
    for n in 0..200 {
        raw.expect(250).await;
        assert!(raw.expect(257).await.string().contains(&format!("\"/{n}\"")));
    }
    assert_eq!(server.storage.end().await, TransferEnd::Complete);
}
