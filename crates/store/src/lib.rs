//! Objects by key. Today a local directory; S3 and its kin come through the same port.
//!
//! Owns `DATA_DIR/store`. Promises what `camtrail_model::ports::ObjectStore` says. Why the local directory is
//! not the `object_store` crate's: docs/design/local-store.md.

mod local;

pub use local::LocalStore;
