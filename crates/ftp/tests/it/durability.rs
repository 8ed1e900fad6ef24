//! `226` means stored, and the storage learns how the transfer really ended.

use std::time::Duration;

use camtrail_ftp::{CutReason, SuspectReason, TransferEnd};
use socket2::SockRef;
use tokio::io::AsyncWriteExt;

use crate::fake::{Fault, PLENTY, TestServer, config};
use crate::raw::{Raw, hang_up};

#[tokio::test]
async fn the_226_comes_only_after_finish_returned() {
    let server = TestServer::start();
    let gate = &server.storage.finish_gate;
    gate.forget_permits(PLENTY);
    let mut raw = Raw::login(server.address).await;
    let mut data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    data.write_all(b"picture").await.expect("data");
    drop(data);
    server.storage.wait_for(|state| (state.finishing == 1).then_some(())).await;
    raw.expect_silence().await;
    gate.add_permits(1);
    raw.expect(226).await;
    assert_eq!(server.storage.file(b"/a.jpg").as_deref(), Some(&b"picture"[..]));
    assert_eq!(server.storage.end().await, TransferEnd::Complete);
}

#[tokio::test]
async fn storage_errors_become_their_codes_and_never_226() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    for (fault, code) in [(Fault::BeginFull, 452), (Fault::WriteFull, 452), (Fault::FinishIo, 451)] {
        server.storage.set_fault(fault);
        let answer = raw.store("STOR a.jpg", b"picture").await;
        assert_eq!(answer.code, code);
        assert!(!answer.string().contains("/secret"), "the disk's words are for the log");
    }
    server.storage.set_fault(Fault::None);
    assert_eq!(raw.store("STOR a.jpg", b"picture").await.code, 226, "recovers without a restart");
}

#[tokio::test]
async fn a_killed_client_is_suspect() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let mut data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    data.write_all(b"half a pic").await.expect("data");
    hang_up(raw.stream).await;
    hang_up(data).await;
    assert_eq!(server.storage.end().await, TransferEnd::Suspect(SuspectReason::ControlClosed));
    assert_eq!(server.storage.file(b"/a.jpg").as_deref(), Some(&b"half a pic"[..]), "the bytes are kept");
}

#[tokio::test]
async fn a_client_that_closes_control_first_still_gets_all_its_bytes_in() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let mut data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    hang_up(raw.stream).await;
    for _ in 0..20 {
        data.write_all(&[7; 10_000]).await.expect("data");
    }
    drop(data);
    assert_eq!(server.storage.end().await, TransferEnd::Suspect(SuspectReason::ControlClosed));
    assert_eq!(server.storage.file(b"/a.jpg").map(|file| file.len()), Some(200_000));
}

#[tokio::test]
async fn a_client_that_leaves_during_the_durable_write_is_told_to_the_storage() {
    let server = TestServer::start();
    let gate = &server.storage.finish_gate;
    gate.forget_permits(PLENTY);
    let mut raw = Raw::login(server.address).await;
    assert_eq!(gate.available_permits(), 0);
    let mut data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    data.write_all(b"picture").await.expect("data");
    drop(data);
    server.storage.wait_for(|state| (state.finishing == 1).then_some(())).await;
    raw.expect_silence().await;
    hang_up(raw.stream).await;
    gate.add_permits(1);
    let event = server.storage.event("UploadEndedWithoutListener").await;
    assert!(event.contains("receipt for /a.jpg"), "{event}");
    assert_eq!(server.storage.end().await, TransferEnd::Complete);
}

/// A client that is killed in the moment of its `226` leaves it unread: its machine answers with a reset.
#[tokio::test]
async fn a_client_that_dies_with_its_226_unread_has_not_heard_it() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let mut data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    data.write_all(b"half a picture").await.expect("data");
    drop(data);
    assert_eq!(server.storage.end().await, TransferEnd::Complete);
    // The reply has come, and nobody reads it.
    raw.stream.readable().await.expect("the reply");
    drop(raw);
    let event = server.storage.event("UploadEndedWithoutListener").await;
    assert!(event.contains("receipt for /a.jpg"), "{event}");
}

/// Many cameras hang up without a word once they have their `226`.
#[tokio::test]
async fn a_client_that_hangs_up_after_its_226_has_heard_it() {
    let server = TestServer::start();
    for path in ["/a.jpg", "/b.jpg"] {
        let mut raw = Raw::login(server.address).await;
        assert_eq!(raw.store(&format!("STOR {path}"), b"picture").await.code, 226);
        if path == "/b.jpg" {
            raw.ask("NOOP", 200).await;
        }
        hang_up(raw.stream).await;
        let event = server.storage.event("UploadAcknowledged").await;
        assert!(event.contains("receipt for /"), "{event}");
    }
}

#[tokio::test]
async fn a_reset_data_connection_is_a_cut() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let mut data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    data.write_all(b"half").await.expect("data");
    SockRef::from(&data).set_linger(Some(Duration::ZERO)).expect("linger");
    drop(data);
    raw.expect(426).await;
    assert_eq!(server.storage.end().await, TransferEnd::Cut(CutReason::Broken));
    raw.ask("NOOP", 200).await;
}

#[tokio::test]
async fn power_loss_is_silence_and_silence_is_a_cut() {
    let stall_timeout = Duration::from_millis(150);
    let server = TestServer::with(camtrail_ftp::ServerConfig { stall_timeout, ..config() });
    let mut raw = Raw::login(server.address).await;
    let mut data = raw.data().await;
    raw.ask("STOR a.jpg", 150).await;
    data.write_all(b"half").await.expect("data");
    raw.expect(426).await;
    assert_eq!(server.storage.end().await, TransferEnd::Cut(CutReason::Stalled));
    raw.ask("NOOP", 200).await;
}

#[tokio::test]
async fn a_panic_in_the_storage_ends_only_its_own_session() {
    let server = TestServer::start();
    let mut bystander = Raw::login(server.address).await;
    for fault in [Fault::PanicInWrite, Fault::PanicInFinish] {
        server.storage.set_fault(fault);
        let mut raw = Raw::login(server.address).await;
        assert_eq!(raw.store("STOR a.jpg", b"picture").await.code, 421);
        raw.expect_end().await;
    }
    server.storage.set_fault(Fault::None);
    server.storage.event("the fake's fsync exploded").await;
    assert_eq!(bystander.store("STOR b.jpg", b"picture").await.code, 226);
    assert_eq!(Raw::login(server.address).await.store("STOR c.jpg", b"picture").await.code, 226);
}

#[tokio::test]
async fn a_slow_storage_slows_the_client_and_fills_no_memory() {
    let server = TestServer::start();
    let gate = &server.storage.write_gate;
    gate.forget_permits(PLENTY);
    let mut raw = Raw::login(server.address).await;
    let mut data = raw.data().await;
    raw.ask("STOR big.mp4", 150).await;
    let block = vec![1; 1024 * 1024];
    let mut sent = 0;
    // The kernel's buffers fill, then the client must wait: nothing else takes bytes.
    while let Ok(written) = tokio::time::timeout(Duration::from_millis(300), data.write(&block)).await {
        sent += written.expect("write");
        assert!(sent < 64 * 1024 * 1024, "somebody swallows bytes without end");
    }
    gate.add_permits(PLENTY);
    drop(data);
    raw.expect(226).await;
    assert_eq!(server.storage.file(b"/big.mp4").map(|file| file.len()), Some(sent));
    let largest = server.storage.wait_for(|state| Some(state.largest_chunk)).await;
    assert!(largest <= 64 * 1024, "{largest}");
}
