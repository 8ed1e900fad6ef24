//! One contract, every store.

use std::time::Duration;

use camtrail_model::testing::store_contract;
use camtrail_services::SeaweedFs;
use camtrail_store::{LocalStore, S3Config, S3Store};

use crate::s3::{BUCKET, config};

#[tokio::test(flavor = "multi_thread")]
async fn the_local_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(&dir.path().join("store")).unwrap();
    store_contract::run(store, dir.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket() {
    let (seaweed, dir) = (SeaweedFs::start(BUCKET), tempfile::tempdir().unwrap());
    // A server on a busy machine may stand still for some seconds, and patience is no part of the contract.
    let config = S3Config { stall_limit: Duration::from_mins(1), ..config(&seaweed.endpoint(), dir.path()) };
    let store = S3Store::open(&config).unwrap();
    store_contract::run(store, dir.path()).await;
}
