//! `media.keep_original`: where a clip was remuxed, the bytes as received are stored beside it.
//!
//! Promises: the spool doesn't forget an upload before these bytes are in the store; what is stored has the digest that
//! was taken while it was received. Comes after the record, and a store that won't have it costs nobody else anything
//! (NEVER-6).

use camtrail_model::{
    DerivedFiles, DerivedKey, Digest, ObjectKey,
    ports::{PutWhen, StoreError},
};
use camtrail_spool::SpoolEntry;

use crate::ship::{Parts, ShipError};

/// The same for an upload that was shipped before: an earlier try may not have come so far. `might_be`: it is of a
/// container that is remuxed; whether it was, the object says.
pub(crate) async fn keep_of_earlier(
    parts: &Parts,
    entry: &SpoolEntry,
    key: &ObjectKey,
    might_be: bool,
) -> Result<bool, ShipError> {
    if !might_be || !parts.config.keep_original {
        return Ok(false);
    }
    let was_remuxed = match parts.store.head(key.as_str()).await {
        Ok(Some(object)) => {
            let digest = |name: &str| object.metadata.get(name).and_then(|text| Digest::parse(text));
            digest("original_sha256") == Some(entry.sha256) && digest("sha256") != Some(entry.sha256)
        }
        Ok(None) => false,
        // A role that may write and not look: once too often is no harm.
        Err(StoreError::Refused(_)) => true,
        Err(error) => return Err(error.into()),
    };
    if was_remuxed { keep(parts, entry, key).await } else { Ok(false) }
}

/// Stores the bytes as received, unless they are there. `false`: the spool doesn't hold them any more as they came.
pub(crate) async fn keep(parts: &Parts, entry: &SpoolEntry, key: &ObjectKey) -> Result<bool, ShipError> {
    let original = DerivedKey::new(key, DerivedFiles::Original);
    // Of one key and the same capture, bytes of the same number are the same: a fuller upload is longer.
    match parts.store.head(original.as_str()).await {
        Ok(Some(there)) if there.size == entry.size => return Ok(true),
        Ok(_) | Err(StoreError::Refused(_)) => {}
        Err(error) => return Err(ShipError::Original(error)),
    }
    let path = parts.spool.data_path(&entry.id);
    let (size, sha256) = crate::object::measure(path.clone()).await?;
    if (size, sha256) != (entry.size, entry.sha256) {
        tracing::error!(
            %key, camera = %entry.start.camera, upload = entry.original_name(), received = %entry.sha256, found = %sha256,
            "the spool's disk gives other bytes than were received: the original isn't kept"
        );
        return Ok(false);
    }
    let put = parts.store.put_file(original.as_str(), &path, None, PutWhen::Always).await;
    put.map_err(ShipError::Original)?;
    Ok(true)
}
