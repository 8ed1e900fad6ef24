//! Message authentication: media links and cursors that only we can make.

use hmac::{Hmac, KeyInit, Mac};

/// A key for one purpose, made from a stored secret.
#[derive(Clone)]
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// From secret bytes, of which 32 are plenty.
    pub fn new(secret: Vec<u8>) -> Self {
        Self(secret)
    }

    /// The signature of `message` for `purpose`: 16 bytes (128 bits) as base64url without padding.
    pub fn sign(&self, purpose: &str, message: &str) -> String {
        data_encoding::BASE64URL_NOPAD.encode(&self.tag(purpose, message)[..16])
    }

    /// A secret of 256 bits that only we can make again from `message`: 43 characters of base64url.
    pub fn derive(&self, purpose: &str, message: &str) -> String {
        data_encoding::BASE64URL_NOPAD.encode(&self.tag(purpose, message))
    }

    /// Whether `signature` is that of `message` for `purpose`; takes the same time whatever is wrong.
    pub fn verify(&self, purpose: &str, message: &str, signature: &str) -> bool {
        let Ok(given) = data_encoding::BASE64URL_NOPAD.decode(signature.as_bytes()) else { return false };
        let wanted = self.tag(purpose, message);
        given.len() == 16 && given.iter().zip(&wanted).fold(0, |different, (a, b)| different | (a ^ b)) == 0
    }

    fn tag(&self, purpose: &str, message: &str) -> [u8; 32] {
        mac(&self.0, format!("{purpose}\0{message}").as_bytes())
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(secret)")
    }
}

/// HMAC-SHA-256 (RFC 2104) of `message` under `key`.
pub fn mac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length: the error can't happen, and would only make a signature that nobody has.
    let Ok(mut hmac) = Hmac::<sha2::Sha256>::new_from_slice(key) else { return [0; 32] };
    hmac.update(message);
    hmac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_for_one_purpose_and_message() {
        let key = SigningKey::new(vec![7; 32]);
        let signature = key.sign("media", "a");
        assert!(key.verify("media", "a", &signature));
        assert!(!key.verify("cursor", "a", &signature));
        assert!(!key.verify("media", "b", &signature));
        assert!(!key.verify("media", "a", ""));
        assert!(!SigningKey::new(vec![8; 32]).verify("media", "a", &signature));
        assert_eq!(key.derive("media", "a").len(), 43);
        assert!(key.derive("media", "a").starts_with(&signature[..20]));
        assert_ne!(key.derive("media", "a"), key.derive("media", "b"));
    }

    /// RFC 4231, test case 2.
    #[test]
    fn hmac_is_the_standards() {
        let tag = data_encoding::HEXLOWER.encode(&mac(b"Jefe", b"what do ya want for nothing?"));
        assert_eq!(tag, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
