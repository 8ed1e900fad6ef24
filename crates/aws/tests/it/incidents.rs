//! The same incidents, and pages of what a person hasn't seen, as over SQLite.

use std::sync::Arc;

use camtrail_aws::DynamoAccounts;
use camtrail_model::ports::{Catalog, ReviewState};
use tokio::runtime::Handle;

use crate::support::fresh;

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract_of_incidents() {
    let fresh = || {
        tokio::task::block_in_place(|| {
            Handle::current().block_on(async {
                let (catalog, _) = fresh().await;
                let accounts = DynamoAccounts::beside(&catalog);
                (Arc::new(catalog) as Arc<dyn Catalog>, Arc::new(accounts) as Arc<dyn ReviewState>)
            })
        })
    };
    camtrail_model::testing::incidents_contract(40, fresh).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_strict_while_others_write() {
    let (catalog, _) = fresh().await;
    let accounts = DynamoAccounts::beside(&catalog);
    let busy = camtrail_model::testing::busy_contract(Arc::new(catalog), Arc::new(accounts)).await;
    eprintln!("{busy:?}");
    assert!(busy.writes > 50, "{busy:?}");
}
