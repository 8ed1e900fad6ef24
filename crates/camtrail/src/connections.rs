//! HTTP connections: a bounded number, none of which may dawdle.
//!
//! Promises: who opens a connection and sends no whole request head in time loses it (what a kept-alive one waits for,
//! too), so a handful of slow strangers can't hold all of them; what is under way at a stop may end within a grace.
//! Refuses: HTTP/2 and upgrades, which nothing here needs.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, serve::Listener};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Semaphore, watch},
};
use tower::ServiceExt as _;

use crate::app::until;

/// Connections at once; more wait to be accepted. Live streams are a thousand of them at most.
const CONNECTIONS_MAX: u32 = 2_048;
/// A request's head must be there by then, counted from the connection's start or the request before.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// The largest head, and what is buffered of a body.
const BUFFER_MAX_BYTES: usize = 128 * 1024;
/// What is under way may go on for so long when the program stops.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until `stopped`, and then what is under way.
pub(crate) async fn serve<L: Listener<Addr = SocketAddr>>(
    listener: L,
    router: Router,
    stopped: watch::Receiver<bool>,
) {
    serve_with(HEAD_WITHIN, listener, router, stopped).await;
}

async fn serve_with<L: Listener<Addr = SocketAddr>>(
    head_within: Duration,
    mut listener: L,
    router: Router,
    stopped: watch::Receiver<bool>,
) {
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
        let (router, stopped) = (router.clone(), stopped.clone());
        tokio::spawn(async move {
            connection(accepted, head_within, router, stopped).await;
            drop(permit);
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
        net::{TcpListener, TcpStream},
    };

    use super::*;

    const HEAD: Duration = Duration::from_millis(500);

    async fn served(router: Router) -> (SocketAddr, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        (address, stop, tokio::spawn(serve_with(HEAD, listener, router, stopped)))
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
