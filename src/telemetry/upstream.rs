//! What the upstream client did, as metrics.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::drift::DriftMetric;
use super::histograms::{Buckets, seconds};
use crate::upstream::{AttemptResult, Observer};
use contract::codes;
use contract::command::methods::METHODS;
use contract::pb::ErrorReason;
use contract::wire::DriftEntry;

/// Calls of Tencent.
#[derive(Debug)]
pub struct UpstreamMetrics {
    attempts: Family<AttemptLabels, Counter>,
    duration: Family<HttpLabels, Histogram, Buckets>,
    in_flight: Gauge,
    retries: Family<CommandLabels, Counter>,
    budget_spent: Family<CommandLabels, Counter>,
    queued: Family<CommandLabels, Histogram, Buckets>,
    refused: Family<CommandLabels, Counter>,
    degraded: Gauge,
    drift: DriftMetric,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommandLabels {
    command: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    command: &'static str,
    /// Tencent's code, or what came instead of one.
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    http_request_method: &'static str,
    http_response_status_code: Option<u16>,
    error_type: Option<&'static str>,
}

impl Default for UpstreamMetrics {
    fn default() -> Self {
        Self {
            attempts: Family::default(),
            duration: seconds(),
            in_flight: Gauge::default(),
            retries: Family::default(),
            budget_spent: Family::default(),
            queued: seconds(),
            refused: Family::default(),
            degraded: Gauge::default(),
            drift: DriftMetric::default(),
        }
    }
}

impl UpstreamMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Requests to Tencent, by command and Tencent's code";
        registry.register("tim_upstream_attempts", help, self.attempts.clone());
        let help = "How long requests to Tencent took";
        registry.register_with_unit("http_client_request_duration", help, Unit::Seconds, self.duration.clone());
        registry.register("tim_upstream_in_flight", "Requests to Tencent that are under way", self.in_flight.clone());
        registry.register("tim_upstream_retries", "Calls of Tencent that were repeated", self.retries.clone());
        let help = "Calls of Tencent that were not repeated because the retry budget was spent";
        registry.register("tim_upstream_retry_budget_spent", help, self.budget_spent.clone());
        let help = "How long calls waited for Tencent's quota";
        registry.register_with_unit("tim_upstream_queue", help, Unit::Seconds, self.queued.clone());
        let help = "Calls that were refused because their deadline left no time to wait for the quota";
        registry.register("tim_upstream_queue_refused", help, self.refused.clone());
        let help = "1 while the shared quota cannot be reached and this replica keeps to its share";
        registry.register("tim_upstream_quota_degraded", help, self.degraded.clone());
        self.drift.register(registry);
        self.start_at_zero();
    }

    /// A rate cannot tell the first event of a series that begins with it, so rare events are counted from 0 for every
    /// command of the contract.
    fn start_at_zero(&self) {
        for command in METHODS.iter().filter_map(|method| method.command) {
            for counters in [&self.retries, &self.budget_spent, &self.refused] {
                let _ = counters.get_or_create(&CommandLabels { command: command.label });
            }
        }
    }
}

impl Observer for UpstreamMetrics {
    fn attempt_started(&self, _command: &'static str) {
        self.in_flight.inc();
    }

    fn attempt_finished(&self, command: &'static str, result: AttemptResult, elapsed: Duration) {
        self.in_flight.dec();
        let (code, status, error) = match result {
            AttemptResult::Code(code) => (code_label(code), Some(200), None),
            AttemptResult::Unreachable => ("unreachable".to_owned(), None, Some("unreachable")),
            AttemptResult::Lost => ("lost".to_owned(), None, Some("connection_lost")),
            AttemptResult::TimedOut => ("timed_out".to_owned(), None, Some("timeout")),
            AttemptResult::Http(status) => (format!("http_{status}"), Some(status), Some("http_status")),
            AttemptResult::Malformed => ("malformed".to_owned(), Some(200), Some("malformed_reply")),
            AttemptResult::Cancelled => ("cancelled".to_owned(), None, Some("cancelled")),
        };
        self.attempts.get_or_create(&AttemptLabels { command, code }).inc();
        let labels = HttpLabels { http_request_method: "POST", http_response_status_code: status, error_type: error };
        self.duration.get_or_create(&labels).observe(elapsed.as_secs_f64());
    }

    fn retried(&self, command: &'static str) {
        self.retries.get_or_create(&CommandLabels { command }).inc();
    }

    fn retry_budget_spent(&self, command: &'static str) {
        self.budget_spent.get_or_create(&CommandLabels { command }).inc();
    }

    fn queued(&self, command: &'static str, waited: Duration) {
        self.queued.get_or_create(&CommandLabels { command }).observe(waited.as_secs_f64());
    }

    fn queue_refused(&self, command: &'static str) {
        self.refused.get_or_create(&CommandLabels { command }).inc();
    }

    fn drifted(&self, command: &'static str, entry: &DriftEntry) {
        self.drift.count(command, entry);
    }

    fn quota_degraded(&self, degraded: bool) {
        self.degraded.set(i64::from(degraded));
    }
}

/// The code, if the contract knows it: a broken upstream must not make labels without end.
fn code_label(code: i64) -> String {
    match codes::reason(code) {
        ErrorReason::UnknownUpstreamCode => "unknown".to_owned(),
        _ => code.to_string(),
    }
}
