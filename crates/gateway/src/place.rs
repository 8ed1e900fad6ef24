//! Which key an upload gets, and putting it there: two contents never share a key, and the same bytes never get
//! two.
//!
//! The gateway may have no permission to read the bucket. So it keeps a ledger, notes a shipment before the put,
//! and puts with "only where there is none". It looks into the store where it may; where it may not, the ledger's word
//! counts: what the store confirmed is there.

use std::{collections::BTreeMap, path::Path};

use camtrail_model::{
    Digest, ObjectKey, ObjectMetadata,
    ports::{Ladder, PutOutcome, PutWhen, Shipment, StoreError},
};
use camtrail_spool::SpoolEntry;

use crate::ship::{Parts, ShipError};

/// Where an upload went.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) key: ObjectKey,
    /// Cut uploads of the same file whose bytes these begin with, elsewhere: they must go now.
    pub(crate) superseded: Vec<Shipment>,
    /// The same, under this very key: what is left of them must be forgotten.
    pub(crate) overwritten: Vec<Shipment>,
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
        if shipment.original_sha256 != entry.sha256 {
            continue;
        }
        let is_ours = match look(parts, &shipment.object_key).await? {
            Look::There(there) => there.is(entry, complete),
            Look::Nothing => false,
            Look::NotAllowed => shipment.confirmed && (shipment.complete || !complete),
        };
        if is_ours {
            return Ok(Some(shipment.object_key));
        }
    }
    Ok(None)
}

/// Puts the parcel under the first key that is free, or ours, or a cut upload's that it completes. Any step may
/// have been taken before by a try that failed or died.
pub(crate) async fn put(parts: &Parts, parcel: &Parcel<'_>) -> Result<Placed, ShipError> {
    let cut = cut_ones(parts, parcel.entry).await?;
    let map = parcel.metadata.to_map();
    let ladder = ladder(parts, parcel.entry).await?;
    for key in candidates(&parcel.wanted, &parcel.entry.sha256) {
        let when =
            if cut.iter().any(|cut| cut.object_key == key) { PutWhen::Always } else { PutWhen::Absent };
        let known = parts.ledger.by_key(&key).await?;
        let (ours, others): (Vec<_>, Vec<_>) =
            known.iter().partition(|shipment| shipment.original_sha256 == parcel.entry.sha256);
        if when == PutWhen::Absent && !others.is_empty() {
            continue;
        }
        let noted = shipment(parcel, &key, &ladder);
        parts.ledger.note(&noted).await?;
        let placed = match place(parts, parcel, &key, &map, when, !ours.is_empty()).await {
            // A role that may only add: the cut one keeps its key, and gives way by a tombstone.
            Err(ShipError::Store(StoreError::Refused(_))) if when == PutWhen::Always => false,
            placed => placed?,
        };
        if placed {
            parts.ledger.note(&Shipment { confirmed: true, ..noted }).await?;
            let (mut overwritten, superseded): (Vec<_>, Vec<_>) =
                cut.into_iter().partition(|cut| cut.object_key == key);
            overwritten.retain(|cut| cut.original_sha256 != parcel.entry.sha256);
            return Ok(Placed { key, superseded, overwritten });
        }
        parts.ledger.forget(&key, &parcel.entry.sha256).await?;
    }
    Err(ShipError::NoKey { key: parcel.wanted.to_string() })
}

async fn ladder(parts: &Parts, entry: &SpoolEntry) -> Result<Ladder, ShipError> {
    let path = parts.spool.data_path(&entry.id);
    let read = tokio::task::spawn_blocking(move || Ladder::of_reader(std::fs::File::open(path)?));
    Ok(read.await.map_err(std::io::Error::other)??)
}

/// Whether a cut upload, of which its camera was never told `226`, is the beginning of what was stored whole under
/// its name before anybody noticed the cut (a stalled connection, while the camera had long sent again). The whole
/// one may have been remuxed, so its ladder is asked: more than half of the cut one's bytes are compared.
pub(crate) async fn is_stored_whole(
    parts: &Parts,
    entry: &SpoolEntry,
) -> Result<Option<ObjectKey>, ShipError> {
    for whole in parts.ledger.shipments(&entry.start.camera, &entry.original_name()).await? {
        let Some((length, digest)) = whole.ladder.longest_within(entry.size) else { continue };
        if !whole.complete || whole.original_size < entry.size {
            continue;
        }
        let is_there = match look(parts, &whole.object_key).await? {
            Look::There(_) => true,
            Look::Nothing => false,
            Look::NotAllowed => whole.confirmed,
        };
        if !is_there {
            continue;
        }
        let path = parts.spool.data_path(&entry.id);
        let read = tokio::task::spawn_blocking(move || digest_of_start(&path, length));
        if read.await.map_err(std::io::Error::other)?? == digest {
            return Ok(Some(whole.object_key));
        }
    }
    Ok(None)
}

