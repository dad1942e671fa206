//! One line for each call. No body, no metadata, no query ever gets into it.

use http::Request;
use tonic::Code;
use tonic::body::Body;

use super::trace::TraceId;
use crate::context::CallContext;
use crate::server::catalog::Family;
use crate::server::chain::{Answer, Next, Step};
use crate::server::outcome::{Outcome, Watch, code_label};

/// Writes the line when the call has ended.
#[derive(Debug, Clone, Copy)]
pub struct AccessLog;

impl Step for AccessLog {
    fn handle(&self, request: Request<Body>, next: Next<'_>) -> Answer {
        let call = CallContext::of(request.extensions());
        let TraceId(trace_id) = request.extensions().get().cloned().unwrap_or_default();
        let watch = Watch::new(move |outcome| write(&call, trace_id.as_deref(), outcome));
        let answer = next.run(request);
        Box::pin(async move { watch.follow(answer.await) })
    }
}

fn write(call: &CallContext, trace_id: Option<&str>, outcome: Outcome) {
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
                reason = outcome.reason,
                ms,
                caller = call.caller(),
                command = call.command(),
                upstream_code = call.upstream_code(),
                "call"
            )
        };
    }
    match outcome.code {
        // Probes come every few seconds from every side, and tools read descriptors before each call: they say nothing
        // while all is well.
        Code::Ok | Code::Cancelled if call.method().family() != Family::Contract => line!(tracing::Level::DEBUG),
        Code::Internal | Code::Unknown | Code::DataLoss => line!(tracing::Level::ERROR),
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => line!(tracing::Level::WARN),
        _ => line!(tracing::Level::INFO),
    }
}
