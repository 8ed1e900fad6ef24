//! HTTP connections: a bounded number, none of which may dawdle.
//!
//! Promises: who opens a connection and sends no whole request head in time loses it (what a kept-alive one waits for,
//! too), and no place has more than a quarter of them, so slow strangers can't hold all of them; what is under way at a stop may end within a grace.
//! Refuses: HTTP/2 and upgrades, which nothing here needs.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, body::Body, extract::ConnectInfo, serve::Listener};
use camtrail_auth::place;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Semaphore, watch},
};
use tower::ServiceExt as _;

use crate::app::until;

/// Connections at once; more wait to be accepted. Live streams are a thousand of them at most.
const CONNECTIONS_MAX: u32 = 2_048;
/// Of those, from one place: a stranger who opens all that he can holds up himself. This machine, where proxies are, and
/// proxies that are trusted may have all.
const FROM_ONE_PLACE: u32 = CONNECTIONS_MAX / 4;
/// A request's head must be there by then, counted from the connection's start or the request before.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// The largest head, and what is buffered of a body.
const BUFFER_MAX_BYTES: usize = 128 * 1024;
/// What is under way may go on for so long when the program stops.
const GRACE: Duration = Duration::from_secs(5);

/// What is asked of those who connect.
#[derive(Clone)]
pub(crate) struct Bounds {
    head_within: Duration,
    from_one_place: u32,
    /// Whoever comes from there stands for many.
    proxies: Arc<[IpNet]>,
}

impl Bounds {
    pub(crate) fn new(trusted_proxies: &[IpNet]) -> Self {
        Self { head_within: HEAD_WITHIN, from_one_place: FROM_ONE_PLACE, proxies: trusted_proxies.into() }
    }

    /// The same for another door with so many places.
    pub(crate) fn with_share_of(&self, most: u32) -> Self {
        Self { from_one_place: most / 4, ..self.clone() }
    }

    fn is_bounded(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        !peer.is_loopback() && !self.proxies.iter().any(|net| net.contains(&peer))
    }
}

/// How many connections each place has.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<HashMap<IpAddr, u32>>>);

impl Places {
    /// One more; `None`: it has all that it may have.
    pub(crate) fn enter(&self, peer: IpAddr, bounds: &Bounds) -> Option<Entered> {
        let place = place(peer);
        let mut places = self.lock();
        let count = places.entry(place).or_default();
        if *count >= bounds.from_one_place && bounds.is_bounded(peer) {
            return None;
        }
        *count += 1;
        Some(Entered { places: self.clone(), place })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that counts until it is dropped.
pub(crate) struct Entered {
    places: Places,
    place: IpAddr,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut places = self.places.lock();
        if let Some(count) = places.get_mut(&self.place) {
            *count -= 1;
            if *count == 0 {
                places.remove(&self.place);
            }
        }
    }
}

/// What is written goes at once: a file's head and its bytes are two writes, and where the second waits until the first is
/// acknowledged (RFC 896), which the other side puts off (RFC 1122, 4.2.3.2), each picture comes 40 ms later.
pub(crate) fn at_once(tcp: &TcpStream) {
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "a web connection stays a slow one");
    }
}

/// Serves until `stopped`, and then what is under way.
pub(crate) async fn serve<L: Listener<Addr = SocketAddr>>(
    bounds: Bounds,
    mut listener: L,
    router: Router,
    stopped: watch::Receiver<bool>,
) {
    let places = Places::default();
    let free = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    loop {
        let accepted = async {
            let permit = free.clone().acquire_owned().await.ok()?;
            // What fails of the client's doing is passed over, what fails of ours is tried again: axum's affair.
            Some((permit, listener.accept().await))
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = until(stopped.clone()) => break,
        };
        let Some((permit, accepted)) = accepted else { break };
        let peer = accepted.1;
        let Some(entered) = places.enter(peer.ip(), &bounds) else {
            tracing::debug!(%peer, most = bounds.from_one_place, "a connection too many from one place was closed");
            continue;
        };
        let head_within = bounds.head_within;
        let (router, stopped) = (router.clone(), stopped.clone());
        tokio::spawn(async move {
            connection(accepted, head_within, router, stopped).await;
            drop((entered, permit));
        });
    }
    drop(listener);
    // All are free when all have ended.
    let _ = tokio::time::timeout(GRACE, free.acquire_many(CONNECTIONS_MAX)).await;
}

async fn connection(
    (stream, peer): (impl AsyncRead + AsyncWrite + Unpin + Send + 'static, SocketAddr),
    head_within: Duration,
    router: Router,
    stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .max_buf_size(BUFFER_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    let outcome = tokio::select! {
        outcome = serving.as_mut() => outcome,
        () = until(stopped) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::{get, post};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    const HEAD: Duration = Duration::from_millis(500);

    async fn served(router: Router) -> (SocketAddr, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let bounds = Bounds { head_within: HEAD, ..Bounds::new(&[]) };
        (address, stop, tokio::spawn(serve(bounds, listener, router, stopped)))
    }

    async fn answer(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    }

    #[tokio::test]
    async fn a_head_that_never_ends_loses_its_connection() {
        let router = Router::new().route("/", get(async || "there"));
        let (address, _stop, _task) = served(router).await;
        let started = tokio::time::Instant::now();
        for begun in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(begun.as_bytes()).await.unwrap();
            answer(&mut slow).await;
        }
        let took = started.elapsed();
        assert!(took >= HEAD && took < HEAD * 20, "{took:?}");
        let mut quick = TcpStream::connect(address).await.unwrap();
        quick.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        assert!(answer(&mut quick).await.ends_with("there"));
    }

    #[test]
    fn one_place_has_no_more_than_its_share() {
        let bounds = Bounds { from_one_place: 3, ..Bounds::new(&["192.0.2.7/32".parse().unwrap()]) };
        let places = Places::default();
        let enter = |peer: &str| places.enter(peer.parse().unwrap(), &bounds);
        let mut there: Vec<_> = ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map(enter).into();
        assert!(there.iter().all(Option::is_some));
        assert!(enter("2001:db8::4").is_none(), "one network is one place");
        assert!(enter("2001:db8:0:1::4").is_some());
        there.pop();
        assert!(enter("2001:db8::4").is_some(), "one went");
        for proxy in ["127.0.0.1", "::1", "192.0.2.7", "::ffff:192.0.2.7"] {
            let many: Vec<_> = (0..10).map(|_| enter(proxy)).collect();
            assert!(many.iter().all(Option::is_some), "{proxy} stands for many");
        }
        drop(there);
        assert!(places.lock().is_empty());
    }

    #[tokio::test]
    async fn a_head_without_measure_is_refused() {
        let (address, _stop, _task) = served(Router::new().route("/", get(async || "there"))).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let endless = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}", "y".repeat(BUFFER_MAX_BYTES * 2));
        let _ = stream.write_all(endless.as_bytes()).await;
        let refused = answer(&mut stream).await;
        assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431"), "{refused}");
    }

    #[tokio::test]
    async fn what_is_under_way_ends_at_a_stop_and_nothing_new_begins() {
        let slow = async || {
            tokio::time::sleep(Duration::from_millis(300)).await;
            "done"
        };
        let (address, stop, task) = served(Router::new().route("/", post(slow))).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.send(true).unwrap();
        assert!(answer(&mut stream).await.ends_with("done"));
        task.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
