//! Secrets from the system's random source.

use sha2::Digest as _;

/// Nothing secret can be made: no random bytes, or no thread or memory to hash with.
#[derive(Debug, thiserror::Error)]
#[error("a secret could not be made: {0}")]
pub struct RandomError(String);

impl RandomError {
    pub(crate) fn from_hash(error: &argon2::password_hash::Error) -> Self {
        Self(error.to_string())
    }

    pub(crate) fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// `N` random bytes.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| RandomError(error.to_string()))?;
    Ok(bytes)
}

/// A password that a person can type into a camera's FTP page: four groups of four letters and digits, none of
/// which look alike. 78 bits.
pub fn readable_password() -> Result<String, RandomError> {
    /// 30 signs; bytes of 240 and more are thrown again, so that all are equally likely.
    const ALPHABET: &[u8; 30] = b"abcdefghjkmnpqrstuvwxyz2345679";
    const FAIR_BYTES: u8 = 240;
    let mut password = String::new();
    while password.len() < 19 {
        if password.len() % 5 == 4 {
            password.push('-');
        }
        let [byte] = random_bytes::<1>()?;
        if byte < FAIR_BYTES {
            password.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
        } else if password.ends_with('-') {
            password.pop();
        }
    }
    Ok(password)
}

/// A bearer secret of 256 random bits. Its text goes to the client once; only its SHA-256 is kept.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one.
    pub fn new() -> Result<Self, RandomError> {
        Ok(Self(data_encoding::BASE64URL_NOPAD.encode(&random_bytes::<32>()?)))
    }

    /// One that was made elsewhere.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether `text` is this one; takes as long for a wrong text as for the right one.
    pub fn is(&self, text: &str) -> bool {
        let (ours, theirs) = (Self::sha256(&self.0), Self::sha256(text));
        let different = ours.iter().zip(theirs).fold(0, |sum, (a, b)| std::hint::black_box(sum | (a ^ b)));
        different == 0
    }

    /// The text for the client.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What is stored of a token's text.
    pub fn sha256(text: &str) -> [u8; 32] {
        sha2::Sha256::digest(text.as_bytes()).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_passwords_have_one_shape() {
        for _ in 0..200 {
            let password = readable_password().unwrap();
            let groups: Vec<_> = password.split('-').collect();
            assert_eq!(groups.len(), 4, "{password}");
            assert!(groups.iter().all(|group| group.len() == 4), "{password}");
        }
    }
}
