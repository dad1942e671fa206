//! The behaviour of the gateway, one module for each part of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod abuse;
mod apps;
mod auth;
mod batches;
mod broken_streams;
mod changing_lists;
mod chaos;
mod coverage;
mod deploy;
mod every_batch;
mod every_stream;
mod generator;
mod golden;
mod hostile;
mod jwt;
mod limits;
mod lost_replies;
mod matrix;
mod mesh;
mod properties;
mod raw;
mod redaction;
mod regressions;
mod request_bytes;
mod sandbox;
mod security_doc;
mod server;
mod settings;
mod streams;
mod support;
mod telemetry;
mod tls;
mod traces;
mod upstream;
