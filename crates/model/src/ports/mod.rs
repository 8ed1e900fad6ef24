//! The ports: the few traits by which stages meet. A trait stands here only where two implementations, or a
//! fake that tests need, exist. All are object-safe.

mod accounts;
mod catalog;
mod clock;
mod expiry;
mod groups;
mod intake;
mod ledger;
mod media_tool;
mod outbox;
mod push;
mod review_state;
mod sign_in_failures;
mod sink;
mod store;
mod taken;
mod tokens;

pub use accounts::{
    ACCOUNT_NAME_MAX_BYTES, Accounts, AccountsError, FtpAccount, Role, SessionRow, User, is_account_name,
};
pub use catalog::{Attached, CameraNote, CameraSummary, Catalog, CatalogError, Recorded, TestUpload};
pub use clock::{Clock, SystemClock};
pub use expiry::{Expiry, Kept};
pub use groups::Groups;
pub use intake::{Delivery, DeliveryEnd, Incoming, Intake, IntakeError, Receipt};
pub use ledger::{Ladder, Ledger, Shipment};
pub use media_tool::{MediaError, MediaTool, Poster, Rendition};
pub use outbox::{
    Attempt, DeliveryOutcome, DeliveryRow, DueDelivery, NewDelivery, Outbox, REMEMBERED_MAX, REMEMBERED_MS,
    WAITING_MAX,
};
pub use push::{PUSH_MAX, PUSH_PER_USER_MAX, PushSubscription, PushSubscriptions};
pub use review_state::{REVIEWS_MAX, ReviewState, Viewed, ViewedPage};
pub use sign_in_failures::{Failures, SignInFailures};
pub use sink::{ArrivalError, ArrivalSink};
pub use store::{Link, Listing, ObjectStore, PutOutcome, PutWhen, StoreError, StoredObject};
pub use taken::{TakenFile, TakenFiles};
pub use tokens::{CameraToken, CameraTokens};
