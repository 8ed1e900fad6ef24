//! Fakes and contract suites. A suite runs on every implementation of its port, fakes included.

mod accounts_contract;
mod audit_contract;
mod busy_contract;
mod catalog_contract;
mod counts_contract;
mod dice;
mod failures_contract;
mod groups_contract;
mod incidents_contract;
mod media_beside;
mod plain_media;
mod push_contract;
mod review_contract;
mod samples;
mod secrets_contract;
mod store_beside;
pub mod store_contract;
mod tokens_contract;

pub use accounts_contract::accounts_contract;
pub use audit_contract::audit_contract;
pub use busy_contract::{Busy, busy_contract};
pub use catalog_contract::catalog_contract;
pub use dice::Dice;
pub use failures_contract::failures_contract;
pub use groups_contract::groups_contract;
pub use incidents_contract::incidents_contract;
pub use media_beside::MediaBeside;
pub use plain_media::PlainMedia;
pub use push_contract::push_contract;
pub use review_contract::review_contract;
pub use samples::record;
pub use secrets_contract::{api_tokens_contract, shares_contract};
pub use store_beside::{StoreBeside, StoreCall};
pub use tokens_contract::tokens_contract;
