//! Why a client cannot be made.

use crate::upstream::usersig::UsersigError;

/// Why a client cannot be made from its settings.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The UserSig cannot be made.
    #[error(transparent)]
    Usersig(#[from] UsersigError),
    /// There is no base URL.
    #[error("there is no base URL to call")]
    NoBaseUrl,
    /// The HTTP client cannot be made: most likely there are no root certificates.
    #[error("the HTTP client cannot be made: {0}")]
    Http(String),
}
