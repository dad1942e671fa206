//! The suites that load the machine: `cargo test --test load`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chaos;
mod hostile;
#[path = "../support/mod.rs"]
mod support;

#[path = "../contract/mod.rs"]
mod contract;
#[path = "../gateway/crowded_replies.rs"]
mod crowded_replies;
