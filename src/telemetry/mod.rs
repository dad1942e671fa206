//! Logs, metrics and traces.

mod histograms;
pub mod logs;
pub mod metrics;
pub mod traces;
pub mod upstream;
