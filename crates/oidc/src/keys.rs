//! The provider's public keys, and whether one of them signed a token.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, Validation, decode, decode_header,
    errors::ErrorKind,
    jwk::{AlgorithmParameters, Jwk, PublicKeyUse},
};
use serde::{Deserialize, de::DeserializeOwned};

use crate::TokenFault;

/// Public keys only: with a shared secret, whoever knows the provider's public key could sign with it.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
pub(crate) const ALGORITHM_NAMES: &str = "RS256 to RS512, PS256 to PS512, ES256, ES384 and EdDSA";
/// Keys of one provider that are kept; they have two to four.
const KEYS_MAX: usize = 64;
/// Keys that are tried for a token that names none.
const TRIED_MAX: usize = 4;

/// What `jwks_uri` answers. A key of a kind that isn't known is no reason not to use the others.
#[derive(Debug, Deserialize)]
pub(crate) struct KeyDocument {
    keys: Vec<serde_json::Value>,
}

/// Usable ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(Vec<Jwk>);

impl From<KeyDocument> for Keys {
    fn from(document: KeyDocument) -> Self {
        let readable = document.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let signing = readable.filter(|key| {
            !matches!(key.algorithm, AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_))
                && key.common.public_key_use.as_ref().is_none_or(|use_| *use_ == PublicKeyUse::Signature)
        });
        Self(signing.take(KEYS_MAX).collect())
    }
}

/// What a token says of its own signature; nothing of it is believed.
#[derive(Debug)]
pub(crate) struct Signed<'a> {
    token: &'a str,
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl<'a> Signed<'a> {
    pub(crate) fn read(token: &'a str) -> Result<Self, TokenFault> {
        let header = decode_header(token).map_err(|error| match error.kind() {
            // `none` is no algorithm that the library knows.
            ErrorKind::Json(_) | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
                TokenFault::Algorithm
            }
            _ => TokenFault::Unreadable(error.to_string()),
        })?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(TokenFault::Algorithm);
        }
        Ok(Self { token, algorithm: header.alg, key_id: header.kid })
    }

    /// Its claims, where one of `keys` signed it. [`TokenFault::UnknownKey`]: fresh keys may help.
    pub(crate) fn verified<T: DeserializeOwned>(&self, keys: &Keys) -> Result<T, TokenFault> {
        let mut validation = Validation::new(self.algorithm);
        // The claims are checked in `claims`, by our clock and with a reason each.
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_aud) = (false, false);
        let mut fault = TokenFault::UnknownKey(self.key_id.clone().unwrap_or_default());
        for key in keys.0.iter().filter(|key| self.fits(key)).take(TRIED_MAX) {
            let Ok(key) = DecodingKey::from_jwk(key) else { continue };
            match decode::<T>(self.token, &key, &validation) {
                Ok(data) => return Ok(data.claims),
                Err(error) => {
                    fault = match error.kind() {
                        ErrorKind::Json(error) => TokenFault::Unreadable(error.to_string()),
                        _ => TokenFault::Signature,
                    };
                }
            }
        }
        Err(fault)
    }

    fn fits(&self, key: &Jwk) -> bool {
        let family = match key.algorithm {
            AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa,
            AlgorithmParameters::EllipticCurve(_) => AlgorithmFamily::Ec,
            AlgorithmParameters::OctetKeyPair(_) => AlgorithmFamily::Ed,
            _ => return false,
        };
        let named = self.key_id.is_none() || self.key_id == key.common.key_id;
        let only_for = key.common.key_algorithm.map(|algorithm| algorithm.to_string());
        named
            && family.algorithms().contains(&self.algorithm)
            && only_for.is_none_or(|name| name == format!("{:?}", self.algorithm))
    }
}
