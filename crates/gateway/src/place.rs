//! Which key an upload gets, and putting it there: two contents never share a key, and the same bytes never get
//! two.
//!
//! The gateway may have no permission to read the bucket. So it keeps a ledger, notes a shipment before the put,
//! and puts with "only where there is none". What the ledger doesn't know it looks up, where it may.

use std::{collections::BTreeMap, path::Path};

use camtrail_model::{
    Digest, ObjectKey, ObjectMetadata,
    ports::{PutOutcome, PutWhen, Shipment},
};
use camtrail_spool::SpoolEntry;

use crate::ship::{Parts, ShipError};

/// Where an upload went.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) key: ObjectKey,
    /// Cut uploads of the same file whose bytes these begin with: they have gone, their events must, too.
    pub(crate) superseded: Vec<ObjectKey>,
}

/// An object that is ready to be put.
pub(crate) struct Parcel<'a> {
    pub(crate) entry: &'a SpoolEntry,
    pub(crate) wanted: ObjectKey,
    pub(crate) file: &'a Path,
    pub(crate) metadata: &'a ObjectMetadata,
}

/// Same key, same bytes: ours already. Same key, other bytes: the digits go in. (At eight digits, two contents
/// meet once in four billion; then the next candidate has the rest of the digest.)
fn candidates(wanted: &ObjectKey, digest: &Digest) -> [ObjectKey; 3] {
    let hashed = wanted.with_file(wanted.file().with_digest(digest));
    let twice = hashed.with_file(hashed.file().with_digest(&Digest::of(&digest.0)));
    [wanted.clone(), hashed, twice]
}

/// An earlier shipment of the very same upload (a replay, NEVER-20), if its object is still there. One that was
/// taken for cut (the transfer was, after its last byte) doesn't count if this one is known to be whole.
pub(crate) async fn shipped_before(
    parts: &Parts,
    entry: &SpoolEntry,
    complete: bool,
) -> Result<Option<ObjectKey>, ShipError> {
    for shipment in parts.ledger.shipments(&entry.start.camera, &entry.original_name()).await? {
        if shipment.original_sha256 != entry.sha256 || (complete && !shipment.complete) {
            continue;
        }
        if let Some(object) = parts.store.head(shipment.object_key.as_str()).await?
            && ObjectMetadata::from_map(&object.metadata)
                .is_ok_and(|m| m.original_sha256 == Some(entry.sha256))
        {
            return Ok(Some(shipment.object_key));
        }
    }
    Ok(None)
}

/// Puts the parcel under the first key that is free, or ours, or a cut upload's that it completes.
pub(crate) async fn put(parts: &Parts, parcel: &Parcel<'_>) -> Result<Placed, ShipError> {
    let cut = cut_ones(parts, parcel).await?;
    let map = parcel.metadata.to_map();
    for key in candidates(&parcel.wanted, &parcel.entry.sha256) {
        let when = if cut.contains(&key) { PutWhen::Always } else { PutWhen::Absent };
        if when == PutWhen::Absent && is_anothers(parts, &key, parcel.entry).await? {
            continue;
        }
        parts.ledger.note(&shipment(parcel, &key)).await?;
        if place(parts, parcel, &key, &map, when).await? {
            let superseded = cut.into_iter().filter(|other| *other != key).collect();
            return Ok(Placed { key, superseded });
        }
        parts.ledger.forget(&key).await?;
    }
    Err(ShipError::NoKey { key: parcel.wanted.to_string() })
}

fn shipment(parcel: &Parcel<'_>, key: &ObjectKey) -> Shipment {
    Shipment {
        camera: parcel.entry.start.camera.clone(),
        original_name: parcel.entry.original_name(),
        original_sha256: parcel.entry.sha256,
        original_size: parcel.entry.size,
        complete: parcel.metadata.complete,
        object_key: key.clone(),
        shipped_at: parcel.metadata.stored_at,
    }
}

/// Whether the ledger knows the key as another upload's.
async fn is_anothers(parts: &Parts, key: &ObjectKey, entry: &SpoolEntry) -> Result<bool, ShipError> {
    let known = parts.ledger.by_key(key).await?;
    Ok(known.is_some_and(|shipment| shipment.original_sha256 != entry.sha256))
}

/// `false`: the key holds other bytes than ours.
async fn place(
    parts: &Parts,
    parcel: &Parcel<'_>,
    key: &ObjectKey,
    map: &BTreeMap<String, String>,
    when: PutWhen,
) -> Result<bool, ShipError> {
    match parts.store.put_file(key.as_str(), parcel.file, Some(map), when).await? {
        PutOutcome::Stored => Ok(true),
        PutOutcome::Exists => {
            let object = parts.store.head(key.as_str()).await?;
            let theirs = object.and_then(|object| ObjectMetadata::from_map(&object.metadata).ok());
            Ok(theirs.is_some_and(|metadata| metadata.original_sha256 == Some(parcel.entry.sha256)))
        }
    }
}

/// Shipped cut uploads of this name whose bytes are the first bytes of this one (or all of them, if only this one
/// is known to be whole).
async fn cut_ones(parts: &Parts, parcel: &Parcel<'_>) -> Result<Vec<ObjectKey>, ShipError> {
    let entry = parcel.entry;
    let shipments = parts.ledger.shipments(&entry.start.camera, &entry.original_name()).await?;
    let shorter: Vec<Shipment> =
        shipments.into_iter().filter(|cut| !cut.complete && cut.original_size <= entry.size).collect();
    if shorter.is_empty() {
        return Ok(Vec::new());
    }
    let path = parts.spool.data_path(&entry.id);
    let found = tokio::task::spawn_blocking(move || {
        shorter
            .into_iter()
            .filter_map(|cut| match digest_of_start(&path, cut.original_size) {
                Ok(digest) => (digest == cut.original_sha256).then_some(Ok(cut.object_key)),
                Err(error) => Some(Err(error)),
            })
            .collect::<Result<Vec<_>, _>>()
    });
    Ok(found.await.map_err(std::io::Error::other)??)
}

fn digest_of_start(path: &Path, bytes: u64) -> std::io::Result<Digest> {
    use std::io::Read;
    Ok(Digest::of_reader(std::fs::File::open(path)?.take(bytes))?.1)
}
