//! The layers that every call passes, and their order.

pub mod admission;
mod authenticate;
mod caller_quota;
mod catch_panic;
mod complete_errors;
mod deadline;
mod drift_trailer;
mod ending_body;
mod inflate;
mod memory_room;
mod observe;
mod request_id;
mod request_memory;
mod response_guard;
mod slow_reader;
pub mod stack;

use std::sync::Arc;

use super::auth::Authenticator;
use super::catalog::Catalog;
use super::observers::CallObserver;
use super::observers::access_log::AccessLog;
use super::observers::call_metrics::CallMetrics;
use super::observers::span::SpanStatusObserver;
use crate::config::Config;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::sampler::Sampler;
use admission::Admission;
use authenticate::Authenticate;
use catch_panic::CatchPanic;
use complete_errors::CompleteErrors;
use deadline::Deadline;
use drift_trailer::DriftTrailer;
use observe::Observe;
use request_id::RequestId;
use request_memory::RequestMemory;
use slow_reader::SlowReader;
use stack::Middleware;

/// The layers, outermost first.
pub fn layers(
    config: &Config,
    catalog: Arc<Catalog>,
    authenticator: Option<Arc<Authenticator>>,
    metrics: &Metrics,
    refused_calls: Arc<Sampler>,
) -> Vec<Box<dyn Middleware>> {
    let observers: Vec<Box<dyn CallObserver>> = vec![
        Box::new(SpanStatusObserver),
        Box::new(CallMetrics::new(&catalog, &metrics.server)),
        Box::new(AccessLog { refused: refused_calls }),
    ];
    let limits = config.server.limits;
    // Without authentication all callers look like one.
    let (calls_each, memory_each) = match &authenticator {
        Some(_) => (limits.max_in_flight_per_caller, limits.max_request_memory_per_caller),
        None => (limits.max_in_flight, limits.max_request_memory),
    };
    vec![
        // Twice: the outer one guards the layers, the inner one lets log and metrics see INTERNAL.
        Box::new(CatchPanic),
        Box::new(RequestId { catalog, sandbox: config.sandbox.is_some() }),
        Box::new(SlowReader),
        Box::new(Observe::new(observers)),
        Box::new(Authenticate {
            authenticator,
            open_reflection: config.server.auth.open_reflection,
            apps: Arc::new(config.apps.by_name.keys().cloned().collect()),
            default_app: config.apps.default.as_str().into(),
            deadline: Deadline(config.server.deadline),
        }),
        Box::new(DriftTrailer),
        Box::new(CompleteErrors),
        Box::new(Deadline(config.server.deadline)),
        Box::new(Admission::new(limits, calls_each)),
        Box::new(RequestMemory::new(limits, memory_each, config.server.deadline.max)),
        Box::new(CatchPanic),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Each place has a reason, and a change of the order is a change of behaviour.
    #[test]
    fn the_layers_stand_in_their_order() {
        let flags = BTreeMap::from([("sandbox".to_owned(), "true".to_owned())]);
        let config = Config::load(&flags, &BTreeMap::new(), None).unwrap();
        let catalog = Arc::new(Catalog::new(&[], &[]).unwrap());
        let layers = layers(&config, catalog, None, &Metrics::new(), Arc::new(Sampler::new("calls")));
        let names: Vec<_> = layers.iter().map(|layer| layer.name()).collect();
        let expected = [
            // Whatever fails below is answered.
            "catch_panic",
            // Everything below knows the call, and every response names it.
            "request_id",
            // Below it, a response may be taken away from a client that does not read it; the layers below learn of that.
            "slow_reader",
            // Refusals are seen too.
            "observe",
            // A stranger takes no place and no memory.
            "authenticate",
            // It goes with whatever ends the call, errors of the layers below included.
            "drift_trailer",
            // Errors of the layers below and of the framework alike.
            "complete_errors",
            // Waiting for a place or for the request counts too.
            "deadline",
            "admission",
            // Only what has a place is read.
            "request_memory",
            // A panic of a handler is seen by everything above.
            "catch_panic",
        ];
        assert_eq!(names, expected);
    }
}
