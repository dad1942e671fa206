//! A failed call, as the gateway sees it.

use std::fmt;
use std::time::Duration;

use super::pacing::Throttled;
use contract::codes::{self, Disposition};
use contract::command::Safety;
use contract::pb::ErrorReason;
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
    Http {
        /// The status.
        status: u16,
        /// When to come back, if the reply says so.
        retry_after: Option<Duration>,
    },
    /// A reply that cannot be read.
    Unreadable(Unreadable),
    /// A reply larger, or with more in it, than Tencent ever sends.
    TooLarge,
    /// A reply in a content coding that was not asked for and cannot be undone.
    ContentCoding,
    /// A reply that does not say what became of what was asked for.
    Incomplete,
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
}

/// Whether a failed call may have been executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was executed, or the call only reads.
    NotExecuted,
    /// A write may have been executed.
    Unknown,
}

impl Fault {
    /// What Tencent's refusal means, if it refused the attempt.
    pub(crate) fn entry(&self) -> Option<codes::Entry> {
        match self {
            Self::Code { code, info } => Some(codes::lookup_with_text(*code, info)),
            _ => None,
        }
    }

    fn disposition(&self) -> Option<Disposition> {
        self.entry().map(|entry| entry.disposition)
    }

    /// Whether the attempt may have been executed.
    pub(super) fn uncertain(&self) -> bool {
        match self {
            Self::Lost(_)
            | Self::TimedOut
            | Self::Unreadable(_)
            | Self::TooLarge
            | Self::ContentCoding
            | Self::Incomplete => true,
            Self::Deadline { sent } => *sent,
            // Whatever stands between may answer anything; only a refusal of the request itself says that it went no further.
            Self::Http { status, .. } => !(400..500).contains(status) || matches!(status, 408 | 425 | 429 | 499),
            Self::Code { .. } => matches!(self.disposition(), Some(Disposition::Broken | Disposition::Unknown)),
            Self::Unreachable(_) | Self::Throttled(_) => false,
        }
    }

    /// Whether another attempt may fare better.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Lost(_) | Self::TimedOut | Self::Unreadable(Unreadable::NotJson) => true,
            Self::Http { status, .. } => *status >= 500 || matches!(status, 408 | 425 | 429),
            Self::Code { .. } => {
                matches!(self.disposition(), Some(Disposition::Throttled | Disposition::Deferred | Disposition::Broken))
            }
            Self::Unreadable(_)
            | Self::TooLarge
            | Self::ContentCoding
            | Self::Incomplete
            | Self::Throttled(_)
            | Self::Deadline { .. } => false,
        }
    }

    /// Whether the attempt was refused for what the request alone says, so that every attempt was.
    pub(super) fn is_of_the_request(&self) -> bool {
        self.disposition() == Some(Disposition::Invalid)
    }

    /// Whether a rate limit of Tencent's refused the attempt.
    pub(super) fn throttled(&self) -> bool {
        self.entry().is_some_and(|entry| entry.reason == ErrorReason::RateLimited)
    }

    /// When the peer that refused the attempt wants another one.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Http { retry_after, .. } => *retry_after,
            Self::Throttled(throttled) => Some(throttled.retry_after),
            _ => None,
        }
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
            Self::Http { status, .. } => write!(f, "HTTP status {status} instead of a reply of Tencent"),
            Self::Unreadable(why) => write!(f, "Tencent's reply {why}"),
            Self::TooLarge => write!(f, "Tencent's reply is larger than 1 MiB or has too many elements"),
            Self::ContentCoding => write!(f, "something on the way has compressed Tencent's reply"),
            Self::Incomplete => write!(f, "Tencent's reply does not name what was asked for"),
            Self::Code { code, info } => write!(f, "Tencent answered {code}: {info}"),
            Self::Throttled(throttled) => write!(f, "{throttled}"),
            Self::Deadline { .. } => write!(f, "the deadline passed"),
        }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.command, self.fault)
    }
}

impl std::error::Error for UpstreamError {}
