//! Ports that stay free between two starts of a server: outside of the range that the system hands out by itself.

use std::{
    fs,
    hash::{BuildHasher, RandomState},
    net::TcpListener,
};

/// Below this one, services have their well-known places.
const FIRST: usize = 10_000;
const TRIES_MAX: usize = 10_000;

/// One above the last port that no outgoing connection gets by itself.
fn end() -> usize {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = range.split_whitespace().next().and_then(|first| first.parse().ok());
    first.filter(|first| *first > FIRST + 1_000).unwrap_or(32_768)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// A port `p` such that `p` and all of `p + offset` are free.
pub(crate) fn free_port_with(offsets: &[u16]) -> u16 {
    let largest = offsets.iter().copied().max().unwrap_or(0);
    let end = end() - usize::from(largest);
    // Tests that run side by side, in one process or in several, look at different places.
    let random = RandomState::new();
    for n in 0..TRIES_MAX {
        let port = FIRST + (random.hash_one(n) % (end - FIRST) as u64) as usize;
        let Ok(port) = u16::try_from(port) else { continue };
        if is_free(port) && offsets.iter().all(|offset| is_free(port + offset)) {
            return port;
        }
    }
    panic!("no free port from {FIRST} to {end}");
}

/// A port that nobody has, and nobody gets by chance.
pub fn free_port() -> u16 {
    free_port_with(&[])
}
