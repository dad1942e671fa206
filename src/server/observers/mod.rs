//! What is recorded of each call: a span, metrics, and a line of the access log. One layer watches the call; these listen.

pub mod access_log;
pub mod call_metrics;
pub mod span;

use http::HeaderMap;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::context::CallContext;

/// Listens to calls. None of its methods may block.
pub trait CallObserver: Send + Sync + 'static {
    /// A call begins.
    fn started(&self, _call: &CallContext) {}

    /// A call has ended; this comes once for each that began, even when its client goes away or its handler panics.
    fn ended(&self, call: &ObservedCall, outcome: &Outcome);
}

/// A call, and the trace that it belongs to.
#[derive(Debug, Clone)]
pub struct ObservedCall {
    /// The call.
    pub context: CallContext,
    /// Its span.
    pub span: tracing::Span,
    /// The trace, if the call is part of one.
    pub trace_id: Option<String>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its status.
    pub code: Code,
    /// The reason that an error gives.
    pub reason: Option<String>,
    /// Messages that came in.
    pub received: u64,
    /// Messages that were sent.
    pub sent: u64,
}

/// The code in headers or trailers.
pub fn code_of(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

/// The reason in the details of an error.
pub fn reason_of(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// The code as Go spells it, which is what dashboards expect.
pub fn code_label(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}
