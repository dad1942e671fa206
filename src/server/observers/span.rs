//! One span for each call, named `package.Service/Method`, below the caller's span.

use http::HeaderMap;
use opentelemetry::global;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{Status as SpanStatus, TraceContextExt};
use tonic::Code;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{CallObserver, ObservedCall, Outcome, code_label};
use crate::context::CallContext;

/// Writes the call's end into its span.
#[derive(Debug, Clone, Copy)]
pub struct SpanStatusObserver;

struct Headers<'a>(&'a HeaderMap);

/// Opens the span of a call, and returns the id of its trace with it.
pub fn open(call: &CallContext, headers: &HeaderMap) -> (Span, Option<String>) {
    let method = call.method();
    let span = tracing::info_span!(
        "grpc",
        otel.name = method.path,
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = method.service,
        rpc.method = method.method,
        rpc.grpc.status_code = field::Empty,
        request_id = call.request_id(),
        trace_id = field::Empty,
    );
    let remote = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
    // Without an exporter the span has no context; the caller's trace still belongs into the log.
    let caller = remote.span().span_context().clone();
    let _ = span.set_parent(remote);
    let own = span.context().span().span_context().clone();
    let context = if own.is_valid() { own } else { caller };
    let trace_id = context.is_valid().then(|| context.trace_id().to_string());
    if let Some(trace_id) = &trace_id {
        span.record("trace_id", trace_id);
    }
    (span, trace_id)
}

impl CallObserver for SpanStatusObserver {
    fn ended(&self, call: &ObservedCall, outcome: &Outcome) {
        call.span.record("rpc.grpc.status_code", outcome.code as i64);
        if is_server_fault(outcome.code) {
            call.span.set_status(SpanStatus::error(code_label(outcome.code)));
        }
    }
}

/// The codes that OpenTelemetry counts as errors of the server's own.
fn is_server_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
