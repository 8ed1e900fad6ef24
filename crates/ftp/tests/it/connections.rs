//! Data connections: passive, active, IPv4, IPv6, and everybody who isn't the client.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use camtrail_ftp::{CutReason, ServerConfig, TransferEnd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::fake::{PATIENCE, TestServer, config};
use crate::raw::Raw;

fn impatient() -> ServerConfig {
    ServerConfig { data_connect_timeout: Duration::from_millis(150), ..config() }
}

fn dual_stack() -> ServerConfig {
    ServerConfig { listen: (Ipv6Addr::UNSPECIFIED, 0).into(), ..config() }
}

/// A free port below those which the system gives to other tests meanwhile.
fn own_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + u16::try_from(std::process::id() % 10_000).expect("small");
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed);
        if std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// `PORT` and the listener it names.
async fn active(raw: &mut Raw) -> TcpListener {
    let ip = raw.stream.local_addr().expect("local").ip();
    let listener = TcpListener::bind((ip, 0)).await.expect("a port");
    let port = listener.local_addr().expect("local").port();
    let family = if ip.is_ipv4() { 1 } else { 2 };
    raw.ask(format!("EPRT |{family}|{ip}|{port}|"), 200).await;
    listener
}

async fn store_active(raw: &mut Raw, listener: TcpListener) {
    raw.ask("STOR a.jpg", 150).await;
    let (mut data, _) = listener.accept().await.expect("the server connects");
    data.write_all(b"active").await.expect("data");
    drop(data);
    raw.expect(226).await;
}

#[tokio::test]
async fn pasv_announces_the_address_the_client_talks_to() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let answer = raw.ask("PASV", 227).await.string();
    let inner = answer.split(['(', ')']).nth(1).expect("parentheses");
    let numbers: Vec<u16> = inner.split(',').map(|number| number.parse().expect("number")).collect();
    assert_eq!(numbers[..4], [127, 0, 0, 1]);
    let mut data =
        TcpStream::connect((Ipv4Addr::LOCALHOST, numbers[4] * 256 + numbers[5])).await.expect("port");
    raw.ask("STOR a.jpg", 150).await;
    data.write_all(b"passive").await.expect("data");
    drop(data);
    raw.expect(226).await;
}

#[tokio::test]
async fn pasv_announces_the_configured_host() {
    for (host, expected) in [("203.0.113.9", "203,0,113,9"), ("localhost", "127,0,0,1")] {
        let server = TestServer::with(ServerConfig { passive_host: Some(host.to_owned()), ..config() });
        let mut raw = Raw::login(server.address).await;
        let answer = raw.ask("PASV", 227).await.string();
        assert!(answer.contains(expected), "{answer}");
    }
}

#[tokio::test]
async fn the_client_may_connect_after_its_stor() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let port = raw.passive_port().await;
    raw.ask("STOR a.jpg", 150).await;
    let mut data = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("port");
    data.write_all(b"late").await.expect("data");
    drop(data);
    raw.expect(226).await;
}

#[tokio::test]
async fn eprt_and_port_work() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let listener = active(&mut raw).await;
    store_active(&mut raw, listener).await;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let [high, low] = listener.local_addr().expect("local").port().to_be_bytes();
    raw.ask(format!("PORT 127,0,0,1,{high},{low}"), 200).await;
    store_active(&mut raw, listener).await;
}

#[tokio::test]
async fn ipv6_works_passive_and_active_and_pasv_says_so() {
    let server = TestServer::with(ServerConfig { listen: (Ipv6Addr::LOCALHOST, 0).into(), ..config() });
    let mut raw = Raw::login(server.address).await;
    assert_eq!(raw.store("STOR a.jpg", b"six").await.code, 226);
    let listener = active(&mut raw).await;
    store_active(&mut raw, listener).await;
    assert!(raw.ask("PASV", 425).await.string().contains("EPSV"));
    raw.ask("EPSV 1", 522).await;
    raw.ask("EPSV 2", 229).await;
}

#[tokio::test]
async fn a_dual_stack_socket_serves_ipv4_with_pasv_port_epsv() {
    let server = TestServer::with(dual_stack());
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, server.address.port()));
    let mut raw = Raw::login(v4).await;
    assert!(raw.ask("PASV", 227).await.string().contains("(127,0,0,1,"));
    assert_eq!(raw.store("STOR a.jpg", b"four").await.code, 226);
    let listener = active(&mut raw).await;
    store_active(&mut raw, listener).await;
    raw.ask("EPSV 2", 522).await;
    raw.ask("EPSV 1", 229).await;

    let mut raw = Raw::login((Ipv6Addr::LOCALHOST, server.address.port()).into()).await;
    assert_eq!(raw.store("STOR b.jpg", b"six").await.code, 226);
}

#[tokio::test]
async fn pasv_that_nobody_connects_to_ends_with_425_and_is_told() {
    let port = own_port();
    let server = TestServer::with(ServerConfig { passive_ports: port..=port, ..impatient() });
    let mut raw = Raw::login(server.address).await;
    assert_eq!(raw.passive_port().await, port);
    raw.ask("STOR a.jpg", 150).await;
    raw.expect(425).await;
    server.storage.event(&format!("backyard: PassiveNeverConnected {{ port: {port} }}")).await;
    assert_eq!(server.storage.end().await, TransferEnd::Cut(CutReason::NeverConnected));
    // The port closes; a child process of another test may hold a copy for a moment.
    let closed = async { while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {} };
    timeout(PATIENCE, closed).await.expect("the port is closed again");
    raw.ask("NOOP", 200).await;
}

