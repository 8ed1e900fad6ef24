//! Stores for tests in which something happens beside a call: it is refused, noted, or crossed by another.

use std::{collections::BTreeMap, path::Path};

use async_trait::async_trait;

use crate::ports::{Listing, ObjectStore, PutOutcome, PutWhen, StoreError, StoredObject, Version};

/// What a store is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreCall {
    /// [`ObjectStore::put_file`]
    PutFile,
    /// [`ObjectStore::put_bytes`] or [`ObjectStore::replace_bytes`]
    PutBytes,
    /// [`ObjectStore::head`]
    Head,
    /// [`ObjectStore::get_bytes`], [`ObjectStore::get_versioned`] or [`ObjectStore::fetch`]
    Get,
    /// [`ObjectStore::list`], with the folder as key
    List,
    /// [`ObjectStore::delete`]
    Delete,
    /// [`ObjectStore::let_expire`] that makes an object go by itself
    Expire,
    /// [`ObjectStore::let_expire`] that makes it stay
    Keep,
}

/// A store over another one. Whoever implements this is an [`ObjectStore`].
#[async_trait]
pub trait StoreBeside: Send + Sync {
    /// The other one, which does the work.
    fn store(&self) -> &dyn ObjectStore;

    /// What happens first; on an error the other one isn't asked.
    async fn before(&self, _call: StoreCall, _key: &str) -> Result<(), StoreError> {
        Ok(())
    }

    /// What happens before the caller hears of it.
    async fn after(&self, _call: StoreCall, _key: &str) {}
}

#[async_trait]
impl<T: StoreBeside> ObjectStore for T {
    async fn put_file(
        &self,
        key: &str,
        source: &Path,
        metadata: Option<&BTreeMap<String, String>>,
        when: PutWhen,
    ) -> Result<PutOutcome, StoreError> {
        self.before(StoreCall::PutFile, key).await?;
        let outcome = self.store().put_file(key, source, metadata, when).await;
        self.after(StoreCall::PutFile, key).await;
        outcome
    }

    async fn put_bytes(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.before(StoreCall::PutBytes, key).await?;
        let outcome = self.store().put_bytes(key, bytes).await;
        self.after(StoreCall::PutBytes, key).await;
        outcome
    }

    async fn head(&self, key: &str) -> Result<Option<StoredObject>, StoreError> {
        self.before(StoreCall::Head, key).await?;
        let seen = self.store().head(key).await;
        self.after(StoreCall::Head, key).await;
        seen
    }

    async fn get_bytes(&self, key: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.before(StoreCall::Get, key).await?;
        self.store().get_bytes(key, max_bytes).await
    }

    async fn get_versioned(
        &self,
        key: &str,
        max_bytes: u64,
    ) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.before(StoreCall::Get, key).await?;
        self.store().get_versioned(key, max_bytes).await
    }

    async fn replace_bytes(
        &self,
        key: &str,
        bytes: &[u8],
        was: Option<&Version>,
    ) -> Result<bool, StoreError> {
        self.before(StoreCall::PutBytes, key).await?;
        let outcome = self.store().replace_bytes(key, bytes, was).await;
        self.after(StoreCall::PutBytes, key).await;
        outcome
    }

    async fn fetch(&self, key: &str, dest: &Path, max_bytes: u64) -> Result<Option<u64>, StoreError> {
        self.before(StoreCall::Get, key).await?;
        self.store().fetch(key, dest, max_bytes).await
    }

    async fn list(&self, folder: &str, after: Option<&str>) -> Result<Listing, StoreError> {
        self.before(StoreCall::List, folder).await?;
        self.store().list(folder, after).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.before(StoreCall::Delete, key).await?;
        self.store().delete(key).await
    }

    async fn let_expire(&self, key: &str, may_expire: bool) -> Result<(), StoreError> {
        self.before(if may_expire { StoreCall::Expire } else { StoreCall::Keep }, key).await?;
        self.store().let_expire(key, may_expire).await
    }
}
