//! What can be said of a code.

use tonic::Code;

use crate::pb::ErrorReason;

/// One code, or a range of codes, that means one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The code, or the first one of the range.
    pub first: i64,
    /// The code, or the last one of the range.
    pub last: i64,
    /// The status that a caller sees. A write whose outcome is not known becomes UNKNOWN instead.
    pub code: Code,
    /// The reason that a caller sees.
    pub reason: ErrorReason,
    /// What became of the call.
    pub disposition: Disposition,
    /// What went wrong, in a few words.
    pub meaning: &'static str,
}

/// What became of a call that Tencent answered with an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Refused for what the request alone says, whatever the state: every attempt was refused, or would have been.
    Invalid,
    /// Refused, and it would be refused again. This attempt executed nothing; an earlier one may have.
    Refused,
    /// Refused by a rate limit before anything was executed. It may be repeated, later and more slowly.
    Throttled,
    /// Refused before anything was executed, by something that passes. It may be repeated.
    Deferred,
    /// Something broke on Tencent's side, perhaps after the call was executed. The documents advise to repeat it, which
    /// only suits calls that may be executed twice.
    Broken,
    /// The documents do not know the code, so that nothing is sure but that it was no success. It is not repeated.
    Unknown,
}
