//! A line between us and the bucket, on which things go wrong as they are told to.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// What happens on the line from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Pass,
    /// In each connection's later bytes (the head stays as it is).
    FlipABit,
    LoseTheAnswer,
    Hang,
}

struct State {
    deed: Mutex<Deed>,
    /// Bytes that still go through towards the store before the line is cut.
    left: AtomicU64,
    sent: AtomicU64,
}

pub(crate) struct Between {
    address: SocketAddr,
    state: Arc<State>,
}

impl Between {
    pub(crate) fn start(endpoint: &str) -> Self {
        let target: SocketAddr = endpoint.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            deed: Mutex::new(Deed::Pass),
            left: AtomicU64::new(u64::MAX),
            sent: AtomicU64::new(0),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                thread::spawn(move || carry(client, target, &state));
            }
        });
        Self { address, state }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn now(&self, deed: Deed) {
        *self.state.deed.lock().unwrap() = deed;
    }

    pub(crate) fn cut_after(&self, bytes: u64) {
        self.state.left.store(bytes, Ordering::SeqCst);
    }

    /// All bytes that went towards the store.
    pub(crate) fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }
}

fn carry(client: TcpStream, target: SocketAddr, state: &Arc<State>) {
    let server = TcpStream::connect(target).unwrap();
    let back = {
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let state = Arc::clone(state);
        thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(read @ 1..) = from.read(&mut buffer) {
                if *state.deed.lock().unwrap() == Deed::LoseTheAnswer
                    || to.write_all(&buffer[..read]).is_err()
                {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Both);
        })
    };
    forth(client, server, state);
    let _ = back.join();
}

fn forth(mut from: TcpStream, mut to: TcpStream, state: &State) {
    let mut buffer = vec![0; 64 * 1024];
    let mut head_has_passed = false;
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let deed = *state.deed.lock().unwrap();
        if deed == Deed::Hang {
            continue;
        }
        if deed == Deed::FlipABit && head_has_passed {
            buffer[read / 2] ^= 1;
        }
        head_has_passed = true;
        let left = state.left.load(Ordering::SeqCst);
        state.left.store(left.saturating_sub(read as u64), Ordering::SeqCst);
        state.sent.fetch_add(read as u64, Ordering::SeqCst);
        if left < read as u64 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
