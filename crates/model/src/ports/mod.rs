//! The ports: the few traits by which stages meet. A trait stands here only where two implementations, or a
//! fake that tests need, exist. All are object-safe.

mod accounts;
mod catalog;
mod clock;
mod ledger;
mod media_tool;
mod sink;
mod store;

pub use accounts::{Accounts, AccountsError, FtpAccount, Role, SessionRow, User};
pub use catalog::{Attached, CameraNote, CameraSummary, Catalog, CatalogError, Recorded, TestUpload};
pub use clock::{Clock, SystemClock};
pub use ledger::{Ladder, Ledger, Shipment};
pub use media_tool::{MediaError, MediaTool, Poster};
pub use sink::{ArrivalError, ArrivalSink};
pub use store::{Link, ObjectStore, PutOutcome, PutWhen, StoreError, StoredObject};
