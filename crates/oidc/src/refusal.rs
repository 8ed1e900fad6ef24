//! Why somebody isn't let in.

/// Why a sign-in by the provider came to nothing. Nothing in it is secret; addresses are the person's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The provider can't be reached, or doesn't keep to its protocol. Another try may help.
    #[error("the provider: {0}")]
    Provider(String),
    /// The code was used before, is too old, or is another client's.
    #[error("the provider takes its code no more: {0}")]
    Code(String),
    /// The ID token is not what it must be.
    #[error("the ID token is refused: {0}")]
    Token(#[from] TokenFault),
    /// The provider tells no address: the scope `email` isn't granted.
    #[error("the provider told no e-mail address of {subject:?}")]
    NoAddress {
        /// The provider's name of the person.
        subject: String,
    },
    /// Whoever it is has not proved that the address is theirs.
    #[error("the provider has not verified the address {address:?}")]
    Unverified {
        /// As told.
        address: String,
    },
    /// The configuration doesn't let this address in.
    #[error("{address:?} may not sign in here: {why}")]
    NotAllowed {
        /// As told.
        address: String,
        /// Which rule.
        why: &'static str,
    },
}

/// What is wrong with an ID token (OpenID Connect Core 1.0, 3.1.3.7).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// No JWT, or no claims of the right types.
    #[error("it can't be read ({0})")]
    Unreadable(String),
    /// `none`, a shared secret, or what we don't know.
    #[error("its algorithm is none that is taken; taken are {taken}", taken = crate::keys::ALGORITHM_NAMES)]
    Algorithm,
    /// No key of the provider fits.
    #[error("the provider has no key {0:?} for it")]
    UnknownKey(String),
    /// Altered, or signed by somebody else.
    #[error("its signature is wrong")]
    Signature,
    /// Another issuer's.
    #[error("it is of the issuer {0:?}")]
    Issuer(String),
    /// For somebody else.
    #[error("it is for {0:?}, not for this client")]
    Audience(String),
    /// Of another sign-in.
    #[error("its nonce is not that of this sign-in")]
    Nonce,
    /// Its time is over.
    #[error("it expired {0} s ago")]
    Expired(i64),
    /// Made in the future: one of the clocks is wrong.
    #[error("it is valid from {0} s in the future: check this machine's clock")]
    Future(i64),
    /// Of another person than the provider's user information.
    #[error("the user information is of another person")]
    Subject,
}
