//! Fakes and contract suites. A suite runs on every implementation of its port, fakes included.

mod catalog_contract;
mod plain_media;
mod samples;
pub mod store_contract;

pub use catalog_contract::catalog_contract;
pub use plain_media::PlainMedia;
pub use samples::record;
