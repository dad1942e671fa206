//! A failed call, as the gateway sees it.

use std::fmt;
use std::time::Duration;

use super::pacing::Throttled;
use contract::codes::{self, Fate};
use contract::command::Safety;
use contract::wire::Unreadable;

/// A call that failed for good. [`crate::status`] turns it into what the caller sees.
#[derive(Debug, Clone)]
pub struct UpstreamError {
    /// How the last attempt failed.
    pub fault: Fault,
    /// Whether anything may have been executed, by any of the attempts.
    pub outcome: Outcome,
    /// When it may be worth another call.
    pub retry_after: Option<Duration>,
    /// Name of the command.
    pub command: String,
    /// The class that decided whether it was repeated.
    pub safety: Safety,
    /// The group it was for.
    pub group_id: Option<String>,
    /// The id that callers and logs know the call by.
    pub request_id: String,
    /// How many HTTP requests were sent.
    pub attempts: u32,
}

/// How one attempt failed. No text in it holds any part of a URL's query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No connection could be made, so nothing was sent.
    Unreachable(String),
    /// The connection broke after something was sent.
    Lost(String),
    /// No reply in time.
    TimedOut,
    /// A reply with another HTTP status than 200, which is not Tencent's doing but that of something on the way.
    Http(u16),
    /// A reply that cannot be read.
    Unreadable(Unreadable),
    /// A reply larger, or with more in it, than Tencent ever sends.
    TooLarge,
    /// Tencent refused the call.
    Code {
        /// `ErrorCode`.
        code: i64,
        /// `ErrorInfo`.
        info: String,
    },
    /// The quota leaves no room before the deadline, so nothing was sent.
    Throttled(Throttled),
    /// The deadline passed.
    Deadline {
        /// Whether the attempt that it ended was sent.
        sent: bool,
    },
    /// The call was repeated, and what its first attempt has done could not be read.
    Unseen(Box<Fault>),
}

/// Whether a failed call may have been executed all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was executed, or the call only reads.
    NotExecuted,
    /// A write may have been executed.
    Unknown,
}

impl Fault {
    /// Whether the attempt may have been executed.
    pub(super) fn uncertain(&self) -> bool {
        match self {
            Self::Lost(_) | Self::TimedOut | Self::Unreadable(_) | Self::TooLarge | Self::Unseen(_) => true,
            Self::Deadline { sent } => *sent,
            // Whatever stands between may answer anything; only a refusal of the request itself tells that it went no further.
            Self::Http(status) => !(400..500).contains(status) || matches!(status, 408 | 499),
            Self::Code { code, .. } => matches!(codes::lookup(*code).fate, Fate::Broken | Fate::Unknown),
            Self::Unreachable(_) | Self::Throttled(_) => false,
        }
    }

    /// Whether another attempt may fare better.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Lost(_) | Self::TimedOut | Self::Unreadable(Unreadable::NotJson) => true,
            Self::Http(status) => *status >= 500,
            Self::Code { code, .. } => !matches!(codes::lookup(*code).fate, Fate::Refused | Fate::Unknown),
            Self::Unreadable(_) | Self::TooLarge | Self::Throttled(_) | Self::Deadline { .. } | Self::Unseen(_) => {
                false
            }
        }
    }

    /// Whether a rate limit refused the attempt.
    pub(super) fn throttled(&self) -> bool {
        matches!(self, Self::Code { code, .. } if codes::lookup(*code).fate == Fate::Throttled)
    }
}

impl UpstreamError {
    /// Tencent's `ErrorCode`, if there was one.
    #[must_use]
    pub fn upstream_code(&self) -> Option<i64> {
        match self.fault {
            Fault::Code { code, .. } => Some(code),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "Tencent cannot be reached: {why}"),
            Self::Lost(why) => write!(f, "the connection to Tencent broke: {why}"),
            Self::TimedOut => write!(f, "Tencent did not reply in time"),
            Self::Http(status) => write!(f, "HTTP status {status} instead of a reply of Tencent"),
            Self::Unreadable(why) => write!(f, "Tencent's reply {why}"),
            Self::TooLarge => write!(f, "Tencent's reply is larger than 1 MiB or has too many elements"),
            Self::Code { code, info } => write!(f, "Tencent answered {code}: {info}"),
            Self::Throttled(throttled) => write!(f, "{throttled}"),
            Self::Deadline { .. } => write!(f, "the deadline passed"),
            Self::Unseen(why) => write!(f, "a reply was lost, and what the call has done cannot be read: {why}"),
        }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.command, self.fault)
    }
}

impl std::error::Error for UpstreamError {}
