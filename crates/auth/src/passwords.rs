//! Hashing and checking passwords, a bounded number at a time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use crate::{RandomError, mac, random_bytes};

/// Argon2id takes 19 MiB and tens of milliseconds a password: two at a time leave a Pi its breath.
const AT_ONCE: usize = 2;
/// A verified login is remembered for so long: cameras log in for each file.
const REMEMBERED_FOR: Duration = Duration::from_mins(10);
/// Logins remembered at once.
const REMEMBERED_MAX: usize = 10_000;

/// The Argon2id hash of a password, as a PHC string.
pub fn hash_password(password: &[u8]) -> Result<String, RandomError> {
    let salt = random_bytes::<16>()?;
    let hash = Argon2::default().hash_password_with_salt(password, &salt);
    // Fails only on parameters, which are the crate's own defaults.
    hash.map(|hash| hash.to_string()).map_err(|error| RandomError::from_hash(&error))
}

/// Whether a text is a password hash that we can check: an Argon2 PHC string.
pub fn is_password_hash(text: &str) -> bool {
    text.starts_with("$argon2") && PasswordHash::new(text).is_ok()
}

/// A hash that no password has, of the shape and cost of a real one; made without the work of one.
fn decoy() -> Result<String, RandomError> {
    let text = |bytes: &[u8]| data_encoding::BASE64_NOPAD.encode(bytes);
    let (salt, hash) = (text(&random_bytes::<16>()?), text(&random_bytes::<32>()?));
    let params = argon2::Params::DEFAULT;
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"))
}

fn matches(password: &[u8], hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

/// Checks passwords.
pub struct Passwords {
    permits: Semaphore,
    process_key: [u8; 32],
    decoy: String,
    remembered: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Passwords {
    /// With a key that lives as long as this process.
    pub fn new() -> Result<Self, RandomError> {
        Ok(Self {
            permits: Semaphore::new(AT_ONCE),
            process_key: random_bytes()?,
            decoy: decoy()?,
            remembered: Mutex::default(),
        })
    }

    /// Whether `password` is the one of `hash`; `None` (an unknown name), and what is no hash (somebody without a
    /// password), take as long as a wrong password.
    pub async fn verify(&self, password: &[u8], hash: Option<&str>) -> bool {
        let hash = hash.filter(|hash| is_password_hash(hash));
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.decoy).to_owned();
        let mut message = hash.clone().into_bytes();
        message.push(0);
        message.extend(password);
        let fingerprint = mac(&self.process_key, &message);
        if known && self.is_remembered(&fingerprint) {
            return true;
        }
        let Ok(_permit) = self.permits.acquire().await else { return false };
        let password = password.to_vec();
        let right = tokio::task::spawn_blocking(move || matches(&password, &hash)).await.unwrap_or(false);
        if known && right {
            self.remember(fingerprint);
        }
        known && right
    }

    /// Hashes a new password, in turn with the checks.
    pub async fn hash(&self, password: &[u8]) -> Result<String, RandomError> {
        let _permit =
            self.permits.acquire().await.map_err(|error| RandomError::from_text(&error.to_string()))?;
        let password = password.to_vec();
        tokio::task::spawn_blocking(move || hash_password(&password))
            .await
            .map_err(|error| RandomError::from_text(&error.to_string()))?
    }

    fn is_remembered(&self, fingerprint: &[u8; 32]) -> bool {
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.get(fingerprint).is_some_and(|since| since.elapsed() < REMEMBERED_FOR)
    }

    fn remember(&self, fingerprint: [u8; 32]) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, since| since.elapsed() < REMEMBERED_FOR);
        }
        if remembered.len() < REMEMBERED_MAX {
            remembered.insert(fingerprint, Instant::now());
        }
    }
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_right_password_and_no_other() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("g\u{e9}heim".as_bytes()).await.unwrap();
        assert!(is_password_hash(&hash) && hash.starts_with("$argon2id$"), "{hash}");
        for _ in 0..2 {
            assert!(passwords.verify("g\u{e9}heim".as_bytes(), Some(&hash)).await);
            assert!(!passwords.verify(b"geheim", Some(&hash)).await);
            assert!(!passwords.verify("g\u{e9}heim".as_bytes(), None).await);
        }
        assert!(!passwords.verify(b"x", Some("not a hash")).await);
        assert!(!is_password_hash("hunter2"));
        let shape = |hash: &str| hash.split('$').map(str::len).collect::<Vec<_>>();
        assert_eq!(shape(&passwords.decoy), shape(&hash), "a decoy costs what a real one does");
        assert!(is_password_hash(&passwords.decoy));
    }
}
