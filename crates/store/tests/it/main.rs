//! The stores from outside: the contract on both, and what only a bucket does, on a real SeaweedFS.

#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod between;
mod contract;
mod s3;
mod source;
