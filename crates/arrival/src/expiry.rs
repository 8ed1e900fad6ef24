//! Whether the store's own rule may remove an object and what stands beside it.

use camtrail_model::{
    DerivedFiles, DerivedKey, ObjectKey,
    ports::{ObjectStore, StoreError},
};
use futures::future::try_join_all;

/// Tells the store of the object and of every file that may stand beside it. Idempotent.
pub(crate) async fn let_expire(
    store: &dyn ObjectStore,
    key: &ObjectKey,
    may_expire: bool,
) -> Result<(), StoreError> {
    let beside = DerivedFiles::ALL.map(|file| DerivedKey::new(key, file).to_string());
    let keys = [key.to_string()].into_iter().chain(beside);
    let told = keys.map(async |key| store.let_expire(&key, may_expire).await);
    try_join_all(told).await.map(drop)
}