/// What the store tells of an object.
struct There {
    original_sha256: Option<Digest>,
    complete: bool,
}

impl There {
    /// The same upload, and not less known to be whole.
    fn is(&self, entry: &SpoolEntry, complete: bool) -> bool {
        self.original_sha256 == Some(entry.sha256) && (self.complete || !complete)
    }
}

/// What a look into the store gave.
enum Look {
    There(There),
    /// No object, or one that isn't ours to read.
    Nothing,
    /// The role that we have may not look.
    NotAllowed,
}

async fn look(parts: &Parts, key: &ObjectKey) -> Result<Look, ShipError> {
    let object = match parts.store.head(key.as_str()).await {
        Ok(object) => object,
        Err(StoreError::Refused(_)) => return Ok(Look::NotAllowed),
        Err(error) => return Err(error.into()),
    };
    let metadata = object.and_then(|object| ObjectMetadata::from_map(&object.metadata).ok());
    Ok(metadata.map_or(Look::Nothing, |m| {
        Look::There(There { original_sha256: m.original_sha256, complete: m.complete })
    }))
}

fn shipment(parcel: &Parcel<'_>, key: &ObjectKey, ladder: &Ladder) -> Shipment {
    Shipment {
        camera: parcel.entry.start.camera.clone(),
        original_name: parcel.entry.original_name(),
        original_sha256: parcel.entry.sha256,
        original_size: parcel.entry.size,
        complete: parcel.metadata.complete,
        object_key: key.clone(),
        shipped_at: parcel.metadata.stored_at,
        ladder: ladder.clone(),
        confirmed: false,
    }
}

/// `false`: the key holds other bytes than ours. `tried`: an earlier try noted it; its answer may have been lost.
async fn place(
    parts: &Parts,
    parcel: &Parcel<'_>,
    key: &ObjectKey,
    map: &BTreeMap<String, String>,
    when: PutWhen,
    tried: bool,
) -> Result<bool, ShipError> {
    let put = async |when| parts.store.put_file(key.as_str(), parcel.file, Some(map), when).await;
    if put(when).await? == PutOutcome::Stored {
        return Ok(true);
    }
    let there = match look(parts, key).await? {
        Look::There(there) => there,
        Look::Nothing => return Ok(false),
        // Nobody else writes under a key that our ledger knows.
        Look::NotAllowed => return Ok(tried),
    };
    if there.is(parcel.entry, parcel.metadata.complete) {
        return Ok(true);
    }
    if there.is(parcel.entry, false) {
        // The same bytes, taken for cut: now they are known to be whole.
        return Ok(put(PutWhen::Always).await? == PutOutcome::Stored);
    }
    Ok(false)
}

/// Shipped cut uploads of this name whose bytes are the first bytes of this one (or all of them, if only this one
/// is known to be whole).
pub(crate) async fn cut_ones(parts: &Parts, entry: &SpoolEntry) -> Result<Vec<Shipment>, ShipError> {
    let shipments = parts.ledger.shipments(&entry.start.camera, &entry.original_name()).await?;
    let shorter: Vec<Shipment> =
        shipments.into_iter().filter(|cut| !cut.complete && cut.original_size <= entry.size).collect();
    if shorter.is_empty() {
        return Ok(Vec::new());
    }
    let path = parts.spool.data_path(&entry.id);
    let found = tokio::task::spawn_blocking(move || {
        let mut found = Vec::new();
        for cut in shorter {
            if digest_of_start(&path, cut.original_size)? == cut.original_sha256 {
                found.push(cut);
            }
        }
        Ok::<_, std::io::Error>(found)
    });
    Ok(found.await.map_err(std::io::Error::other)??)
}

fn digest_of_start(path: &Path, bytes: u64) -> std::io::Result<Digest> {
    use std::io::Read;
    Ok(Digest::of_reader(std::fs::File::open(path)?.take(bytes))?.1)
}
