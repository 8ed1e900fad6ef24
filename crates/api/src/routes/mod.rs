//! One file a subject; handlers extract, call a port, and render.

pub(crate) mod arrivals;
pub(crate) mod cameras;
pub(crate) mod decisions;
pub(crate) mod events;
pub(crate) mod groups;
pub(crate) mod ingest;
pub(crate) mod live;
pub(crate) mod media;
pub(crate) mod notifications;
pub(crate) mod session;
pub(crate) mod system;
pub(crate) mod viewed;
