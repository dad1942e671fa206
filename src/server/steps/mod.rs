//! The layers, outermost first.

pub mod access_log;
pub mod admission;
pub mod authenticate;
pub mod catch_panic;
pub mod deadline;
pub mod explain;
pub mod held;
pub mod metrics;
pub mod request_id;
pub mod request_memory;
pub mod shares;
pub mod slow_reader;
pub mod trace;
