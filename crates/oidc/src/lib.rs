//! Sign-in by an OpenID Connect provider (OpenID Connect Core 1.0): who is at the other end of a browser, by the word
//! of Google or another provider.
//!
//! Owns discovery, the provider's keys, the exchange of a code, and what an ID token must say; and who may come in.
//! Promises: nobody is let in whose token isn't the provider's own, for us, of this very sign-in, fresh, and of a
//! verified address that the configuration allows (NEVER-31); every request to the provider is bounded in time, size
//! and number. Refuses: to keep any token of the provider, to follow its redirects, and to know browsers and sessions,
//! which are the API's.

mod claims;
mod config;
mod discovery;
mod fetch;
mod keys;
mod provider;
mod refusal;
mod rules;

pub use config::{ConfigProblem, Credential, ProviderConfig};
pub use provider::{Asking, Attempt, Person, Provider};
pub use refusal::{Refusal, TokenFault};
pub use rules::Rules;
