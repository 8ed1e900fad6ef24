//! One contract, every store.

use camtrail_model::testing::store_contract;
use camtrail_services::SeaweedFs;
use camtrail_store::{LocalStore, S3Store};

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
    let store = S3Store::open(&config(&seaweed.endpoint(), dir.path())).unwrap();
    store_contract::run(store, dir.path()).await;
}
