//! The behaviour of the gateway, one module for each part of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod auth;
mod batches;
mod broken_streams;
mod chaos;
mod coverage;
mod generator;
mod golden;
mod hostile;
mod mesh;
mod properties;
mod raw;
mod regressions;
mod sandbox;
mod server;
mod streams;
mod support;
mod telemetry;
mod tls;
mod upstream;
