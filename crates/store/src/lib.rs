//! Objects by key: a local directory, or S3 and its kin.
//!
//! Both promise what `camtrail_model::ports::ObjectStore` says, and run `camtrail_model::testing::store_contract`.
//! Why the local directory is not the `object_store` crate's: docs/design/local-store.md; what is added to it for
//! S3: docs/design/s3.md.

mod local;
mod s3;

pub use local::LocalStore;
pub use s3::{
    Allowed, BucketLook, Downloaded, LifecycleRule, S3Config, S3SetupError, S3Store, SourceBucket,
    SourceConfig, SourceError, SourceLook, SourceObject, SourcePage,
};