#[tokio::test]
async fn a_camera_that_asks_epsv_and_never_says_stor_is_told_too() {
    let server = TestServer::with(impatient());
    let mut raw = Raw::login(server.address).await;
    raw.passive_port().await;
    server.storage.event("PassiveNeverConnected").await;
    assert!(raw.ask("STOR a.jpg", 425).await.string().contains("blocked"));
    raw.ask("NOOP", 200).await;
}

#[tokio::test]
async fn a_camera_that_hangs_up_over_its_passive_port_is_told_too() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.passive_port().await;
    drop(raw);
    server.storage.event("PassiveNeverConnected").await;
}

#[tokio::test]
async fn a_polite_client_with_an_unused_passive_port_is_no_event() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.passive_port().await;
    raw.ask("QUIT", 221).await;
    raw.expect_end().await;
    server.storage.event("Ended").await;
    assert!(!server.storage.events().iter().any(|event| event.contains("PassiveNeverConnected")));
}

#[tokio::test]
async fn strangers_on_the_passive_port_are_turned_away() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    let port = raw.passive_port().await;
    let socket = TcpSocket::new_v4().expect("socket");
    socket.bind((Ipv4Addr::new(127, 0, 0, 2), 0).into()).expect("another loopback address");
    let mut stranger = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await.expect("connect");
    server.storage.event("StrangerOnDataPort { from: 127.0.0.2 }").await;
    let mut byte = [0];
    assert!(!matches!(stranger.read(&mut byte).await, Ok(1..)), "a stranger gets nothing");

    let mut data = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("the client itself");
    raw.ask("STOR a.jpg", 150).await;
    data.write_all(b"mine").await.expect("data");
    drop(data);
    raw.expect(226).await;
    assert_eq!(server.storage.file(b"/a.jpg").as_deref(), Some(&b"mine"[..]));
}

#[tokio::test]
async fn bounce_to_another_host_or_a_privileged_port_is_refused() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.ask("PORT 127,0,0,2,200,1", 504).await;
    raw.ask("PORT 10,0,0,1,200,1", 504).await;
    raw.ask("PORT 127,0,0,1,0,22", 504).await;
    raw.ask("EPRT |1|127.0.0.2|50000|", 504).await;
    raw.ask("EPRT |2|::1|50000|", 504).await;
    raw.ask("EPRT |7|x|50000|", 522).await;
    raw.ask("PORT 127,0,0,1,200", 501).await;
    raw.ask("STOR a.jpg", 425).await;
    server.storage.event("BounceRefused { target: 10.0.0.1:51201 }").await;
}

#[tokio::test]
async fn an_active_port_that_nobody_listens_on_is_425_and_told() {
    let server = TestServer::with(impatient());
    let mut raw = Raw::login(server.address).await;
    let listener = active(&mut raw).await;
    drop(listener);
    raw.ask("STOR a.jpg", 150).await;
    raw.expect(425).await;
    server.storage.event("ActiveConnectFailed").await;
    raw.ask("NOOP", 200).await;
}

#[tokio::test]
async fn epsv_all_refuses_everything_else() {
    let server = TestServer::start();
    let mut raw = Raw::login(server.address).await;
    raw.ask("EPSV ALL", 200).await;
    raw.ask("PASV", 503).await;
    raw.ask("PORT 127,0,0,1,200,1", 503).await;
    raw.ask("EPRT |1|127.0.0.1|50000|", 503).await;
    assert_eq!(raw.store("STOR a.jpg", b"x").await.code, 226);
}

#[tokio::test]
async fn passive_ports_come_from_the_range_and_run_out_politely() {
    let port = own_port();
    let server = TestServer::with(ServerConfig { passive_ports: port..=port, ..config() });
    let mut first = Raw::login(server.address).await;
    assert_eq!(first.passive_port().await, port);
    let mut second = Raw::login(server.address).await;
    second.ask("EPSV", 425).await;
    server.storage.event("NoPassivePort").await;
    // A new EPSV gives the first port back before it takes another.
    assert_eq!(first.passive_port().await, port);
    first.ask("QUIT", 221).await;
    first.expect_end().await;
    for _ in 0..20 {
        assert_eq!(second.store("STOR a.jpg", b"x").await.code, 226, "the same port again and again");
    }
}

#[tokio::test]
async fn too_many_connections_get_421() {
    let server = TestServer::with(ServerConfig { max_connections: 3, max_connections_per_ip: 2, ..config() });
    let first = Raw::connect(server.address).await;
    let _second = Raw::connect(server.address).await;
    let mut third = Raw::without_greeting(server.address).await;
    third.expect(421).await;
    third.expect_end().await;
    server.storage.event("TooManyConnections").await;
    drop(first);
    server.storage.event("Ended").await;
    // The place is free once the session's task has ended.
    loop {
        let mut next = Raw::without_greeting(server.address).await;
        if next.answer().await.code == 220 {
            break;
        }
    }
}
