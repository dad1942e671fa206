//! Counts calls, messages and time.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::context::CallContext;
use crate::server::catalog::{Catalog, Entry, Kind};
use crate::server::chain::{Answer, Next, Step};
use crate::server::messages::Messages;
use crate::server::outcome::{Outcome, Watch, code_label};
use crate::telemetry::metrics::{CallLabels, HandledLabels, Label, MethodLabels, ServerMetrics};

/// Counts every call. The counters of all methods exist from the start, so that rates are right from the first call on.
#[derive(Debug)]
pub struct Metrics {
    all: ServerMetrics,
    by_path: HashMap<String, Arc<PerMethod>>,
}

#[derive(Debug)]
struct PerMethod {
    labels: MethodLabels,
    path: Label,
    started: Counter,
    received: Counter,
    sent: Counter,
    handling: Histogram,
}

/// A request whose messages are counted.
struct Counted {
    inner: Body,
    messages: Messages,
    received: Counter,
}

impl Metrics {
    /// Prepares the counters of all methods.
    pub fn new(catalog: &Catalog, all: &ServerMetrics) -> Self {
        let by_path =
            catalog.entries().map(|entry| (entry.path.clone(), Arc::new(PerMethod::new(entry, all)))).collect();
        Self { all: all.clone(), by_path }
    }
}

impl Step for Metrics {
    fn handle(&self, request: Request<Body>, next: Next<'_>) -> Answer {
        let call = CallContext::of(request.extensions());
        let Some(method) = self.by_path.get(&call.method().path).cloned() else { return next.run(request) };
        method.started.inc();
        self.all.in_flight.inc();
        let all = self.all.clone();
        let received = method.received.clone();
        let many = matches!(call.method().kind, Kind::ClientStream | Kind::BidiStream);
        let watch = Watch::new(move |outcome| {
            all.in_flight.dec();
            method.ended(&all, &call, outcome, many);
        });
        let request = if many {
            request.map(|inner| Body::new(Counted { inner, messages: Messages::default(), received }))
        } else {
            request
        };
        let answer = next.run(request);
        Box::pin(async move { watch.follow(answer.await) })
    }
}

impl PerMethod {
    fn new(entry: &Entry, all: &ServerMetrics) -> Self {
        let labels = MethodLabels {
            grpc_type: entry.kind.label(),
            grpc_service: Label(entry.service.as_str().into()),
            grpc_method: Label(entry.method.as_str().into()),
        };
        let method = Self {
            path: Label(entry.path.as_str().into()),
            started: all.started.get_or_create(&labels).clone(),
            received: all.received.get_or_create(&labels).clone(),
            sent: all.sent.get_or_create(&labels).clone(),
            handling: all.handling.get_or_create(&labels).clone(),
            labels,
        };
        let _ = all.handled.get_or_create(&method.handled(Code::Ok));
        method
    }

    fn handled(&self, code: Code) -> HandledLabels {
        let MethodLabels { grpc_type, grpc_service, grpc_method } = self.labels.clone();
        HandledLabels { grpc_type, grpc_service, grpc_method, grpc_code: code_label(code) }
    }

    fn ended(&self, all: &ServerMetrics, call: &CallContext, outcome: Outcome, many: bool) {
        let seconds = call.started().elapsed().as_secs_f64();
        all.handled.get_or_create(&self.handled(outcome.code)).inc();
        self.handling.observe(seconds);
        self.sent.inc_by(outcome.messages);
        if !many {
            // As in Go: the one message counts even when a layer refuses the call before it is read.
            self.received.inc();
        }
        let labels = CallLabels {
            rpc_system_name: "grpc",
            rpc_method: self.path.clone(),
            rpc_response_status_code: protocol_name(outcome.code),
        };
        all.duration.get_or_create(&labels).observe(seconds);
    }
}

/// The code as the protocol spells it.
fn protocol_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            let before = this.messages.count();
            this.messages.see(data, |_| {});
            this.received.inc_by(this.messages.count() - before);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
