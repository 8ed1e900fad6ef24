//! Real services for tests: each is a process of ours on free loopback ports, in a folder of its own, and ends with
//! the value that stands for it. `scripts/services` installs them. Never part of the program.

mod seaweed;

pub use seaweed::SeaweedFs;

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

/// Where `scripts/services` puts things.
fn installed(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join(".services").join(name);
    assert!(path.exists(), "{} is missing: run scripts/services (make test does)", path.display());
    path
}

/// Free ports, all different. Somebody else may take one before it is used: whoever starts a service tries again.
fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] = std::array::from_fn(|_| {
        TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port")
    });
    held.map(|listener| listener.local_addr().expect("a bound port").port())
}
