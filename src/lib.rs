//! The gateway: Tencent Cloud IM's group REST API as one typed gRPC service.
#![forbid(unsafe_code)]

pub mod app;
pub mod build_info;
pub mod cli;
pub mod config;
mod context;
pub mod gateway;
mod loopback;
pub mod server;
pub mod status;
pub mod telemetry;
pub mod upstream;
