//! Logs, metrics and traces.

mod drift;
mod histograms;
pub mod logs;
pub mod metrics;
mod pretty;
mod process;
pub mod sampler;
pub mod traces;
pub mod upstream;
