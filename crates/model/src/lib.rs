//! The words of Camtrail: types, time, object keys, the camera-name grammar and the ports between stages.
//!
//! Owns what two stages must agree on. Promises: no I/O, no clock of its own, everything parsed once at the
//! edge and typed from there on. Refuses: any dependency on a database, an object store, HTTP or FTP.

pub mod camera;
pub mod capture;
#[cfg(any(test, feature = "testing"))]
pub mod corpus;
pub mod counts;
pub mod derived;
pub mod event;
pub mod groups;
pub mod incident_walk;
pub mod incidents;
pub mod live;
pub mod media;
pub mod metadata;
pub mod metrics;
pub mod names;
pub mod object_key;
pub mod page;
pub mod ports;
pub mod review;
pub mod sieve;
pub mod sight;
pub mod sniff;
pub mod state;
pub mod superseded;
#[cfg(feature = "testing")]
pub mod testing;
pub mod text;
pub mod time;
pub mod units;
pub mod zones;

pub use camera::{CameraName, CameraNameError};
pub use capture::{CaptureKind, CaptureTime, TimeSource};
pub use derived::{DERIVED_PREFIX, DerivedFiles, DerivedKey, MediaManifest, PREVIEW_COLUMNS};
pub use event::{CatalogRecord, EventId};
pub use incidents::{Gap, IncidentId};
pub use live::{Change, ChangeKind, ChangeSeq, Changes, Subject};
pub use media::{Completeness, Container, MediaFacts, MediaSource};
pub use metadata::{MetadataError, ObjectMetadata};
pub use object_key::{FileName, KeyVerdict, ObjectBase, ObjectKey, SkipReason};
pub use page::{EventQuery, Order, Page, PageSize, Position};
pub use sieve::{Sieve, SieveError};
pub use sight::{SIGHT_MAX, Sight};
pub use state::{EventState, StateError};
pub use superseded::Superseded;
pub use time::{Digest, Millis};
pub use zones::CameraZones;
