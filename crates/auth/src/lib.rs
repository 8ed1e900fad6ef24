//! Passwords, tokens and throttles, shared by the FTP and the web login.
//!
//! Promises: hashes are Argon2id; hashing is bounded, so that cameras logging in for each file don't starve a
//! Pi; a wrong password and an unknown name cost the same; wrong logins slow down those who make them and nobody
//! else. Refuses: to keep, print or log a password.

mod passwords;
mod random;
mod sign;
mod sign_ins;
mod throttle;

pub use passwords::{Passwords, hash_password, is_password_hash};
pub use random::{RandomError, Token, random_bytes, readable_password};
pub use sign::{SigningKey, mac};
pub use sign_ins::{MemoryFailures, SignIns};
pub use throttle::{Attempt, Rule, Throttle, place};
