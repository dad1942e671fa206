//! The behaviour of the gateway, one module for each part of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod golden;
mod sandbox;
mod support;
mod upstream;
