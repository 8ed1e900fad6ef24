//! Fakes and contract suites. A suite runs on every implementation of its port, fakes included.

mod catalog_contract;
mod samples;

pub use catalog_contract::catalog_contract;
pub use samples::record;
