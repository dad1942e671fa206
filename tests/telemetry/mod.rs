//! Metrics, logs and traces, and what must never be in them.

mod metrics_and_logs;
mod redaction;
mod startup;
mod traces;
