//! Cut uploads that gave way to their whole ones.

use camtrail_model::{
    DerivedFiles, DerivedKey, EventState, ObjectKey, Superseded,
    ports::{Shipment, StoreError},
};
use camtrail_spool::{EntryId, SpoolEntry, SpoolError};

use crate::ship::{Parts, ShipError};

/// The cut upload itself may still be in the spool, waiting for its poster: shipped again after a restart it would be an
/// event beside its whole one. `whole` is that one, which may have the very same bytes, and still needs them.
pub(crate) async fn forget_upload(parts: &Parts, cut: &Shipment, whole: &EntryId) -> Result<(), ShipError> {
    let spool = parts.spool.clone();
    let (cut, whole) = (cut.clone(), whole.clone());
    let forgotten = tokio::task::spawn_blocking(move || {
        let is_it = |entry: &SpoolEntry| {
            entry.id != whole
                && entry.sha256 == cut.original_sha256
                && entry.start.camera == cut.camera
                && entry.original_name() == cut.original_name
        };
        for entry in spool.entries().iter().filter(|entry| is_it(entry)) {
            spool.remove(&entry.id)?;
        }
        Ok::<_, SpoolError>(())
    });
    Ok(forgotten.await.map_err(std::io::Error::other)??)
}

/// What takes a cut upload's place.
pub(crate) struct Successor<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) entry: &'a SpoolEntry,
}

/// A cut upload whose whole one is stored and recorded: its object, what was derived of it, its event, its line
/// in the ledger; in this order, so that a crash in between is repaired by the next try. Where nothing may be deleted, a
/// tombstone says the same to all who look.
pub(crate) async fn remove(parts: &Parts, cut: &Shipment, by: &Successor<'_>) -> Result<(), ShipError> {
    let old = &cut.object_key;
    forget_upload(parts, cut, &by.entry.id).await?;
    if matters(parts, old).await? {
        parts.ledger.forget(old, &cut.original_sha256).await?;
        tracing::info!(key = %old, by = %by.key, "a cut upload stays beside its whole one: somebody protected it, or wrote a note");
        return Ok(());
    }
    match delete(parts, old).await {
        Err(StoreError::Refused(why)) => {
            bury(parts, cut, by).await?;
            tracing::debug!(key = %old, why, "the cut upload's object may not be deleted from here; its tombstone stands");
        }
        deleted => deleted?,
    }
    parts.sink.object_changed(old).await?;
    parts.ledger.forget(old, &cut.original_sha256).await?;
    tracing::info!(key = %old, by = %by.key, "a cut upload gave way to its whole one");
    Ok(())
}

/// Whether a person said anything of it, or may have. Where that may not be read from here, a tombstone leaves it to those
/// who may.
async fn matters(parts: &Parts, key: &ObjectKey) -> Result<bool, StoreError> {
    let state_key = DerivedKey::new(key, DerivedFiles::State);
    match parts.store.get_bytes(state_key.as_str(), EventState::MAX_BYTES).await {
        Ok(None) | Err(StoreError::Refused(_)) => Ok(false),
        Ok(Some(bytes)) => Ok(serde_json::from_slice::<EventState>(&bytes)
            .map_or(true, |state| state.protected || state.note.is_some())),
        Err(error) => Err(error),
    }
}

async fn delete(parts: &Parts, key: &ObjectKey) -> Result<(), StoreError> {
    parts.store.delete(key.as_str()).await?;
    for file in DerivedFiles::ALL {
        parts.store.delete(DerivedKey::new(key, file).as_str()).await?;
    }
    Ok(())
}

async fn bury(parts: &Parts, cut: &Shipment, by: &Successor<'_>) -> Result<(), ShipError> {
    let tombstone = Superseded {
        version: Superseded::VERSION,
        by: by.key.to_string(),
        by_original_sha256: by.entry.sha256,
        original_sha256: cut.original_sha256,
        at: parts.clock.now(),
    };
    let bytes = serde_json::to_vec_pretty(&tombstone).map_err(std::io::Error::other)?;
    let key = DerivedKey::new(&cut.object_key, DerivedFiles::Superseded);
    Ok(parts.store.put_bytes(key.as_str(), &bytes).await?)
}
