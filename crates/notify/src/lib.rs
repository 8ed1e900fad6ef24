//! Tells people and other programs what happened.
//!
//! Owns the rules (which cameras, which hours, what), the debouncing (one message for a run of captures), the queue of
//! deliveries with their retries, the digest, and the channels: webhook, MQTT with Home Assistant's discovery, mail, ntfy,
//! Web Push. It reads the catalog's sequence of changes from where it was, as live streams do. Promises: a message is
//! made once, also over a restart, and delivered at least once or its failure is in the log; a slow or dead channel holds
//! up no other, and never the arrival of events. Refuses: to tell of what was imported, rebuilt or is old news; to follow
//! redirects; to write a secret into a log (docs/design/notifications.md).

mod channel;
mod config;
mod digest;
mod health;
mod incidents;
mod message;
mod notes;
mod notifier;
mod rounds;
mod sender;

pub use channel::web_push::{PushOrigins, endpoint_problem};
pub use config::{
    ChannelConfig, ChannelKind, DigestConfig, Email, EmailTls, Hours, Mqtt, NotifyConfig, Ntfy, On, Rule,
    Secret, Watched, Webhook,
};
pub use notifier::{GatewayHealth, GatewaySource, Links, Notifier, NotifyError, Parts, TestError};
