//! The patience with a spool or disk that is full.

use std::{io, time::Duration};

use tokio::time::Instant;

/// What stays full for so long ends the import.
const FULL_WITHIN: Duration = Duration::from_mins(5);
/// It is looked at again after so long each time.
const FULL_WAIT: Duration = Duration::from_secs(1);

/// Since when one file waits for room.
#[derive(Default)]
pub(super) struct Room(Option<Instant>);

impl Room {
    /// Waits; an error after too long.
    pub(super) async fn wait(&mut self) -> io::Result<()> {
        if self.0.get_or_insert_with(Instant::now).elapsed() > FULL_WITHIN {
            return Err(io::ErrorKind::StorageFull.into());
        }
        tokio::time::sleep(FULL_WAIT).await;
        Ok(())
    }
}
