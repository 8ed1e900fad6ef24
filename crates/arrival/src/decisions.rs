//! What a person decides about an event: to protect it, to write a note, to delete it.
//!
//! Owns the order in which store and catalog learn of it. The store first (`state.json` is the truth, and what a rebuild
//! goes by); then, when protecting, the tags that the store's own rule goes by; then the record, by the arrival step or
//! the store's notification. So nothing expires that a person was told is safe. Promises: each call may be repeated, and
//! repairs what an earlier one left half done. Refuses: to delete what is protected.

use std::sync::Arc;

use camtrail_model::{
    CatalogRecord, DerivedFiles, DerivedKey, EventState, ObjectKey, StateError,
    ports::{ArrivalError, ArrivalSink, Clock, ObjectStore, StoreError},
};
use futures::lock::Mutex;

use crate::{
    expiry::let_expire,
    statements::{self, Decided},
};

/// What is to be otherwise; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// Exempt from retention, or not any more.
    pub protected: Option<bool>,
    /// A note as typed; an empty one takes it away.
    pub note: Option<String>,
}

/// Why it wasn't decided, or not to the end: then it may be repeated.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// That can't be a note.
    #[error(transparent)]
    Note(#[from] StateError),
    /// The object went meanwhile: there is nothing to decide about.
    #[error("the event is gone: its object isn't in the store any more")]
    Gone,
    /// What is protected isn't deleted.
    #[error("the event is protected: take the protection away first")]
    Protected,
    /// The store refuses or is out of reach.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It stands in the store, and the catalog doesn't show it yet.
    #[error(transparent)]
    Arrival(#[from] ArrivalError),
}

/// Decides. Clones share it.
#[derive(Clone)]
pub struct Decisions {
    store: Arc<dyn ObjectStore>,
    sink: Arc<dyn ArrivalSink>,
    clock: Arc<dyn Clock>,
    /// Two people at once: each changes what the other left. Several processes aren't kept apart: the last one's word
    /// is the whole state then.
    one_at_a_time: Arc<Mutex<()>>,
}

impl Decisions {
    /// Writes into `store`, and tells `sink`.
    pub fn new(store: Arc<dyn ObjectStore>, sink: Arc<dyn ArrivalSink>, clock: Arc<dyn Clock>) -> Self {
        Self { store, sink, clock, one_at_a_time: Arc::default() }
    }

    /// Decides about the event of `record`, and gives the event as it is then.
    pub async fn decide(
        &self,
        record: &CatalogRecord,
        decision: &Decision,
        by: &str,
    ) -> Result<CatalogRecord, DecideError> {
        let key = &record.object_key;
        let note = decision.note.as_deref().map(EventState::note).transpose()?;
        let _one_at_a_time = self.one_at_a_time.lock().await;
        self.must_be_there(key).await?;
        let before = statements::decided(&*self.store, key).await?;
        let (protected, kept_note) = match &before {
            Decided::This(state) => (state.protected, state.note.clone()),
            // What the catalog alone knows becomes a statement now; what nobody can read is kept from expiry.
            other => (record.protected || other.keeps(), record.note.clone()),
        };
        let state = EventState {
            version: EventState::VERSION,
            protected: decision.protected.unwrap_or(protected),
            note: note.unwrap_or(kept_note),
            by: by.to_owned(),
            at: self.clock.now(),
        };
        let decided =
            CatalogRecord { protected: state.protected, note: state.note.clone(), ..record.clone() };
        let nothing_was = before == Decided::Nothing && (record.protected, &record.note) == (false, &None);
        if *decision == Decision::default()
            || (nothing_was && (state.protected, &state.note) == (false, &None))
        {
            return Ok(decided);
        }
        let is_written = before
            .state()
            .is_some_and(|before| (before.protected, &before.note) == (state.protected, &state.note));
        if !is_written {
            self.write(key, &state).await?;
        }
        // Also where it was written before: an earlier call may have ended there.
        if state.protected {
            let_expire(&*self.store, key, false).await?;
            // It may have expired while it was told to stay: then nobody is told that it is safe.
            let is_there = self.must_be_there(key).await;
            if matches!(is_there, Err(DecideError::Gone)) {
                // It would stay for ever beside nothing; where it may not be deleted, it does.
                let _ = self.store.delete(DerivedKey::new(key, DerivedFiles::State).as_str()).await;
            }
            is_there?;
            self.sink.state_changed(key).await?;
        } else {
            self.sink.state_changed(key).await?;
            if decision.protected == Some(false) {
                let_expire(&*self.store, key, true).await?;
                // Another process may have protected it meanwhile, and its tags were taken away before ours came.
                if statements::decided(&*self.store, key).await?.keeps() {
                    let_expire(&*self.store, key, false).await?;
                }
            }
        }
        let (protected, has_note) = (state.protected, state.note.is_some());
        tracing::info!(%key, by, protected, has_note, "decided about an event");
        Ok(decided)
    }

    async fn must_be_there(&self, key: &ObjectKey) -> Result<(), DecideError> {
        self.store.head(key.as_str()).await?.map(drop).ok_or(DecideError::Gone)
    }

    async fn write(&self, key: &ObjectKey, state: &EventState) -> Result<(), DecideError> {
        let bytes = serde_json::to_vec_pretty(state)
            .map_err(|error| StoreError::Refused(format!("the decision about {key}: {error}")))?;
        let state_key = DerivedKey::new(key, DerivedFiles::State);
        Ok(self.store.put_bytes(state_key.as_str(), &bytes).await?)
    }

    /// Deletes the event of `record`: object, what stands beside it, record; in this order, so that what is left half
    /// done is still listed.
    pub async fn delete(&self, record: &CatalogRecord, by: &str) -> Result<(), DecideError> {
        let key = &record.object_key;
        let _one_at_a_time = self.one_at_a_time.lock().await;
        let decided = statements::decided(&*self.store, key).await?;
        if decided.keeps() || (decided == Decided::Nothing && record.protected) {
            return Err(DecideError::Protected);
        }
        self.store.delete(key.as_str()).await?;
        for file in DerivedFiles::ALL {
            self.store.delete(DerivedKey::new(key, file).as_str()).await?;
        }
        self.sink.object_changed(key).await?;
        tracing::info!(%key, by, "event deleted");
        Ok(())
    }
}
