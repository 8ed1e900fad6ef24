//! `camtrail doctor`: looks at everything that Camtrail needs, and says what to do about what is wrong.
//!
//! Works beside a running Camtrail and before a first start. Promises: each finding names what was looked at, what was
//! found and, where it isn't well, what to do; nothing is changed, but for a file in the data dir and an object in the
//! bucket that are written and removed at once. Exit code 0: nothing stands in the way; 1: something does; 2: the
//! configuration is wrong.

mod bucket;
mod disk;
mod machine;
mod people;
mod ports;
mod report;
#[cfg(feature = "aws")]
mod tables;

use anyhow::bail;

use self::report::Report;
use crate::{
    app::Shape,
    cli::DoctorArgs,
    config::{self, CatalogSettings, StoreSettings},
    data_dir::DataDir,
};

pub(crate) async fn doctor(args: &DoctorArgs) -> anyhow::Result<()> {
    let settings = config::settings(&args.config)?;
    let shape = if args.gateway { Shape::Gateway } else { Shape::Box };
    let dir = DataDir::new(&settings.data_dir);
    let mut report = Report::new(args.json);
    let place = args.config.config.as_deref().map_or_else(
        || "no file: defaults and the environment".to_owned(),
        |file| file.display().to_string(),
    );
    report.ok("configuration", &place);
    disk::look(&mut report, &settings);
    let running = ports::look(&mut report, &dir, &settings, shape).await;
    machine::clock(&mut report).await;
    machine::zone(&mut report, &settings);
    machine::descriptors(&mut report, &settings);
    machine::ffmpeg(&mut report, &settings).await;
    match &settings.store {
        StoreSettings::Local => disk::store(&mut report, &dir),
        StoreSettings::S3(bucket) => bucket::look(&mut report, bucket, &settings, shape).await,
    }
    match &settings.catalog {
        CatalogSettings::Sqlite => people::look(&mut report, &dir, &settings, running).await,
        #[cfg(feature = "aws")]
        CatalogSettings::DynamoDb { config, create_tables } => {
            tables::look(&mut report, config, *create_tables).await;
        }
    }
    let failures = report.end();
    if failures > 0 {
        bail!("{failures} of these stand in the way");
    }
    Ok(())
}
