//! One file a subject; handlers extract, call a port, and render.

pub(crate) mod arrivals;
pub(crate) mod audit;
pub(crate) mod cameras;
pub(crate) mod counts;
pub(crate) mod decisions;
pub(crate) mod derived;
pub(crate) mod events;
pub(crate) mod groups;
pub(crate) mod incidents;
pub(crate) mod ingest;
pub(crate) mod live;
pub(crate) mod media;
pub(crate) mod metrics;
pub(crate) mod notifications;
pub(crate) mod push;
pub(crate) mod session;
pub(crate) mod shared;
pub(crate) mod shares;
pub(crate) mod system;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod viewed;
