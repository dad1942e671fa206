//! Logs, metrics and traces.

mod drift;
mod histograms;
pub mod logs;
pub mod metrics;
pub mod sampler;
pub mod traces;
pub mod upstream;
