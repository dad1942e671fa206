//! Why a call failed, typed until the server makes a gRPC status of it.

use crate::status::{self, Problem};
use crate::upstream::UpstreamError;
use contract::pb::ErrorReason;

/// Why a call of a caller, or a part of it, failed.
#[derive(Debug, Clone)]
pub enum CallError {
    /// The gateway refused it.
    Gateway(Box<Problem>),
    /// It failed at Tencent, or on the way there.
    Upstream(Box<UpstreamError>),
}

impl CallError {
    /// Its reason.
    #[must_use]
    pub fn reason(&self) -> ErrorReason {
        match self {
            Self::Gateway(problem) => problem.reason(),
            Self::Upstream(error) => status::reason_of(error),
        }
    }

    /// What went wrong, in words.
    #[must_use]
    pub fn message(&self) -> String {
        Problem::from(self.clone()).message().to_owned()
    }
}

impl From<UpstreamError> for CallError {
    fn from(error: UpstreamError) -> Self {
        Self::Upstream(Box::new(error))
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Gateway(problem) => *problem,
            CallError::Upstream(error) => Self::from(*error),
        }
    }
}
