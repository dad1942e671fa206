//! One span for each call, named `package.Service/Method`, below the caller's span.

use http::{HeaderMap, Request};
use opentelemetry::global;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{Status as SpanStatus, TraceContextExt};
use tonic::Code;
use tonic::body::Body;
use tracing::{Instrument, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::context::CallContext;
use crate::server::chain::{Answer, Next, Step};
use crate::server::outcome::{Watch, code_label};

/// Opens the span.
#[derive(Debug, Clone, Copy)]
pub struct Trace;

struct Headers<'a>(&'a HeaderMap);

impl Step for Trace {
    fn handle(&self, request: Request<Body>, next: Next<'_>) -> Answer {
        let call = CallContext::of(request.extensions());
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
        let remote = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(request.headers())));
        // Without an exporter the span has no context of its own; the caller's trace still belongs into the log.
        let caller = remote.span().span_context().clone();
        let _ = span.set_parent(remote);
        let own = span.context().span().span_context().clone();
        let context = if own.is_valid() { own } else { caller };
        if context.is_valid() {
            span.record("trace_id", field::display(context.trace_id()));
        }
        let trace_id = context.is_valid().then(|| context.trace_id().to_string());
        let mut request = request;
        request.extensions_mut().insert(TraceId(trace_id));
        let ended = span.clone();
        let watch = Watch::new(move |outcome| {
            ended.record("rpc.grpc.status_code", outcome.code as i64);
            if is_server_fault(outcome.code) {
                ended.set_status(SpanStatus::error(code_label(outcome.code)));
            }
        });
        let answer = span.in_scope(|| next.run(request));
        Box::pin(
            async move {
                let response = answer.await;
                watch.follow(response)
            }
            .instrument(span),
        )
    }
}

/// The trace that the call belongs to, for the access log.
#[derive(Debug, Clone, Default)]
pub struct TraceId(pub Option<String>);

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
