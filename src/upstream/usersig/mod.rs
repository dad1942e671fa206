//! UserSig, the credential of every call.

mod format;
mod redaction;
mod signer;

pub use format::{Claims, UsersigError, parse, sign, verify};
pub use signer::{Signature, Signer};
