//! The end is graceful and bounded.

use std::time::Duration;

use camtrail_ftp::{CutReason, ServerConfig, TransferEnd};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::fake::{PATIENCE, TestServer, config};
use crate::raw::Raw;

#[tokio::test]
async fn idle_sessions_get_421_and_transfers_may_end() {
    let mut server = TestServer::with(ServerConfig { shutdown_grace: PATIENCE, ..config() });
    let mut idle = Raw::login(server.address).await;
    let mut busy = Raw::login(server.address).await;
    let mut data = busy.data().await;
    busy.ask("STOR a.jpg", 150).await;
    server.stop();
    idle.expect(421).await;
    idle.expect_end().await;
    data.write_all(b"whole").await.expect("data");
    drop(data);
    busy.expect(226).await;
    busy.expect(421).await;
    busy.expect_end().await;
    timeout(PATIENCE, &mut server.running).await.expect("in time").expect("no panic");
    assert_eq!(server.storage.end().await, TransferEnd::Complete);
}

#[tokio::test]
async fn transfers_that_take_too_long_are_cut() {
    let mut server =
        TestServer::with(ServerConfig { shutdown_grace: Duration::from_millis(100), ..config() });
    let mut busy = Raw::login(server.address).await;
    let mut data = busy.data().await;
    busy.ask("STOR a.jpg", 150).await;
    data.write_all(b"half").await.expect("data");
    server.stop();
    busy.expect(426).await;
    busy.expect(421).await;
    timeout(PATIENCE, &mut server.running).await.expect("in time").expect("no panic");
    assert_eq!(server.storage.end().await, TransferEnd::Cut(CutReason::Shutdown));
}
