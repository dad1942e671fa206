//! The sandbox: every statement of the reference about the emulated API, and the control API.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod commands;
mod control;
mod examples;
mod requests;
mod storage;
