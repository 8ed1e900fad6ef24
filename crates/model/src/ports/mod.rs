//! The ports: the few traits by which stages meet. A trait stands here only where two implementations, or a
//! fake that tests need, exist. All are object-safe.

mod accounts;
mod api_tokens;
mod audit;
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
mod shares;
mod sign_in_failures;
mod sink;
mod store;
mod taken;
mod tokens;

pub use accounts::{
    ACCOUNT_NAME_MAX_BYTES, Accounts, AccountsError, FtpAccount, PASSWORD_MIN_CHARS, Role, SessionRow, User,
    is_account_name, is_last_admin, provider_mark,
};
pub use api_tokens::{API_TOKENS_MAX, ApiToken, ApiTokens, Scope, Scopes};
pub use audit::{AUDIT_TEXT_MAX_CHARS, AuditAction, AuditEntry, AuditLog, AuditPage, AuditPlace};
pub use catalog::{Attached, CameraNote, CameraSummary, Catalog, CatalogError, Recorded, TestUpload};
pub use clock::{Clock, SystemClock};
pub use expiry::{Expiry, Kept};
pub use groups::Groups;
pub use intake::{Delivery, DeliveryEnd, Incoming, Intake, IntakeError, Receipt};
pub use ledger::{Ladder, Ledger, Shipment};
pub use media_tool::{MediaError, MediaTool, Poster, Preview, Rendition};
pub use outbox::{
    Attempt, DeliveryOutcome, DeliveryRow, DueDelivery, NewDelivery, Outbox, REMEMBERED_MAX, REMEMBERED_MS,
    WAITING_MAX,
};
pub use push::{PUSH_MAX, PUSH_PER_USER_MAX, PushSubscription, PushSubscriptions};
pub use review_state::{REVIEWS_MAX, ReviewState, Viewed, ViewedPage};
pub use shares::{Openings, SHARES_MAX, Share, Shares, public_id};
pub use sign_in_failures::{Failures, SignInFailures};
pub use sink::{ArrivalError, ArrivalSink};
pub use store::{Link, Listing, ObjectStore, PutOutcome, PutWhen, StoreError, StoredObject, Version};
pub use taken::{TakenFile, TakenFiles};
pub use tokens::{CameraToken, CameraTokens};
