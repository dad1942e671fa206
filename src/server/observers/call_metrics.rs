//! Counts calls, messages and time.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use tonic::Code;

use super::{CallObserver, ObservedCall, Outcome, code_label};
use crate::context::CallContext;
use crate::server::catalog::{Catalog, Entry};
use crate::telemetry::metrics::{CallLabels, HandledLabels, Label, MethodLabels, ServerMetrics};

/// Counts every call. The counters of all methods exist from the start, so that rates are right from the first call on.
#[derive(Debug)]
pub struct CallMetrics {
    all: ServerMetrics,
    /// By the index of the method.
    methods: Vec<PerMethod>,
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

impl CallMetrics {
    /// Prepares the counters of all methods.
    pub fn new(catalog: &Catalog, all: &ServerMetrics) -> Self {
        let methods = catalog.entries().iter().map(|entry| PerMethod::new(entry, all)).collect();
        Self { all: all.clone(), methods }
    }
}

impl CallObserver for CallMetrics {
    fn started(&self, call: &CallContext) {
        self.all.in_flight.inc();
        if let Some(method) = self.methods.get(call.method().index) {
            method.started.inc();
        }
    }

    fn ended(&self, call: &ObservedCall, outcome: &Outcome) {
        self.all.in_flight.dec();
        if let Some(method) = self.methods.get(call.context.method().index) {
            method.ended(&self.all, &call.context, outcome);
        }
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

    fn ended(&self, all: &ServerMetrics, call: &CallContext, outcome: &Outcome) {
        let seconds = call.started().elapsed().as_secs_f64();
        all.handled.get_or_create(&self.handled(outcome.code)).inc();
        self.handling.observe(seconds);
        self.sent.inc_by(outcome.sent);
        self.received.inc_by(outcome.received);
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
