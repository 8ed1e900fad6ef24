//! What stands beside an object and decides about its event: a person's decision, a cut upload's tombstone.
//!
//! Owns how both are read, and when a tombstone counts. Promises: what can't be read never hides an event and never lets
//! one expire. Refuses: to write any.

use camtrail_model::{
    DerivedFiles, DerivedKey, EventState, ObjectBase, ObjectKey, ObjectMetadata, Superseded,
    ports::{ObjectStore, StoreError, StoredObject},
};

/// What a person decided, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decided {
    /// Nothing.
    Nothing,
    /// This.
    This(EventState),
    /// Something that can't be read, and why.
    Unreadable(String),
}

impl Decided {
    /// The state, if it could be read.
    pub(crate) fn state(&self) -> Option<&EventState> {
        match self {
            Self::This(state) => Some(state),
            Self::Nothing | Self::Unreadable(_) => None,
        }
    }

    /// Whether somebody said anything of it, or may have: then it gives way to nothing.
    pub(crate) fn matters(&self) -> bool {
        self.keeps() || self.state().is_some_and(|state| state.note.is_some())
    }

    /// Whether the event must be kept: somebody said so, or may have.
    pub(crate) fn keeps(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::This(state) => state.protected,
            Self::Unreadable(_) => true,
        }
    }
}

/// What a person decided about the capture under `key`.
pub(crate) async fn decided(store: &dyn ObjectStore, key: &ObjectKey) -> Result<Decided, StoreError> {
    let state_key = DerivedKey::new(key, DerivedFiles::State);
    let Some(bytes) = store.get_bytes(state_key.as_str(), EventState::MAX_BYTES).await? else {
        return Ok(Decided::Nothing);
    };
    let read = serde_json::from_slice::<EventState>(&bytes).map_err(|error| error.to_string());
    Ok(match read.and_then(|state| state.checked().map_err(|error| error.to_string())) {
        Ok(state) => Decided::This(state),
        Err(why) => Decided::Unreadable(format!("{state_key}: {why}")),
    })
}

/// Whether a tombstone stands beside this object, means it, and what it names is there. Asks the store only about cut
/// uploads.
pub(crate) async fn is_superseded(
    store: &dyn ObjectStore,
    key: &ObjectKey,
    object: &StoredObject,
) -> Result<bool, StoreError> {
    // Told from the map: an object that can't be read is not judged here.
    if object.metadata.get("complete").is_none_or(|complete| complete != "false") {
        return Ok(false);
    }
    let Ok(cut) = ObjectMetadata::from_map(&object.metadata) else { return Ok(false) };
    let tombstone_key = DerivedKey::new(key, DerivedFiles::Superseded);
    let Some(bytes) = store.get_bytes(tombstone_key.as_str(), Superseded::MAX_BYTES).await? else {
        return Ok(false);
    };
    let tombstone = match serde_json::from_slice::<Superseded>(&bytes) {
        Ok(tombstone) if tombstone.version == Superseded::VERSION => tombstone,
        Ok(other) => {
            tracing::warn!(key = %tombstone_key, version = other.version, "a tombstone of another version: the cut upload stays");
            return Ok(false);
        }
        Err(error) => {
            tracing::warn!(key = %tombstone_key, %error, "a tombstone can't be read: the cut upload stays");
            return Ok(false);
        }
    };
    if !tombstone.means(&cut) || tombstone.by == key.as_str() {
        return Ok(false);
    }
    let Some(by) = named(key, &tombstone.by) else {
        tracing::warn!(key = %tombstone_key, by = tombstone.by, "a tombstone names no capture of this camera");
        return Ok(false);
    };
    // The evidence goes only for something that is there, and only if nobody said that it matters.
    let Some(there) = store.head(by.as_str()).await? else { return Ok(false) };
    let is_replaced =
        ObjectMetadata::from_map(&there.metadata).is_ok_and(|there| tombstone.is_replaced_by(&cut, &there));
    Ok(is_replaced && !decided(store, key).await?.matters())
}

/// The key that a tombstone names, if it is a capture's of the same base and camera.
fn named(key: &ObjectKey, by: &str) -> Option<ObjectKey> {
    // Camera, date, hour, kind and file stand below the base.
    let base = ObjectBase::parse(key.as_str().rsplitn(6, '/').nth(5)?).ok()?;
    ObjectKey::parse(&base, by).ok().filter(|by| by.camera() == key.camera())
}

#[cfg(test)]
mod tests;
