//! Behaviour, through real servers on real ports.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod golden;
mod sandbox;
mod support;
mod upstream;
