//! Logs, metrics and traces.

pub mod logs;
