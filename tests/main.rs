//! The behaviour of the gateway, a folder for each of its rooms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod contract;
mod doctor;
mod documents;
mod gateway;
mod server;
mod settings;
mod support;
mod telemetry;
mod upstream;
mod with_sandbox;
