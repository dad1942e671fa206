//! The suites that load the machine: `cargo test --test load`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chaos;
mod hostile;
mod large_replies;
mod request_memory;
mod sandbox_model;
#[expect(dead_code, reason = "the other suites use more of it")]
#[path = "../support/mod.rs"]
mod support;
