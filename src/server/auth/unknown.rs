//! Why a caller is not known.

/// Why a caller is not known. What it showed is never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It showed nothing.
    NoCredential,
    /// It showed something that is no Bearer key.
    NotBearer,
    /// There is no such key.
    WrongKey,
    /// There was such a key.
    ExpiredKey,
    /// Its token is broken, of another issuer, or for another audience.
    WrongToken,
    /// Its token names a signing key that is not known.
    UnknownSigner,
    /// Its token was good once.
    ExpiredToken,
    /// Its certificate carries no identity that is listed.
    UnknownIdentity,
}

impl Unknown {
    /// The message that the caller gets.
    pub fn message(self) -> &'static str {
        match self {
            Self::NoCredential => "no credential; send `authorization: Bearer KEY`, or a client certificate",
            Self::NotBearer => "the authorization is not of the form `Bearer KEY`",
            Self::WrongKey => "the key is not known",
            Self::WrongToken => "the token is not valid here",
            Self::UnknownSigner => "the key that signed the token is not known",
            Self::ExpiredToken => "the token has expired",
            Self::ExpiredKey => "the key has expired",
            Self::UnknownIdentity => "the identity of the client certificate is not known",
        }
    }
}
