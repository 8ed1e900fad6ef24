//! From a camera's upload to the store: FTP into the spool, and the spool into the world.
//!
//! Owns the order of things: durable, then `226`; stored and recorded, then forgotten. Promises: what was
//! acknowledged ends in the store and the catalog exactly once, or waits in the spool; a cut upload is kept and
//! gives way to its whole one. Refuses: to let media work, or one camera's trouble, hold up anything else.

mod courtesy;
mod diagnosis;
mod ftp_login;
mod ftp_storage;
mod handover;
mod identity;
mod intake;
mod media_work;
mod object;
mod original;
mod place;
mod queue;
mod ship;
mod shipper;
mod small;
mod stills;
mod superseded;
mod tree;
mod verdict;
mod view;
mod watch;

pub use diagnosis::{Diagnosis, Trouble, TroubleKind};
pub use ftp_login::{CameraAccount, FtpLogin};
pub use ftp_storage::FtpStorage;
pub use handover::{Desk, Handed, Handover, Offer, listen};
pub use identity::AccountScope;
pub use intake::SpoolIntake;
pub use ship::{Book, CameraBook, Parts, ShipConfig};
pub use shipper::{Shipper, ShipperStatus};
pub use small::SmallRule;
pub use tree::{Found, Tree, TreeFile, is_hidden};
pub use watch::{WatchConfig, WatchStatus, Watcher};
