//! Whole-path tests: each starts the real `camtrail` on free ports in a folder of its own, and is a camera to it on
//! one side and a person on the other. Nothing here knows the program from inside.
//!
//! A new test: take [`support::Instance`], upload with [`support::Ftp`] or a real client, wait for what should show
//! with [`support::wait`]. Never sleep for a fixed time.

#![expect(clippy::unwrap_used, reason = "a test panics where something is wrong")]

mod arrivals;
mod backup;
mod bucket;
mod clock;
mod content;
mod copies;
mod cut;
mod deploy_files;
mod doctor;
mod dynamodb;
mod every_route;
mod faults;
mod fsync_order;
mod full;
mod function_bench;
mod functions;
mod https;
mod import;
mod import_bucket;
mod ingest;
mod invoke;
mod kill;
mod later;
mod listing;
mod live;
mod metrics;
mod names;
mod no_ffmpeg;
mod notifications;
mod outage;
mod people;
mod posters;
mod printed;
mod programs;
mod rebuild;
mod retention;
mod retention_campaign;
mod same_name;
mod samples;
mod session;
mod startup;
mod statements;
mod store_faults;
mod streams;
mod support;
mod upgrade;
mod watch;
mod workspace;
