//! One line for each call. No body, no metadata, no query ever gets into it.

use std::sync::Arc;

use tonic::Code;

use super::{CallObserver, ObservedCall, Outcome, code_label};
use crate::context::CallContext;
use crate::server::catalog::Family;
use crate::telemetry::sampler::Sampler;

/// Writes the line when the call has ended.
#[derive(Debug, Clone)]
pub struct AccessLog {
    /// Bounds the lines of refused calls of unknown callers.
    pub refused: Arc<Sampler>,
}

impl CallObserver for AccessLog {
    fn ended(&self, observed: &ObservedCall, outcome: &Outcome) {
        let (call, trace_id) = (&observed.context, observed.trace_id.as_deref());
        if is_strangers(call, outcome.code) && !self.refused.admit() {
            return;
        }
        let ms = call.started().elapsed().as_secs_f64() * 1000.0;
        let ms = (ms * 1000.0).round() / 1000.0;
        // A macro, because the level of an event is fixed where it stands.
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    target: "access",
                    $level,
                    trace_id,
                    request_id = call.request_id(),
                    method = call.method().path,
                    code = code_label(outcome.code),
                    reason = outcome.reason.as_deref(),
                    ms,
                    caller = call.caller(),
                    command = call.command(),
                    upstream_code = call.upstream_code(),
                    "call"
                )
            };
        }
        match outcome.code {
            // Probes come every few seconds from every side, and tools read descriptors before each call.
            Code::Ok | Code::Cancelled if call.method().family() != Family::Contract => line!(tracing::Level::DEBUG),
            Code::Internal | Code::Unknown | Code::DataLoss => line!(tracing::Level::ERROR),
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => line!(tracing::Level::WARN),
            _ => line!(tracing::Level::INFO),
        }
    }
}

/// Whether anybody who reaches the port can cause the line at no cost: a call of nobody known that was refused before
/// anything was done.
fn is_strangers(call: &CallContext, code: Code) -> bool {
    code != Code::Ok && call.is_anonymous() && call.command().is_none()
}
